// Work orders that nobody is booked for: searched, narrowed, a page at a time; dragged onto a worker, or booked by a form.
import { booking } from "./details.js";
import { freeOn } from "./drag.js";
import { ask, made, say } from "./page.js";
import { axis, lanes, state } from "./state.js";
import { DAY, MINUTE, datedText } from "./time.js";

const form = document.getElementById("board-search");
const list = document.getElementById("board-orders");
const count = document.getElementById("board-count");
const [less, more] = [document.getElementById("board-less"), document.getElementById("board-more")];
const SIZE = 50;
const orders = new Map();
let [page, number] = [1, 0];

export function orderOf(node) {
  return orders.get(node.closest("[data-order]")?.dataset.order) ?? null;
}

function promised(order) {
  if (order.unreadable) return say("promise_unreadable");
  const [from, till] = order.promised.map((at) => (at ? Date.parse(at) : NaN));
  if (Number.isNaN(till)) return "";
  return say("promised", { when: datedText(from, till, state.viewer, Date.now()) });
}

function card(order) {
  const [node, parts] = made("order");
  node.dataset.order = order.id;
  parts.number.textContent = order.number;
  parts.priority.textContent = order.priority;
  parts.priority.hidden = !order.priority;
  parts.account.textContent = [order.account, order.address].filter(Boolean).join(", ");
  parts.summary.textContent = order.summary;
  parts.more.textContent = [order.type, order.minutes && say("minutes", { count: order.minutes }), promised(order)].filter(Boolean).join(" · ");
  parts.book.setAttribute("aria-label", say("book_order", { name: order.number }));
  parts.book.addEventListener("click", () => book(order));
  return node;
}

function book(order) {
  const worker = (state.at.worker && state.workers.has(state.at.worker) && state.at.worker) || lanes()[0]?.id || state.lanes[0]?.id;
  if (!worker) return;
  const minutes = order.minutes || 60;
  const { first, days } = axis();
  const day = days > 1 ? Math.min(Math.max(state.day, first), first + (days - 1) * DAY) : first;
  const start = freeOn(worker, minutes, day);
  booking({ worker, start, end: start + minutes * MINUTE, order });
}

export async function loadOrders() {
  number += 1;
  const mine = number;
  const values = Object.fromEntries(new FormData(form));
  const told = await ask("waiting", { ...values, page });
  if (!told || mine !== number) return;
  if (!told.orders.length && page > 1) {
    page = 1;
    await loadOrders();
    return;
  }
  const focused = [...list.children].findIndex((node) => node.contains(document.activeElement));
  orders.clear();
  for (const order of told.orders) orders.set(order.id, order);
  list.replaceChildren(...told.orders.map(card));
  // what was booked leaves the list, and the focus goes to the next
  if (focused >= 0) (list.children[Math.min(focused, told.orders.length - 1)]?.querySelector("button") ?? form.querySelector("input"))?.focus();
  const narrowed = values.search || values.type || values.priority;
  const first = (page - 1) * SIZE;
  count.textContent = told.total
    ? say("orders", { first: first + 1, last: first + told.orders.length, count: told.total.toLocaleString("en") })
    : say(narrowed ? "no_orders_found" : "no_orders");
  less.disabled = page === 1;
  more.disabled = first + told.orders.length >= told.total;
  less.parentElement.hidden = told.total <= SIZE;
}

function turn(by) {
  page += by;
  list.scrollTop = 0;
  loadOrders();
}
less.addEventListener("click", () => turn(-1));
more.addEventListener("click", () => turn(1));
let timer = 0;
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => { page = 1; loadOrders(); }, 200);
});
form.addEventListener("submit", (event) => { event.preventDefault(); event.stopPropagation(); page = 1; loadOrders(); });
