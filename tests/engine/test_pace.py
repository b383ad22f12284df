"""Limits and pauses: counted in the process, pauses kept in the state and seen by every process."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.values import BOX, NOW, OTHER_BOX

from fieldcal.clock import PlayedClock
from fieldcal.engine.pace import FRESH, StoredPace
from fieldcal.errors import Throttled
from fieldcal.state.database import Database

HOUR = timedelta(hours=1)


def test_within_the_limit_nobody_waits_and_beyond_it_the_mailbox_pauses_until_there_is_room(
    sqlite_database: Database,
) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        pace = StoredPace(sqlite_database, clock, limit=10, span=600.0)
        await pace.take(BOX, 6)
        clock.advance(timedelta(seconds=100))
        await pace.take(BOX, 4)
        await pace.take(OTHER_BOX, 10)
        with pytest.raises(Throttled) as told:
            await pace.take(BOX, 5)
        assert (told.value.retry_after, told.value.scope) == (500.0, "mailbox")
        assert await StoredPace(sqlite_database, clock).paused([BOX]) == NOW + timedelta(seconds=600)
        assert await pace.paused([OTHER_BOX]) is None
        clock.advance(timedelta(seconds=500))
        await pace.take(BOX, 5)

    asyncio.run(story())


def test_a_place_that_is_free_in_a_moment_is_waited_for(sqlite_database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        pace = StoredPace(sqlite_database, clock, limit=10, span=600.0)
        await pace.take(BOX, 10)
        clock.advance(timedelta(seconds=599.5))
        waiting = asyncio.create_task(pace.take(BOX, 5))
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(timedelta(seconds=0.5))
        await waiting

    asyncio.run(story())


def test_a_cost_above_the_whole_limit_still_goes_when_nothing_else_was_taken(sqlite_database: Database) -> None:
    async def story() -> None:
        pace = StoredPace(sqlite_database, PlayedClock(NOW), limit=10)
        went = asyncio.create_task(pace.take(BOX, 20))
        await asyncio.wait([went], timeout=10)
        assert went.done()

    asyncio.run(story())


def test_a_pause_holds_until_its_end_the_later_of_two_and_for_its_scope_alone(database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        pace = StoredPace(database, clock)
        await pace.pause(BOX, NOW + HOUR, "busy")
        await pace.pause(BOX, NOW + HOUR / 2, "an earlier end says nothing")
        await pace.pause("connector:exchange", NOW + 2 * HOUR, "throttled")
        assert await pace.paused([BOX]) == NOW + HOUR
        assert await pace.paused([BOX, "connector:exchange"]) == NOW + 2 * HOUR
        assert await pace.paused([OTHER_BOX]) is None
        clock.advance(HOUR)
        assert await pace.paused([BOX]) is None

    asyncio.run(story())


def test_a_pause_outlives_the_process_and_is_seen_by_another_within_seconds(database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        ours, theirs = StoredPace(database, clock), StoredPace(database, clock)
        assert await theirs.paused([BOX]) is None
        await ours.pause(BOX, NOW + HOUR, "busy")
        clock.advance(timedelta(seconds=FRESH))
        assert await theirs.paused([BOX]) == NOW + HOUR
        assert await StoredPace(database, clock).paused([BOX]) == NOW + HOUR

    asyncio.run(story())
