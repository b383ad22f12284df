"""Read what changed in the source, a page and a transaction at a time; enter what time has brought into the window.

One pull of an environment at a time, under its own lease. Nothing but reads goes to the source (I9).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from fieldcal.errors import CursorExpired
from fieldcal.model import BookingId, Details, Page, Window
from fieldcal.state import bookings, feeds, leases, links, workers
from fieldcal.state.feeds import Feed
from fieldcal.sync.absorb import Frame, Told, absorb, wanting
from fieldcal.sync.site import LEASE, Held, Site, holding

#: Users and addresses change without a trace in the resources' own feed: all are read again this often.
WORKERS_IN_FULL = timedelta(days=1)
#: How many bookings one read of details asks for.
DETAILS = 500


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull did; `busy`: another worker is pulling, nothing was done here."""

    changes: int = 0
    marked: int = 0
    #: bookings that were marked because the source told of their change
    news: int = 0
    busy: bool = False


async def pull(site: Site, *, workers_in_full: bool = False) -> Pulled:
    """Bring what is stored up to what the source says now, and mark whom it concerns."""
    async with holding(site, f"pull:{site.environment}") as held:
        if held is None:
            return Pulled(busy=True)
        feed = await site.database.reading(feeds.load, site.environment)
        await _pull_workers(site, held, feed, in_full=workers_in_full)
        feed = await _meet_window_setting(site, held, feed)
        # Before the changes: what they leave unread for a contradiction waits for the next pass's look.
        refreshed = await _refresh(site, held)
        pulled = await _pull_changes(site, held, feed)
        entered = refreshed + await _enter(site, held)
        now = site.clock.now()
        ahead = now + timedelta(minutes=site.settings.interval)
        await _change(site, held, last_pull_at=now, next_pull_at=ahead, last_error="")
        return replace(pulled, marked=pulled.marked + entered, news=pulled.marked)


async def _store(site: Site, held: Held, work: Callable[[Connection], int]) -> int:
    """Run `work` in one transaction that holds only while the lease is ours, and renews it."""

    def fenced(tx: Connection) -> tuple[int, leases.Lease]:
        lease = leases.renew(tx, held.lease, site.clock.now(), LEASE)
        return work(tx), lease

    done, held.lease = await site.database.writing(fenced)
    return done


async def _change(site: Site, held: Held, **values: Any) -> None:
    def change(tx: Connection) -> int:
        feeds.change(tx, site.environment, **values)
        return 0

    await _store(site, held, change)


async def _pull_workers(site: Site, held: Held, feed: Feed, *, in_full: bool) -> None:
    now = site.clock.now()
    read_at = feed.workers_read_at
    # Read in the future: the clock has been set back since, and it would be a long time before that day is over.
    fresh = read_at is not None and timedelta(0) <= now - read_at < WORKERS_IN_FULL
    cursor = feed.workers_cursor if fresh and not in_full else None
    while True:
        try:
            page = await site.source.workers(cursor)
        except CursorExpired:
            if cursor is None:
                raise
            cursor = None
            continue
        window = site.moment(feed.far_edge).window
        read_at = now if page.full and page.complete else read_at

        def store(tx: Connection, page: Any = page, window: Window = window, read_at: datetime | None = read_at) -> int:
            workers.store(tx, site.environment, page.rows, page.gone, window, now)
            feeds.change(tx, site.environment, workers_cursor=page.cursor, workers_read_at=read_at)
            return 0

        if page.rows or page.gone or page.full or page.cursor != cursor:
            await _store(site, held, store)
        cursor = page.cursor
        if page.complete:
            return


async def _meet_window_setting(site: Site, held: Held, feed: Feed) -> Feed:
    """Let a changed window setting take hold at both edges, before anything else is read (D3)."""
    now, past, future = site.clock.now(), site.settings.window_past, site.settings.window_future
    values: dict[str, Any] = {"kept_past": past, "kept_future": future}
    if feed.far_edge is None or (feed.kept_future is not None and future < feed.kept_future):
        values["far_edge"] = min(feed.far_edge or now + timedelta(days=future), now + timedelta(days=future))
    if feed.kept_past is not None and past > feed.kept_past:
        # Rows that ended before the old edge were never kept: the added range is read whole.
        added = Window(now - timedelta(days=past), now - timedelta(days=feed.kept_past))
        frame = _frame(site, replace(feed, far_edge=feed.far_edge or now))
        async for found in site.source.sweep(added):
            told = Told(details=Details(tuple(found)), forced=frozenset(item.booking.id for item in found))
            await _store(site, held, lambda tx, told=told, frame=frame: absorb(tx, frame, told))  # type: ignore[misc]
    if (feed.kept_past, feed.kept_future) != (past, future) or "far_edge" in values:
        await _change(site, held, **values)
    return await site.database.reading(feeds.load, site.environment)


def _frame(site: Site, feed: Feed) -> Frame:
    """Pull measures by the edge that was reached, not by the clock: what starts later is enter's."""
    now = site.clock.now()
    near = site.settings.window(now).near
    return Frame(site.environment, site.settings, Window(near, feed.far_edge or now), feed.reading or "", now)


