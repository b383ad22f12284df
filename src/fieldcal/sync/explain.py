"""Why is this booking (not) in the calendar? Every station of its way, in plain words, from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from fieldcal.model import BookingId, Create, Link, MailboxId, StatusKind, Update, Worker
from fieldcal.plan.decide import Candidate, Decision, Place, decide
from fieldcal.plan.ready import ready
from fieldcal.plan.remedy import remedy
from fieldcal.plan.render import CANCELED
from fieldcal.plan.rules import SENTENCES, Moment, Reason, home
from fieldcal.setup_model import Mailbox
from fieldcal.state import aside as set_aside
from fieldcal.state import (
    bookings,
    environments,
    feeds,
    findings,
    history,
    links,
    mailboxes,
    marks,
    pauses,
    plans,
    profiles,
    workers,
)
from fieldcal.state.aside import Aside, Kind
from fieldcal.state.bookings import Stored
from fieldcal.state.findings import Finding
from fieldcal.state.history import Line
from fieldcal.sync.answer import Case, Step, answer, cleaned, homeless, instant, spoiled
from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class Station:
    """One stop on the way. `good`: True as it should be, False what stands in the way, None a plain fact."""

    name: str
    good: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Why:
    """Where a booking stands. `answer` begins with whether it is in the calendar."""

    booking: BookingId
    answer: str
    stations: tuple[Station, ...]
    history: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One booking with all that is known of it, wherever it stands."""

    stored: Stored
    worker: Worker | None
    gone: bool
    moment: Moment
    links: Sequence[Link]
    lines: Sequence[Line]
    findings: Sequence[Finding]
    #: why its row cannot be read, "" where it can
    unreadable: str


def explain(tx: Connection, site: Site, booking: BookingId) -> Why | None:
    """The whole answer for one booking; None when nothing is known of it."""
    stored = bookings.load(tx, site.environment, [booking]).get(booking)
    aside = set_aside.load(tx, site.environment, Kind.BOOKING, [booking]).get(booking)
    if stored is None:
        return _never_read(booking, aside) if aside else None
    feed = feeds.load(tx, site.environment)
    row = stored.known.booking
    worker, gone = workers.load(tx, site.environment, [row.worker]).get(row.worker or "", (None, False))
    asked = _Asked(
        stored, worker, gone, site.moment(feed.far_edge), links.of_booking(tx, site.environment, booking),
        history.of_booking(tx, site.environment, booking),
        [item for item in findings.load(tx, site.environment) if item.booking == booking],
        aside.reason if aside else "",
    )  # fmt: skip
    where = home(row, worker, gone)
    stations = [
        _source(stored, feed.last_pull_at, feed.last_error),
        *([_unreadable(aside)] if aside else []),
        _window(site, stored, asked.moment.window.holds(row.start, row.end)),
        _worker(worker, where),
    ]
    said: list[Case] = []
    if not isinstance(where, Reason):
        case, more = _look(tx, site, asked, where, at_home=True)
        said.append(case)
        stations += more
    for link in asked.links:
        if link.event is not None and link.mailbox != where:
            case, more = _look(tx, site, asked, link.mailbox, at_home=False)
            said.append(case)
            stations += more
    stations += [Station("check", None, f"{item.kind}: {item.detail}") for item in asked.findings]
    text = _answer(said, where, stored)
    if aside and not said:
        text = f"It is not in the calendar: {spoiled(aside.reason)}."
    return Why(booking, text, tuple(stations), tuple(asked.lines))


def _never_read(booking: BookingId, aside: Aside) -> Why:
    return Why(booking, f"It is not in the calendar: {spoiled(aside.reason)}.", (_unreadable(aside),), ())


def _unreadable(aside: Aside) -> Station:
    version = f", version {aside.version}" if aside.version is not None else ""
    since = f"since {instant(aside.since)}{version}"
    return Station("set aside", False, f"its row cannot be read, {since}: {aside.reason}; correct it at the source")


def _answer(said: Sequence[Case], where: MailboxId | Reason, stored: Stored) -> str:
    """The home's sentence first; what stands elsewhere follows, for it is news there."""
    if said:
        return " ".join(answer(case) for case in said)
    assert isinstance(where, Reason)  # else its home has been looked at
    if stored.known.deleted_at is not None or not stored.known.booking.active:
        where = Reason.DELETED if stored.known.deleted_at is not None else Reason.INACTIVE
    return homeless(where)


