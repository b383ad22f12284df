"""The source's promises that can be asked of a real organization by reading alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from tests.live.tenant import Hands, Tenant

from fieldcal.clock import SystemClock
from fieldcal.model import BookingId, Reading, Window
from fieldcal.sources.dataverse import DataverseSource, wire

NOWHERE = BookingId("0c000000-0000-4000-8000-00000000dead")
#: bookings whose details are compared with what the feed says
SAMPLE = 150


def run(tenant: Tenant, body):
    async def go():
        source = DataverseSource(tenant.http("DATAVERSE"), SystemClock())
        try:
            return await body(source)
        finally:
            await source.close()

    return asyncio.run(go())


def test_organization_and_tenant_are_told(tenant: Tenant, source_hands: Hands) -> None:
    told = run(tenant, lambda source: source.identity())
    assert wire.is_guid(told.organization)
    assert wire.is_guid(told.tenant)


def test_how_it_can_be_read_is_found_by_looking(tenant: Tenant, source_hands: Hands) -> None:
    way = run(tenant, lambda source: source.way())
    assert bool(way.reason) is (way.reading is Reading.SWEPT)


def test_everyone_is_read_whole_and_then_nobody_has_changed(tenant: Tenant, source_hands: Hands) -> None:
    async def body(source):
        first = await source.workers(None)
        return first, await source.workers(first.cursor)

    first, later = run(tenant, body)
    assert first.full
    assert not later.full


def test_the_feed_and_the_details_say_the_same_of_a_booking(tenant: Tenant, source_hands: Hands) -> None:
    async def body(source):
        page = await source.changes(None)
        rows = {row.id: row for row in page.rows[:SAMPLE]}
        return rows, await source.bookings(list(rows))

    rows, details = run(tenant, body)
    same = [rows[each.booking.id] == each.booking for each in details.found]
    # Somebody may change a booking between the two reads; not most of them.
    assert sum(same) >= len(rows) * 0.9


def test_the_window_is_swept_whole(tenant: Tenant, source_hands: Hands) -> None:
    now = datetime.now(UTC)
    window = Window(now - timedelta(days=7), now + timedelta(days=14))

    async def body(source):
        return [booking async for part in source.sweep(window) for booking in part.rows]

    assert all(booking.start < window.far and booking.end > window.near for booking in run(tenant, body))


def test_a_booking_that_never_was_is_missing_by_the_servers_own_word(tenant: Tenant, source_hands: Hands) -> None:
    assert run(tenant, lambda source: source.bookings([NOWHERE])).missing == (NOWHERE,)