async def _pull_changes(site: Site, held: Held, feed: Feed) -> Pulled:
    total = Pulled()
    if feed.cursor is None and feed.reading is None:
        feed = await _read_all_again(site, held, feed)
    while True:
        try:
            page = await site.source.changes(feed.cursor)
        except CursorExpired:
            if feed.cursor is None:
                raise
            feed = await _read_all_again(site, held, feed)
            continue
        marked = await _take_page(site, held, feed, page)
        feed = replace(feed, cursor=page.cursor)
        total = Pulled(total.changes + len(page.rows) + len(page.deleted), total.marked + marked)
        if page.complete:
            break
    if feed.reading:
        total = replace(total, marked=total.marked + await _follow_up(site, held, feed))
    return total


async def _read_all_again(site: Site, held: Held, feed: Feed) -> Feed:
    run = uuid.uuid4().hex
    await _change(site, held, cursor=None, reading=run)
    return replace(feed, cursor=None, reading=run)


async def _take_page(site: Site, held: Held, feed: Feed, page: Page) -> int:
    """Details first, over the network; then one transaction: rows, snapshots, marks, cursor."""
    frame = _frame(site, feed)
    followed: Sequence[BookingId] = ()
    if page.work_orders and site.settings.follow_work_order:
        followed = await site.source.affected(page.work_orders)
    wanted = await site.database.reading(_to_read, frame, page, followed)
    details = await read_details(site, wanted)
    told = Told(page.rows, details, page.deleted, frozenset(wanted) & frozenset(followed))

    def store(tx: Connection) -> int:
        marked = absorb(tx, frame, told)
        links.rewrite_unfollowed(tx, site.environment, told.forced, "work_order_version")
        feeds.change(tx, site.environment, cursor=page.cursor)
        return marked

    if page.rows or page.deleted or told.forced or page.cursor != feed.cursor:
        return await _store(site, held, store)
    return 0


def _to_read(tx: Connection, frame: Frame, page: Page, followed: Sequence[BookingId]) -> list[BookingId]:
    known = bookings.load(tx, frame.environment, followed)
    rows = {stored.known.booking.id: stored.known.booking for stored in known.values()}
    in_sight = wanting(tx, frame, [*rows.values()], forced=rows)
    return sorted({*wanting(tx, frame, page.rows), *in_sight})


async def read_details(site: Site, ids: Sequence[BookingId]) -> Details:
    """These bookings' details; what the answer passes over in silence counts as unknown."""
    if not ids:
        return Details(())
    details = await site.source.bookings(ids)
    answered = {item.booking.id for item in details.found} | set(details.missing)
    return replace(details, unknown=tuple(booking for booking in ids if booking not in answered))


async def _follow_up(site: Site, held: Held, feed: Feed) -> int:
    """After a full read: ask by id for every booking with an event that it did not name, then call it complete."""
    frame, marked = _frame(site, feed), 0
    missing = await site.database.reading(bookings.unseen, site.environment, frame.run)
    for start in range(0, len(missing), DETAILS):
        details = await read_details(site, missing[start : start + DETAILS])
        told = Told(details=details)
        marked += await _store(site, held, lambda tx, told=told: absorb(tx, frame, told))  # type: ignore[misc]
    await _change(site, held, reading=None, first_read_at=feed.first_read_at or site.clock.now())
    return marked


async def _enter(site: Site, held: Held) -> int:
    """Move the far edge to now; what it passes over gets its details and a mark in the same transaction (D3)."""
    feed = await site.database.reading(feeds.load, site.environment)
    edge = site.settings.window(site.clock.now()).far
    assert feed.far_edge is not None
    if edge <= feed.far_edge:
        return 0
    ids = await site.database.reading(bookings.starting, site.environment, feed.far_edge, edge)
    found: list[Details] = [
        await read_details(site, ids[start : start + DETAILS]) for start in range(0, len(ids), DETAILS)
    ]
    frame = _frame(site, replace(feed, far_edge=edge))
    urged = frozenset(ids)

    def store(tx: Connection) -> int:
        marked = sum(absorb(tx, frame, Told(details=details, forced=urged & _named(details))) for details in found)
        feeds.change(tx, site.environment, far_edge=edge)
        return marked

    return await _store(site, held, store)


def _named(details: Details) -> frozenset[BookingId]:
    return frozenset([*(item.booking.id for item in details.found), *details.missing, *details.unknown])


async def _refresh(site: Site, held: Held) -> int:
    """Read the details that wait: of a mailbox just enabled, of a read that failed (R11)."""
    feed = await site.database.reading(feeds.load, site.environment)
    frame, marked, after = _frame(site, feed), 0, ""
    while ids := await site.database.reading(bookings.stale, site.environment, DETAILS, after):
        told = Told(details=await read_details(site, ids))
        marked += await _store(site, held, lambda tx, told=told: absorb(tx, frame, told))  # type: ignore[misc]
        after = ids[-1]
    return marked
