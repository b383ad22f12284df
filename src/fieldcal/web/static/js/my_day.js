// The worker's page: kept to be read offline, brought up to date when it is looked at again, and honest when it cannot be.
const PAGE = "/my/day";
const root = document.documentElement;
// Looks that follow a change until it stands in the calendar, in milliseconds; then the page is left alone.
const LOOKS = [2000, 4000, 8000, 16000, 30000];
const STALE = 60_000;
// How often it is tried again while there is no connection.
const AGAIN = 15_000;
let loaded = Date.now();

function offline() { root.setAttribute("data-offline", ""); }

// No tap is kept for later: who was booked meanwhile is not known here.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.closest("#my-day, #dialog")) return;
  const refused = document.getElementById("refused-offline");
  const gone = root.hasAttribute("data-offline") || !navigator.onLine;
  refused.hidden = !gone;
  if (!gone) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  delete form.dataset.sent;
  document.getElementById("dialog").close();
  refused.scrollIntoView({ block: "center" });
  // it may be back already
  setTimeout(again, 1000);
}, true);

// The page as it is now in place of what is shown; what was unfolded stays so.
async function refresh() {
  if (document.getElementById("dialog").open) return;
  let answer;
  try {
    answer = await fetch(PAGE);
  } catch {
    offline();
    return;
  }
  if (answer.redirected || answer.status === 401) {
    location.assign(PAGE);
    return;
  }
  if (!answer.ok) return;
  const told = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = told.getElementById("my-day");
  const shown = document.getElementById("my-day");
  if (!fresh || document.getElementById("dialog").open || shown.querySelector("form[data-sent]")) return;
  const at = document.activeElement?.closest("summary")?.parentElement.id;
  const open = new Set([...shown.querySelectorAll("details[open]")].map((one) => one.id));
  for (const one of fresh.querySelectorAll("details")) one.open = open.has(one.id);
  shown.replaceWith(fresh);
  if (at) document.querySelector(`#${CSS.escape(at)} > summary`)?.focus();
  self.htmx?.process(fresh);
  root.toggleAttribute("data-offline", told.documentElement.hasAttribute("data-offline"));
  loaded = Date.now();
}

function follow(looks) {
  const waits = document.getElementById("my-day").dataset.waits === "yes";
  if (!waits || !looks.length || root.hasAttribute("data-offline")) return;
  setTimeout(async () => {
    if (!document.hidden) await refresh();
    follow(looks.slice(1));
  }, looks[0]);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() - loaded > STALE) refresh();
});
function again() {
  if (root.hasAttribute("data-offline") && navigator.onLine && !document.hidden) refresh();
}
setInterval(again, AGAIN);
addEventListener("offline", offline);
addEventListener("online", refresh);
follow(LOOKS);

if ("serviceWorker" in navigator) {
  const first = !navigator.serviceWorker.controller;
  navigator.serviceWorker.register("/my/offline.js", { scope: PAGE });
  if (first) {
    // the page came before its keeper: have it, and what it loaded, pass by once
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      const own = performance.getEntriesByType("resource").map((one) => one.name);
      const files = own.filter((one) => one.startsWith(`${location.origin}/static/`));
      for (const address of new Set([PAGE, ...files])) fetch(address);
    }, { once: true });
  }
}
