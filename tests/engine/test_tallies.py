"""What is done mailbox by mailbox is counted with its pass: all of it, and together where it comes together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from structlog.testing import capture_logs
from tests.values import ENVIRONMENT, NOW

from fieldcal.clock import PlayedClock
from fieldcal.engine.tallies import SPACE, Tallies
from fieldcal.errors import StateAway
from fieldcal.plan.spread import Spread
from fieldcal.state import history, latency
from fieldcal.state.database import Database
from fieldcal.state.history import Tally

RUNS = ("first", "second")


@pytest.fixture
def counted(database: Database) -> Database:
    """Two passes that have ended."""
    with database.write() as tx:
        for run in RUNS:
            history.begin(tx, ENVIRONMENT, run, "scheduled", NOW)
            history.end(tx, run, Tally(changes=7), "", NOW)
    return database


async def until(true: Callable[[], bool]) -> None:
    """Return once this holds; the test's own limit ends the wait."""
    while not true():  # noqa: ASYNC110 - a thread of the state's
        await asyncio.sleep(0.005)


def commits(engine: Engine) -> list[object]:
    seen: list[object] = []
    event.listen(engine, "commit", seen.append)
    return seen


def test_what_many_jobs_did_at_once_is_all_counted_in_few_transactions(counted: Database) -> None:
    tallies, seen = Tallies(counted, PlayedClock(NOW + timedelta(minutes=1))), commits(counted._writer)

    async def story() -> None:
        for n in range(40):
            tallies.add(RUNS[n % 2], Tally(created=1, updated=n, took=Spread.of(1.0)))
        await tallies.close()

    asyncio.run(story())
    assert len(seen) == 1, "all of them came before the first was stored"
    with counted.read() as tx:
        found = {one.id: one for one in history.last_passes(tx, ENVIRONMENT)}
        assert latency.since(tx, ENVIRONMENT, NOW).number == 40
    assert [found[run].tally.created for run in RUNS] == [20, 20]
    assert [found[run].tally.updated for run in RUNS] == [sum(range(0, 40, 2)), sum(range(1, 40, 2))]
    assert {one.tally.changes for one in found.values()} == {7}, "what its pull has found stays"
    assert {one.ended_at for one in found.values()} == {NOW + timedelta(minutes=1)}


def test_the_first_is_counted_at_once_and_what_follows_within_a_moment_together(counted: Database) -> None:
    clock, seen = PlayedClock(NOW), commits(counted._writer)
    tallies = Tallies(counted, clock)

    async def story() -> None:
        tallies.add("first", Tally(created=1))
        await until(lambda: len(seen) == 1)
        for run in ("first", "first", "second"):
            tallies.add(run, Tally(created=1))
            await asyncio.sleep(0.01)
        assert len(seen) == 1
        clock.advance(timedelta(seconds=SPACE))
        await until(lambda: len(seen) == 2)

    asyncio.run(story())
    with counted.read() as tx:
        assert {one.id: one.tally.created for one in history.last_passes(tx, ENVIRONMENT)} == {"first": 3, "second": 1}


def test_what_waits_to_be_counted_at_the_end_is_counted_and_what_is_just_being_counted_is_so_once(
    counted: Database,
) -> None:
    tallies = Tallies(counted, PlayedClock(NOW))

    async def story() -> None:
        for wait in (0, 1):
            tallies.add("first", Tally(created=1))
            for _ in range(wait):
                await asyncio.sleep(0)  # it has begun, and waits for the thread that stores it
            await tallies.close()
        tallies.add("second", Tally(created=1))
        await asyncio.sleep(0.05)
        tallies.add("second", Tally(created=1))
        await tallies.close()
        await tallies.close()

    asyncio.run(story())
    with counted.read() as tx:
        assert {one.id: one.tally.created for one in history.last_passes(tx, ENVIRONMENT)} == {"first": 2, "second": 2}


def test_a_state_that_is_away_is_told_of_and_what_comes_next_is_stored(counted: Database) -> None:
    tallies, away = Tallies(counted, PlayedClock(NOW)), [True]

    def refuse(_connection: object) -> None:
        if away:
            raise StateAway("the connection to the state broke")

    event.listen(counted._writer, "begin", refuse)

    async def story() -> None:
        tallies.add("first", Tally(created=1))
        await tallies.close()
        away.clear()
        tallies.add("first", Tally(created=1))
        await tallies.close()

    with capture_logs() as told:
        asyncio.run(story())
    assert [(line["action"], line["error"]) for line in told] == [("not_counted", "the connection to the state broke")]
    with counted.read() as tx:
        assert {one.id: one.tally.created for one in history.last_passes(tx, ENVIRONMENT)} == {"first": 1, "second": 0}


def test_what_is_done_for_a_pass_that_is_forgotten_is_counted_nowhere(counted: Database) -> None:
    async def story() -> None:
        tallies = Tallies(counted, PlayedClock(NOW))
        tallies.add("forgotten", Tally(created=1, took=Spread.of(1.0)))
        await tallies.close()

    asyncio.run(story())
    with counted.read() as tx:
        assert sum(one.tally.created for one in history.last_passes(tx, ENVIRONMENT)) == 0
        assert latency.since(tx, ENVIRONMENT, NOW).number == 0
