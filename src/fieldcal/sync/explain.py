"""Why is this booking (not) in the calendar? Every station of its way, in plain words, from what is stored.

The command line, the pages and REST ask it alike, of one booking or of a page of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from fieldcal.model import BookingId, Create, Link, MailboxId, StatusKind, Update, Worker
from fieldcal.plan.decide import Candidate, Decision, Place, decide
from fieldcal.plan.missed import due
from fieldcal.plan.remedy import remedy
from fieldcal.plan.render import CANCELED
from fieldcal.plan.rules import Moment, Reason, home
from fieldcal.plan.settings import Drift
from fieldcal.setup_model import Environment, Mailbox, ServerProfile
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
from fieldcal.state.feeds import Feed
from fieldcal.state.findings import Finding
from fieldcal.state.history import Line
from fieldcal.state.marks import Waiting
from fieldcal.sync import signs, stations
from fieldcal.sync.answer import NOT_IN, Case, Step, answer, cleaned, homeless, spoiled
from fieldcal.sync.site import Site
from fieldcal.sync.stations import Station


@dataclass(frozen=True, slots=True)
class Why:
    """Where a booking stands. `answer` begins with whether it is in the calendar."""

    booking: BookingId
    answer: str
    stations: tuple[Station, ...]
    history: tuple[Line, ...]
    #: it should stand in a calendar, and does not (`plan.missed`)
    missing: bool


@dataclass(frozen=True, slots=True)
class _Ground:
    """What holds for all of the bookings that are asked for, and their rows."""

    feed: Feed
    moment: Moment
    place: Environment
    profiles: Mapping[str, ServerProfile]
    pauses: Mapping[str, tuple[datetime, str]]
    aside: Mapping[str, Aside]
    workers: Mapping[str, tuple[Worker, bool]]
    boxes: Mapping[MailboxId, Mailbox]
    links: Mapping[str, Sequence[Link]]
    written: Mapping[tuple[str, str], datetime]
    marks: Mapping[str, Sequence[Waiting]]
    findings: Mapping[str, Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One booking with all that is known of it, wherever it stands."""

    stored: Stored
    worker: Worker | None
    gone: bool
    links: Sequence[Link]
    lines: Sequence[Line]
    findings: Sequence[Finding]
    #: why its row cannot be read, "" where it can
    unreadable: str
    #: it belongs into some calendar, whatever keeps it out
    due: bool


def explain(tx: Connection, site: Site, booking: BookingId) -> Why | None:
    """The whole answer for one booking; None when nothing is known of it."""
    return several(tx, site, [booking]).get(booking)


def several(tx: Connection, site: Site, ids: Sequence[BookingId]) -> dict[BookingId, Why]:
    """The same for a page of them: those of which something is known. Asks for each its history, for all the rest."""
    stored = bookings.load(tx, site.environment, ids)
    ground = _ground(tx, site, stored, ids)
    found: dict[BookingId, Why] = {}
    for key in ids:
        aside = ground.aside.get(key)
        if key in stored:
            found[key] = _explain(tx, site, ground, stored[key], aside)
        elif aside is not None:
            never = f"{NOT_IN}: {spoiled(aside.reason)}."
            found[key] = Why(key, never, (stations.unreadable(aside),), (), missing=True)
    return found


def _ground(tx: Connection, site: Site, stored: Mapping[BookingId, Stored], ids: Sequence[BookingId]) -> _Ground:
    name, feed = site.environment, feeds.load(tx, site.environment)
    people = workers.load(tx, name, {one.known.booking.worker for one in stored.values()})
    linked: dict[str, list[Link]] = {}
    for link in links.of_bookings(tx, name, ids):
        linked.setdefault(link.booking, []).append(link)
    wanted = {link.mailbox for several in linked.values() for link in several}
    wanted |= {worker.mailbox for worker, _ in people.values() if worker.mailbox}
    moment = site.moment(feed.far_edge)
    return _Ground(
        feed, moment, environments.get(tx, name), {one.id: one for one in profiles.everyone(tx)},
        pauses.lasting(tx, moment.now), set_aside.load(tx, name, Kind.BOOKING, ids), people,
        {box.id: box for box in mailboxes.some(tx, name, sorted(wanted))}, linked, links.written(tx, name, ids),
        marks.of_bookings(tx, name, ids), findings.of_bookings(tx, name, ids),
    )  # fmt: skip


def _explain(tx: Connection, site: Site, ground: _Ground, stored: Stored, aside: Aside | None) -> Why:
    row, feed = stored.known.booking, ground.feed
    worker, gone = ground.workers.get(row.worker or "", (None, False))
    asked = _Asked(
        stored, worker, gone, ground.links.get(row.id, ()), history.of_booking(tx, site.environment, row.id),
        ground.findings.get(row.id, ()), aside.reason if aside else "",
        due(stored.known, worker, gone, site.settings, ground.moment.window),
    )  # fmt: skip
    where = home(row, worker, gone)
    way = [
        stations.source(stored, feed, ground.pauses.get(f"source:{site.environment}")),
        *([stations.unreadable(aside)] if aside else []),
        stations.window(site.settings, row, ground.moment),
        stations.worker(worker, where, feed),
    ]
    said: list[Case] = []
    if not isinstance(where, Reason):
        case, more = _at_home(tx, site, ground, asked, where)
        said.append(case)
        way += more
    for box in signs.asked(where, asked.links)[len(said) :]:
        case, more = _elsewhere(tx, site, ground, asked, box)
        said.append(case)
        way += more
    way += [stations.check(item) for item in asked.findings]
    text = _answer(said, where, stored)
    if aside and not said:
        text = f"{NOT_IN}: {spoiled(aside.reason)}."
    missing = asked.due and not _stands(site, asked, None if isinstance(where, Reason) else where)
    return Why(row.id, text, tuple(way), tuple(asked.lines), missing)


