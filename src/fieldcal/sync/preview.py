"""The plan before a write: what a pass would do now, booking by booking, each with its reason. Touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from fieldcal.model import BookingId, Create, Delete, Event, Known, Link, MailboxId, ShowAs, Update, Worker
from fieldcal.plan.decide import Candidate, Decision, Place, decide
from fieldcal.plan.ready import ready
from fieldcal.plan.render import title
from fieldcal.plan.rules import SENTENCES, Reason, home
from fieldcal.plan.settings import Settings
from fieldcal.state import aside as set_aside
from fieldcal.state import bookings, environments, feeds, links, mailboxes, plans, profiles, workers
from fieldcal.state.aside import Kind
from fieldcal.state.bookings import Stored
from fieldcal.state.tables import marks
from fieldcal.sync.site import Site

#: Why a step is not taken: the word for counting, and the reason.
_Hindered = tuple[str, str]

_VERBS: dict[type, str] = {Create: "create", Update: "update", Delete: "remove"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the plan. `verb`: create, update, remove, or skip."""

    verb: str
    booking: BookingId
    mailbox: MailboxId | None
    subject: str
    #: the rule's own word, for counting
    code: str
    reason: str
    #: for people: the booking's time, in UTC, its worker ("" for none) with the zone, and what an event is called
    start: datetime
    end: datetime
    worker: str
    zone: str
    title: str


def preview(tx: Connection, site: Site) -> list[Step]:
    """Every step that the next pass would take, and why every other booking of the window has no event."""
    feed = feeds.load(tx, site.environment)
    moment = site.moment(feed.far_edge)
    stored = {item.known.booking.id: item for item in bookings.unsettled(tx, site.environment, moment.window)}
    marked = _marked(tx, site.environment)
    # An event that stands and of which nothing is marked is left alone by a pass, but where a person has to say more.
    asked = plans.undecided(tx, site.environment)
    stored |= bookings.load(tx, site.environment, {*marked, *asked} - set(stored))
    linked = _linked(tx, site.environment, stored)
    people = workers.load(tx, site.environment, {item.known.booking.worker for item in stored.values()})
    aside = set_aside.load(tx, site.environment, Kind.BOOKING, stored)
    steps: list[Step] = []
    homes = {key: _home(item, people) for key, item in stored.items()}
    boxes = {key: {*marked.get(key, ()), *linked.get(key, {}), *([] if isinstance(at, Reason) else [at])}
             for key, at in homes.items()}  # fmt: skip
    closed = _closed(tx, site.environment, {box for some in boxes.values() for box in some})
    for key, item in stored.items():
        worker, gone = people.get(item.known.booking.worker or "", (None, False))
        where, places = homes[key], boxes[key]
        about = _About(item, worker, title(item.known, site.settings))
        if not places and isinstance(where, Reason):
            steps.append(_skip(about, None, where))
        for mailbox in sorted(places):
            place = Place(site.organization, mailbox, site.settings, moment)
            at = Candidate(item.known, worker, gone, linked.get(key, {}).get(mailbox))
            # What is not written needs no text, and making it is the dear part.
            decision = decide(at, place, _untold if closed[mailbox] else site.render)
            spoiled = ("unreadable", f"its row cannot be read: {aside[key].reason}") if key in aside else None
            hindered = closed[mailbox] or spoiled or _decided(tx, site, mailbox, decision, key)
            steps += _steps(about, mailbox, at.link, decision, hindered, here=mailbox == where)
    return steps


def _home(item: Stored, people: Mapping[str, tuple[Worker, bool]]) -> MailboxId | Reason:
    worker, gone = people.get(item.known.booking.worker or "", (None, False))
    return home(item.known.booking, worker, gone)


def _closed(tx: Connection, environment: str, wanted: set[MailboxId]) -> dict[MailboxId, _Hindered | None]:
    """For each of these mailboxes why nothing may be written there, None where it may; as `mailboxes.why_not` says."""
    place, ends = environments.get(tx, environment), {one.id: one for one in profiles.everyone(tx)}
    reasons = {box.id: ready(box, ends.get(box.profile or ""), place)
               for box in mailboxes.some(tx, environment, sorted(wanted))}  # fmt: skip
    told = {box: reasons.get(box, "the mailbox is not known") for box in wanted}
    return {box: ("not_set_up", why) if why is not None else None for box, why in told.items()}


def _untold(known: Known, _worker: Worker, _settings: Settings, _now: datetime) -> Event:
    return Event("", "", known.booking.start, known.booking.end, "", ShowAs.BUSY)


@dataclass(frozen=True, slots=True)
class _About:
    """One booking as its steps tell it."""

    item: Stored
    worker: Worker | None
    title: str


def _decided(tx: Connection, site: Site, mailbox: MailboxId, decision: Decision, key: BookingId) -> _Hindered | None:
    """What a person has said of this removal, or has to say first."""
    if decision.evidence is None:
        return None
    said = plans.verdicts(tx, site.environment, mailbox, [key]).get(key, [])
    same = next((row for row in said if row.evidence == decision.evidence.text), None)
    if same is None or same.state not in ("held", "rejected"):
        return None
    return same.state, f"{SENTENCES[decision.reason]}; its removal is {same.state} in plan {same.plan}"


def _steps(
    about: _About, mailbox: MailboxId, link: Link | None, decision: Decision, hindered: _Hindered | None, *, here: bool
) -> list[Step]:
    live = link is not None and link.event is not None
    if decision.action is None:
        # An event that says what it should, or a mailbox that never was this booking's, is no news.
        return [_skip(about, mailbox, decision.reason)] if here and not live else []
    if hindered is not None:
        return [_step(about, "skip", mailbox, *hindered)]
    return [_step(about, _VERBS[type(decision.action)], mailbox, decision.reason, SENTENCES[decision.reason])]


def _skip(about: _About, mailbox: MailboxId | None, reason: Reason) -> Step:
    return _step(about, "skip", mailbox, reason, SENTENCES[reason])


def _step(about: _About, verb: str, mailbox: MailboxId | None, code: str, reason: str) -> Step:
    row, worker = about.item.known.booking, about.worker
    return Step(
        verb, row.id, mailbox, _subject(about.item), code, reason, row.start, row.end, worker.name if worker else "",
        worker.zone if worker else "UTC", about.title,
    )  # fmt: skip


def _subject(item: Stored) -> str:
    return item.known.snapshot.number if item.known.snapshot else item.known.booking.name


def _marked(tx: Connection, environment: str) -> dict[BookingId, set[MailboxId]]:
    found: dict[BookingId, set[MailboxId]] = {}
    for row in tx.execute(select(marks.c.booking, marks.c.mailbox).where(marks.c.environment == environment)):
        found.setdefault(BookingId(row.booking), set()).add(MailboxId(row.mailbox))
    return found


def _linked(tx: Connection, environment: str, stored: Iterable[BookingId]) -> Mapping[BookingId, dict[MailboxId, Link]]:
    found: dict[BookingId, dict[MailboxId, Link]] = {}
    for link in links.of_bookings(tx, environment, stored):
        found.setdefault(link.booking, {})[link.mailbox] = link
    return found


def counted(steps: Iterable[Step]) -> dict[str, int]:
    """How many bookings are skipped, by reason."""
    return dict(sorted(Counter(step.code for step in steps if step.verb == "skip").items()))
