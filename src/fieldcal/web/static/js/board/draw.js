// The timeline: one line a worker, only those in sight, placed by script (the policy allows no style in the page).
import { card, fill } from "./cards.js";
import { after, between, open, stack } from "./lay.js";
import { part, say } from "./page.js";
import { axis, byWorker, lanes, ofWorker, state, zoneOf } from "./state.js";
import { DAY, HOUR, MINUTE, clockText, dayName, dayOf, wall } from "./time.js";

export const plane = document.getElementById("board-plane");
const rows = document.getElementById("board-rows");
const ticks = document.getElementById("board-ticks");
const [ROW, CHIP, PAD] = [48, 42, 4];
// pixels in which a number, its sign and its time can be read, in which there is room for all, and for a button as well
const [LEAST, FAIR, WIDE] = [66, 100, 90];
// lines that are drawn beyond what is seen
const MORE = 4;
const shown = new Map();
const ghost = part("div", "ghost", part("span"));
let lay = { list: [], tops: [], height: 0, of: new Map() };
let stamp = 0;
let marked = "";
let scale = { head: 0, width: 0, minute: 1 };

function measure() {
  const { days } = axis();
  const head = Math.min(days === 1 ? 190 : 150, plane.clientWidth * 0.3);
  const room = plane.clientWidth - head;
  // a day shows about ten hours at once, a week all its days
  const minute = days === 1 ? Math.max(LEAST + 2, room / 10) / 60 : Math.max(96, room / 7) / 1440;
  scale = { head, minute, width: minute * 1440 * days };
  const of = new Map();
  const tops = [];
  let height = 0;
  const list = lanes();
  list.forEach((lane, index) => {
    const held = ofWorker(lane.id);
    const laid = days === 1 ? stack(held, (LEAST / minute) * MINUTE) : weekly(lane, held);
    const tall = laid.count * (days === 1 ? ROW : CHIP) + PAD * 2;
    of.set(lane.id, { ...laid, held, index, top: height, tall });
    tops.push(height);
    height += tall;
  });
  lay = { list, tops, height, of };
  follow();
}

// The focus goes with its booking to another line; of one that went away it stays on the line.
function follow() {
  const { worker, id } = state.at;
  if (!id || lay.of.get(worker)?.held.some((slot) => slot.id === id)) return;
  const there = [...byWorker().values()].flat().find((slot) => slot.id === id);
  state.at = there && lay.of.has(there.worker) ? { worker: there.worker, id } : { worker, id: null };
}

// In a week each day is a list: the row is the place in it.
function weekly(lane, held) {
  const { first, days } = axis();
  const counts = Array(days).fill(0);
  const columns = held.map((slot) => Math.max(0, Math.floor((dayOf(wall(slot.start, zoneOf(lane.id))) - first) / DAY)));
  const places = columns.map((day) => (counts[day] += 1) - 1);
  return { rows: places, columns, count: Math.max(1, ...counts) };
}

function drawTicks() {
  const { first, days } = axis();
  const marks = days === 1
    ? Array.from({ length: 24 }, (_, hour) => [hour * 60, clockText(first + hour * HOUR)])
    : Array.from({ length: days }, (_, day) => [day * 1440, dayName(first + day * DAY)]);
  const today = dayOf(wall(Date.now(), state.viewer));
  const key = JSON.stringify([first, days, today, scale]);
  if (marked !== key) ticks.replaceChildren(...marks.map(([minutes, text], day) => {
    const mark = part("span", days > 1 && first + day * DAY === today ? "tick today" : "tick", text);
    mark.style.left = `${minutes * scale.minute}px`;
    if (days > 1) mark.style.width = `${1440 * scale.minute}px`;
    return mark;
  }));
  marked = key;
  plane.style.setProperty("--head", `${scale.head}px`);
  ticks.style.width = `${scale.width}px`;
  rows.style.width = `${scale.head + scale.width}px`;
  rows.style.height = `${lay.height}px`;
  rows.style.setProperty("--hour", `${scale.minute * (days === 1 ? 60 : 1440)}px`);
  rows.setAttribute("aria-rowcount", String(lay.list.length));
}

function row(lane) {
  const node = part("div", "lane");
  node.setAttribute("role", "row");
  const head = part("div", "lane-head", part("strong"), part("small"));
  head.setAttribute("role", "rowheader");
  head.dataset.lane = lane.id;
  head.tabIndex = -1;
  const back = part("div", "back");
  const track = part("div", "track", back);
  track.setAttribute("role", "presentation");
  back.setAttribute("aria-hidden", "true");
  node.append(head, track);
  return { node, head, back, track, cards: new Map(), stamp: -1, shaded: "", filled: "" };
}

