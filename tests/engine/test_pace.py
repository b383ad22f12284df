"""Limits and pauses hold over all workers on a state, whoever dies; on both databases."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.values import BOX, NOW, OTHER_BOX

from fieldcal.clock import PlayedClock
from fieldcal.engine.pace import AGAIN, FRESH, StoredPace
from fieldcal.engine.portions import Portions
from fieldcal.errors import Throttled
from fieldcal.state import leases, pace_tables, portions, tables
from fieldcal.state.database import Database
from fieldcal.state.held import LEASE, Held

HOUR = timedelta(hours=1)


class Leaping(PlayedClock):
    """Lets its sleepers go at once and takes the time with it."""

    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=max(seconds, 0)))


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


class Late:
    """A state whose answers are there at once and are handed on when `go` is set; counts the questions."""

    def __init__(self, database: Database) -> None:
        self._database, self.read, self.go, self.asked = database, asyncio.Event(), asyncio.Event(), 0

    async def reading(self, *asked: Any) -> Any:
        self.asked += 1
        found = await self._database.reading(*asked)
        self.read.set()
        await self.go.wait()
        return found

    async def writing(self, *asked: Any) -> Any:
        return await self._database.writing(*asked)


def test_a_pause_that_is_stored_while_the_stored_ones_are_read_is_not_forgotten(sqlite_database: Database) -> None:
    async def story() -> None:
        late, clock = Late(sqlite_database), PlayedClock(NOW)
        pace: Any = StoredPace(late, clock)  # type: ignore[arg-type] - all that it asks of a state
        for lane in range(2):  # nothing is known yet; then something
            asks = asyncio.create_task(pace.paused(["connector:exchange"]))
            await late.read.wait()
            await pace.pause("connector:exchange", NOW + (lane + 1) * HOUR, "429")
            if lane:
                assert await pace.paused([OTHER_BOX]) is None, "our own copy answers meanwhile"
                assert late.asked == lane + 1
            late.go.set()
            assert await asks == NOW + (lane + 1) * HOUR
            assert await pace.paused(["connector:exchange"]) == NOW + (lane + 1) * HOUR
            late.go.clear()
            late.read.clear()
            clock.advance(timedelta(seconds=FRESH))

    asyncio.run(story())


@dataclass
class Place:
    """One worker as far as leases and limits are concerned."""

    database: Database
    clock: PlayedClock
    worker: str
    pace: StoredPace


def place(database: Database, clock: PlayedClock, name: str, **limits: Any) -> Place:
    return Place(database, clock, name, StoredPace(database, clock, **limits))


async def _held(worker: Place) -> Held | None:
    lease = await worker.database.writing(leases.take, f"mailbox:{BOX}", worker.worker, worker.clock.now(), LEASE)
    return Held(worker, lease) if lease else None


@pytest.mark.parametrize("seed", range(4))
def test_a_mailbox_that_wanders_between_workers_that_die_is_never_sent_more_than_its_limit_in_any_span(
    seed: int, database: Database
) -> None:
    chance, limit, span = random.Random(seed), 40, 600.0
    sent: list[tuple[float, int]] = []

    async def story() -> None:
        clock = Leaping(NOW)
        workers = [place(database, clock, f"worker {n}", limit=limit, span=span) for n in range(2)]
        for _ in range(60):
            which = chance.randrange(2)
            held = await _held(workers[which])
            for _ in range(chance.randrange(8) if held else 0):
                cost = chance.randrange(1, 4)
                try:
                    await workers[which].pace.take(BOX, cost)
                except Throttled:
                    break
                sent.append((clock.monotonic(), cost))
                clock.advance(timedelta(seconds=chance.random() * 8))
            if held and chance.random() < 0.3:
                # killed: what it knew is gone with it
                workers[which] = place(database, clock, "its successor", limit=limit, span=span)
                clock.advance(LEASE)
            elif held:
                await held.give_back()
            clock.advance(timedelta(seconds=chance.random() * 60))

    asyncio.run(story())
    assert sum(cost for _, cost in sent) > limit
    for begin, _ in sent:
        assert sum(cost for at, cost in sent if begin <= at < begin + span) <= limit


def test_a_worker_takes_over_what_the_one_before_has_sent_and_a_dead_ones_portion(database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        first, second = (place(database, clock, name, limit=100) for name in ("first", "second"))
        held = await _held(first)
        assert held is not None
        await first.pace.take(BOX, 60)
        await held.give_back()
        assert await _held(second) is not None
        await second.pace.take(BOX, 10)  # and dies; ten is its portion, which is told no more
        clock.advance(LEASE)
        third = place(database, clock, "third", limit=100)
        assert await _held(third) is not None
        await third.pace.take(BOX, 30)
        with pytest.raises(Throttled):
            await third.pace.take(BOX, 1)

    asyncio.run(story())


def test_a_mailboxs_pause_is_seen_with_its_lease_and_not_seconds_later(database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        ours, theirs = (place(database, clock, name) for name in ("ours", "theirs"))
        assert await theirs.pace.paused([BOX]) is None
        await ours.pace.pause(BOX, NOW + HOUR, "busy")
        assert await theirs.pace.paused([BOX]) is None, "what was read a moment ago"
        assert await _held(theirs) is not None
        assert await theirs.pace.paused([BOX]) == NOW + HOUR

    asyncio.run(story())


@pytest.mark.parametrize("workers", [1, 3])
def test_all_workers_together_send_no_more_than_an_application_may_in_any_span(
    workers: int, database: Database
) -> None:
    """13,000 in ten seconds, asked for as fast as it is given; the clocks are up to a second apart."""
    limit, sent = 13_000, list[tuple[float, int]]()

    async def story() -> None:
        clocks = [PlayedClock(NOW + timedelta(seconds=0.4 * n)) for n in range(workers)]
        parts = [Portions(database, clock, limit, 10.0) for clock in clocks]
        for _ in range(130):
            for part, clock in zip(parts, clocks, strict=True):
                while await part.take("application:a", 20) == 0:
                    sent.append((clock.monotonic(), 20))
            for clock in clocks:
                clock.advance(timedelta(seconds=0.2))

    asyncio.run(story())
    for begin in {at for at, _ in sent}:
        assert sum(cost for at, cost in sent if begin <= at < begin + 10.0) <= limit
    assert sum(cost for _, cost in sent) > limit * 2.6 * 0.55, "and no less than a good half of it"


def test_a_worker_that_sends_little_asks_nobody_and_one_that_sends_much_asks_seldom(sqlite_database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        pace = StoredPace(sqlite_database, clock, limit=10**9)
        before = _reserved(sqlite_database)
        for _ in range(30):
            await pace.take(BOX, 1, "application:a")
            clock.advance(timedelta(seconds=1))
        assert _reserved(sqlite_database) == before == 0
        for _ in range(40):
            await pace.take(BOX, 20, "application:a")
        assert _reserved(sqlite_database) == 800, "two portions of four hundred"

    asyncio.run(story())


def test_however_many_died_the_next_takes_no_more_than_the_limit_for_sent(sqlite_database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        for n in range(30):
            assert await _held(place(sqlite_database, clock, f"worker {n}", limit=100)) is not None
            clock.advance(LEASE)
        last = place(sqlite_database, clock, "the last", limit=100)
        held = await _held(last)
        assert held is not None
        with pytest.raises(Throttled) as told:
            await last.pace.take(BOX, 1)
        assert told.value.retry_after == 600.0
        await held.give_back()
        with sqlite_database.read() as tx:
            (sent,) = tx.scalars(select(tables.leases.c.sent))
        assert sent.endswith(":100")

    asyncio.run(story())


def test_a_holder_that_sends_more_than_its_portion_tells_first(database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        first, second = (place(database, clock, name, limit=100) for name in ("first", "second"))
        held = await _held(first)
        assert held is not None
        for _ in range(70):
            await first.pace.take(BOX, 1)
        assert 60 <= held.told <= 70
        clock.advance(LEASE)  # it died
        assert await _held(second) is not None
        with pytest.raises(Throttled):
            await second.pace.take(BOX, 31)

    asyncio.run(story())


def test_a_slot_is_never_handed_out_beyond_its_end(database: Database) -> None:
    with database.write() as tx:
        given = [portions.reserve(tx, "application:a", 7, 3, 10) for _ in range(5)]
        assert given == [True, True, True, False, False]
        assert portions.reserve(tx, "application:a", 7, 1, 10)
        assert not portions.reserve(tx, "application:a", 6, 1, 10), "whose clock is behind takes from the newer slot"
        assert portions.reserve(tx, "application:b", 7, 10, 10)
        assert portions.reserve(tx, "application:a", 8, 10, 10)
        assert portions.reserve(tx, "application:a", 8 - portions.FARTHEST - 1, 10, 10), "a wrong clock's slot"


def test_a_portion_that_is_not_spent_lapses(sqlite_database: Database) -> None:
    async def story() -> None:
        clock = PlayedClock(NOW)
        part = Portions(sqlite_database, clock, 130_000, 10.0)
        for _ in range(2):
            assert await part.take("application:a", 21) == 0
            with sqlite_database.read() as tx:
                slot = tx.scalar(select(pace_tables.portions.c.slot))
            assert slot == int(clock.now().timestamp()), "it takes a portion, and again when that has lapsed"
            clock.advance(timedelta(seconds=2))

    asyncio.run(story())


def test_a_mailbox_waits_by_itself_where_the_application_has_nothing_left(sqlite_database: Database) -> None:
    async def story() -> None:
        clock = Leaping(NOW)
        with sqlite_database.write() as tx:
            assert portions.reserve(tx, "application:a", int(NOW.timestamp()) + 4, 8, 8)
        pace = StoredPace(sqlite_database, clock, together=130)
        with pytest.raises(Throttled) as told:
            await pace.take(BOX, 5, "application:a")
        assert told.value.scope == "mailbox"
        assert await pace.paused([BOX]) == clock.now() + timedelta(seconds=AGAIN)

    asyncio.run(story())


def _reserved(database: Database) -> int:
    with database.read() as tx:
        return tx.scalar(select(func.coalesce(func.sum(pace_tables.portions.c.taken), 0))) or 0
