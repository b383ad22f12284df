// Where things lie on the board: bookings beside each other, hours that are shaded, the next free time. Pure.
import { DAY, MINUTE, instant, wall, weekday } from "./time.js";

// Bookings of one worker, by start, each in the first row that is free then: their rows, how many there are, and when the
// next one in the same row begins. `least`: as long as one at least has its row for itself, so that it can be read.
export function stack(slots, least = 0) {
  const ends = [];
  const last = [];
  const room = slots.map(() => Infinity);
  const rows = slots.map((slot, at) => {
    const free = ends.findIndex((end) => end <= slot.start);
    const row = free < 0 ? ends.length : free;
    ends[row] = Math.max(slot.end, slot.start + least);
    if (row in last) room[last[row]] = slot.start;
    last[row] = at;
    return row;
  });
  return { rows, count: Math.max(1, ends.length), room };
}

// The spans, in minutes of the axis, in which a worker works. `hours`: spans of each weekday in the worker's `zone`.
export function open(hours, zone, axis, axisZone) {
  const found = [];
  const whole = (axis.days * DAY) / MINUTE;
  for (let day = -2; day <= axis.days + 1; day += 1) {
    const midnight = axis.first + day * DAY;
    for (const span of hours[weekday(midnight)]) {
      const [from, till] = span.map((minutes) => (wall(instant(midnight + minutes * MINUTE, zone), axisZone) - axis.first) / MINUTE);
      if (till > 0 && from < whole) found.push([Math.max(0, from), Math.min(whole, till)]);
    }
  }
  return found.sort((a, b) => a[0] - b[0]);
}

// What lies between these spans, from 0 to `whole`.
export function between(spans, whole) {
  const found = [];
  let at = 0;
  for (const [from, till] of spans) {
    if (from > at) found.push([at, from]);
    at = Math.max(at, till);
  }
  if (at < whole) found.push([at, whole]);
  return found;
}

export function snap(minutes, step = 15) {
  return Math.round(minutes / step) * step;
}

// The first minute within these open spans at which so many minutes are free of what is taken; else where they begin.
export function firstFree(spans, taken, minutes, none = 8 * 60) {
  for (const [from, till] of spans) {
    let at = from;
    for (const [begin, end] of taken) if (begin < at + minutes && end > at) at = snap(end + 7);
    if (at + minutes <= till) return at;
  }
  return spans[0]?.[0] ?? none;
}

// Which of these bookings lies nearest to this instant; -1 where there is none.
export function nearest(slots, at) {
  const away = slots.map((slot) => (at < slot.start ? slot.start - at : at > slot.end ? at - slot.end : 0));
  return away.indexOf(Math.min(...away));
}

// The first of these ascending numbers that is larger than `at`, as its place.
export function after(ascending, at) {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
