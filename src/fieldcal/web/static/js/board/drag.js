// Dragging with a mouse or a pen: bookings to another time or worker, their ends, and work orders onto a worker. A finger
// scrolls, and opens the form by a tap.
import { act } from "./deeds.js";
import { drawGhost, hit, plane } from "./draw.js";
import { firstFree, open, snap } from "./lay.js";
import { part, say, tell } from "./page.js";
import { axis, nameOf, ofWorker, seen, state, workerName, zoneOf } from "./state.js";
import { DAY, MINUTE, dayOf, instant, spanText, wall } from "./time.js";

const NEAR = 6;
let held = null;
// lies over everything while something is dragged and shows the hand: a class that reaches every card would have each
// styled anew, at the beginning and at the drop
const grasp = part("div", "grasp");
grasp.addEventListener("wheel", (event) => plane.scrollBy(event.deltaX, event.deltaY), { passive: true });

function minuteOf(at, worker) { return (wall(at, zoneOf(worker)) - axis().first) / MINUTE; }
function instantOf(minutes, worker) { return instant(axis().first + minutes * MINUTE, zoneOf(worker)); }

// Where a booking of this length would begin on this line and day, in a week, in which no hour is pointed at.
export function freeOn(worker, minutes, day) {
  const lane = state.workers.get(worker);
  const here = { first: dayOf(day), days: 1 };
  const taken = ofWorker(worker).map((slot) => [slot.start, slot.end].map((at) => (wall(at, zoneOf(worker)) - here.first) / MINUTE));
  // on a day off at eight, as the worker's clock has it
  const eight = (wall(instant(here.first + 8 * 60 * MINUTE, lane.zone), zoneOf(worker)) - here.first) / MINUTE;
  const start = firstFree(open(lane.hours, lane.zone, here, zoneOf(worker)), taken, minutes, eight);
  return instant(here.first + start * MINUTE, zoneOf(worker));
}

// What is dragged stands here when the pointer is there: { worker, start, end }.
function under(at, sideways) {
  const week = axis().days > 1;
  const { slot, order, grip, off } = held;
  if (order) {
    const minutes = order.minutes || 60;
    const start = week ? freeOn(at.worker, minutes, axis().first + Math.floor(at.minutes / 1440) * DAY) : instantOf(snap(at.minutes), at.worker);
    return { worker: at.worker, start, end: start + minutes * MINUTE };
  }
  const length = slot.end - slot.start;
  if (grip === "end") return { worker: slot.worker, start: slot.start, end: Math.max(slot.start + 15 * MINUTE, instantOf(snap(at.minutes), slot.worker)) };
  if (grip === "start") return { worker: slot.worker, start: Math.min(slot.end - 15 * MINUTE, instantOf(snap(at.minutes), slot.worker)), end: slot.end };
  const began = minuteOf(slot.start, slot.worker);
  let minutes = sideways ? snap(at.minutes - off) : began;
  if (week) minutes = Math.floor(at.minutes / 1440) * 1440 + (((began % 1440) + 1440) % 1440);
  const start = instantOf(minutes, at.worker);
  return { worker: at.worker, start, end: start + length };
}

function label(to) {
  return say("ghost", { name: held.order?.number ?? nameOf(held.slot), worker: workerName(to.worker), when: spanText(to.start, to.end, zoneOf(to.worker), axis().first) });
}

function move(event) {
  if (!held) return;
  held.x = event.clientX;
  held.y = event.clientY;
  const away = Math.abs(held.x - held.fromX);
  if (!held.begun && Math.max(away, Math.abs(held.y - held.fromY)) < NEAR) return;
  if (!held.begun) {
    held.begun = true;
    document.body.append(grasp);
    requestAnimationFrame(scrolled);
  }
  held.sideways ||= away >= NEAR;
  place();
}

function place() {
  const at = hit(held.x, held.y);
  const to = at && under(at, held.sideways);
  state.ghost = to && { ...to, label: label(to) };
  drawGhost();
}

// Near its edges the board goes on by itself.
function scrolled() {
  if (!held?.begun) return;
  const box = plane.getBoundingClientRect();
  const by = (at, from, till) => (at > till - 36 && at < till + 60 ? 12 : at < from + 36 && at > from - 60 ? -12 : 0);
  const inside = held.y > box.top - 60 && held.y < box.bottom + 60;
  const [dx, dy] = [held.order && held.x > box.right ? 0 : by(held.x, box.left + 190, box.right), inside ? by(held.y, box.top + 30, box.bottom) : 0];
  if (dx || dy) {
    plane.scrollBy(dx, dy);
    place();
  }
  requestAnimationFrame(scrolled);
}

function end(drop) {
  const was = held;
  const to = state.ghost;
  held = null;
  state.ghost = null;
  grasp.remove();
  drawGhost();
  if (!was?.begun) return;
  // the click that follows is not one on a booking
  const swallow = (event) => { event.stopPropagation(); event.preventDefault(); };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
  if (!drop || !to) return;
  const target = { worker: to.worker, start: to.start, end: to.end };
  if (was.order) act({ kind: "book", ...target, order: was.order.id, number: was.order.number });
  else if (target.worker !== was.slot.worker || target.start !== was.slot.start || target.end !== was.slot.end) {
    act({ kind: "move", booking: was.slot.id, ...target }, was.version);
  }
}

// `found`: what can be dragged under this element: { slot, grip } or { order }; null: nothing.
export function dragging(found) {
  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch" || event.target.closest("button, a, input, select")) return;
    const what = found(event.target);
    if (!what) return;
    // nothing is marked as text while something is dragged
    event.preventDefault();
    event.target.closest("[tabindex]")?.focus({ preventScroll: true });
    const at = what.slot && hit(event.clientX, event.clientY);
    held = {
      ...what, fromX: event.clientX, fromY: event.clientY, x: event.clientX, y: event.clientY, begun: false, sideways: false,
      off: at ? at.minutes - minuteOf(what.slot.start, what.slot.worker) : 0,
      // one that is still on its way is taken up as it will be
      version: what.slot && seen(what.slot),
    };
  });
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", () => end(true));
  document.addEventListener("pointercancel", () => end(false));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !held?.begun) return;
    end(false);
    tell(say("stopped"));
  });
}
