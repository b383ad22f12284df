// What a dispatcher does: shown at once, sent one after the other, undone, and asked about where another was faster.
import { choose } from "./choice.js";
import { goingAlong, isCrews } from "./crew.js";
import { brief, lies, when } from "./describe.js";
import { inverse, past, rebook } from "./past.js";
import { say, send, tell } from "./page.js";
import { changed, drop, nameOf, put, slotOf, state, workerName } from "./state.js";

const history = past();
const listeners = [];
let line = Promise.resolve();
let number = 0;
// ids of what was done last: where they stand is told when it is known
export const fresh = new Set();

export function onDeed(listener) { listeners.push(listener); }
function told() { for (const listener of listeners) listener(history.last(), history.next()); }

// Do it, after what is under way. `version`: as it was seen when it was taken up.
export async function act(deed, version) {
  const slot = state.slots.get(deed.booking);
  const lines = deed.kind === "move" && slot && deed.worker !== slot.worker ? await goingAlong(slot) : [];
  if (lines.length && !(await given(slot, deed, lines))) {
    tell(say("stopped"));
    return null;
  }
  return queued(async () => {
    const done = await carried(deed, version);
    if (done) history.did({ deed, ...done });
    told();
    return done;
  });
}

// A crew's booking that is given away takes the members' with it: it is asked first.
async function given(slot, deed, lines) {
  const chosen = await choose({
    title: say("give_title", { name: nameOf(slot), worker: workerName(deed.worker) }), text: "", lines,
    buttons: [["yes", say("give"), "main"], ["no", say("keep"), ""]],
  });
  return chosen === "yes";
}

function queued(work) {
  const done = line.then(work);
  line = done.catch(() => null);
  return done;
}

export function undo() {
  return queued(async () => {
    const entry = history.last();
    if (!entry) return;
    const done = await carried(inverse(entry), history.left((entry.after ?? entry.before).id), "undone", entry.after ?? entry.before);
    if (done) history.undid(entry, done);
    told();
  });
}

export function redo() {
  return queued(async () => {
    const entry = history.next();
    if (!entry) return;
    const done = await carried(entry.deed, history.left(entry.deed.booking), "again", entry.before);
    if (done) history.redid(entry, done);
    told();
  });
}

// The booking before and after, null where nothing was done. `known`: as it was last, where it is not in sight.
async function carried(deed, version, how = "done", known = null) {
  const before = deed.booking ? state.slots.get(deed.booking) ?? known : null;
  const mark = ahead(deed, before);
  const { status, told: answer } = await send(deed.kind, body(deed, version ?? before?.version ?? 0));
  if (mark) state.ahead.delete(mark);
  if (status === 200) return kept(deed, before, answer, how);
  if (status === 409 && ("order" in answer || "taken" in answer)) return taken(deed, version, before, answer, how);
  if (status === 409 && "now" in answer) return overtaken(deed, before, answer.now && slotOf(answer.now), how);
  changed();
  tell(status === 0 ? say("not_sent") : answer.detail ?? say("refused"), "bad");
  return null;
}

function body(deed, version) {
  // the number is shown until the answer comes, and not sent
  const { kind, start, end, number: _, ...rest } = deed;
  const times = start ? { start: new Date(start).toISOString(), end: new Date(end).toISOString() } : {};
  return { ...rest, ...times, ...(kind === "book" ? {} : { version }) };
}

// Show it before it is answered; gives the id under which it is ahead.
function ahead(deed, before) {
  if (deed.booking && !state.slots.has(deed.booking)) return "";
  number += 1;
  const id = deed.booking ?? `new-${number}`;
  if (deed.kind === "move") state.ahead.set(id, { worker: deed.worker, start: deed.start, end: deed.end, standing: "waits" });
  else if (deed.kind === "remove") state.ahead.set(id, null);
  else if (deed.kind === "book") {
    const status = state.statuses.find((one) => one.id === deed.status) ?? state.statuses.find((one) => one.step === "scheduled");
    state.ahead.set(id, { id, name: deed.title ?? "", number: deed.number ?? "", account: "", version: 0, status: status ?? { kind: "committed", name: "" }, worker: deed.worker, start: deed.start, end: deed.end, standing: "waits" });
  } else if (before) state.ahead.set(id, { status: state.statuses.find((one) => one.id === deed.status) ?? before.status });
  changed();
  return id;
}

