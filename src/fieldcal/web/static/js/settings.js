// A name of the list goes to where one writes: into the template that was written in last, the subject's to begin with.
const templates = [...document.querySelectorAll("textarea[name$=_template]")];
let target = templates[0];
for (const box of templates) box.addEventListener("focus", () => { target = box; });

// The built-in template is something to begin with: it comes into the box, and is only saved where it is changed.
for (const button of document.querySelectorAll("button[data-begin]")) {
  const box = templates.find((one) => one.name === button.dataset.begin);
  button.hidden = false;
  button.addEventListener("click", () => {
    if (box.value.trim() === "") {
      box.value = document.getElementById(`built-in-${box.name}`).textContent;
      box.dispatchEvent(new Event("input", { bubbles: true }));
    }
    box.focus();
  });
}

for (const button of document.querySelectorAll("button[data-insert]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    target.setRangeText(button.dataset.insert, target.selectionStart, target.selectionEnd, "end");
    // as if it had been typed: the preview follows
    target.dispatchEvent(new Event("input", { bubbles: true }));
    target.focus();
  });
}
