"""Sends changes at their times, whether those before have come or not, and looks when they can be read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.latency.changes import Change
from bench.latency.watching import LOOK, Awaited, Calendars


@dataclass(slots=True)
class Drive:
    """How it goes: what waits and what has come; by second, how many waited; how late the latest sending was."""

    awaited: Awaited = field(default_factory=Awaited)
    backlog: list[tuple[float, int]] = field(default_factory=list)
    late: float = 0.0
    #: when the first change was due, seconds since 1970
    began: float = 0.0


class Dispatcher:
    """Writes into a Field Service over its API; the changes of one booking one after the other."""

    def __init__(self, url: str, token: str, session: aiohttp.ClientSession, drive: Drive) -> None:
        self._url, self._headers, self._session = (
            f"{url}/api/data/v9.2/bookableresourcebookings",
            {"Authorization": f"Bearer {token}"},
            session,
        )
        self._drive, self._last = drive, dict[str, asyncio.Task[None]]()

    async def replay(self, changes: Iterable[Change], faster: float = 1.0) -> None:
        """Send each when its time has come, so many times faster than it says; returns when all are answered."""
        drive, tasks = self._drive, set[asyncio.Task[None]]()
        drive.began = began = time.time()
        for change in changes:
            due = began + change.at / faster
            if (left := due - time.time()) > 0:
                await asyncio.sleep(left)
            drive.late = max(drive.late, time.time() - due)
            task = asyncio.create_task(self._one(change, self._last.get(change.booking)))
            self._last[change.booking] = task
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        await asyncio.gather(*self._last.values())

    async def _one(self, change: Change, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        waiting = self._drive.awaited.expect(change, time.time())
        url = self._url if change.method == "POST" else f"{self._url}({change.booking})"
        async with self._session.request(change.method, url, json=change.body, headers=self._headers) as answer:
            assert answer.status < 300, await answer.text()
        waiting.committed = time.time()


@contextlib.asynccontextmanager
async def watched(calendars: Calendars, drive: Drive) -> AsyncIterator[None]:
    """Look into the calendars while the block runs."""
    task = asyncio.create_task(_watch(calendars, drive))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(calendars: Calendars, drive: Drive) -> None:
    noted = 0.0
    while True:
        news = calendars.news()
        now = time.time()
        for seen in news:
            drive.awaited.see(seen, now)
        if drive.began and now - noted >= 1.0:
            drive.backlog.append((now - drive.began, drive.awaited.number))
            noted = now
        await asyncio.sleep(LOOK)


async def settled(drive: Drive, patience: float) -> bool:
    """Wait until nothing waits to be seen; False where something still does after so many seconds."""
    until = time.monotonic() + patience
    while drive.awaited.number and time.monotonic() < until:  # noqa: ASYNC110 - another process's calendars
        await asyncio.sleep(0.1)
    return not drive.awaited.number


async def token_of(ends: dict[str, Any], session: aiohttp.ClientSession) -> str:
    """Sign in to the embedded Field Service that a run file tells of."""
    form = {
        "grant_type": "client_credentials", "client_id": ends["client_id"], "client_secret": ends["secret"],
        "scope": f"{ends['fieldservice']}/.default",
    }  # fmt: skip
    async with session.post(f"{ends['fieldservice']}/{ends['tenant']}/oauth2/v2.0/token", data=form) as answer:
        told: dict[str, Any] = await answer.json()
        return str(told["access_token"])


def share(seconds: list[float], part: float) -> float:
    """So large a part took at most this; 0 of none."""
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return ordered[max(0, -(-int(part * 100) * len(ordered) // 100) - 1)]
