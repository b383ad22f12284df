"""Work that is cancelled while the lease it has asked for is not taken yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import select
from tests.values import NOW

from fieldcal.state import leases
from fieldcal.state.database import Database
from fieldcal.state.held import LEASE
from fieldcal.state.tables import leases as rows


def taken_and_left(database: Database, name: str, work: Callable[[], Coroutine[Any, Any, object]]) -> bool:
    """Cancel `work` there; whether it took the lease `name` all the same, and another has it at once."""

    async def story() -> None:
        with database.write() as tx:  # so that the taking waits: for the row, or for the whole state
            tx.execute(rows.insert().values(name=name, fence=7, until=NOW - LEASE))
            working = asyncio.create_task(work())
            for _ in range(10):
                await asyncio.sleep(0)  # it has asked for the lease, and cannot have it yet
            working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(story())
    with database.write() as tx:
        taken = tx.scalar(select(rows.c.fence)) == 8
        return taken and leases.take(tx, name, "other", NOW, LEASE) is not None
