// A booking in words: on its card, for who listens, and in dialogs.
import { axis, nameOf, workerName, zoneOf } from "./state.js";
import { icon, part, say } from "./page.js";
import { clockText, spanText, wall } from "./time.js";

export const STANDING = { stands: "check", behind: "behind", waits: "clock", refused: "alert", none: "minus", deleted: "minus" };

export function canceled(slot) {
  return slot.status.kind === "canceled" || slot.status.step === "canceled";
}

export function standing(slot) { return say(`standing_${slot.standing ?? "waits"}`); }

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
  const found = [part("span", `sign-of ${told}`, icon(STANDING[told] ?? "minus"), part("span", "", standing(slot)))];
  if (slot.double) found.push(part("span", "sign-of double", icon("double"), part("span", "", say("double"))));
  if (slot.outside) found.push(part("span", "sign-of outside", icon("moon"), part("span", "", say("outside"))));
  return found;
}

export function begins(slot) { return clockText(wall(slot.start, zoneOf(slot.worker))); }
