// On a narrow screen: a list of each worker's bookings, the next under the other; a tap opens the form.
import { details } from "./details.js";
import { canceled, signs, spoken } from "./describe.js";
import { made, say } from "./page.js";
import { axis, lanes, nameOf, ofWorker, zoneOf } from "./state.js";
import { fresh } from "./keys.js";
import { spanText } from "./time.js";

const list = document.getElementById("board-list");

function line(slot) {
  const [node, parts] = made("line");
  const { first, days } = axis();
  parts.open.setAttribute("aria-label", spoken(slot));
  parts.open.dataset.id = slot.id;
  parts.open.classList.toggle("off", canceled(slot));
  parts.open.addEventListener("click", () => details(slot));
  parts.when.textContent = spanText(slot.start, slot.end, zoneOf(slot.worker), days === 1 ? first : NaN);
  parts.name.textContent = [nameOf(slot), slot.account].filter(Boolean).join(" · ");
  parts.status.textContent = slot.status.name;
  parts.signs.replaceChildren(...signs(slot));
  return node;
}

export function drawList() {
  const focused = document.activeElement?.dataset.id;
  list.replaceChildren(...lanes().map((lane) => {
    const held = ofWorker(lane.id);
    const [node, parts] = made("worker");
    parts.name.textContent = lane.name;
    parts.lines.append(...held.map(line));
    parts.none.hidden = held.length > 0;
    parts.add.setAttribute("aria-label", say("book_for", { worker: lane.name }));
    parts.add.addEventListener("click", () => fresh(lane.id));
    return node;
  }));
  if (focused) list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
