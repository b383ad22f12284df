"""A pass without an end is called interrupted by whoever comes next, unless another process may be at it still."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.values import ENVIRONMENT, NOW

from fieldcal.clock import PlayedClock
from fieldcal.engine import cut
from fieldcal.engine.schedule import Job, Kind, Priority
from fieldcal.state import history, leases
from fieldcal.state.database import Database

PASS = Job(Priority.REGULAR, Kind.PASS, ENVIRONMENT)
LEASE = timedelta(seconds=50)


class Meanwhile(PlayedClock):
    """While somebody waits, another process takes a lease, or gives back what it had."""

    def __init__(self, database: Database, other: str) -> None:
        super().__init__(NOW)
        self._database, self._other, self.slept = database, other, 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.advance(timedelta(seconds=seconds))
        if self._other.startswith("takes"):
            with self._database.write() as tx:
                lease = leases.take(tx, "mailbox:a", "another", self.now(), LEASE)
                assert lease is not None
                if self._other == "takes one and gives it back":
                    leases.give_back(tx, lease)


@pytest.mark.parametrize("by", ["the start", "a job", "a job of the queue"])
@pytest.mark.parametrize(
    ("other", "at_work"),
    [
        ("died long ago", False),
        ("takes one and gives it back", True),
        ("takes one", True),
        ("has one", True),
    ],
)
def test_what_another_process_may_be_at_is_not_called_interrupted(
    other: str, at_work: bool, by: str, database: Database
) -> None:
    clock = Meanwhile(database, other)
    with database.write() as tx:
        history.begin(tx, ENVIRONMENT, "open", "scheduled", NOW - timedelta(minutes=5))
        taken = NOW if other == "has one" else NOW - 2 * LEASE
        assert leases.take(tx, "mailbox:b", "another", taken, LEASE) is not None
    with capture_logs() as lines:
        if by == "the start":
            asyncio.run(cut.close_all(database, clock))
        else:
            asyncio.run(cut.close(database, clock, PASS, queued=by == "a job of the queue"))
    with database.read() as tx:
        (told,) = history.last_passes(tx, ENVIRONMENT)
    # One machine, or the queue, has nobody beside it who could be at the same.
    shared = not (database.is_sqlite or by == "a job of the queue")
    closed = not (at_work and shared)
    assert (told.ended_at is not None, told.error == history.INTERRUPTED) == (closed, closed)
    assert [line["passes"] for line in lines] == [1] * closed
    assert clock.slept == (cut.BREATH if shared and other != "has one" else 0)


def test_nobody_waits_where_no_pass_is_open(database: Database) -> None:
    clock = Meanwhile(database, "takes one")
    asyncio.run(cut.close_all(database, clock))
    asyncio.run(cut.close(database, clock, PASS, queued=False))
    assert clock.slept == 0
