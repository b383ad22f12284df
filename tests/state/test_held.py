"""A lease in our hands: renewed before a late request, never when it is over, and not once while it is young (I8)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.state.cut_off import taken_and_left
from tests.values import BOX, NOW

from fieldcal.clock import PlayedClock
from fieldcal.engine.pace import StoredPace
from fieldcal.errors import ConfigError, LeaseLost
from fieldcal.state import leases
from fieldcal.state.database import Database
from fieldcal.state.held import LEASE, REQUEST, YOUNG, Held, holding

NAME = f"mailbox:{BOX}"
SECOND = timedelta(seconds=1)


class Counted(Database):
    """A state that counts its writing transactions, and refuses them on demand."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.writes, self.away = 0, False

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.away:
            raise ConfigError("the state cannot be used")
        self.writes += 1
        with super().write() as tx:
            yield tx


@dataclass
class Worker:
    """One process as far as its leases are concerned."""

    database: Database
    clock: PlayedClock
    worker: str

    def __post_init__(self) -> None:
        self.pace = StoredPace(self.database, self.clock)

    def take(self) -> Held:
        with self.database.write() as tx:
            lease = leases.take(tx, NAME, self.worker, self.clock.now(), LEASE)
        assert lease is not None
        return Held(self, lease)

    async def sends(self) -> None:
        """What stands before each request."""
        await self.pace.take(BOX, 1)


@pytest.fixture
def ours(database: Database) -> Iterator[Worker]:
    counted = Counted(database.url.render_as_string(hide_password=False))
    yield Worker(counted, PlayedClock(NOW), "ours")
    counted.close()


def writes(worker: Worker) -> int:
    assert isinstance(worker.database, Counted)
    return worker.database.writes


def test_requests_right_after_a_step_cost_no_transaction_and_a_later_one_costs_one(ours: Worker) -> None:
    async def story() -> None:
        held = ours.take()
        for _ in range(50):
            await ours.sends()
            held.may_begin()
        assert writes(ours) == 1
        ours.clock.advance(YOUNG + SECOND)
        await asyncio.gather(*(ours.sends() for _ in range(20)))
        assert (writes(ours), held.lease.until) == (2, ours.clock.now() + LEASE)

    asyncio.run(story())


def test_a_holder_whose_requests_are_slow_keeps_its_mailbox_as_long_as_it_sends(ours: Worker) -> None:
    other = Worker(ours.database, ours.clock, "other")

    async def story() -> None:
        held = ours.take()
        for _ in range(10):
            await ours.sends()
            held.may_begin()
            ours.clock.advance(REQUEST - 5 * SECOND)  # the answer takes its time
            with ours.database.write() as tx:
                assert leases.take(tx, NAME, other.worker, ours.clock.now(), LEASE) is None

    asyncio.run(story())


def test_i8_a_holder_that_slept_past_its_lease_begins_nothing_though_nobody_has_taken_it(ours: Worker) -> None:
    async def story() -> None:
        held = ours.take()
        ours.clock.advance(LEASE)
        for _ in range(2):
            with pytest.raises(LeaseLost):
                await ours.sends()
            with pytest.raises(LeaseLost):
                held.may_begin()
        assert writes(ours) == 1

    asyncio.run(story())


def test_i8_a_holder_whose_lease_another_has_taken_begins_nothing(ours: Worker) -> None:
    async def story() -> None:
        ours.take()
        ours.clock.advance(YOUNG + SECOND)
        with ours.database.write() as tx:
            leases.take(tx, NAME, "ahead", ours.clock.now() + LEASE, LEASE)  # a clock that goes wrong
        with pytest.raises(LeaseLost):
            await ours.sends()

    asyncio.run(story())


def test_while_the_state_cannot_be_written_what_is_left_of_the_lease_counts(ours: Worker) -> None:
    async def story() -> None:
        held = ours.take()
        assert isinstance(ours.database, Counted)
        ours.database.away = True
        ours.clock.advance(LEASE - REQUEST)
        await ours.sends()
        held.may_begin()
        ours.clock.advance(SECOND)
        with pytest.raises(LeaseLost):
            await ours.sends()

    asyncio.run(story())


def test_the_mailbox_of_a_worker_that_died_is_the_next_ones_within_a_minute(ours: Worker) -> None:
    async def story() -> None:
        async with holding(ours, NAME) as held:
            assert held is not None
            ours.clock.advance(YOUNG + SECOND)
            await ours.sends()
            died = ours.clock.now()
            other = Worker(ours.database, ours.clock, "other")
            ours.clock.advance(LEASE - SECOND)
            async with holding(other, NAME) as theirs:
                assert theirs is None, "it may send still"
            ours.clock.advance(SECOND)
            async with holding(other, NAME) as theirs:
                assert theirs is not None
                await other.sends()
            assert ours.clock.now() - died < timedelta(minutes=1)

    asyncio.run(story())


def test_who_is_cancelled_while_the_lease_is_taken_leaves_none_behind(ours: Worker) -> None:
    async def work() -> None:
        async with holding(ours, NAME):
            await asyncio.Event().wait()

    assert taken_and_left(ours.database, NAME, work)
