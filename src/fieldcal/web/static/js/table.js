// Ticks of a table with a bulk bar: all rows of the page, all that match, and how many are selected.
export function tables(root) {
  const forms = root.matches?.("form[data-many]") ? [root] : root.querySelectorAll("form[data-many]");
  for (const form of forms) {
    if (form.dataset.ready) continue;
    form.dataset.ready = "yes";
    const ticks = () => [...form.querySelectorAll("input[name='id']")];
    const page = form.querySelector("input[data-page]");
    const all = form.querySelector("input[name='all']");
    const count = form.querySelector("[data-count]");
    const show = () => {
      const ticked = ticks().filter((tick) => tick.checked);
      const chosen = ticked.length;
      // a row may stand for several
      const worth = ticked.reduce((sum, tick) => sum + Number(tick.dataset.worth ?? 1), 0);
      const number = all?.checked ? Number(all.dataset.total) : worth;
      if (page) {
        page.checked = chosen > 0 && chosen === ticks().length;
        page.indeterminate = chosen > 0 && chosen < ticks().length;
      }
      if (count) count.textContent = number.toLocaleString("en");
      for (const button of form.querySelectorAll("button[data-act]")) button.disabled = number === 0;
    };
    if (page) page.hidden = false;
    page?.addEventListener("change", () => {
      for (const tick of ticks()) tick.checked = page.checked;
      if (all && !page.checked) all.checked = false;
      show();
    });
    form.addEventListener("change", (event) => { if (event.target !== page) show(); });
    addEventListener("pageshow", show);
    show();
  }
}
