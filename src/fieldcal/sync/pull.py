"""Read what changed in the source, a page and a transaction at a time; enter what time has brought into the window.

One pull of an environment at a time, under its own lease. Nothing but reads goes to the source (I9).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from fieldcal.errors import ConnectorError, CursorExpired, Denied, Incomplete, Throttled, Unreachable
from fieldcal.model import BookingId, Reading, Window
from fieldcal.source_model import Details, Page
from fieldcal.state import aside, bookings, feeds, workers
from fieldcal.state.aside import Kind
from fieldcal.state.feeds import Feed
from fieldcal.state.held import READING, Held, holding
from fieldcal.sync import throttle
from fieldcal.sync.absorb import Frame, Told, absorb
from fieldcal.sync.site import Site
from fieldcal.sync.sweep import Found, repair, repair_due, sweep, tell_repair
from fieldcal.sync.take import DETAILS, Read, ask_by_id, changed, frame_of, read_details, stored, take

log = structlog.get_logger()

#: Users and addresses change without a trace in the resources' own feed: all are read again this often.
WORKERS_IN_FULL = timedelta(days=1)
#: After a change of the way, changes are asked for from this long before the last pull: it may have taken hours.
LONG_PULL = timedelta(days=1)
#: How many of the bookings set aside a pass asks for: one request, those first that waited the longest.
ASIDE = 100
#: A daily repair that failed is tried again after this long.
REPAIR_AGAIN = timedelta(hours=1)


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
    async with holding(site, f"pull:{site.environment}", READING) as held:
        if held is None:
            return Pulled(busy=True)
        feed = await site.database.reading(feeds.load, site.environment)
        await throttle.wait_is_over(site)
        try:
            return await _pull(site, held, feed, in_full=workers_in_full)
        except Throttled as error:
            await throttle.wait(site, error)
            raise


async def _pull(site: Site, held: Held, feed: Feed, *, in_full: bool) -> Pulled:
    began, in_full = site.clock.now(), in_full or _is_old(site, feed)
    if in_full or feed.way is None:
        feed = await _look(site, held, feed)
    await _pull_workers(site, held, feed, in_full=in_full)
    feed = await _meet_window_setting(site, held, feed)
    # Before the changes: what they leave unread for a contradiction waits for the next pass's look.
    refreshed = await _refresh(site, held)
    pulled = await _pull_changes(site, held, feed)
    news = pulled.marked
    entered = refreshed + await _enter(site, held)
    now = site.clock.now()
    ahead = now + timedelta(minutes=site.settings.interval)
    # A repair that is due asks on: whether the source still asks to wait is known when it is done.
    due = feed.way is Reading.TRACKED and repair_due(feed, site.settings.sweep_every, now)
    spared = {} if due else {"throttled": 0}
    well = {"last_error": "", "refused": False, **spared}
    await changed(site, held, last_pull_at=now, next_pull_at=ahead, pull_began_at=began, **well)
    mended = await _mend(site, held, await site.database.reading(feeds.load, site.environment))
    pulled = Pulled(pulled.changes + mended.rows + mended.gone, pulled.marked + mended.marked)
    return replace(pulled, marked=pulled.marked + entered, news=news)


async def _mend(site: Site, held: Held, feed: Feed) -> Found:
    """Repair where that is due. One that fails is told of by itself and tried again in an hour: the pass was whole."""
    scope, now = f"repair:{site.environment}", site.clock.now()
    if feed.way is not Reading.TRACKED or not repair_due(feed, site.settings.sweep_every, now):
        await tell_repair(site, "")
        return Found()
    if await site.pace.paused([scope]) is not None:
        return Found()
    try:
        found = await repair(site, held, feed)
    except (ConnectorError, Incomplete) as error:
        log.warning("the whole read failed", action="repair_failed", environment=site.environment, error=str(error))
        if isinstance(error, Throttled):
            await throttle.wait(site, error)
        await site.pace.pause(scope, now + REPAIR_AGAIN, str(error))
        await tell_repair(site, str(error))
        return Found()
    await changed(site, held, throttled=0)
    await tell_repair(site, "")
    return found


def _is_old(site: Site, feed: Feed) -> bool:
    """Read in the future: the clock has been set back since, and it would be a long time before that day is over."""
    read_at = feed.workers_read_at
    return read_at is None or not timedelta(0) <= site.clock.now() - read_at < WORKERS_IN_FULL


async def _look(site: Site, held: Held, feed: Feed) -> Feed:
    """Look how the source can be read now; another way than before begins with a whole read of its own."""
    way = await site.source.way()
    values: dict[str, Any] = {"way": way.reading, "way_reason": way.reason}
    # A state of an earlier version was read by tracked changes, and goes on with them.
    if feed.way is not way.reading and (feed.way is not None or way.reading is Reading.SWEPT):
        values |= {"cursor": None, "reading": None}
        read_at = min((at for at in (feed.swept_at, feed.last_pull_at) if at is not None), default=None)
        values["swept_at"] = read_at and read_at - LONG_PULL
    if (feed.way, feed.way_reason) != (way.reading, way.reason):
        await changed(site, held, **values)
    return await site.database.reading(feeds.load, site.environment)


async def _pull_workers(site: Site, held: Held, feed: Feed, *, in_full: bool) -> None:
    now = site.clock.now()
    cursor, anew = None if in_full else feed.workers_cursor, False
    while True:
        try:
            page = await site.source.workers(cursor)
        except CursorExpired as error:
            if cursor is None or anew:
                raise Incomplete(f"the list of workers breaks off from its beginning on: {error}") from error
            cursor, anew = None, True
            continue
        window = site.moment(feed.far_edge).window
        read_at = now if page.full and page.complete else feed.workers_read_at

        def store(tx: Connection, page: Any = page, window: Window = window, read_at: datetime | None = read_at) -> int:
            workers.store(tx, site.environment, page.rows, page.gone, window, now)
            sound = [*(worker.id for worker in page.rows), *page.gone]
            aside.store(tx, site.environment, Kind.WORKER, page.unreadable, sound, now)
            feeds.change(tx, site.environment, workers_cursor=page.cursor, workers_read_at=read_at)
            return 0

        if page.rows or page.gone or page.unreadable or page.full or page.cursor != cursor:
            await stored(site, held, store)
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
        frame = frame_of(site, replace(feed, far_edge=feed.far_edge or now))
        async for part in site.source.sweep(added):
            urged = frozenset(row.id for row in part.rows)
            await take(site, held, frame, Read(part.rows, unreadable=part.unreadable, urged=urged))
    if (feed.kept_past, feed.kept_future) != (past, future) or "far_edge" in values:
        await changed(site, held, **values)
    return await site.database.reading(feeds.load, site.environment)


async def _pull_changes(site: Site, held: Held, feed: Feed) -> Pulled:
    """By the changes that the source tells; by a whole read of the window where it tells none, or does so no more."""
    if feed.way is Reading.TRACKED:
        try:
            return await _pull_tracked(site, held, feed)
        except (Denied, Unreachable) as error:
            if not error.refused:
                raise
            feed = await _look(site, held, feed)
            if feed.way is Reading.TRACKED:
                raise
    found = await sweep(site, held, feed, outside=True)
    return Pulled(found.rows + found.gone, found.marked)


async def _pull_tracked(site: Site, held: Held, feed: Feed) -> Pulled:
    total, asked, anew = Pulled(), set[int](), False
    if feed.cursor is None and feed.reading is None:
        feed = await _read_all_again(site, held, feed)
    while True:
        if hash(feed.cursor) in asked:
            raise Incomplete("the source leads its list of changes in a circle")
        asked.add(hash(feed.cursor))
        try:
            page = await site.source.changes(feed.cursor)
        except CursorExpired as error:
            if feed.cursor is None or anew:
                # A link that was given a moment ago is not too old: beginning again and again would only add load.
                raise Incomplete(f"the list of changes breaks off from its beginning on: {error}") from error
            feed = await _read_all_again(site, held, feed)
            asked.clear()
            anew = True
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
    await changed(site, held, cursor=None, reading=run)
    return replace(feed, cursor=None, reading=run)


async def _take_page(site: Site, held: Held, feed: Feed, page: Page) -> int:
    followed: Sequence[BookingId] = ()
    if page.work_orders and site.settings.follow_work_order:
        followed = await site.source.affected(page.work_orders)
    onward = {"cursor": page.cursor} if page.cursor != feed.cursor else {}
    read = Read(page.rows, page.deleted, page.unreadable, followed)
    return await take(site, held, frame_of(site, feed), read, **onward)


async def _follow_up(site: Site, held: Held, feed: Feed) -> int:
    """After a full read: ask by id for every booking with an event that it did not name, then call it complete."""
    frame, now = frame_of(site, feed), site.clock.now()
    missing = await site.database.reading(bookings.unseen, site.environment, frame.run)
    asked = await ask_by_id(site, held, frame, missing)
    # All of it was read just now: the next whole read of the window has a day's time.
    await changed(site, held, reading=None, swept_at=now, first_read_at=feed.first_read_at or site.clock.now())
    return asked.marked


async def _enter(site: Site, held: Held) -> int:
    """Move the far edge to now, as far at a time as one read of details reaches (D3).

    A long downtime, or a window made wider, brings in very many: each step is kept by itself and renews the lease.
    """
    edge, marked = site.settings.window(site.clock.now()).far, 0
    while True:
        feed = await site.database.reading(feeds.load, site.environment)
        assert feed.far_edge is not None
        if edge <= feed.far_edge:
            return marked
        marked += await _enter_some(site, held, feed, feed.far_edge, edge)


async def _enter_some(site: Site, held: Held, feed: Feed, far_edge: datetime, edge: datetime) -> int:
    """One step of the far edge; what it passes over gets its details and a mark in the same transaction."""
    ids, edge = await site.database.reading(bookings.entering, site.environment, far_edge, edge, DETAILS)
    found: list[Details] = [
        await read_details(site, ids[start : start + DETAILS]) for start in range(0, len(ids), DETAILS)
    ]
    frame = frame_of(site, replace(feed, far_edge=edge))
    urged = frozenset(ids)

    def store(tx: Connection) -> int:
        marked = sum(absorb(tx, frame, Told(details=details, forced=urged & _named(details))) for details in found)
        feeds.change(tx, site.environment, far_edge=edge)
        return marked

    return await stored(site, held, store)


def _named(details: Details) -> frozenset[BookingId]:
    return frozenset([*(item.booking.id for item in details.found), *details.missing, *details.unknown])


async def _refresh(site: Site, held: Held) -> int:
    """Read the details that wait: of a mailbox just enabled, of a read that failed (R11)."""
    feed = await site.database.reading(feeds.load, site.environment)
    frame, marked, after = frame_of(site, feed), 0, ""
    while ids := await site.database.reading(bookings.stale, site.environment, DETAILS, after):
        told = Told(details=await read_details(site, ids))
        marked += await stored(site, held, lambda tx, told=told: absorb(tx, frame, told))  # type: ignore[misc]
        after = ids[-1]
    return marked + await _ask_for_what_is_set_aside(site, held, frame)


async def _ask_for_what_is_set_aside(site: Site, held: Held, frame: Frame) -> int:
    """A row that was mended may not be told as a change: what was wrong was an answer, or its work order (I7)."""
    ids = await site.database.reading(aside.longest_unread, site.environment, Kind.BOOKING, ASIDE)
    if not ids:
        return 0
    asked = await ask_by_id(site, held, frame, [BookingId(key) for key in ids])
    await site.database.writing(aside.asked, site.environment, Kind.BOOKING, ids, site.clock.now())
    return asked.marked
