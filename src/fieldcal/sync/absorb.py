"""Take in what the source told: rows, details and proofs become stored bookings and marks, in one transaction.

Pull, enter, refresh, check and approval all come through here, so there is one place where a row is compared with
the row it replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.model import Booking, BookingId, MailboxId, Window
from fieldcal.plan.rules import home, matters, triggered
from fieldcal.plan.settings import Settings
from fieldcal.source_model import Details, Unreadable
from fieldcal.state import aside as set_aside
from fieldcal.state import bookings, links, marks, workers
from fieldcal.state.aside import Kind
from fieldcal.state.bookings import Stored


@dataclass(frozen=True, slots=True)
class Told:
    """What the source told about some bookings. A row that is in `details` too is taken from there."""

    rows: tuple[Booking, ...] = ()
    details: Details = field(default_factory=lambda: Details(()))
    #: rows that are there and cannot be read; those of `details` are told by `details`
    unreadable: tuple[Unreadable, ...] = ()
    #: deleted entries of the feed
    deleted: tuple[BookingId, ...] = ()
    #: marked whatever the comparison says (a person asked, an edge passed over them)
    forced: frozenset[BookingId] = frozenset()


@dataclass(frozen=True, slots=True)
class Frame:
    """What everything told is measured by."""

    environment: str
    settings: Settings
    window: Window
    #: the full read that is under way, "" in between
    run: str
    now: datetime
    #: what changed at the source from here on is news, and how long it takes into the calendar is measured; None: none
    #: of it. A first read, a booking that time brings into the window and one whose mailbox was switched on tell of
    #: changes that may be years old: none of these had anywhere to stand.
    since: datetime | None = None


def wanting(tx: Connection, frame: Frame, rows: Sequence[Booking], forced: Iterable[BookingId] = ()) -> list[BookingId]:
    """Of these rows those whose details have to be read: they trigger, and lie in the window or are linked."""
    ids = [row.id for row in rows]
    stored = bookings.load(tx, frame.environment, ids)
    linked = bookings.concerned(tx, frame.environment, ids)
    urged = set(forced)
    return [
        row.id
        for row in rows
        if (_newer(stored.get(row.id), row) or row.id in urged)
        and _in_sight(row, frame, row.id in linked)
        and (row.id in urged or _triggers(stored.get(row.id), row, frame.settings))
        and row.active
    ]


def absorb(tx: Connection, frame: Frame, told: Told) -> int:
    """Store what is news and mark whom it concerns; returns how many bookings were marked."""
    detailed = {item.booking.id: item for item in told.details.found}
    rows = {row.id: row for row in told.rows}
    # The details' row takes the thin row's place, unless a lagging answer is older than what the feed told.
    behind = {key for key, item in detailed.items() if key in rows and item.booking.version < rows[key].version}
    rows |= {key: item.booking for key, item in detailed.items() if key not in behind}
    spoiled = {BookingId(row.id) for row in (*told.unreadable, *told.details.unreadable)}
    # A 404 about a row that the same answers name is a contradiction, no proof: it is read again by the next pass.
    gone = [*told.deleted, *(key for key in told.details.missing if key not in rows and key not in spoiled)]
    ids = {*rows, *gone, *told.forced, *spoiled}
    stored = bookings.load(tx, frame.environment, ids)
    aside = set_aside.load(tx, frame.environment, Kind.BOOKING, rows)
    linked = bookings.concerned(tx, frame.environment, ids)
    news = [row for row in rows.values() if _kept(stored.get(row.id), row, frame, row.id in linked)]
    moved = [row for row in news if row.id in told.forced or _triggers(stored.get(row.id), row, frame.settings)]
    settled = {row.id for row in news} | set(gone)
    # Urged, but the answer was no newer than what is stored, or there was none: marked as it is, and read again.
    urged = [stored[key].known.booking for key in sorted(told.forced) if key in stored and key not in settled]
    read = {key: item for key, item in detailed.items() if key not in behind}
    # What concerns a calendar is never written from details that are older than the change itself.
    unread = {row.id for row in moved if row.id not in read and row.active and _in_sight(row, frame, row.id in linked)}
    thin = [row for row in news if row.id not in read]
    bad = [row for row in _unreadable(told, rows, set(read)) if _counts(stored.get(BookingId(row.id)), row, told)]
    sound = {key for key in rows if key in aside and rows[key].version >= (aside[key].version or 0)} - unread
    # Nothing was written while it was set aside: it is looked at, whether or not its last sound row said the same.
    healed = [row for row in news if row.id in sound and row not in moved]
    bookings.store_details(tx, frame.environment, [read[row.id] for row in news if row.id in read], frame.run)
    bookings.store_rows(tx, frame.environment, [r for r in thin if r.id not in unread], frame.run, stale=False)
    bookings.store_rows(tx, frame.environment, [r for r in thin if r.id in unread], frame.run, stale=True)
    bookings.set_stale(tx, frame.environment, [row.id for row in urged])
    links.rewrite_unfollowed(tx, frame.environment, _replaced(frame, stored, moved), "place")
    if frame.run:
        bookings.seen(tx, frame.environment, [key for key in (*rows, *spoiled) if key in stored], frame.run)
    bookings.store_proofs(tx, frame.environment, gone, frame.now)
    set_aside.store(tx, frame.environment, Kind.BOOKING, bad, {*sound, *gone}, frame.now)
    lost = [key for key in gone if key in stored and stored[key].known.deleted_at is None]
    return _mark(tx, frame, stored, linked, [*moved, *healed, *urged], lost)


def _unreadable(told: Told, rows: Mapping[BookingId, Booking], read: set[BookingId]) -> Iterator[Unreadable]:
    """Of the rows that cannot be read those of which the same answers say nothing sound that is as new."""
    for row in told.unreadable:
        known = rows.get(BookingId(row.id))
        newer = known is not None and (known.id in read if row.version is None else known.version >= row.version)
        if not newer and row.id not in told.deleted:
            yield row
    # The thin row may be sound while its details, its work order among them, are not.
    yield from (row for row in told.details.unreadable if row.id not in told.deleted)


def _counts(old: Stored | None, row: Unreadable, told: Told) -> bool:
    """Nothing new is told by a row of a version that was read sound; but its details may have to be read anew."""
    if old is None or row.version is None or row.version > old.known.booking.version:
        return True
    return old.known.deleted_at is None and (old.stale or row.id in told.forced)


def _replaced(frame: Frame, stored: Mapping[BookingId, Stored], moved: Sequence[Booking]) -> list[BookingId]:
    """Bookings whose own place changed (D1 `location`). A full read may be the first that asks for places at all."""
    if frame.run or not frame.settings.follow_location:
        return []
    return [row.id for row in moved if row.id in stored and stored[row.id].known.booking.place != row.place]


def _in_sight(row: Booking, frame: Frame, linked: bool) -> bool:
    return linked or frame.window.holds(row.start, row.end)


def _newer(old: Stored | None, row: Booking) -> bool:
    """A row is news unless what is stored is as new, or it was deleted since."""
    return old is None or row.version > old.known.booking.version


def _kept(old: Stored | None, row: Booking, frame: Frame, linked: bool) -> bool:
    if old is None:
        return matters(row, frame.window, linked=linked)
    if old.known.deleted_at is not None:
        return row.version > old.known.booking.version
    return row.version >= old.known.booking.version


def _triggers(old: Stored | None, row: Booking, settings: Settings) -> bool:
    if old is None or old.known.deleted_at is not None or old.stale:
        return True
    return triggered(old.known.booking, row, settings)


def _mark(
    tx: Connection,
    frame: Frame,
    stored: Mapping[BookingId, Stored],
    linked: Mapping[BookingId, set[str]],
    moved: Sequence[Booking],
    lost: Sequence[BookingId],
) -> int:
    """Mark the new and the old worker's mailbox, and every mailbox that has or may have an event of it."""
    before = {row.id: stored[row.id].known.booking for row in moved if row.id in stored}
    people = workers.load(
        tx, frame.environment, [row.worker for row in moved] + [row.worker for row in before.values()]
    )
    pairs: set[tuple[MailboxId, BookingId]] = set()
    for row in moved:
        for box in linked.get(row.id, ()):
            pairs.add((MailboxId(box), row.id))
        for version in (row, before.get(row.id)):
            if version is None or not _in_sight(version, frame, row.id in linked):
                continue
            worker, gone = people.get(version.worker or "", (None, False))
            where = home(version, worker, gone)
            if worker is not None and where == worker.mailbox and worker.mailbox is not None:
                pairs.add((worker.mailbox, row.id))
    for key in lost:
        pairs |= {(MailboxId(box), key) for box in linked.get(key, ())}
    marks.mark(tx, frame.environment, pairs, frame.now, "changed", _news(frame, moved))
    return len({booking for _, booking in pairs})


def _news(frame: Frame, moved: Sequence[Booking]) -> dict[BookingId, datetime]:
    """When each of these was changed at the source, but for changes that the pull before could have told of."""
    told = {row.id: row.modified for row in moved if row.modified is not None}
    return {key: at for key, at in told.items() if frame.since is not None and at >= frame.since}
