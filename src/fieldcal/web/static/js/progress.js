// Live progress of bulk work: the server tells of it as long as it lasts; a lost line is taken up again by the browser.
const place = document.querySelector("[data-progress]");
if (place) {
  const lost = document.getElementById("lost");
  const source = new EventSource(place.dataset.progress);
  source.onopen = () => { lost.hidden = navigator.onLine; };
  source.onerror = () => {
    lost.hidden = false;
    if (source.readyState === EventSource.CLOSED) again();
  };
  source.addEventListener("part", (event) => { place.innerHTML = event.data; });
  source.addEventListener("end", (event) => {
    source.close();
    lost.hidden = true;
    place.innerHTML = event.data;
    // what the last part brings to press asks in the dialog too
    window.htmx?.process(place);
  });
  addEventListener("pagehide", () => source.close());
}

// The line will not come back: the service was started anew, or the session has ended. The page itself says which, as
// soon as it answers at all.
async function again() {
  const answer = await fetch(location.href).catch(() => null);
  if (answer && answer.status < 500) location.reload();
  else setTimeout(again, 2000);
}
