// One week of bookings, drawn where there is room for it; on a phone the list that the server wrote stays.
const place = document.querySelector("[data-week]");
const wide = matchMedia("(min-width: 60rem)");
let drawn = null;

function put(parent, name, words, kind) {
  if (!words) return;
  const node = document.createElement(name);
  node.textContent = words;
  if (kind) node.className = kind;
  parent.append(node);
  return node;
}

function content(info) {
  const told = info.event.extendedProps;
  const box = document.createElement("div");
  box.className = "told";
  box.title = [info.timeText, info.event.title, told.place, told.state, told.kind].filter(Boolean).join("\n");
  put(box, "span", info.timeText, "when");
  const title = put(box, place.hasAttribute("data-links") ? "a" : "span", info.event.title);
  if (title.localName === "a") title.href = told.url;
  put(box, "small", told.place);
  put(box, "small", [told.state, told.kind].filter(Boolean).join(", "), "unseen");
  return { domNodes: [box] };
}

function draw() {
  if (!place || !window.EventCalendar) return;
  const list = place.querySelector(".week");
  list.hidden = wide.matches;
  if (!wide.matches && drawn) {
    window.EventCalendar.destroyCalendar?.(drawn);
    place.querySelector(".drawn")?.remove();
    drawn = null;
  } else if (wide.matches && !drawn) {
    const target = document.createElement("div");
    target.className = "drawn";
    place.append(target);
    drawn = (window.EventCalendar.create ?? window.EventCalendar.createCalendar)(target, {
      view: "timeGridWeek", date: place.dataset.week, events: JSON.parse(place.dataset.events), firstDay: 1,
      headerToolbar: { start: "", center: "", end: "" }, allDaySlot: false, nowIndicator: true, locale: "en-GB",
      slotMinTime: "07:00", slotMaxTime: "19:00", flexibleSlotTimeLimits: true, slotDuration: "01:00", slotHeight: 52,
      dayHeaderFormat: { weekday: "short", day: "numeric", month: "short" }, height: "auto", eventContent: content,
      slotLabelFormat: { hour: "2-digit", minute: "2-digit" }, eventTimeFormat: { hour: "2-digit", minute: "2-digit" },
    });
    target.setAttribute("role", "group");
    target.setAttribute("aria-label", place.dataset.label);
    // its roles of a table do not fit what it holds; headings, events and their links are read as they stand
    requestAnimationFrame(() => {
      for (const one of target.querySelectorAll("*")) {
        for (const name of one.getAttributeNames()) if (/^(role|aria-(col|row)\w*)$/.test(name)) one.removeAttribute(name);
      }
    });
  }
}
wide.addEventListener("change", draw);
draw();
