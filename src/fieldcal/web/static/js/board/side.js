// Work orders that nobody is booked for: searched, narrowed, a page at a time; dragged onto a worker, or booked by a form.
import { promise } from "./describe.js";
import { booking } from "./details.js";
import { freeOn } from "./drag.js";
import { ask, made, say } from "./page.js";
import { axis, lanes, state } from "./state.js";
import { DAY, MINUTE } from "./time.js";

const form = document.getElementById("board-search");
const list = document.getElementById("board-orders");
const count = document.getElementById("board-count");
const [less, more] = [document.getElementById("board-less"), document.getElementById("board-more")];
const SIZE = 50;
const orders = new Map();
// by id: the card that is shown, and what it was made of
let cards = new Map();
let [page, number] = [1, 0];
// the version that the list is of, the last that was told of, and whether the list is on its way to it
let [shown, last, due] = [0, 0, false];
const SOON = 150;

export function orderOf(node) {
  return orders.get(node.closest("[data-order]")?.dataset.order) ?? null;
}

function promised(order) {
  if (order.unreadable) return say("promise_unreadable");
  const when = promise(order.promised);
  return when && say("promised", { when });
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

// Something has changed, up to this version: the list follows, once for all that comes at a time.
export function follow(version) {
  last = Math.max(last, version);
  if (due || last <= shown) return;
  due = true;
  setTimeout(async () => {
    const told = await loadOrders();
    due = false;
    if (told) follow(last);
  }, SOON);
}

// Show these cards in this order; those that stay are not touched, nor what is focused or scrolled.
function arrange(wanted) {
  const focused = [...list.children].findIndex((node) => node.contains(document.activeElement));
  const held = list.children[focused]?.dataset.order;
  const now = new Map(wanted.map((order) => {
    const text = JSON.stringify(order);
    const was = cards.get(order.id);
    return [order.id, was?.text === text ? was : { text, node: card(order) }];
  }));
  for (const [id, { node }] of cards) if (now.get(id)?.node !== node) node.remove();
  let at = list.firstElementChild;
  for (const { node } of now.values()) {
    if (node === at) at = at.nextElementSibling;
    else list.insertBefore(node, at);
  }
  cards = now;
  if (focused < 0 || list.contains(document.activeElement)) return;
  // what was booked leaves the list, and the focus goes to the next
  const next = now.get(held)?.node ?? list.children[Math.min(focused, wanted.length - 1)];
  (next?.querySelector("button") ?? form.querySelector("input")).focus({ preventScroll: true });
}

// Whether the list could be asked for.
export async function loadOrders() {
  number += 1;
  const mine = number;
  const values = Object.fromEntries(new FormData(form));
  const told = await ask("waiting", { ...values, page });
  if (!told || mine !== number) return Boolean(told);
  if (!told.orders.length && page > 1) {
    page = 1;
    return loadOrders();
  }
  shown = told.version;
  orders.clear();
  for (const order of told.orders) orders.set(order.id, order);
  arrange(told.orders);
  const narrowed = values.search || values.type || values.priority;
  const first = (page - 1) * SIZE;
  count.textContent = told.total
    ? say("orders", { first: first + 1, last: first + told.orders.length, count: told.total.toLocaleString("en") })
    : say(narrowed ? "no_orders_found" : "no_orders");
  less.disabled = page === 1;
  more.disabled = first + told.orders.length >= told.total;
  less.parentElement.hidden = told.total <= SIZE;
  return true;
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