function kept(deed, before, answer, how) {
  const after = answer.slot && slotOf(answer.slot);
  if (after) {
    put(after);
    fresh.add(after.id);
  } else drop(deed.booking);
  changed();
  const slot = after ?? before;
  const done = say(`${how}_${deed.kind}`, { name: nameOf(slot), worker: workerName(slot.worker), when: when(slot), status: slot.status.name });
  tell([done, ...(after && deed.kind !== "status" ? lies(after) : [])].join(" "));
  // of a crew's booking that is gone or given away: whom it took along
  const members = isCrews(before) && !isCrews(after) ? answer.members ?? [] : undefined;
  return { before, after, members };
}

// The work order was booked or closed meanwhile, or its worker's time was given away: done all the same only where that is
// chosen.
async function taken(deed, version, before, { order, taken: others = [] }, how) {
  changed();
  const stands = (order?.slots ?? others).map(slotOf).map((slot) => [say("stands_now"), `${brief(slot)}, ${slot.status.name}`]);
  const [title, name] = order ? asked(order) : ["time_taken", workerName(before.worker)];
  const all_the_same = deed.kind === "status" ? "restore" : stands.length ? "book_second" : "book_closed";
  const again = !order || order.there ? [["again", say(all_the_same), ""]] : [];
  const chosen = await choose({
    title: say(title, { name }), text: say(order ? "order_text" : "time_text"),
    lines: [...stands, [say("yours"), mine(deed, before ?? { number: name })]], buttons: [["leave", say("leave"), "main"], ...again],
  });
  if (chosen === "again") return carried({ ...deed, again: true }, version, how, before);
  // what is not undone, or done again, is offered no more
  const entry = how === "undone" ? history.last() : how === "again" ? history.next() : null;
  if (entry) history.forget((entry.before ?? entry.after).id);
  tell(say("stopped"));
  return null;
}

function asked(order) {
  return [!order.there ? "order_removed" : order.slots.length ? "order_booked" : "order_closed", order.number || say("an_order")];
}

// Another was faster: nothing is overwritten before it is chosen.
async function overtaken(deed, before, now, how) {
  if (now) put(now);
  else drop(deed.booking);
  changed();
  const name = nameOf(now ?? before ?? { id: deed.booking });
  const lines = [[say("stands_now"), now ? `${brief(now)}, ${now.status.name}` : say("removed_now")], [say("yours"), mine(deed, before ?? now)]];
  const again = now || deed.kind === "move" ? [["mine", say(now ? "put_mine" : "book_again"), ""]] : [];
  const chosen = await choose({
    title: say("clash_title", { name }), text: say(how === "done" ? "clash_text" : "clash_undo"), lines,
    buttons: [["theirs", say(now ? "take_theirs" : "leave_removed"), "main"], ...again],
  });
  if (chosen === "mine" && now) {
    // what is undone later is theirs, which stood there
    state.slots.set(now.id, now);
    return carried(deed, now.version, how);
  }
  if (chosen === "mine") {
    const done = await carried(rebook({ ...before, worker: deed.worker, start: deed.start, end: deed.end }));
    if (done) {
      history.forget(deed.booking);
      history.did({ deed: rebook(done.after), ...done });
    }
    return null;
  }
  history.forget(deed.booking);
  tell(now ? say("took_theirs", { what: brief(now) }) : say("took_removed", { name }));
  return null;
}

function mine(deed, before) {
  if (deed.kind === "remove") return say("mine_remove");
  if (deed.kind === "status") return say("mine_status", { status: state.statuses.find((one) => one.id === deed.status)?.name ?? "" });
  return say("brief", { name: nameOf(before ?? { id: "" }), worker: workerName(deed.worker), when: when(deed) });
}
