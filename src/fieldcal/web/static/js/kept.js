// What a worker's browser keeps to be read offline is that worker's alone: it goes as soon as nobody, or somebody else,
// is signed in, and at once with a sign-out, whether or not that reaches us.
const WEEK = "fieldcal-week-";

async function purge(owner) {
  if (!("caches" in self)) return;
  for (const name of await caches.keys()) {
    if (name.startsWith(WEEK) && name !== WEEK + owner) await caches.delete(name);
  }
}

purge(document.body.dataset.owner ?? "");
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") === "/sign-out") purge("");
}, true);
