// Instants (milliseconds, UTC) and wall clocks of a zone. A wall clock is kept as the instant at which a clock in UTC
// would show it, so that days and minutes on it are plain numbers. Pure.
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
// no zone changes its clock but at a quarter of an hour
const STEP = 15 * MINUTE;

const clocks = new Map();
const offsets = new Map();

function clockOf(zone) {
  if (!clocks.has(zone)) {
    clocks.set(zone, new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
    }));
    offsets.set(zone, new Map());
  }
  return clocks.get(zone);
}

function offset(at, zone) {
  const clock = clockOf(zone);
  const known = offsets.get(zone);
  const key = Math.floor(at / STEP);
  if (!known.has(key)) {
    const told = Object.fromEntries(clock.formatToParts(key * STEP).map((part) => [part.type, Number(part.value)]));
    known.set(key, Date.UTC(told.year, told.month - 1, told.day, told.hour, told.minute) - key * STEP);
  }
  return known.get(key);
}

// What a clock in this zone shows at this instant.
export function wall(at, zone) {
  return at + offset(at, zone);
}

// When a clock in this zone shows this: the first time where it does so twice; where it never does, as if it had not been moved.
export function instant(shown, zone) {
  const before = offset(shown - DAY, zone);
  const found = [before, offset(shown + DAY, zone)].map((by) => shown - by).filter((at) => wall(at, zone) === shown);
  return found.length ? Math.min(...found) : shown - before;
}

export function dayOf(shown) {
  return Math.floor(shown / DAY) * DAY;
}

// Monday is 0.
export function weekday(shown) {
  return (new Date(shown).getUTCDay() + 6) % 7;
}

// "2026-11-23", NaN where it is no day
export function parseDay(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00Z`) : NaN;
}

export function dayText(shown) {
  return new Date(shown).toISOString().slice(0, 10);
}

// As a field for date and time has it: "2026-11-23T09:00".
export function fieldText(at, zone) {
  return new Date(wall(at, zone)).toISOString().slice(0, 16);
}

// NaN where it is no date and time, as one with a year of five digits.
export function parseField(text, zone) {
  const shown = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? Date.parse(`${text}Z`) : NaN;
  return Number.isNaN(shown) ? NaN : instant(shown, zone);
}

const say = (options) => {
  const made = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  return (shown) => made.format(shown);
};
export const clockText = say({ hour: "2-digit", minute: "2-digit" });
export const dayName = say({ weekday: "short", day: "numeric", month: "short" });
export const dayOfYear = say({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
export const longDay = say({ weekday: "long", day: "numeric", month: "long", year: "numeric" });

// "Mon 23 Nov, 09:00–10:30", without the day where it is `on`; `named` says how a day is written.
export function spanText(start, end, zone, on = NaN, named = dayName) {
  const [from, till] = [wall(start, zone), wall(end, zone)];
  const day = dayOf(from) === on ? "" : `${named(from)}, `;
  const last = dayOf(till) === dayOf(from) ? "" : `${named(till)}, `;
  return `${day}${clockText(from)}–${last}${clockText(till)}`;
}

// The same with its year where that is not the year of `now`; the day alone where there is no start (NaN), the start alone
// where there is no end.
export function datedText(start, end, zone, now) {
  const [year, here] = [Number.isNaN(end) ? start : end, now].map((at) => new Date(wall(at, zone)).getUTCFullYear());
  const named = year === here ? dayName : dayOfYear;
  if (Number.isNaN(end)) return `${named(wall(start, zone))}, ${clockText(wall(start, zone))}`;
  return Number.isNaN(start) ? named(wall(end, zone)) : spanText(start, end, zone, NaN, named);
}
