// A booking in words: on its card, for who listens, and in dialogs.
import { axis, nameOf, ofWorker, state, workerName, zoneOf } from "./state.js";
import { icon, part, say } from "./page.js";
import { clockText, datedText, spanText, wall } from "./time.js";

export const STANDING = { stands: "check", behind: "behind", outdated: "minus", waits: "clock", refused: "alert", none: "minus", deleted: "minus" };

export function canceled(slot) {
  return slot.status.kind === "canceled" || slot.status.step === "canceled";
}

// Where it stands, and why nothing will be written where that is so.
export function standing(slot) {
  const word = say(`standing_${slot.standing ?? "waits"}`);
  const why = ["none", "outdated"].includes(slot.standing) && !canceled(slot) && state.closed.get(slot.worker);
  return why ? say("because", { what: word, why }) : word;
}

// What is wrong with it, in words.
export function wrong(slot) {
  return [slot.double && say("double"), slot.outside && say("outside")].filter(Boolean);
}

export function when(slot, zone = zoneOf(slot.worker)) {
  const { first, days } = axis();
  return spanText(slot.start, slot.end, zone, days === 1 ? first : NaN);
}

function promisedAt(promised) { return (promised ?? [null, null]).map((at) => (at ? Date.parse(at) : NaN)); }

// When the customer was promised that somebody comes; "" where nothing was.
export function promise(promised) {
  const [from, till] = promisedAt(promised);
  if (Number.isNaN(from) && Number.isNaN(till)) return "";
  const when = datedText(from, till, state.viewer, Date.now());
  return Number.isNaN(till) ? say("promise_from", { when }) : when;
}

// What is to be known of where it lies now, in sentences: over another booking, outside of what was promised.
export function lies(slot) {
  if (canceled(slot)) return [];
  const over = ofWorker(slot.worker).some((one) => one.id !== slot.id && !canceled(one) && one.start < slot.end && one.end > slot.start);
  const [from, till] = promisedAt(slot.promised);
  const broken = slot.start < from || slot.start > till;
  return [over && say("lies_over"), broken && say("lies_outside", { when: promise(slot.promised) })].filter(Boolean);
}

export function spoken(slot) {
  return [nameOf(slot), slot.account, when(slot), slot.status.name, standing(slot), ...wrong(slot)].filter(Boolean).join(", ");
}

// "WO-1: Ana, 09:00–10:30"
export function brief(slot) {
  return say("brief", { name: nameOf(slot), worker: workerName(slot.worker), when: when(slot) });
}

// The sign and word of where it stands, and of what is wrong.
export function signs(slot) {
  const told = slot.standing ?? "waits";
  const found = [part("span", `sign-of ${told}`, icon(STANDING[told] ?? "minus"), part("span", "", say(`standing_${told}`)))];
  found[0].title = standing(slot);
  if (slot.double) found.push(part("span", "sign-of double", icon("double"), part("span", "", say("double"))));
  if (slot.outside) found.push(part("span", "sign-of outside", icon("moon"), part("span", "", say("outside"))));
  return found;
}

export function begins(slot) { return clockText(wall(slot.start, zoneOf(slot.worker))); }
