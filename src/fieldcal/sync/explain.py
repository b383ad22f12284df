"""Why is this booking (not) in the calendar? Every station of its way, in plain words, from what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.model import BookingId, Link, MailboxId, Worker
from fieldcal.plan.decide import Candidate, Place, decide
from fieldcal.plan.rules import SENTENCES, Reason, home
from fieldcal.state import bookings, feeds, findings, history, links, mailboxes, marks, pauses, plans, workers
from fieldcal.state.bookings import Stored
from fieldcal.state.history import Line
from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class Station:
    """One stop on the way. `good`: True as it should be, False what stands in the way, None a plain fact."""

    name: str
    good: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Why:
    """Where a booking stands. `answer` is one sentence."""

    booking: BookingId
    answer: str
    stations: tuple[Station, ...]
    history: tuple[Line, ...]


def explain(tx: Connection, site: Site, booking: BookingId) -> Why | None:
    """The whole answer for one booking; None when it is not stored."""
    stored = bookings.load(tx, site.environment, [booking]).get(booking)
    if stored is None:
        return None
    feed = feeds.load(tx, site.environment)
    moment = site.moment(feed.far_edge)
    row = stored.known.booking
    worker, gone = workers.load(tx, site.environment, [row.worker]).get(row.worker or "", (None, False))
    where = home(row, worker, gone)
    all_links = links.of_booking(tx, site.environment, booking)
    stations = [
        _source(stored, feed.last_pull_at, feed.last_error),
        _window(site, stored, moment.window.holds(row.start, row.end)),
        _worker(worker, where),
    ]
    answer = SENTENCES[where] if isinstance(where, Reason) else ""
    if not isinstance(where, Reason):
        link = next((link for link in all_links if link.mailbox == where), None)
        decision = decide(
            Candidate(stored.known, worker, gone, link),
            Place(site.organization, where, site.settings, moment),
            site.render,
        )
        closed = mailboxes.why_not(tx, site.environment, where)
        stations.append(Station("set-up", closed is None, closed or "the mailbox is set up and may be written to"))
        stations.append(Station("decision", None, f"{_verb(decision.action)}: {SENTENCES[decision.reason]}"))
        stations.append(_event(link))
        stations += _waiting(tx, site, where, booking, moment.now)
        answer = _answer(link, decision.action is None, decision.reason, closed, stored)
    stations += [_elsewhere(link) for link in all_links if link.event is not None and link.mailbox != where]
    stations += _findings(tx, site, booking)
    return Why(booking, answer, tuple(stations), tuple(history.of_booking(tx, site.environment, booking)))


def _source(stored: Stored, read_at: datetime | None, error: str) -> Station:
    row = stored.known.booking
    if stored.known.deleted_at is not None:
        return Station("source", False, f"deleted; the source said so at {_at(stored.known.deleted_at)}")
    if not row.active:
        return Station("source", False, "inactive, which counts as deleted")
    text = f"{row.status_name or row.kind}, {_at(row.start)} to {_at(row.end)}, version {row.version}"
    text += f"; last read at {_at(read_at)}" if read_at else "; the source was never read to its end"
    if error:
        return Station("source", False, f"{text}; the last read failed: {error}")
    if stored.stale:
        return Station("source", False, f"{text}; its details wait to be read")
    return Station("source", True, text)


def _window(site: Site, stored: Stored, inside: bool) -> Station:
    row = stored.known.booking
    settings = site.settings
    span = f"{settings.window_past} days back to {settings.window_future} days ahead"
    if row.end < row.start:
        return Station("window", False, SENTENCES[Reason.ENDS_BEFORE_START])
    return Station("window", inside, f"it lies {'in' if inside else 'outside'} the window ({span})")


def _worker(worker: Worker | None, where: MailboxId | Reason) -> Station:
    name = worker.name if worker else "nobody"
    if isinstance(where, Reason):
        return Station("worker", False, f"{name}: {SENTENCES[where]}")
    return Station("worker", True, f"{name}, mailbox {worker.address if worker else where}")


def _event(link: Link | None) -> Station:
    if link is None or link.event is None:
        if link is not None and link.intent is not None:
            return Station("event", None, f"a write of {_at(link.intent.at)} went unanswered; it is looked for first")
        return Station("event", False, "no event of ours stands in the calendar")
    text = f'"{link.subject}", {_at(link.start)} to {_at(link.end)}, id {link.event}'
    if link.intent is not None:
        text += f"; a write of {_at(link.intent.at)} went unanswered"
    return Station("event", True, text)


def _elsewhere(link: Link) -> Station:
    return Station("event elsewhere", None, f'"{link.subject}" stands in mailbox {link.mailbox}')


def _waiting(tx: Connection, site: Site, mailbox: MailboxId, booking: BookingId, now: datetime) -> list[Station]:
    found: list[Station] = []
    mark = marks.one(tx, site.environment, mailbox, booking)
    if mark is not None:
        if mark.due is None:
            found.append(Station("next try", False, f"set aside until the booking changes: {mark.trouble}"))
        else:
            trouble = f" ({mark.trouble})" if mark.trouble else ""
            found.append(Station("next try", None, f"at {_at(mark.due)} or the next pass after it{trouble}"))
    paused = pauses.lasting(tx, now)
    found += [
        Station("pause", False, f"the mailbox waits until {_at(until)}: {reason}")
        for scope, (until, reason) in paused.items()
        if scope == mailbox
    ]
    held = plans.verdicts(tx, site.environment, mailbox, [booking]).get(booking, [])
    found += [Station("plan", None, f"its removal is {row.state} in plan {row.plan}") for row in held[:1]]
    return found


def _findings(tx: Connection, site: Site, booking: BookingId) -> list[Station]:
    return [
        Station("check", None, f"{item.kind}: {item.detail}")
        for item in findings.load(tx, site.environment)
        if item.booking == booking
    ]


def _answer(link: Link | None, idle: bool, reason: Reason, closed: str | None, stored: Stored) -> str:
    standing = link is not None and link.event is not None
    if idle and standing:
        return f"It is in the calendar: {SENTENCES[reason]}."
    if idle:
        return f"It is not in the calendar: {SENTENCES[reason]}."
    if closed is not None:
        return f"It is not up to date in the calendar: {closed}."
    if stored.stale:
        return "It is about to be written; its details have to be read from the source first."
    return f"It is about to be written: {SENTENCES[reason]}."


def _verb(action: object) -> str:
    return "nothing to do" if action is None else type(action).__name__.lower()


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else "an unknown time"
