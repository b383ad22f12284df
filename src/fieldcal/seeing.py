"""Which bookings a person may see, and where each stands: asked alike by the command line and the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import Booking, BookingId, Link, MailboxId, Worker
from fieldcal.plan.render import title
from fieldcal.plan.settings import Account, Settings
from fieldcal.setup.permissions import Action, allowed, allowed_own, require, require_for
from fieldcal.setup_model import Actor
from fieldcal.state import aside, booking_lists, bookings, environments, feeds, links, mailboxes, workers
from fieldcal.state.aside import Kind
from fieldcal.state.booking_lists import Missing, Wanted
from fieldcal.state.bookings import Stored
from fieldcal.sync import signs
from fieldcal.sync.answer import NOT_IN, without_commands
from fieldcal.sync.explain import Why, several
from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class Match:
    """One booking that is meant, with the whole answer."""

    environment: str
    #: None: it could never be read
    booking: Booking | None
    worker: Worker | None
    subject: str
    told: Why


def called(tx: Connection, actor: Actor, environment: str, text: str) -> list[BookingId]:
    """The bookings of this id, name or number that this person may see; a worker sees the own ones."""
    if not allowed_own(actor, Action.SEE_BOOKINGS):
        require(actor, Action.SEE_BOOKINGS)
    ids = bookings.search(tx, environment, text)
    stored = bookings.load(tx, environment, ids)
    meant = [key for key in ids if may_see(tx, actor, environment, stored[key].known.booking)]
    if not ids and allowed(actor, Action.SEE_BOOKINGS):
        # Of a row that was never read nothing but its id is known, so nobody can call it the own one.
        found = aside.load(tx, environment, Kind.BOOKING, [text.strip().lower().strip("{}")])
        meant = [BookingId(key) for key in found]
    return meant


def may_see(tx: Connection, actor: Actor, environment: str, row: Booking) -> bool:
    """Whether this person may see this booking: all, or the own one only."""
    return allowed(actor, Action.SEE_BOOKINGS) or is_own(tx, actor, environment, row)


def is_own(tx: Connection, actor: Actor, environment: str, row: Booking) -> bool:
    """Whether the booking's worker has the mailbox of the worker who asks."""
    if not allowed_own(actor, Action.SEE_BOOKINGS):
        return False
    worker, _ = workers.load(tx, environment, [row.worker]).get(row.worker or "", (None, False))
    if worker is None or worker.mailbox is None:
        return False
    box = mailboxes.load(tx, environment, worker.mailbox)
    return box is not None and actor.owns(box)


def explained(tx: Connection, site: Site, ids: Sequence[BookingId]) -> list[Match]:
    """Where these bookings stand, those of which something is known."""
    found: list[Match] = []
    known = bookings.load(tx, site.environment, ids)
    people = workers.load(tx, site.environment, {one.known.booking.worker for one in known.values()})
    for key, told in several(tx, site, ids).items():
        if key not in known:
            found.append(Match(site.environment, None, None, "", told))
            continue
        row = known[key].known.booking
        worker, _ = people.get(row.worker or "", (None, False))
        found.append(Match(site.environment, row, worker, title(known[key].known, site.settings), told))
    return found


@dataclass(frozen=True, slots=True)
class Listed:
    """One booking of a list. `standing`: one of the words of `sync.signs.standings`.

    `why`: the reason for which it does not stand in a calendar as it should, where such are listed; else "".
    """

    booking: Booking
    number: str
    account: str
    worker: str
    standing: str
    why: str = ""


def listed(
    tx: Connection, actor: Actor, environment: str, settings: Settings, wanted: Wanted, *, offset: int, limit: int,
    site: Site | None = None,
) -> tuple[list[Listed], int]:  # fmt: skip
    """One page of the bookings that this person may see, and how many there are in all.

    `site`: given where each is told with its reason: those with trouble, else those that should stand in a calendar
    and do not.
    """
    wanted = _narrowed(tx, actor, environment, settings, wanted, site)
    total = booking_lists.count(tx, environment, wanted)
    rows = booking_lists.page(tx, environment, wanted, offset=offset, limit=limit)
    return _reasoned(tx, _told(tx, environment, settings, rows), site), total


def in_order(
    tx: Connection, actor: Actor, environment: str, settings: Settings, wanted: Wanted, site: Site | None = None
) -> list[BookingId]:
    """The ids of all that `listed` would list, in its order."""
    return booking_lists.ids(tx, environment, _narrowed(tx, actor, environment, settings, wanted, site))


def lines_of(
    tx: Connection, environment: str, settings: Settings, ids: Sequence[BookingId], site: Site | None = None
) -> list[Listed]:
    """These bookings as `listed` lists them; who may see them was asked before."""
    stored = bookings.load(tx, environment, ids)
    return _reasoned(tx, _told(tx, environment, settings, [stored[key] for key in ids if key in stored]), site)


def _narrowed(
    tx: Connection, actor: Actor, environment: str, settings: Settings, wanted: Wanted, site: Site | None
) -> Wanted:
    """What is wanted, of what this person may see."""
    if not allowed_own(actor, Action.SEE_BOOKINGS):
        require(actor, Action.SEE_BOOKINGS)
    if not allowed(actor, Action.SEE_BOOKINGS):
        wanted = _own(tx, actor, environment, wanted)
    if site is None or wanted.trouble:
        return wanted
    window = site.moment(feeds.load(tx, environment).far_edge).window
    return replace(wanted, missing=Missing(window, settings))


