// What a worker's browser keeps to be read offline is that worker's alone: it goes as soon as nobody, or somebody else,
// is signed in, and at once with a sign-out, whether or not that reaches us.
const WEEK = "fieldcal-week-";

async function purge(but) {
  if (!("caches" in self)) return;
  for (const name of await caches.keys()) {
    if (name.startsWith(WEEK) && name !== WEEK + but) await caches.delete(name);
  }
}

const owner = document.body.dataset.owner ?? "";
purge(owner);
// an answer that was still under way when the session ended is kept after that: once more for those
if (!owner) setTimeout(purge, 5000, "");
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") !== "/sign-out") return;
  purge("");
  // this page may be gone before that is done; its keeper lives on
  navigator.serviceWorker?.controller?.postMessage("forget");
}, true);
