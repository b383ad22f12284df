"""Find out what became of writes that went unanswered, before anything new is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from fieldcal.model import Adopt, BookingId, Create, Delete, EventId, Link, Mark, Observed
from fieldcal.plan.decide import Resend, adopted, gone, resolve
from fieldcal.plan.retry import pause
from fieldcal.ports import Calendar
from fieldcal.state.held import Held
from fieldcal.state.history import Line
from fieldcal.state.marks import Later, Marked
from fieldcal.sync.sort import Work


@dataclass(slots=True)
class Found:
    """The work with its links as they turned out to be; the creates that have to go out again."""

    work: Work
    changed: list[Link] = field(default_factory=list)
    resends: dict[BookingId, Resend] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    #: bookings whose unanswered removal turned out to be carried out
    removed: list[BookingId] = field(default_factory=list)
    #: of which nothing can be known now, for the event is kept from us; looked for again later
    waiting: list[Later] = field(default_factory=list)


async def find_out(held: Held, calendar: Calendar, work: Work) -> Found:
    """Look for creates by their mark and for updates and removals by their event: one request for each, batched."""
    open_links = _open(work)
    if not open_links:
        return Found(work)
    await held.renew()
    actions = [link.intent.action for link in open_links if link.intent is not None]
    creates = [action.mark for action in actions if isinstance(action, Create)]
    others = [action.id for action in actions if not isinstance(action, Create)]
    by_mark = await calendar.find(creates, held.may_begin) if creates else {}
    await held.renew()
    by_id = await calendar.get(others, held.may_begin) if others else {}
    return conclude(work, by_mark, by_id)


def _open(work: Work) -> list[Link]:
    return [item.link for item in work.candidates.values() if item.link is not None and item.link.intent]


def conclude(
    work: Work, by_mark: Mapping[Mark, Sequence[Observed]], by_id: Mapping[EventId, Observed | None]
) -> Found:  # fmt: skip
    """What the calendar's answers say of each open intent. An event that they leave out is not gone; pure."""
    result = Found(work)
    candidates = dict(work.candidates)
    unread: set[BookingId] = set()
    for link in _open(work):
        assert link.intent is not None
        action = link.intent.action
        if not isinstance(action, Create) and action.id not in by_id:
            unread.add(link.booking)
            continue
        there = by_mark.get(action.mark, ()) if isinstance(action, Create) else [by_id.get(action.id)]
        verdict = resolve(link, [event for event in there if event is not None])
        if isinstance(verdict, Resend):
            result.resends[link.booking] = verdict
            continue
        after = adopted(link, verdict.observed) if isinstance(verdict, Adopt) else gone(link, work.place.settings)
        if after.event is None and isinstance(action, Delete):
            result.removed.append(link.booking)
        result.changed.append(after)
        result.lines.append(_line(work, link, after))
        candidates[link.booking] = replace(candidates[link.booking], link=after)
    result.waiting = [_kept(work, item) for item in work.marked if item.booking in unread]
    marked = tuple(item for item in work.marked if item.booking not in unread)
    result.work = replace(work, candidates=candidates, marked=marked)
    return result


def _kept(work: Work, marked: Marked) -> Later:
    due = work.place.moment.now + timedelta(seconds=pause(marked.attempts + 1, 0.0))
    return Later(marked, due, "the last write went unanswered, and the server does not let the event be read")


def _line(work: Work, link: Link, after: Link) -> Line:
    if after.event is None or after.declined:
        what, answer = "forget", "the event is not there"
    else:
        what, answer = "adopt", "the event is there" + ("; it is written once more" if after.rewrite else "")
    reason = "the last write went unanswered"
    return Line(link.mailbox, link.booking, what, reason, answer, ok=True, at=work.place.moment.now)
