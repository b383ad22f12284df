"""Do about hands' changes what the setting says (D8): report them, write them over, or respect a deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.model import BookingId, EventId, Link, MailboxId
from fieldcal.plan.drift import DELETED, UNWANTED, Answer, Drifted, answer
from fieldcal.plan.rules import Show, home, wish
from fieldcal.plan.settings import Drift
from fieldcal.state import bookings, feeds, links, mailboxes, marks, workers
from fieldcal.state.findings import BY_HAND, Finding
from fieldcal.state.history import Line
from fieldcal.sync.site import Site


@dataclass(slots=True)
class Answered:
    """What became of the drift that one check has found."""

    findings: list[Finding] = field(default_factory=list)
    #: to be written once more, each with the difference that is written over
    restored: list[tuple[BookingId, str]] = field(default_factory=list)
    declined: list[BookingId] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def respond(tx: Connection, site: Site, mailbox: MailboxId, found: Sequence[Drifted], now: datetime) -> Answered:
    """Decide about each; marks what is to be written again. Nothing is sent here."""
    result = Answered()
    gone = {item.link.booking: item.now is None for item in found}
    here = [item.link for item in found]
    wanted = _wanted(tx, site, mailbox, here, gone) if site.settings.drift is Drift.RESTORE else set()
    for item in found:
        link = item.link
        what, told = answer(item, site.settings.drift, wanted=link.booking in wanted)
        if what is not Answer.RESTORE:
            kind = "deleted" if item.now is None else "changed"
            assert link.event is not None  # only what stood there can drift
            result.findings.append(Finding(mailbox, link.event, link.booking, kind, f"{item.said}; {told}"))
        if what is Answer.RESTORE:
            result.restored.append((link.booking, item.print))
        elif what is Answer.DECLINE and not link.declined:
            result.declined.append(link.booking)
        if what is Answer.RESTORE or (what is Answer.DECLINE and not link.declined):
            result.lines.append(Line(mailbox, link.booking, what.value, item.said, told, ok=True, at=now))
    links.settle_drift(tx, site.environment, mailbox, restored=result.restored, declined=result.declined)
    marks.mark(tx, site.environment, [(mailbox, booking) for booking, _ in result.restored], now, "drift")
    return result


def write_again(
    tx: Connection, site: Site, mailbox: MailboxId, chosen: Sequence[Finding], by: str, now: datetime
) -> tuple[dict[EventId, str], list[Line]]:
    """Mark what a person wants written again of what a check found in this mailbox; nothing is sent here.

    Returns the events that stay as they are, each with why, and a line of history for each of the others.
    """
    if (why := mailboxes.why_not(tx, site.environment, mailbox, alone=True)) is not None:
        return {EventId(one.event): why for one in chosen}, []
    gone = {BookingId(one.booking): one.kind == "deleted" for one in chosen if one.kind in BY_HAND}
    known = links.load(tx, site.environment, mailbox, gone)
    wanted = _wanted(tx, site, mailbox, list(known.values()), gone)
    left: dict[EventId, str] = {}
    restored: list[tuple[BookingId, str]] = []
    lines: list[Line] = []
    for one in chosen:
        link = known.get(BookingId(one.booking))
        if one.kind not in BY_HAND:
            left[EventId(one.event)] = "a copy is never written again"
        elif link is None or link.event != one.event:
            left[EventId(one.event)] = "it is not there any more as it was found; run the check again"
        elif link.booking not in wanted:
            left[EventId(one.event)] = UNWANTED
        else:
            # What is remembered of an earlier difference stays: found again, it is told as one that was not held.
            restored.append((link.booking, DELETED if gone[link.booking] else link.restored))
            told = f"it is written again, on behalf of {by}"
            lines.append(Line(mailbox, link.booking, Answer.RESTORE.value, one.detail, told, ok=True, at=now))
    links.settle_drift(tx, site.environment, mailbox, restored=restored)
    marks.mark(tx, site.environment, [(mailbox, booking) for booking, _ in restored], now, "drift")
    return left, lines


def _wanted(
    tx: Connection, site: Site, mailbox: MailboxId, found: Sequence[Link], deleted: Mapping[BookingId, bool]
) -> set[BookingId]:
    """Of these the bookings whose event the rules want written here; what D4 to D6 leave alone is not."""
    stored = bookings.load(tx, site.environment, [link.booking for link in found])
    people = workers.load(tx, site.environment, {item.known.booking.worker for item in stored.values()})
    moment = site.moment(feeds.load(tx, site.environment).far_edge)
    result: set[BookingId] = set()
    for known in found:
        row = stored.get(known.booking)
        if row is None:
            continue
        worker, gone = people.get(row.known.booking.worker or "", (None, False))
        where = home(row.known.booking, worker, gone)
        # Deleted, it is made anew only where a new one would be made (D5: none for a booking that is canceled).
        link = None if deleted[known.booking] else replace(known, declined=False)
        if isinstance(wish(row.known, where, mailbox, link, site.settings, moment), Show):
            result.add(known.booking)
    return result
