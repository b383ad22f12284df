// The card of one booking: made once, changed where what it shows has changed.
import { begins, brief, canceled, signs, spoken, standing, wrong } from "./describe.js";
import { made, say } from "./page.js";
import { nameOf, state } from "./state.js";

export function card() {
  const [node, parts] = made("card");
  return { node, parts, key: "" };
}

// Have the card show this booking; `inWeek`: where its place tells no time, the time comes first.
export function fill(one, slot, inWeek) {
  const label = spoken(slot);
  const key = [label, slot.type, slot.summary, slot.standing, slot.status.kind, slot.unanswered, inWeek].join("\n");
  one.node.dataset.id = slot.id;
  if (one.key === key) return;
  one.key = key;
  one.node.className = `job ${slot.standing ?? "waits"} ${slot.status.kind}${canceled(slot) ? " off" : ""}${slot.double ? " double" : ""}${slot.outside ? " outside" : ""}${state.ahead.has(slot.id) ? " ahead" : ""}`;
  one.node.setAttribute("aria-label", label);
  one.node.title = [brief(slot), slot.account, slot.type, slot.summary, slot.status.name, standing(slot), ...wrong(slot)].filter(Boolean).join("\n");
  const [first, then] = inWeek ? [begins(slot), nameOf(slot)] : [nameOf(slot), begins(slot)];
  one.parts.name.textContent = first;
  const step = slot.status.step === "scheduled" ? "" : slot.status.name;
  one.parts.where.textContent = [then, step, slot.account || slot.summary].filter(Boolean).join(" · ");
  one.parts.signs.replaceChildren(...signs(slot));
  one.parts.dots.setAttribute("aria-label", say("menu_of", { name: nameOf(slot) }));
}
