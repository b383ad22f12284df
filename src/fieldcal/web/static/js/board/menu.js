// The menu of one booking: its statuses, and what else can be done with it. Opened by its button, the right button of
// the mouse, or the menu key.
import { act } from "./deeds.js";
import { details, removal } from "./details.js";
import { made, part, place, say } from "./page.js";
import { nameOf, seen, state } from "./state.js";

let open = null;

export function closeMenu(back = true) {
  if (!open) return;
  const { node, from } = open;
  open = null;
  node.remove();
  if (back) from.focus();
}

function item(words, run, role = "menuitem", on = false) {
  const node = part("button", "", words);
  node.type = "button";
  node.setAttribute("role", role);
  if (role === "menuitemradio") node.setAttribute("aria-checked", String(on));
  node.tabIndex = -1;
  node.addEventListener("click", () => { closeMenu(); run(); });
  return node;
}

// At this point of the window, for this booking; the focus comes back to `from`. `moving`: begins to move, or stretch.
export function menu(slot, from, x, y, moving) {
  closeMenu(false);
  const version = seen(slot);
  const [node, parts] = made("menu");
  node.setAttribute("aria-label", say("menu_of", { name: nameOf(slot) }));
  parts.statuses.append(...state.statuses.map((one) => item(
    one.name, () => one.id !== slot.status.id && act({ kind: "status", booking: slot.id, status: one.id }, version),
    "menuitemradio", one.id === slot.status.id,
  )));
  const why = part("a", "", say("why"));
  why.href = `/bookings/${encodeURIComponent(slot.id)}`;
  why.setAttribute("role", "menuitem");
  why.tabIndex = -1;
  parts.deeds.append(...[
    item(say("open"), () => details(slot)), why,
    ...(moving ? [item(say("move"), () => moving("move")), item(say("stretch"), () => moving("stretch"))] : []),
    item(say("remove"), () => removal(slot)),
  ]);
  place.append(node);
  node.style.left = `${Math.max(8, Math.min(x, innerWidth - node.offsetWidth - 8))}px`;
  node.style.top = `${Math.max(8, Math.min(y, innerHeight - node.offsetHeight - 8))}px`;
  open = { node, from };
  node.querySelector("button, a").focus();
  node.addEventListener("keydown", keyed);
}

function keyed(event) {
  const items = [...open.node.querySelectorAll("button, a")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items.at(to === items.length ? 0 : to).focus();
  } else if (event.key === "Escape" || event.key === "Tab") {
    event.preventDefault();
    closeMenu();
  }
  event.stopPropagation();
}

document.addEventListener("pointerdown", (event) => { if (open && !open.node.contains(event.target)) closeMenu(false); });
