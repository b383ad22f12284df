// Live progress of bulk work: the server tells of it as long as it lasts; a lost line is taken up again by the browser.
const place = document.querySelector("[data-progress]");
if (place) {
  const lost = document.getElementById("lost");
  const source = new EventSource(place.dataset.progress);
  source.onopen = () => { lost.hidden = true; };
  source.onerror = () => { lost.hidden = source.readyState === EventSource.CLOSED; };
  source.addEventListener("part", (event) => { place.innerHTML = event.data; });
  source.addEventListener("end", (event) => {
    source.close();
    lost.hidden = true;
    place.innerHTML = event.data;
  });
  addEventListener("pagehide", () => source.close());
}