def _stands(site: Site, asked: _Asked, where: MailboxId | None) -> bool:
    """An event of it stands where it belongs (anywhere, where that is nowhere), or a hand's removal is respected."""
    taken = {item.event for item in asked.findings if item.kind == "deleted"}
    respected = site.settings.drift is Drift.RESPECT
    return any(
        respected if link.declined else link.event not in taken
        for link in asked.links
        if link.event is not None and where in (None, link.mailbox)
    )


def _answer(said: Sequence[Case], where: MailboxId | Reason, stored: Stored) -> str:
    """The home's sentence first; what stands elsewhere follows, for it is news there."""
    if said:
        return " ".join(answer(case) for case in said)
    assert isinstance(where, Reason)  # else its home has been looked at
    if stored.known.deleted_at is not None or not stored.known.booking.active:
        where = Reason.DELETED if stored.known.deleted_at is not None else Reason.INACTIVE
    return homeless(where)


def _at_home(
    tx: Connection, site: Site, ground: _Ground, asked: _Asked, mailbox: MailboxId
) -> tuple[Case, list[Station]]:
    case, link = _case(tx, site, ground, asked, mailbox)
    row, box, mark = asked.stored.known.booking, ground.boxes.get(mailbox), case.mark
    last = next((line.at for line in asked.lines if line.mailbox == mailbox), None)
    written = ground.written.get((mailbox, row.id))
    way = [
        stations.set_up(box, case.closed, case.remedy),
        stations.decision(case.step, case.reason, mark, last or written),
        stations.event(link, written, due=asked.due),
    ]
    if mark is not None:
        way.append(stations.next_try(mark, box, case.pause, case.closed, ground.feed, ground.moment.now))
    if case.pause is not None:
        way.append(stations.pause(case.pause))
    for said in plans.verdicts(tx, site.environment, mailbox, [row.id]).get(row.id, [])[:1]:
        plan = plans.find(tx, site.environment, said.plan)
        way.append(stations.plan(said, (plan.decided_at or plan.created_at) if plan else None))
    return case, way


def _elsewhere(
    tx: Connection, site: Site, ground: _Ground, asked: _Asked, mailbox: MailboxId
) -> tuple[Case, list[Station]]:
    case, link = _case(tx, site, ground, asked, mailbox)
    box = ground.boxes.get(mailbox)
    case = replace(case, of=box.address if box and box.address else mailbox)
    at = ground.written.get((mailbox, asked.stored.known.booking.id))
    text = f'"{link.subject if link else ""}" stands in that of {case.of}'
    return case, [Station("event elsewhere", None, text, at)]


def _case(tx: Connection, site: Site, ground: _Ground, asked: _Asked, mailbox: MailboxId) -> tuple[Case, Link | None]:
    """What holds in one mailbox."""
    booking, box = asked.stored.known.booking.id, ground.boxes.get(mailbox)
    link = next((link for link in asked.links if link.mailbox == mailbox), None)
    decision = decide(
        Candidate(asked.stored.known, asked.worker, asked.gone, link),
        Place(site.organization, mailbox, site.settings, ground.moment),
        site.render,
    )
    closed, helps = _closed(ground, box)
    said = []
    if decision.evidence:
        said = plans.verdicts(tx, site.environment, mailbox, [booking]).get(booking, [])
    verdict = next((row for row in said if decision.evidence and row.evidence == decision.evidence.text), None)
    drift = next((item for item in asked.findings if link and item.event == link.event and item.kind != "copy"), None)
    declined = link is not None and link.declined
    deleted = declined or (drift is not None and drift.kind == "deleted")
    case = Case(
        step=_step(decision), reason=decision.reason,
        standing=link is not None and link.event is not None and not deleted,
        closed=closed, remedy=helps,
        cleaned=cleaned(asked.lines, mailbox), verdict=verdict,
        mark=next((mark for mark in ground.marks.get(booking, ()) if mark.mailbox == mailbox), None),
        pause=_pause(ground, box), unreadable=asked.unreadable, stale=asked.stored.stale,
        unanswered=link.intent.at if link and link.intent else None,
        # What is to be written now is no longer left as the check had found it (D8).
        drift=drift.detail if drift and not (declined and decision.action) else "",
        canceled=_canceled(asked, link, mailbox),
    )  # fmt: skip
    return case, link


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


def _closed(ground: _Ground, box: Mailbox | None) -> tuple[str, str]:
    """Why nothing may be written there now, and the command that helps; "" when all is well."""
    why = signs.closed(box, ground.profiles, ground.place)
    profile = ground.profiles.get(box.profile) if box and box.profile else None
    return why, remedy(box, profile, ground.place) if box else ""


def _pause(ground: _Ground, box: Mailbox | None) -> tuple[datetime, str] | None:
    if box is None:
        return None
    found = [ground.pauses[scope] for scope in (box.id, f"connector:{box.profile}") if scope in ground.pauses]
    return max(found, default=None)
