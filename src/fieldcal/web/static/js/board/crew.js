// Bookings of a crew: who goes along with one, and is told of before it goes.
import { ask, say } from "./page.js";
import { workerName } from "./state.js";

// Whether this is the crew's own booking, and not a member's.
export function isCrews(slot) { return Boolean(slot?.crew) && slot.crew === slot.worker; }

// What is said before the crew's booking is taken away: how many members' go with it, and whose; [] where none does.
export async function goingAlong(slot) {
  if (!isCrews(slot)) return [];
  const told = await ask("along", { booking: slot.id });
  const names = (told?.slots ?? []).map((one) => workerName(one.worker)).sort();
  return names.length ? [[say("crew_goes"), say(names.length === 1 ? "crew_goes_alone" : "crew_goes_some", { count: names.length, names: names.join(", ") })]] : [];
}
