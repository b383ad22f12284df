// The schedule board: what is in sight, its tools, and who is told of what.
import { isOpen } from "./choice.js";
import { onDeed, redo, undo } from "./deeds.js";
import { details, help } from "./details.js";
import { dragging } from "./drag.js";
import { draw, plane, showStart } from "./draw.js";
import { begin, fresh } from "./keys.js";
import { isLive, listen, load, summary, watch } from "./link.js";
import { menu } from "./menu.js";
import { place, say } from "./page.js";
import { drawList } from "./phone.js";
import { loadOrders, orderOf } from "./side.js";
import { axis, changed, lanes, nameOf, onChange, ofWorker, state } from "./state.js";
import { DAY, dayName, dayOf, dayText, longDay, parseDay, wall } from "./time.js";

const narrow = matchMedia("(max-width: 48rem)");
const at = (name) => document.getElementById(`board-${name}`);

function drawn() {
  if (narrow.matches) drawList();
  else draw();
  const sum = summary();
  at("sum").textContent = [say("sum", sum), sum.unseen && say("unseen", { count: sum.unseen })].filter(Boolean).join(" ");
  at("none").textContent = say(state.lanes.length ? "no_worker" : "no_workers");
  at("none").hidden = sum.workers > 0 || !state.version;
}

function title() {
  const { first, days } = axis();
  at("title").textContent = days === 1 ? longDay(first) : `${dayName(first)} – ${dayName(first + 6 * DAY)}`;
  at("day").value = dayText(state.day);
  for (const view of ["day", "week"]) at(`view-${view}`).setAttribute("aria-pressed", String(state.view === view));
  at("clock").value = state.clock;
  const query = new URLSearchParams({ day: dayText(state.day), view: state.view, clock: state.clock });
  window.history.replaceState(null, "", `/board?${query}`);
}

// Something else is to be in sight.
async function look(change) {
  Object.assign(state, change, { ghost: null });
  state.version = 0;
  title();
  changed();
  place.setAttribute("aria-busy", "true");
  await load();
  place.removeAttribute("aria-busy");
  if ("view" in change) showStart();
}

function by(days) { look({ day: state.day + days * DAY }); }
at("before").addEventListener("click", () => by(state.view === "week" ? -7 : -1));
at("after").addEventListener("click", () => by(state.view === "week" ? 7 : 1));
at("today").addEventListener("click", () => look({ day: dayOf(wall(Date.now(), state.viewer)) }).then(showStart));
at("day").addEventListener("change", () => {
  const day = parseDay(at("day").value);
  if (!Number.isNaN(day) && at("day").reportValidity()) look({ day });
});
for (const view of ["day", "week"]) at(`view-${view}`).addEventListener("click", () => look({ view }));
at("clock").addEventListener("change", () => look({ clock: at("clock").value }));
at("filter").addEventListener("input", () => { state.filter = at("filter").value; changed(); });
at("help").addEventListener("click", help);
at("new").addEventListener("click", () => {
  const worker = state.at.worker ?? lanes()[0]?.id;
  if (worker) fresh(worker);
});
at("undo").addEventListener("click", undo);
at("redo").addEventListener("click", redo);

onDeed((last, next) => {
  for (const [button, entry, word] of [[at("undo"), last, "undo"], [at("redo"), next, "redo"]]) {
    button.disabled = !entry;
    const words = entry ? say(`${word}_what`, { what: say(`deed_${entry.deed.kind}`, { name: nameOf(entry.after ?? entry.before) }) }) : say(word);
    button.title = words;
    button.setAttribute("aria-label", words);
  }
  watch(true);
  if (!isLive()) load();
  loadOrders();
});
onChange(drawn);

function slotOf(node) {
  const id = node.closest(".job")?.dataset.id;
  return id ? [...state.lanes].flatMap((lane) => ofWorker(lane.id)).find((slot) => slot.id === id) ?? null : null;
}

function openMenu(node, x, y) {
  const slot = slotOf(node);
  if (!slot || slot.version === 0) return;
  state.at = { worker: slot.worker, id: slot.id };
  menu(slot, node.closest(".job"), x, y, (kind) => begin(kind, slot));
}

plane.addEventListener("click", (event) => {
  const dots = event.target.closest(".dots");
  if (dots) {
    const box = dots.getBoundingClientRect();
    openMenu(dots, box.left, box.bottom + 2);
    return;
  }
  const slot = slotOf(event.target);
  if (slot && slot.version) details(slot);
});
plane.addEventListener("contextmenu", (event) => {
  const node = event.target.closest(".job");
  if (!node) return;
  event.preventDefault();
  // by the menu key there is no place of a pointer
  const box = node.getBoundingClientRect();
  openMenu(node, event.clientX || box.left + 20, event.clientY || box.bottom);
});
plane.addEventListener("focusin", (event) => {
  const slot = slotOf(event.target);
  const lane = event.target.closest("[data-lane]")?.dataset.lane;
  if (slot) state.at = { worker: slot.worker, id: slot.id };
  else if (lane) state.at = { worker: lane, id: null };
});
dragging((node) => {
  const order = orderOf(node);
  if (order) return { order };
  const slot = slotOf(node);
  if (!slot || !slot.version) return null;
  const grip = node.closest(".grip")?.dataset.grip;
  return { slot, grip };
});
document.addEventListener("keydown", (event) => {
  if (event.key === "?" && !isOpen() && place.contains(event.target) && !event.target.closest("input, select") && !plane.contains(event.target)) help();
});

narrow.addEventListener("change", changed);
new ResizeObserver(() => { if (!narrow.matches) draw(); }).observe(plane);
// the line that says what time it is, and where bookings stand that were not changed here, as when a mailbox is disabled
setInterval(() => { if (!document.hidden) load(true).then(drawn); }, 60_000);

// from the page of a work order, which is to be booked
const wanted = new URLSearchParams(location.search).get("order") ?? "";
at("search").elements.search.value = wanted;
at("side").open = !narrow.matches || Boolean(wanted);
title();
loadOrders();
load().then(() => {
  showStart();
  place.dataset.ready = "yes";
  listen();
});
