"""Read the whole window and compare it with what is stored: the way without change tracking, and the daily repair.

A row that the read names is news like any other. A booking that it does not name is asked for by its own id, and only
the answer to that counts: absence from a list is never evidence (design §4). Nothing is asked for, and nothing is
concluded, unless every part of the read was proven whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from fieldcal.model import Booking, BookingId, Window
from fieldcal.plan.rules import matters
from fieldcal.source_model import Swept
from fieldcal.state import alerts, bookings
from fieldcal.state.feeds import Feed
from fieldcal.state.held import READING, Held
from fieldcal.sync.absorb import Frame
from fieldcal.sync.site import Site
from fieldcal.sync.take import Read, ask_by_id, changed, frame_of, outdated, take

log = structlog.get_logger()

#: Our clock may be behind the source's by some minutes, and a sweep is minutes under way: changes outside of the
#: window are asked for from this long before the last sweep began.
OVERLAP = timedelta(hours=1)
_SILENT = "silent-bookings"
_REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Found:
    """What a sweep found that was not known before: rows, bookings gone, and how many were marked."""

    rows: int = 0
    gone: int = 0
    marked: int = 0


async def sweep(site: Site, held: Held, feed: Feed, *, outside: bool) -> Found:
    """Read the window whole; `outside`: also what changed outside of it since the last sweep (nobody else tells).

    Raises as the source does, `Incomplete` above all; what was read until then is stored, nothing is taken for gone.
    """
    began, frame = site.clock.now(), frame_of(site, feed)
    reach = Window(frame.window.near, max(frame.window.far, site.settings.window(began).far))
    since = feed.swept_at - OVERLAP if outside and feed.swept_at is not None else None
    found, named = Found(), set[BookingId]()
    async for part in site.source.sweep(reach, since):
        named.update([*(row.id for row in part.rows), *(BookingId(row.id) for row in part.unreadable)])
        found = await _compare(site, held, frame, part, found)
        if held.lease.until - site.clock.now() < READING / 2:
            await held.renew()
    absent = await site.database.reading(bookings.unnamed, site.environment, reach, named)
    asked = await ask_by_id(site, held, frame, absent)
    found = replace(found, gone=asked.gone, marked=found.marked + asked.marked)
    await changed(site, held, swept_at=began, first_read_at=feed.first_read_at or site.clock.now())
    await _tell_silence(site, asked.silent)
    return found


def repair_due(feed: Feed, every: int, now: datetime) -> bool:
    """Whether the window has to be read whole beside the tracked changes: `every` so many hours, 0 is never."""
    if not every or feed.first_read_at is None or feed.reading is not None:
        return False
    return feed.swept_at is None or not timedelta(0) <= now - feed.swept_at < timedelta(hours=every)


async def repair(site: Site, held: Held, feed: Feed) -> Found:
    """Sweep, and tell how much it found that the changes had not told: next to nothing, unless something was lost."""
    found = await sweep(site, held, feed, outside=False)
    if found.rows or found.gone:
        told = {"environment": site.environment, "rows": found.rows, "gone": found.gone}
        log.info("the whole read found what the tracked changes had not told yet", action="repaired", **told)
    return found


async def _compare(site: Site, held: Held, frame: Frame, part: Swept, found: Found) -> Found:
    """Take in those rows of a part that are news; most of them are as they were and cost nothing but the reading."""
    news, placed, followed = await site.database.reading(_news, frame, part)
    marked = await take(site, held, frame, Read(news, unreadable=part.unreadable, followed=followed))
    # A place that is followed from now on changes no event by itself: as in a first read (`absorb`).
    marked += await take(site, held, replace(frame, run="placed"), Read(placed))
    return replace(found, rows=found.rows + len(news), marked=found.marked + marked)


def _news(tx: Connection, frame: Frame, part: Swept) -> tuple[tuple[Booking, ...], tuple[Booking, ...], set[BookingId]]:
    """Rows of a newer version than the stored ones; rows of which only the place is new; whose work order changed."""
    known = bookings.versions(tx, frame.environment, [row.id for row in part.rows])
    news = tuple(
        row
        for row in part.rows
        if (row.version > known[row.id][0] if row.id in known else matters(row, frame.window, linked=False))
    )
    place = frame.settings.follow_location
    placed = tuple(row for row in part.rows if place and known.get(row.id, (-1, ""))[0] == row.version)
    placed = tuple(row for row in placed if known[row.id][1] != row.place)
    orders = {row.id: row.work_order for row in part.rows if row.work_order is not None}
    versions = {key: (order, part.orders[order]) for key, order in orders.items() if order in part.orders}
    return news, placed, set(outdated(tx, frame, versions))


async def _tell_silence(site: Site, silent: int) -> None:
    """A booking that is neither shown nor gone is a privilege taken away, most likely: its event stays (F28)."""

    def store(tx: Connection) -> None:
        text = (
            f"{silent} known bookings are neither shown by the source nor gone from it; their events stay as they are. "
            "Is the application's privilege to read bookings still at the level Organization?"
        )
        alerts.raise_alert(tx, site.environment, "", _SILENT, "warning", text, site.clock.now())

    if silent:
        await site.database.writing(store)
    else:
        await _over(site, _SILENT)


async def tell_repair(site: Site, error: str) -> None:
    """What a failed repair means, "" when all is well: changes come as ever, what they lost on the way does not."""

    def store(tx: Connection) -> None:
        text = f"the daily whole read failed and is tried again in an hour; changes are read as ever: {error}"
        alerts.raise_alert(tx, site.environment, "", _REPAIR, "warning", text, site.clock.now())

    if error:
        await site.database.writing(store)
    else:
        await _over(site, _REPAIR)


async def _over(site: Site, code: str) -> None:
    if await site.database.glancing(alerts.stands, site.environment, "", code):
        await site.database.writing(alerts.clear, site.environment, "", code)
