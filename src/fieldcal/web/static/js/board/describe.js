// A booking in words: on its card, for who listens, and in dialogs.
import { axis, nameOf, state, workerName, zoneOf } from "./state.js";
import { icon, part, say } from "./page.js";
import { clockText, spanText, wall } from "./time.js";

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
