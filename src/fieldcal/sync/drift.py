"""Do about hands' changes what the setting says (D8): report them, write them over, or respect a deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.model import BookingId, MailboxId
from fieldcal.plan.drift import Answer, Drifted, answer
from fieldcal.plan.rules import Show, home, wish
from fieldcal.plan.settings import Drift
from fieldcal.state import bookings, feeds, links, marks, workers
from fieldcal.state.findings import Finding
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
    wanted = _wanted(tx, site, mailbox, found) if site.settings.drift is Drift.RESTORE else set()
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


def _wanted(tx: Connection, site: Site, mailbox: MailboxId, found: Sequence[Drifted]) -> set[BookingId]:
    """Of these the bookings whose event the rules want written here; what D4 to D6 leave alone is not."""
    stored = bookings.load(tx, site.environment, [item.link.booking for item in found])
    people = workers.load(tx, site.environment, {item.known.booking.worker for item in stored.values()})
    moment = site.moment(feeds.load(tx, site.environment).far_edge)
    result: set[BookingId] = set()
    for item in found:
        row = stored.get(item.link.booking)
        if row is None:
            continue
        worker, gone = people.get(row.known.booking.worker or "", (None, False))
        where = home(row.known.booking, worker, gone)
        # Deleted, it is made anew only where a new one would be made (D5: none for a booking that is canceled).
        link = None if item.now is None else replace(item.link, declined=False)
        if isinstance(wish(row.known, where, mailbox, link, site.settings, moment), Show):
            result.add(item.link.booking)
    return result