// What is closed, and what time it is; drawn anew where one of them has changed.
function shade(one, lane) {
  const here = axis();
  const now = Math.floor((wall(Date.now(), zoneOf(lane.id)) - here.first) / MINUTE);
  const shown = here.days === 1 && now > 0 && now < 1440;
  const key = JSON.stringify([lane.hours, lane.zone, zoneOf(lane.id), here, scale, shown && now]);
  if (one.shaded === key) return;
  one.shaded = key;
  const works = open(lane.hours, lane.zone, here, zoneOf(lane.id));
  // a week shows no hours: there a day is closed or not
  const spans = here.days === 1 ? works : works.map(([from, till]) => [Math.floor(from / 1440) * 1440, Math.ceil(till / 1440) * 1440]);
  const closed = between(spans, here.days * 1440);
  const marks = closed.map(([from, till]) => {
    const mark = part("div", "closed");
    mark.style.left = `${from * scale.minute}px`;
    mark.style.width = `${(till - from) * scale.minute}px`;
    return mark;
  });
  if (shown) {
    const mark = part("div", "now");
    mark.style.left = `${now * scale.minute}px`;
    marks.push(mark);
  }
  one.back.replaceChildren(...marks);
}

// A line that shows already what it is to show is left as it is.
function fillRow(one, lane) {
  const { held, rows: places, columns, room, index } = lay.of.get(lane.id);
  shade(one, lane);
  const { id, name: called, kind, zone } = lane;
  const ahead = held.map((slot) => state.ahead.has(slot.id));
  const key = JSON.stringify([id, called, kind, zone, state.clock, axis(), scale, index, held, places, columns, room, ahead]);
  if (one.filled === key) return;
  one.filled = key;
  one.node.setAttribute("aria-rowindex", String(index + 1));
  const [name, more] = one.head.children;
  name.textContent = lane.name;
  more.textContent = [lane.kind !== "User" && lane.kind, state.clock === "worker" && lane.zone].filter(Boolean).join(" · ");
  one.head.setAttribute("aria-label", [lane.name, more.textContent, say("lane_holds", { count: held.length })].filter(Boolean).join(", "));
  one.head.title = lane.name;
  const left = new Set(one.cards.keys());
  let before = one.back;
  held.forEach((slot, at) => {
    left.delete(slot.id);
    if (!one.cards.has(slot.id)) one.cards.set(slot.id, card());
    const drawn = one.cards.get(slot.id);
    fill(drawn, slot, Boolean(columns));
    placed(drawn.node, slot, lane.id, places[at], columns?.[at], room?.[at]);
    if (before.nextSibling !== drawn.node) before.after(drawn.node);
    before = drawn.node;
  });
  for (const id of left) {
    one.cards.get(id).node.remove();
    one.cards.delete(id);
  }
}

// `room`: when the next booking of the row begins: up to there a short one is drawn wider than its time, which stays marked.
function placed(node, slot, worker, place, column, room) {
  node.classList.remove("brief", "tight");
  const { first, days } = axis();
  if (column !== undefined) {
    node.style.left = `${column * 1440 * scale.minute + 3}px`;
    node.style.width = `${1440 * scale.minute - 6}px`;
    node.style.top = `${PAD + place * CHIP}px`;
    node.style.height = `${CHIP - 3}px`;
    return;
  }
  const zone = zoneOf(worker);
  const placeOf = (at) => Math.min(days * 1440, Math.max(0, (wall(at, zone) - first) / MINUTE)) * scale.minute;
  const from = placeOf(slot.start);
  const own = Math.max(4, placeOf(slot.end) - from - 2);
  const fair = room === undefined || own + 2 >= LEAST ? 22 : Math.min(FAIR, (Number.isFinite(room) ? placeOf(room) : scale.width) - from - 2);
  node.style.left = `${from}px`;
  const width = Math.max(22, own, fair);
  node.style.width = `${width}px`;
  node.style.setProperty("--own", `${own}px`);
  node.classList.toggle("brief", room !== undefined && own < fair);
  node.classList.toggle("tight", width < WIDE);
  node.style.top = `${PAD + place * ROW}px`;
  node.style.height = `${ROW - 3}px`;
}

function inSight() {
  const top = plane.scrollTop;
  const from = Math.max(0, after(lay.tops, top) - 1 - MORE);
  const till = Math.min(lay.list.length, after(lay.tops, top + plane.clientHeight) + MORE);
  const found = new Set(lay.list.slice(from, till));
  const kept = state.at.worker && lay.of.get(state.at.worker);
  if (kept) found.add(lay.list[kept.index]);
  return found;
}

