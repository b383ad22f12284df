// What stands on the board here: as the server told it last, with our own changes that it has not answered yet.
import { DAY, dayOf, instant, parseDay, wall, weekday } from "./time.js";
import { place, say } from "./page.js";

const asked = new URLSearchParams(location.search);
const viewer = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const day = parseDay(asked.get("day") ?? "");

export const state = {
  viewer,
  environment: place.dataset.environment,
  // a wall clock's midnight
  day: Number.isNaN(day) ? dayOf(wall(Date.now(), viewer)) : day,
  view: asked.get("view") === "week" ? "week" : "day",
  // "viewer" or "worker": whose clock the board shows
  clock: asked.get("clock") === "worker" ? "worker" : "viewer",
  // by worker: why nothing is written into the calendar, where that is so
  closed: new Map(),
  lanes: [], workers: new Map(), statuses: [], slots: new Map(), version: 0, filter: "",
  // by id: what was changed here and is not answered yet; bookings that are being made have ids of their own
  ahead: new Map(),
  gone: new Set(),
  // where the focus of the board is, and what is being moved: { worker, start, end, id, minutes }
  at: { worker: null, id: null },
  ghost: null,
};

const listeners = [];
export function onChange(listener) { listeners.push(listener); }
export function changed() {
  lists = null;
  for (const listener of listeners) listener();
}

export function zoneOf(worker) {
  return (state.clock === "worker" && state.workers.get(worker)?.zone) || state.viewer;
}

export function axis() {
  const first = state.view === "week" ? state.day - weekday(state.day) * DAY : state.day;
  return { first, days: state.view === "week" ? 7 : 1 };
}

// The instants between which something may be shown; zones reach from 12 hours behind UTC to 14 ahead of it.
export function span() {
  const { first, days } = axis();
  if (state.clock === "viewer") return [instant(first, state.viewer), instant(first + days * DAY, state.viewer)];
  return [first - 14 * 3_600_000, first + days * DAY + 12 * 3_600_000];
}

export function slotOf(told) {
  return { ...told, start: Date.parse(told.start), end: Date.parse(told.end) };
}

// What the server told of a whole span. What is newer here stays: that answer was on its way when we changed it.
export function merge(told) {
  if (told.version < state.version) return;
  state.version = told.version;
  state.lanes = told.lanes;
  state.statuses = told.statuses;
  state.closed = new Map(Object.entries(told.closed));
  state.workers = new Map(told.lanes.map((lane) => [lane.id, lane]));
  const slots = new Map();
  for (const one of told.slots) {
    const here = state.slots.get(one.id);
    if (state.gone.has(one.id)) continue;
    slots.set(one.id, here && here.version > one.version ? here : slotOf({ ...one, standing: one.standing ?? here?.standing ?? "waits" }));
  }
  for (const here of state.slots.values()) if (!slots.has(here.id) && here.version > told.version) slots.set(here.id, here);
  state.slots = slots;
  changed();
}

export function put(slot) {
  const here = state.slots.get(slot.id);
  state.slots.set(slot.id, { double: here?.double, outside: here?.outside, standing: here?.standing ?? "waits", ...slot });
}

export function drop(id) {
  state.slots.delete(id);
  state.gone.add(id);
}

let lists = null;
// Bookings by worker, by their start, as they are shown: with our own changes.
export function byWorker() {
  if (lists) return lists;
  lists = new Map();
  const [since, until] = span();
  const all = new Map(state.slots);
  for (const [id, change] of state.ahead) {
    if (change === null) all.delete(id);
    else all.set(id, { ...all.get(id), ...change });
  }
  for (const slot of all.values()) {
    if (slot.start >= until || slot.end <= since) continue;
    if (!lists.has(slot.worker)) lists.set(slot.worker, []);
    lists.get(slot.worker).push(slot);
  }
  for (const held of lists.values()) held.sort((a, b) => a.start - b.start || a.end - b.end || (a.id < b.id ? -1 : 1));
  return lists;
}

export function ofWorker(worker) { return byWorker().get(worker) ?? []; }

export function lanes() {
  const part = state.filter.trim().toLowerCase();
  return part ? state.lanes.filter((lane) => lane.name.toLowerCase().includes(part)) : state.lanes;
}

// The version that a deed is decided by. Where a change of ours is on its way, that one's is, which is not known yet.
export function seen(slot) { return state.ahead.has(slot.id) ? undefined : slot.version; }

// A booking as it is called.
export function nameOf(slot) {
  return slot.number || slot.name || slot.account || say("booking");
}
export function workerName(worker) { return state.workers.get(worker)?.name ?? worker; }
