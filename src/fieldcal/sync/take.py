"""One step of reading: rows that the source told, their details, and one transaction that stores what they come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from fieldcal.model import Booking, BookingId, Window, WorkOrderId
from fieldcal.source_model import Details, Unreadable
from fieldcal.state import bookings, feeds, leases, links
from fieldcal.state.feeds import Feed
from fieldcal.state.held import READING, Held
from fieldcal.sync.absorb import Frame, Told, absorb, wanting
from fieldcal.sync.site import Site

#: How many bookings one read of details asks for.
DETAILS = 500
#: By how much a change may be older than the pull before, by two clocks, and be news all the same.
LAG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Read:
    """What one question to the source has told, before anybody asks for details."""

    rows: tuple[Booking, ...] = ()
    deleted: tuple[BookingId, ...] = ()
    #: rows that are there and cannot be read
    unreadable: tuple[Unreadable, ...] = ()
    #: bookings whose work order changed (D1 `work_order`)
    followed: Collection[BookingId] = ()
    #: rows whose details are wanted and that are marked whatever the comparison says
    urged: frozenset[BookingId] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """What questions by id came to: bookings marked, proven gone, and those of which the source told nothing."""

    marked: int = 0
    gone: int = 0
    silent: int = 0


def frame_of(site: Site, feed: Feed) -> Frame:
    """Pull measures by the edge that was reached, not by the clock: what starts later is enter's."""
    now = site.clock.now()
    near = site.settings.window(now).near
    window = Window(near, feed.far_edge or now)
    return Frame(site.environment, site.settings, window, feed.reading or "", now, news_since(feed))


def news_since(feed: Feed) -> datetime | None:
    """From when on a change is news: since the pull before was begun, and a little earlier, for clocks differ."""
    return feed.pull_began_at and feed.pull_began_at - LAG


async def stored(site: Site, held: Held, work: Callable[[Connection], int]) -> int:
    """Run `work` in one transaction that holds only while the lease is ours, and renews it."""

    def fenced(tx: Connection) -> tuple[int, leases.Lease]:
        lease = leases.renew(tx, held.lease, site.clock.now(), READING)
        return work(tx), lease

    done, held.lease = await site.database.writing(fenced)
    return done


async def changed(site: Site, held: Held, **values: Any) -> None:
    """Set these columns of the feed."""

    def change(tx: Connection) -> int:
        feeds.change(tx, site.environment, **values)
        return 0

    await stored(site, held, change)


async def read_details(site: Site, ids: Sequence[BookingId]) -> Details:
    """These bookings' details; what the answer passes over in silence counts as unknown."""
    if not ids:
        return Details(())
    details = await site.source.bookings(ids)
    answered = {item.booking.id for item in details.found} | set(details.missing)
    return replace(details, unknown=tuple(booking for booking in ids if booking not in answered))


async def take(site: Site, held: Held, frame: Frame, read: Read, **values: Any) -> int:
    """Details first, over the network; then one transaction: rows, snapshots, marks, and these columns of the feed.

    Returns how many bookings were marked.
    """
    wanted = await site.database.reading(_to_read, frame, read)
    details = await read_details(site, wanted)
    followed = frozenset(wanted) & frozenset(read.followed)
    told = Told(read.rows, details, read.unreadable, read.deleted, followed | read.urged)

    def store(tx: Connection) -> int:
        marked = absorb(tx, frame, told)
        links.rewrite_unfollowed(tx, site.environment, followed, "work_order_version")
        if values:
            feeds.change(tx, site.environment, **values)
        return marked

    anything = values or read.rows or read.deleted or read.unreadable or told.forced
    return await stored(site, held, store) if anything else 0


def _to_read(tx: Connection, frame: Frame, read: Read) -> list[BookingId]:
    known = bookings.load(tx, frame.environment, read.followed)
    rows = {stored.known.booking.id: stored.known.booking for stored in known.values()}
    in_sight = wanting(tx, frame, [*rows.values()], forced=rows)
    return sorted({*wanting(tx, frame, read.rows, read.urged), *in_sight})


async def ask_by_id(site: Site, held: Held, frame: Frame, ids: Sequence[BookingId]) -> Asked:
    """Ask for each of these by its id; a 404 of its own proves that one gone, nothing else proves anything."""
    total = Asked()
    for start in range(0, len(ids), DETAILS):
        details = await read_details(site, ids[start : start + DETAILS])
        told = await site.database.reading(_news, frame, details)

        def store(tx: Connection, told: Told = told) -> int:
            marked = absorb(tx, frame, told)
            links.rewrite_unfollowed(tx, site.environment, told.forced, "work_order_version")
            return marked

        marked = await stored(site, held, store)
        silent = len(details.unknown) - len(details.unreadable)
        total = Asked(total.marked + marked, total.gone + len(details.missing), total.silent + silent)
    return total


def _news(tx: Connection, frame: Frame, details: Details) -> Told:
    """The rows as thin ones, but those that trigger with their details: a snapshot is read with those alone (R11)."""
    rows = tuple(item.booking for item in details.found)
    orders = {item.booking.id: item.work_order for item in details.found if item.work_order is not None}
    later = outdated(tx, frame, {key: (order.id, order.version) for key, order in orders.items()})
    # Of one that was set aside the details may be what could not be read.
    known = bookings.load(tx, frame.environment, [row.id for row in rows])
    wanted = {*wanting(tx, frame, rows, later), *(key for key, stored in known.items() if stored.stale)}
    found = tuple(item for item in details.found if item.booking.id in wanted)
    return Told(rows, replace(details, found=found), forced=later & wanted)


def outdated(tx: Connection, frame: Frame, orders: Mapping[BookingId, tuple[WorkOrderId, int]]) -> frozenset[BookingId]:
    """Bookings whose stored snapshot is older than their work order is now (D1 `work_order`); none unless followed."""
    if not frame.settings.follow_work_order:
        return frozenset()
    known = bookings.load(tx, frame.environment, orders)
    snapshots = {key: stored.known.snapshot for key, stored in known.items()}
    return frozenset(
        key
        for key, snapshot in snapshots.items()
        if snapshot is not None and snapshot.id == orders[key][0] and snapshot.version < orders[key][1]
    )