function drawRows() {
  const wanted = inSight();
  const ids = new Set([...wanted].map((lane) => lane.id));
  for (const [id, one] of shown) {
    if (ids.has(id)) continue;
    one.node.remove();
    shown.delete(id);
  }
  const focused = document.activeElement;
  for (const lane of wanted) {
    if (!shown.has(lane.id)) shown.set(lane.id, row(lane));
    const one = shown.get(lane.id);
    if (one.stamp !== stamp) {
      fillRow(one, lane);
      one.stamp = stamp;
    }
    const { top, tall } = lay.of.get(lane.id);
    one.node.style.top = `${top}px`;
    one.node.style.height = `${tall}px`;
    if (!one.node.isConnected) rows.append(one.node);
  }
  // lines stand in the order in which they are read
  const nodes = [...wanted].sort((a, b) => lay.of.get(a.id).index - lay.of.get(b.id).index).map((lane) => shown.get(lane.id).node);
  nodes.forEach((node, at) => { if (rows.children[at] !== node) rows.insertBefore(node, rows.children[at]); });
  markFocus(rows.contains(focused) || (focused && !focused.isConnected) || held);
}

// Everything that is in sight, as it is by now.
export function draw() {
  stamp += 1;
  measure();
  drawTicks();
  held = rows.contains(document.activeElement);
  drawRows();
  held = false;
  drawGhost();
}
let held = false;

export function cell(worker, id) {
  const one = shown.get(worker);
  return id ? one?.cards.get(id)?.node : one?.head;
}

// One stop of the Tab key for the whole board: the booking or line that has its focus.
function markFocus(take) {
  for (const node of rows.querySelectorAll('[tabindex="0"]')) node.tabIndex = -1;
  let { worker, id } = state.at;
  if (!lay.of.has(worker)) [worker, id] = [lay.list[0]?.id ?? null, null];
  const node = worker && cell(worker, id);
  if (!node) return;
  node.tabIndex = 0;
  state.at = { worker, id };
  if (take && document.activeElement !== node) node.focus({ preventScroll: true });
}

// Bring the focus there, and into sight.
export function focus(worker, id) {
  state.at = { worker, id };
  show(worker, id ? ofWorker(worker).find((slot) => slot.id === id) : null);
  drawRows();
  markFocus(true);
}

export function show(worker, slot) {
  const line = lay.of.get(worker);
  if (!line) return;
  const head = ticks.parentElement.offsetHeight;
  if (line.top < plane.scrollTop) plane.scrollTop = line.top;
  else if (line.top + line.tall > plane.scrollTop + plane.clientHeight - head) plane.scrollTop = line.top + line.tall - plane.clientHeight + head;
  if (!slot) return;
  const from = ((wall(slot.start, zoneOf(worker)) - axis().first) / MINUTE) * scale.minute;
  const room = plane.clientWidth - scale.head;
  if (from < plane.scrollLeft) plane.scrollLeft = Math.max(0, from - 20);
  else if (from + 120 > plane.scrollLeft + room) plane.scrollLeft = from + 160 - room;
}

// Today with the present in the first third, another day where it begins for most, a week at the chosen day.
export function showStart() {
  const { first, days } = axis();
  const now = (wall(Date.now(), state.viewer) - first) / MINUTE;
  const room = (plane.clientWidth - scale.head) / scale.minute;
  const begin = now >= 0 && now < 1440 ? Math.max(0, now - room / 4) : 6.5 * 60;
  plane.scrollLeft = (days === 1 ? begin : Math.max(0, (state.day - first) / MINUTE - 1440)) * scale.minute;
}

// What lies there: the worker of the line and the minute of the axis, null beside the lines.
export function hit(x, y) {
  const seen = plane.getBoundingClientRect();
  if (x < seen.left + scale.head || x > seen.right || y < seen.top + ticks.parentElement.offsetHeight || y > seen.bottom) return null;
  const box = rows.getBoundingClientRect();
  const lane = lay.list[after(lay.tops, y - box.top) - 1];
  if (!lane || y - box.top > lay.height) return null;
  return { worker: lane.id, minutes: Math.min(axis().days * 1440 - 15, Math.max(0, (x - box.left - scale.head) / scale.minute)) };
}

export function drawGhost() {
  const slot = state.ghost;
  if (!slot || !lay.of.has(slot.worker)) {
    ghost.remove();
    return;
  }
  const line = lay.of.get(slot.worker);
  const days = axis().days;
  const column = days === 1 ? undefined : Math.floor((wall(slot.start, zoneOf(slot.worker)) - axis().first) / DAY);
  placed(ghost, slot, slot.worker, 0, column);
  ghost.style.left = `${parseFloat(ghost.style.left) + scale.head}px`;
  ghost.style.top = `${line.top + PAD}px`;
  ghost.firstChild.textContent = slot.label;
  if (!ghost.isConnected) rows.append(ghost);
}

export function neighbour(worker, by) {
  const index = lay.of.get(worker)?.index ?? 0;
  return lay.list[Math.min(lay.list.length - 1, Math.max(0, index + by))]?.id ?? worker;
}
let waits = false;
plane.addEventListener("scroll", () => {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => { waits = false; drawRows(); });
}, { passive: true });