def _look(
    tx: Connection, site: Site, asked: _Asked, mailbox: MailboxId, *, at_home: bool
) -> tuple[Case, list[Station]]:
    """What holds in one mailbox: for the answer, and as stations."""
    booking, now = asked.stored.known.booking.id, asked.moment.now
    link = next((link for link in asked.links if link.mailbox == mailbox), None)
    decision = decide(
        Candidate(asked.stored.known, asked.worker, asked.gone, link),
        Place(site.organization, mailbox, site.settings, asked.moment),
        site.render,
    )
    box = mailboxes.load(tx, site.environment, mailbox)
    address = box.address if box and box.address else mailbox
    closed, help_ = _closed(tx, site, box)
    mark = marks.one(tx, site.environment, mailbox, booking)
    said = plans.verdicts(tx, site.environment, mailbox, [booking]).get(booking, [])
    verdict = next((row for row in said if decision.evidence and row.evidence == decision.evidence.text), None)
    drift = next((item for item in asked.findings if link and item.event == link.event and item.kind != "copy"), None)
    declined = link is not None and link.declined
    deleted = declined or (drift is not None and drift.kind == "deleted")
    case = Case(
        step=_step(decision), reason=decision.reason, of="" if at_home else address,
        standing=link is not None and link.event is not None and not deleted,
        closed=f"{closed} ({help_})" if closed and help_ else closed,
        cleaned=cleaned(asked.lines, mailbox), verdict=verdict, mark=mark, pause=_pause(tx, box, now),
        unreadable=asked.unreadable, stale=asked.stored.stale,
        unanswered=link.intent.at if link and link.intent else None,
        # What is to be written now is no longer left as the check had found it (D8).
        drift=drift.detail if drift and not (declined and decision.action) else "",
        canceled=_canceled(asked, link, mailbox),
    )  # fmt: skip
    if not at_home:
        return case, [Station("event elsewhere", None, f'"{link.subject if link else ""}" stands in that of {address}')]
    stations = [
        Station("set-up", not closed, case.closed or "the mailbox is set up and may be written to"),
        Station("decision", None, f"{case.step or 'nothing to do'}: {SENTENCES[decision.reason]}"),
        _event(link),
    ]
    if mark is not None:
        stations.append(_next_try(mark))
    if case.pause is not None:
        stations.append(Station("pause", False, f"the mailbox waits until {instant(case.pause[0])}: {case.pause[1]}"))
    stations += [Station("plan", None, f"its removal is {row.state} in plan {row.plan}") for row in said[:1]]
    return case, stations


def _canceled(asked: _Asked, link: Link | None, mailbox: MailboxId) -> Literal["", "marked", "plain", "removed"]:
    """What is to be seen in this mailbox of a canceled booking, by what was last written there."""
    if asked.stored.known.booking.kind is not StatusKind.CANCELED:
        return ""
    if link is not None and link.event is not None:
        if not link.subject:
            return ""  # its texts were pruned, so nobody knows what it shows
        return "marked" if link.subject.startswith(CANCELED) else "plain"
    last = next((line for line in asked.lines if line.mailbox == mailbox and line.ok), None)
    return "removed" if last is not None and last.action == "remove" else ""


def _step(decision: Decision) -> Step | None:
    match decision.action:
        case None:
            return None
        case Create():
            return "create"
        case Update():
            return "update"
        case _:
            return "remove"


def _closed(tx: Connection, site: Site, box: Mailbox | None) -> tuple[str, str]:
    """Why nothing may be written there now, and the command that helps; "" when all is well."""
    if box is None:
        return "the mailbox is not known", ""
    place = environments.get(tx, site.environment)
    profile = profiles.find(tx, box.profile) if box.profile else None
    return ready(box, profile, place) or "", remedy(box, profile, place)


def _pause(tx: Connection, box: Mailbox | None, now: datetime) -> tuple[datetime, str] | None:
    if box is None:
        return None
    lasting = pauses.lasting(tx, now)
    found = [lasting[scope] for scope in (box.id, f"connector:{box.profile}") if scope in lasting]
    return max(found, default=None)


def _source(stored: Stored, read_at: datetime | None, error: str) -> Station:
    row = stored.known.booking
    if stored.known.deleted_at is not None:
        return Station("source", False, f"deleted; the source said so at {instant(stored.known.deleted_at)}")
    if not row.active:
        return Station("source", False, "inactive, which counts as deleted")
    text = f"{row.status_name or row.kind}, {instant(row.start)} to {instant(row.end)}, version {row.version}"
    text += f"; last read at {instant(read_at)}" if read_at else "; the source was never read to its end"
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
            return Station("event", None, f"a write of {instant(link.intent.at)} went unanswered; it is looked for")
        return Station("event", False, "no event of ours stands in the calendar")
    if link.declined:
        return Station("event", None, "a hand took our event away, and it was not made again since")
    text = f'"{link.subject or "(texts forgotten)"}", {instant(link.start)} to {instant(link.end)}, id {link.event}'
    if link.intent is not None:
        text += f"; a write of {instant(link.intent.at)} went unanswered"
    return Station("event", True, text)


def _next_try(mark: marks.Waiting) -> Station:
    if mark.due is None:
        return Station("next try", False, f"set aside until the booking changes: {mark.trouble}")
    trouble = f" ({mark.trouble})" if mark.trouble else ""
    return Station("next try", None, f"at {instant(mark.due)} or the next pass after it{trouble}")
