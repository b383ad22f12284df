// The one dialog of the page: what is asked, and what was chosen.
import { made, part } from "./page.js";

const dialog = document.getElementById("dialog");
let over = null;

export function show(copy, focus) {
  over?.(null);
  dialog.replaceChildren(copy);
  if (!dialog.open) dialog.showModal();
  (focus ?? copy.querySelector("[autofocus]") ?? copy.querySelector("button, input, select"))?.focus();
}

export function close() {
  if (dialog.open) dialog.close();
}

export function isOpen() { return dialog.open; }

// Ask, and give the value of the button that is pressed; null where it is closed. `buttons`: [value, words, kind].
export function choose({ title, text, lines = [], buttons }) {
  const [copy, parts] = made("choice");
  parts.title.textContent = title;
  parts.text.textContent = text;
  parts.text.hidden = !text;
  parts.lines.replaceChildren(...lines.flatMap(([name, value]) => [part("dt", "", name), part("dd", "", value)]));
  parts.lines.hidden = lines.length === 0;
  return new Promise((resolve) => {
    const made = buttons.map(([value, words, kind]) => {
      const button = part("button", kind ?? "", words);
      button.type = "button";
      button.value = value;
      button.addEventListener("click", () => { over = null; resolve(value); close(); });
      return button;
    });
    parts.buttons.replaceChildren(...made);
    show(copy, made[0]);
    over = resolve;
  });
}

dialog.addEventListener("close", () => {
  const told = over;
  over = null;
  told?.(null);
});
