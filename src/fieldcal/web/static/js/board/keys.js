// The board by keyboard: arrows go from booking to booking, M moves and S stretches the one that has the focus.
import { act, redo, undo } from "./deeds.js";
import { booking, details, help, removal } from "./details.js";
import { drawGhost, focus, neighbour, plane, show } from "./draw.js";
import { freeOn } from "./drag.js";
import { nearest } from "./lay.js";
import { say, tell } from "./page.js";
import { axis, nameOf, ofWorker, seen, state, workerName, zoneOf } from "./state.js";
import { DAY, MINUTE, instant, spanText, wall } from "./time.js";

// { kind, slot, version }: what the arrows move
let mode = null;

export function slotAt() {
  return ofWorker(state.at.worker).find((slot) => slot.id === state.at.id) ?? null;
}

export function begin(kind, slot) {
  mode = { kind, slot, version: seen(slot) };
  state.ghost = { worker: slot.worker, start: slot.start, end: slot.end };
  focus(slot.worker, slot.id);
  moved(say(kind === "move" ? "moving" : "stretching", { name: nameOf(slot) }));
}

function moved(before = "") {
  const { worker, start, end } = state.ghost;
  const when = spanText(start, end, zoneOf(worker), axis().first);
  state.ghost.label = say("ghost", { name: nameOf(mode.slot), worker: workerName(worker), when });
  show(worker, state.ghost);
  drawGhost();
  tell([before, `${workerName(worker)}, ${when}`].filter(Boolean).join(" "), "mode");
}

function leave() {
  mode = null;
  state.ghost = null;
  drawGhost();
}

// By so many minutes on the clock that is shown, so that a day's step is a day where the clock is moved, too.
function later(at, minutes, zone) { return instant(wall(at, zone) + minutes * MINUTE, zone); }

function step(event) {
  const { kind, slot, version } = mode;
  const ghost = state.ghost;
  const by = (axis().days > 1 && kind === "move" ? 1440 : event.shiftKey ? 60 : 15) * { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Enter") {
    leave();
    const to = { worker: ghost.worker, start: ghost.start, end: ghost.end };
    if (to.worker === slot.worker && to.start === slot.start && to.end === slot.end) tell(say("stopped"));
    else act({ kind: "move", booking: slot.id, ...to }, version);
  } else if (event.key === "Escape") {
    leave();
    tell(say("stopped"));
  } else if (kind === "move" && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    const worker = neighbour(ghost.worker, event.key === "ArrowUp" ? -1 : 1);
    const shown = wall(ghost.start, zoneOf(ghost.worker));
    const start = instant(shown, zoneOf(worker));
    state.ghost = { ...ghost, worker, start, end: start + (ghost.end - ghost.start) };
    moved();
  } else if (by) {
    const zone = zoneOf(ghost.worker);
    if (kind === "move") {
      const start = later(ghost.start, by, zone);
      state.ghost = { ...ghost, start, end: start + (ghost.end - ghost.start) };
    } else state.ghost = { ...ghost, end: Math.max(ghost.start + 15 * MINUTE, ghost.end + by * MINUTE) };
    moved();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function go(key) {
  const { worker, id } = state.at;
  const held = ofWorker(worker);
  const at = held.findIndex((slot) => slot.id === id);
  if (key === "ArrowRight") focus(worker, held[Math.min(held.length - 1, at + 1)]?.id ?? null);
  else if (key === "ArrowLeft") focus(worker, at > 0 ? held[at - 1].id : null);
  else if (key === "Home") focus(worker, null);
  else if (key === "End") focus(worker, held.at(-1)?.id ?? null);
  else {
    const to = neighbour(worker, { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[key]);
    if (to === worker) return;
    const there = ofWorker(to);
    focus(to, at < 0 ? null : there[nearest(there, held[at].start)]?.id ?? null);
  }
}

function onBoard(event) {
  if (mode) {
    step(event);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const slot = slotAt();
  const deeds = {
    Enter: () => (slot ? details(slot) : fresh(state.at.worker)), " ": () => slot && details(slot),
    m: () => slot && begin("move", slot), s: () => slot && begin("stretch", slot), Delete: () => slot && removal(slot),
    "?": () => help(),
  };
  const known = deeds[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (/^(Arrow|Home|End|Page)/.test(event.key)) go(event.key);
  else if (known && !event.target.closest("button")) known();
  else return;
  event.preventDefault();
}

// A new booking without a work order, for this worker.
export function fresh(worker) {
  const start = freeOn(worker, 60, axis().days > 1 ? Math.max(axis().first, Math.min(state.day, axis().first + 6 * DAY)) : axis().first);
  booking({ worker, start, end: start + 60 * MINUTE });
}

plane.addEventListener("keydown", onBoard);
plane.addEventListener("focusout", (event) => {
  // who goes elsewhere moves nothing; the card itself may be drawn anew meanwhile
  if (mode && event.relatedTarget && !plane.contains(event.relatedTarget)) {
    leave();
    tell(say("stopped"));
  }
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) redo();
  else undo();
});