def _reasoned(tx: Connection, found: list[Listed], site: Site | None) -> list[Listed]:
    """The same with the reason, where `site` is given: `why`'s answer without the words that all of them begin with."""
    if site is None:
        return found
    told = several(tx, site, [one.booking.id for one in found])
    texts = [without_commands(told[one.booking.id].answer).removeprefix(f"{NOT_IN}: ") for one in found]
    return [replace(one, why=text[:1].upper() + text[1:]) for one, text in zip(found, texts, strict=True)]


def _own(tx: Connection, actor: Actor, environment: str, wanted: Wanted) -> Wanted:
    boxes = [box.id for box in mailboxes.owned(tx, environment, actor)]
    theirs = booking_lists.workers_of(tx, environment, boxes)
    meant = theirs if wanted.workers is None else [one for one in theirs if one in set(wanted.workers)]
    return replace(wanted, workers=meant)


def _told(tx: Connection, environment: str, settings: Settings, rows: Sequence[Stored]) -> list[Listed]:
    people = workers.load(tx, environment, {row.known.booking.worker for row in rows})
    standing = signs.standings(tx, environment, rows)
    found: list[Listed] = []
    for row in rows:
        one = row.known.booking
        order = row.known.snapshot
        worker, _ = people.get(one.worker or "", (None, False))
        billed = settings.account is Account.BILLING
        account = "" if order is None else order.billing_account if billed else order.service_account
        number = (order.number if order else "") or one.name
        found.append(Listed(one, number, account, worker.name if worker else "", standing[one.id]))
    return found


def standings(tx: Connection, environment: str, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The version that was read of each of these bookings, and where it stands, as `Listed` has it."""
    stored = bookings.load(tx, environment, ids)
    told = signs.standings(tx, environment, list(stored.values()))
    return {key: (row.known.booking.version, told[key]) for key, row in stored.items()}


def standing_now(tx: Connection, environment: str, booked: Mapping[str, tuple[int, str]]) -> dict[str, str]:
    """Where bookings of these versions and workers stand.

    `waits` or `behind` while the field service is ahead of what was read, unless nothing will be written all the same.
    """
    known = standings(tx, environment, list(booked))
    ahead = {key for key, (newest, _) in booked.items() if known.get(key, (0, ""))[0] < newest}
    never = signs.unwritten(tx, environment, {booked[key][1] for key in ahead})
    return {
        key: _ahead(known.get(key, (0, "waits"))[1], booked[key][1] in never) if key in ahead else known[key][1]
        for key in booked
    }


def _ahead(told: str, never: bool) -> str:
    """What is told of a booking that was changed since it was read."""
    if told in {"stands", "outdated"}:
        return "outdated" if never else "behind"
    if told in {"none", "deleted", "waits"}:
        return "none" if never else "waits"
    return told


@dataclass(frozen=True, slots=True)
class Written:
    """The event of a booking as it was last written into one mailbox."""

    mailbox: str
    address: str
    subject: str
    start: datetime | None
    end: datetime | None
    location: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Beside:
    """A booking as it is, its event as it would be written now, and the events as they were written."""

    subject: str
    location: str
    events: Sequence[Written]


def beside(tx: Connection, site: Site, booking: BookingId) -> Beside:
    """What is to stand in the calendar beside what stands there; nothing is asked of it."""
    stored = bookings.load(tx, site.environment, [booking]).get(booking)
    events = [_written(tx, site.environment, link) for link in links.of_booking(tx, site.environment, booking)
              if link.event is not None]  # fmt: skip
    if stored is None:
        return Beside("", "", events)
    row = stored.known.booking
    worker, _ = workers.load(tx, site.environment, [row.worker]).get(row.worker or "", (None, False))
    if worker is None:
        return Beside(title(stored.known, site.settings), row.place, events)
    try:
        event = site.render(stored.known, worker, site.settings, site.clock.now())
    except ConfigError:  # a template is at fault, which stands among the alerts
        return Beside(title(stored.known, site.settings), row.place, events)
    return Beside(event.subject, event.location, events)


def _written(tx: Connection, environment: str, link: Link) -> Written:
    box = mailboxes.load(tx, environment, link.mailbox)
    address = box.address if box and box.address else str(link.mailbox)
    at = links.written_at(tx, environment, link.mailbox, link.booking)
    return Written(link.mailbox, address, link.subject, link.start, link.end, link.location, at)


def concerned(tx: Connection, actor: Actor, environment: str, row: Booking) -> frozenset[MailboxId] | None:
    """The mailboxes that a pass for this booking is for, when this person may have one; None: all of them.

    A worker's own pass is for the own mailbox only.
    """
    worker, _ = workers.load(tx, environment, [row.worker]).get(row.worker or "", (None, False))
    home = {worker.mailbox} if worker and worker.mailbox else set()
    if allowed(actor, Action.SYNC):
        there = {MailboxId(box) for box in bookings.concerned(tx, environment, [row.id]).get(row.id, ())}
        return frozenset(home | there) or None
    require_for(actor, Action.SYNC, mailboxes.some(tx, environment, sorted(home)),
                environments.get(tx, environment).settings)  # fmt: skip
    if not home:
        require(actor, Action.SYNC)
    return frozenset(home)
