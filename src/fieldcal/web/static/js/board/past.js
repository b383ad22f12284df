// What was done here, to be undone and done again. A deed is a plain value: what is sent, without the version. Pure.

// What takes this deed back. `before`: the booking as it was, `after`: as it became; null: there was none. `members`: of a
// crew's booking, the workers whose bookings the deed took away; they come back, and nobody else.
export function inverse({ deed, before, after, members }) {
  const along = members ? { members } : {};
  switch (deed.kind) {
    case "book": return { kind: "remove", booking: after.id };
    case "move": return { kind: "move", booking: before.id, worker: before.worker, start: before.start, end: before.end, ...along };
    case "status": return { kind: "status", booking: before.id, status: before.status.id };
    default: return { ...rebook(before), ...along };
  }
}

// The deed that makes a booking like this one.
export function rebook(slot) {
  return { kind: "book", worker: slot.worker, start: slot.start, end: slot.end, order: slot.order || null, status: slot.status.id, title: slot.name ?? "" };
}

export function past(longest = 100) {
  const done = [];
  const undone = [];
  // by booking: the version that our last deed left; what it is not any more, somebody else has changed
  const left = new Map();

  // A booking that was made anew has another id.
  function rename(old, now) {
    for (const entry of [...done, ...undone]) {
      if (entry.deed.booking === old) entry.deed = { ...entry.deed, booking: now };
      for (const side of ["before", "after"]) if (entry[side]?.id === old) entry[side] = { ...entry[side], id: now };
    }
  }

  function leave(entry) {
    if (entry.after) left.set(entry.after.id, entry.after.version);
  }

  return {
    did(entry) {
      done.push(entry);
      if (done.length > longest) done.shift();
      undone.length = 0;
      leave(entry);
    },
    // what is undone next, and done again next
    last: () => done.at(-1),
    next: () => undone.at(-1),
    left: (booking) => left.get(booking),
    undid(entry, told) {
      done.pop();
      if (entry.deed.kind === "remove" && told.after) rename(entry.before.id, told.after.id);
      const deed = { ...entry.deed };
      if (deed.kind === "remove") deed.booking = told.after.id;
      // done again, it is done with whom it was undone
      else if (told.members) deed.members = told.members;
      undone.push({ ...entry, deed });
      leave(told);
    },
    redid(entry, told) {
      undone.pop();
      const again = { ...entry, before: told.before, after: told.after, members: told.members };
      if (entry.deed.kind === "book") rename(entry.after.id, told.after.id);
      done.push(again);
      leave(told);
    },
    // somebody else's change stays: nothing of this booking's can be taken back any more
    forget(booking) {
      for (const list of [done, undone]) {
        for (let at = list.length - 1; at >= 0; at -= 1) {
          const entry = list[at];
          if ([entry.deed.booking, entry.before?.id, entry.after?.id].includes(booking)) list.splice(at, 1);
        }
      }
    },
  };
}
