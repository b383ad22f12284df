// What comes from the server: everything in sight, word of each change, and where bookings stand by now.
import { ask, place, say, tell } from "./page.js";
import { fresh } from "./deeds.js";
import { lies, wrong } from "./describe.js";
import { follow } from "./side.js";
import { changed, merge, nameOf, ofWorker, span, state, lanes, workerName } from "./state.js";

const sign = document.getElementById("board-link");
let [source, loading, again, lost] = [null, null, false, null];

// Read what is in sight; asked for while it is under way, it is read once more. `anew`: with where everything stands, not
// only what changed.
export function load(anew = false) {
  if (loading) {
    again = true;
    return loading;
  }
  loading = (async () => {
    const [since, until] = span().map((at) => new Date(at).toISOString());
    const told = await ask("day", { since, until, have: anew ? 0 : state.version });
    if (told && since === new Date(span()[0]).toISOString() && until === new Date(span()[1]).toISOString()) {
      merge(told);
      follow(told.version);
      warn();
      watch();
    }
    return Boolean(told);
  })().finally(() => {
    loading = null;
    if (again) {
      again = false;
      load();
    }
  });
  return loading;
}

// What was just done may not hold: it is told as soon as it is known.
function warn() {
  for (const id of fresh) {
    const slot = state.slots.get(id);
    if (slot && wrong(slot).length && !slot.warned) {
      slot.warned = true;
      // and what was told with the deed, which this line takes the place of
      tell([say("warned", { name: nameOf(slot), what: wrong(slot).join(", ") }), ...lies(slot)].join(" "), "warn");
    }
  }
}

function connected(yes) {
  sign.className = `state ${yes ? "good" : "bad"}`;
  sign.textContent = say(yes ? "live" : "lost");
  place.classList.toggle("cut", !yes);
  if (lost === !yes) return;
  // what the frame says of a browser without a line, it says here of a service that does not answer
  document.getElementById("lost").hidden = yes;
  if (lost && yes) tell(say("back"));
  lost = !yes;
}

// Word of each change comes by itself.
export function isLive() { return lost === false; }

export function listen() {
  source?.close();
  const query = new URLSearchParams({ environment: state.environment, version: String(state.version) });
  source = new EventSource(`/board/events?${query}`);
  source.onopen = () => connected(true);
  source.addEventListener("changed", (event) => { if (Number(event.data) !== state.version) load(); });
  source.onerror = () => {
    connected(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(reconnect, 2000);
  };
}

// The line will not come back by itself: the service was started anew, or the session has ended, which the answer tells.
async function reconnect() {
  if (await load()) listen();
  else setTimeout(reconnect, 2000);
}

let [timer, wait] = [0, 0];
// Ask where those stand that are on their way, often at first; `soon`: something was just done.
export function watch(soon = false) {
  if (soon || !timer) wait = soon ? 200 : Math.max(wait, 500);
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

const UNDER_WAY = new Set(["waits", "behind"]);
async function look() {
  timer = 0;
  const [since, until] = span();
  const ids = [...state.slots.values()]
    .filter((slot) => UNDER_WAY.has(slot.standing) && slot.start < until && slot.end > since).slice(0, 300).map((slot) => slot.id);
  if (!ids.length) return;
  const told = await ask("standing", { booking: ids });
  let any = false;
  for (const [id, standing] of Object.entries(told ?? {})) {
    const slot = state.slots.get(id);
    if (!slot || slot.standing === standing) continue;
    any = true;
    slot.standing = standing;
    if (standing === "stands" && fresh.delete(id)) tell(say("stands_told", { name: nameOf(slot), worker: workerName(slot.worker) }), "good");
  }
  if (any) changed();
  wait = any ? 300 : Math.min(10_000, (wait || 200) * 1.5);
  timer = setTimeout(look, wait);
}

addEventListener("offline", () => connected(false));
addEventListener("online", () => { listen(); load(); });
addEventListener("pagehide", () => source?.close());
// a browser keeps few lines open to one server: those of pages that nobody looks at are given back
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source?.close();
  else if (source?.readyState === EventSource.CLOSED) { listen(); load(); }
});

export function summary() {
  const all = lanes().flatMap((lane) => ofWorker(lane.id));
  const unseen = [...state.slots.values()].filter((slot) => !state.workers.has(slot.worker)).length;
  return { unseen, workers: lanes().length, bookings: all.length, wrong: all.filter((slot) => slot.double || slot.outside).length, waits: all.filter((slot) => UNDER_WAY.has(slot.standing)).length };
}
