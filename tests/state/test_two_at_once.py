"""Transactions that get into each other's way: on PostgreSQL one is run again, on SQLite they wait in line."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection, select, update
from tests.values import NOW

from fieldcal.errors import ConfigError
from fieldcal.state.database import Database
from fieldcal.state.tables import leases


def _stock(database: Database) -> None:
    with database.write() as tx:
        tx.execute(leases.insert(), [{"name": name, "fence": 0, "until": NOW} for name in ("a", "b")])


class _Raising:
    """Raises both fences in the order of `names`; at its first run it meets the other when each holds one."""

    def __init__(self, names: str, both_hold_one: threading.Barrier | None) -> None:
        self._names, self._meeting = names, both_hold_one

    def __call__(self, tx: Connection) -> None:
        for name in self._names:
            tx.execute(update(leases).where(leases.c.name == name).values(fence=leases.c.fence + 1))
            meeting, self._meeting = self._meeting, None
            if meeting is not None:
                meeting.wait(20)


def test_of_two_that_wait_for_each_other_one_is_run_again_and_both_are_kept(database: Database) -> None:
    _stock(database)
    # On SQLite the second does not begin before the first has ended, so they cannot meet.
    meeting = None if database.is_sqlite else threading.Barrier(2)

    async def both() -> None:
        await asyncio.gather(database.writing(_Raising("ab", meeting)), database.writing(_Raising("ba", meeting)))

    asyncio.run(both())
    with database.read() as tx:
        assert tx.scalars(select(leases.c.fence)).all() == [2, 2]


def test_what_fails_for_another_reason_is_not_run_again(database: Database) -> None:
    _stock(database)
    runs: list[int] = []

    def fail(tx: Connection) -> None:
        runs.append(1)
        tx.execute(update(leases).values(fence=9))
        raise ConfigError("stopped on purpose")

    with pytest.raises(ConfigError, match="on purpose"):
        asyncio.run(database.writing(fail))
    with database.read() as tx:
        assert (len(runs), tx.scalars(select(leases.c.fence)).all()) == (1, [0, 0])
