// Forms: one booking with all that is known of it, and a new one. What dragging does, they do too.
import { choose, close, show } from "./choice.js";
import { goingAlong } from "./crew.js";
import { act } from "./deeds.js";
import { brief, promise, signs, standing } from "./describe.js";
import { freeOn } from "./drag.js";
import { made, part, place, say } from "./page.js";
import { nameOf, seen, state, workerName, zoneOf } from "./state.js";
import { DAY, MINUTE, dayOf, fieldText, parseField, wall } from "./time.js";

function options(select, all, chosen) {
  select.replaceChildren(...all.map((one) => {
    const option = part("option", "", one.name);
    option.value = one.id;
    option.selected = one.id === chosen;
    return option;
  }));
}

function facts(parts, pairs) {
  parts.facts.replaceChildren(...pairs.filter(([, value]) => value).flatMap(([key, value]) => [part("dt", "", say(key)), part("dd", "", value)]));
  parts.facts.hidden = !parts.facts.childElementCount;
}

const limits = JSON.parse(place.dataset.limits);

// What cannot be meant of this span, in words; "" where it can. `was`: as it is, which may stay as it came.
function unfit(from, till, was) {
  if (was && from === was.start && till === was.end) return "";
  if (Number.isNaN(from) || Number.isNaN(till)) return say("odd_time", limits);
  if (from < Date.UTC(limits.first, 0) || till > Date.UTC(limits.last + 1, 0)) return say("odd_time", limits);
  if (till <= from) return say("ends_first");
  return till - from > limits.days * DAY && !(was && till - from === was.end - was.start) ? say("too_long", limits) : "";
}

// Worker, start and end, and what is wrong with them; `send` gets them as a deed has them.
function times(parts, { worker, start, end }, was, send) {
  const zone = zoneOf(worker);
  // what is wrong is told here, in our words
  parts.form.noValidate = true;
  for (const field of [parts.start, parts.end]) Object.assign(field, { min: `${limits.first}-01-01T00:00`, max: `${limits.last}-12-31T23:59` });
  options(parts.worker, state.lanes, worker);
  parts.start.value = fieldText(start, zone);
  parts.end.value = fieldText(end, zone);
  parts.zone.textContent = say("zone", { zone });
  let length = end - start;
  // a new booking begins in the working hours of whoever gets it, until a time was chosen
  let chosen = Boolean(was);
  parts.worker.addEventListener("change", () => {
    if (chosen) return;
    start = freeOn(parts.worker.value, length / MINUTE, dayOf(wall(start, zone)));
    parts.start.value = fieldText(start, zone);
    end = start + length;
    parts.end.value = fieldText(end, zone);
  });
  for (const field of [parts.start, parts.end]) field.addEventListener("input", () => { chosen = true; });
  parts.start.addEventListener("change", () => {
    // the length stays, as it does where a booking is dragged
    const till = parseField(parts.start.value, zone) + length;
    if (!Number.isNaN(till)) parts.end.value = fieldText(till, zone);
  });
  parts.end.addEventListener("change", () => {
    const now = parseField(parts.end.value, zone) - parseField(parts.start.value, zone);
    if (!Number.isNaN(now)) length = now;
  });
  parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    // what was not typed over is kept to the second
    const at = (field, was) => (field.value === fieldText(was, zone) ? was : parseField(field.value, zone));
    const [from, till] = [at(parts.start, start), at(parts.end, end)];
    const wrong = unfit(from, till, was);
    const first = wrong && (Number.isNaN(from) || from < Date.UTC(limits.first, 0)) ? parts.start : parts.end;
    parts.wrong.hidden = !wrong;
    parts.wrong.textContent = wrong;
    for (const field of [parts.start, parts.end]) field.setAttribute("aria-invalid", String(Boolean(wrong) && field === first));
    if (wrong) {
      first.focus();
      return;
    }
    close();
    send({ worker: parts.worker.value, start: from, end: till });
  });
}

export function details(slot) {
  const version = seen(slot);
  const [copy, parts] = made("details");
  parts.title.textContent = nameOf(slot);
  parts.lead.textContent = brief(slot);
  parts.signs.replaceChildren(...signs(slot));
  const why = standing(slot);
  parts.reason.textContent = why;
  parts.reason.hidden = why === say(`standing_${slot.standing ?? "waits"}`);
  parts.why.href = `/bookings/${encodeURIComponent(slot.id)}`;
  facts(parts, [
    ["account", slot.account], ["address", slot.address], ["type", slot.type], ["summary", slot.summary],
    ["promise", promise(slot.promised)], ["crew", slot.crew && workerName(slot.crew)],
  ]);
  if (place.dataset.order && slot.order) {
    parts.order.hidden = false;
    parts.order.href = `${place.dataset.order}?id=${encodeURIComponent(slot.order)}`;
  }
  options(parts.status, state.statuses, slot.status.id);
  parts.state.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    close();
    if (parts.status.value !== slot.status.id) act({ kind: "status", booking: slot.id, status: parts.status.value }, version);
  });
  times(parts, slot, slot, (to) => {
    if (to.worker !== slot.worker || to.start !== slot.start || to.end !== slot.end) act({ kind: "move", booking: slot.id, ...to }, version);
  });
  parts.remove.addEventListener("click", () => removal(slot, version));
  show(copy, parts.worker);
}

// What goes with a booking: its event, where there is one that is not over, and what becomes of its work order.
function leaving(slot) {
  const worker = { worker: workerName(slot.worker) };
  const person = (state.workers.get(slot.worker)?.kind ?? "User") === "User";
  const key = !person ? "remove_none" : ["none", "deleted"].includes(slot.standing) ? "remove_nowhere" : slot.end <= Date.now() ? "remove_over" : "remove_event";
  return [say(key, worker), slot.order && say("remove_order")].filter(Boolean).join(" ");
}

export async function removal(slot, version = seen(slot)) {
  const chosen = await choose({
    title: say("remove_title", { name: nameOf(slot) }), text: leaving(slot),
    lines: [[say("booking"), brief(slot)], ...await goingAlong(slot)], buttons: [["yes", say("remove"), "risky"], ["no", say("keep"), ""]],
  });
  if (chosen === "yes") act({ kind: "remove", booking: slot.id }, version);
}

// A new booking: for this work order, or for none.
export function booking({ worker, start, end, order = null }) {
  const [copy, parts] = made("book");
  parts.title.textContent = order ? say("book_order", { name: order.number }) : say("book_none");
  facts(parts, order ? [["account", order.account], ["address", order.address], ["type", order.type], ["summary", order.summary], ["promise", promise(order.promised)]] : []);
  parts.naming.hidden = Boolean(order);
  times(parts, { worker, start, end }, null, (to) => act({ kind: "book", ...to, order: order?.id ?? null, number: order?.number, title: order ? "" : parts.name.value.trim() }));
  show(copy, order ? parts.worker : parts.name);
}

export function help() {
  const [copy] = made("help");
  show(copy);
}
