// What every page has: menu, theme, selects that send their form, tables' ticks, the dialog, buttons pressed once.
import "./kept.js";
import { tables } from "./table.js";

const texts = document.getElementById("texts").dataset;
const dialog = document.getElementById("dialog");
const lost = document.getElementById("lost");

document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-menu], [data-theme-switch], [data-close], [data-print]");
  if (!at) return;
  if (at.matches("[data-menu]")) {
    const open = document.getElementById("navigation").classList.toggle("open");
    at.setAttribute("aria-expanded", String(open));
  } else if (at.matches("[data-theme-switch]")) {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("fieldcal-theme", root.dataset.theme);
    document.dispatchEvent(new CustomEvent("fieldcal:theme"));
  } else if (at.matches("[data-close]") && dialog.open) {
    event.preventDefault();
    dialog.close();
  }
});

document.addEventListener("keydown", (event) => {
  const side = document.getElementById("navigation");
  if (event.key === "Escape" && side?.classList.contains("open")) {
    side.classList.remove("open");
    const button = document.querySelector("[data-menu]");
    button.setAttribute("aria-expanded", "false");
    button.focus();
  }
});

for (const select of document.querySelectorAll("select[data-send]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
for (const button of document.querySelectorAll("[data-unneeded]")) button.hidden = true;

// A form is sent once: pressed twice, the second press finds it under way, before htmx hears of it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.closest("[data-many], [data-again]")) return;
  if (form.dataset.sent === "yes") {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  form.dataset.sent = "yes";
}, true);
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  // back from the browser's memory, where it keeps our pages at all: what was asked is over, and all can be pressed again
  if (dialog.open) dialog.close();
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// What htmx puts into the dialog is shown, and what it could not send is said and can be sent again.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === dialog && dialog.childElementCount) {
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector("[autofocus]") ?? dialog.querySelector("button"))?.focus();
  }
  tables(event.detail.target);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful === false) delete event.detail.elt.dataset?.sent;
  if (event.detail.xhr.status) lost.hidden = true;
});
document.addEventListener("htmx:sendError", (event) => {
  delete event.detail.elt.dataset?.sent;
  lost.textContent = texts.offline;
  lost.hidden = false;
});
function offline() {
  lost.textContent = texts.lost;
  lost.hidden = false;
}
addEventListener("offline", offline);
if (!navigator.onLine) offline();
addEventListener("online", () => { lost.hidden = true; });

tables(document);
