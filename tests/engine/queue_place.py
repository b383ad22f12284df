"""A queue of its own for each test, whose database can be taken away, and what its stories are told with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from tests.engine.queue_worker import BEATS

from fieldcal.clock import Clock, SystemClock
from fieldcal.engine.cluster import Beats, ClusterEngine
from fieldcal.engine.schedule import Job, Kind, Priority


class Place:
    """The database as its owner sees it."""

    def __init__(self, state: str) -> None:
        url = make_url(state).set(drivername="postgresql+psycopg")
        self._name = url.database
        self._beside = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        there = url.update_query_dict({"options": "-csearch_path=procrastinate"})
        self._inside = create_engine(there, pool_pre_ping=True)

    def ask(self, sql: str, **said: Any) -> list[Any]:
        """What the queue's tables answer, committed."""
        with self._inside.begin() as tx:
            done = tx.execute(text(sql), said)
            return [tuple(row) for row in done] if done.returns_rows else []

    def inside(self) -> Engine:
        return self._inside

    async def goes(self) -> None:
        """Nobody can connect any more, and whoever was connected is cut off."""
        await asyncio.to_thread(self._allow, "false")

    async def returns(self) -> None:
        await asyncio.to_thread(self._allow, "true")

    def _allow(self, words: str) -> None:
        with self._beside.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS {words}"))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                {"name": self._name},
            )

    def close(self) -> None:
        with suppress(Exception):
            self._allow("true")
        self._inside.dispose()
        self._beside.dispose()


def box(number: int, environment: str = "main", priority: Priority = Priority.CHANGE) -> Job:
    return Job(priority, Kind.MAILBOX, environment, f"box-{number}")


def worker(address: str, at_once: int = 8, beats: Beats = BEATS, clock: Clock | None = None) -> ClusterEngine:
    return ClusterEngine(address, clock or SystemClock(), at_once=at_once, beats=beats)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for is another process's, or the database's
        await asyncio.sleep(0.01)


def played(story: Callable[[], Coroutine[Any, Any, None]], seconds: float = 60) -> None:
    asyncio.run(asyncio.wait_for(story(), seconds))


async def ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def told(begun: list[Job]) -> Callable[[Job], Awaitable[None]]:
    async def handle(job: Job) -> None:
        begun.append(job)

    return handle


def held(begun: list[Job], gate: asyncio.Event, *jobs: Job) -> Callable[[Job], Awaitable[None]]:
    """These jobs end when the gate is open, all others at once."""

    async def handle(job: Job) -> None:
        begun.append(job)
        if job in jobs:
            await gate.wait()

    return handle
