"""From a booking's commit to its event being readable, by webhook: Field Service, service and Exchange as processes.

python -m bench.webhook [BOOKINGS]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from bench.ends import Ends, _start, fill, made_id, z
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT

WORKERS, STANDING, BOOKINGS, DELETIONS = 20, 2_000, 200, 20
#: Seconds between two changes, at random up to; and between two looks into a calendar.
APART, LOOK = 1.0, 0.05
PATIENCE = 120.0


@contextlib.contextmanager
def ends_of(folder: Path) -> Iterator[Ends]:
    started = [
        _start("fieldcal.embedded.fieldservice", folder / "fieldservice.sqlite3", "--tenant", str(DEFAULT_TENANT)),
        _start("fieldcal.embedded.exchange", folder / "exchange.sqlite3"),
    ]
    try:
        told = [json.loads(process.stdout.readline()) for process in started if process.stdout]
        yield Ends(told[0]["url"], told[0]["token"], told[1]["url"], told[1]["token"])
    finally:
        for process in started:
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


class Installation:
    """One Fieldcal on both ends, by its commands."""

    def __init__(self, folder: Path, ends: Ends) -> None:
        self.data = folder / "data"
        self._env = {
            **os.environ, "FIELDCAL_DATA": str(self.data), "SOURCE_TOKEN": ends.source_token, "GRAPH_TOKEN": ends.graph_token,
            "FIELDCAL_LISTEN": "127.0.0.1:0", "FIELDCAL_LISTEN_HOOKS": "127.0.0.1:0", "FIELDCAL_LOG_LEVEL": "warning",
        }  # fmt: skip
        for words in (
            ("environment", "add", "bench", "--url", ends.source, "--secret", "env:SOURCE_TOKEN"),
            ("profile", "add", "exchange", "--url", ends.graph, "--secret", "env:GRAPH_TOKEN"),
            ("sync", "--dry-run"),
            ("mailbox", "edit", "--all", "--yes", "--profile", "exchange", "--method", "server-side-sync"),
            ("mailbox", "approve", "--all", "--yes"), ("mailbox", "test", "--all", "--yes"), ("sync",),
        ):  # fmt: skip
            self.do(*words)

    def do(self, *words: str) -> None:
        subprocess.run([sys.executable, "-m", "fieldcal", *words], env=self._env, check=True, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        service = subprocess.Popen(
            [sys.executable, "-m", "fieldcal", "serve"], env=self._env, stderr=subprocess.PIPE, text=True
        )
        try:
            for line in service.stderr or ():
                if "Stop with" in line:
                    break
            hooks = json.loads((self.data / "service.json").read_text())["hooks"]
            self.do("environment", "webhook", "add", "bench", "--url", hooks)
            time.sleep(3)  # the first pass is over
            yield
        finally:
            service.terminate()
            service.wait()
            if service.stderr:
                service.stderr.close()


class Dispatcher:
    """Books, moves and deletes, and looks when the calendar shows it."""

    def __init__(self, ends: Ends, session: aiohttp.ClientSession) -> None:
        self._ends, self._session = ends, session
        self._base = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)

    async def _field_service(self, method: str, path: str, body: dict[str, str] | None) -> None:
        headers = {"Authorization": f"Bearer {self._ends.source_token}"}
        async with self._session.request(
            method, f"{self._ends.source}/api/data/v9.2/{path}", json=body, headers=headers
        ) as answer:
            assert answer.status < 300, await answer.text()

    async def _shows(self, number: int, start: datetime) -> bool:
        span = f"startDateTime={z(start)}&endDateTime={z(start + timedelta(minutes=1))}&$top=50&$select=subject,start"
        url = f"{self._ends.graph}/v1.0/users/{made_id('box', number % WORKERS)}/calendarView?{span}"
        async with self._session.get(url, headers={"Authorization": f"Bearer {self._ends.graph_token}"}) as answer:
            events = (await answer.json())["value"]
        return any(
            one["subject"] == f"Measured {number}" and one["start"]["dateTime"][:19] == z(start)[:19] for one in events
        )

    def _start(self, number: int, *, moved: bool = False) -> datetime:
        return self._base + timedelta(minutes=7 * (number // WORKERS), days=5 if moved else 0)

    async def _measured(self, number: int, start: datetime, *, there: bool, began: float) -> float:
        async with asyncio.timeout(PATIENCE):
            while await self._shows(number, start) is not there:  # noqa: ASYNC110 - another process's calendar
                await asyncio.sleep(LOOK)
        return time.perf_counter() - began

    async def books(self, number: int) -> float:
        start, began = self._start(number), time.perf_counter()
        row = {
            "bookableresourcebookingid": made_id("measured", number), "name": f"Measured {number}",
            "starttime": z(start), "endtime": z(start + timedelta(minutes=5)),
            "Resource@odata.bind": f"/bookableresources({made_id('worker', number % WORKERS)})",
            "BookingStatus@odata.bind": f"/bookingstatuses({made_id('status', 1)})",
        }  # fmt: skip
        await self._field_service("POST", "bookableresourcebookings", row)
        return await self._measured(number, start, there=True, began=began)

    async def moves(self, number: int) -> float:
        start, began = self._start(number, moved=True), time.perf_counter()
        row = {"starttime": z(start), "endtime": z(start + timedelta(minutes=5))}
        await self._field_service("PATCH", f"bookableresourcebookings({made_id('measured', number)})", row)
        return await self._measured(number, start, there=True, began=began)

    async def deletes(self, number: int) -> float:
        began = time.perf_counter()
        await self._field_service("DELETE", f"bookableresourcebookings({made_id('measured', number)})", None)
        return await self._measured(number, self._start(number, moved=True), there=False, began=began)


async def spread(kind: str, dispatcher: Dispatcher, numbers: range, apart: float) -> AsyncIterator[float]:
    """The seconds of each, begun at random distances whether the one before has arrived or not."""
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(getattr(dispatcher, kind)(number)))
        await asyncio.sleep(random.uniform(0, apart))
    for task in tasks:
        yield await task


async def measure(ends: Ends, bookings: int) -> None:
    print(f"## By webhook, {WORKERS} calendars, {STANDING} bookings standing\n")
    print("| change | how many | p50 s | p95 s | longest s |\n|---|--:|--:|--:|--:|")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        dispatcher = Dispatcher(ends, session)
        for kind, numbers, apart in (
            ("books", range(bookings), APART), ("moves", range(bookings), APART), ("deletes", range(DELETIONS), 4 * APART),
        ):  # fmt: skip
            seconds = sorted([one async for one in spread(kind, dispatcher, numbers, apart)])
            p95 = seconds[max(0, -(-95 * len(seconds) // 100) - 1)]
            print(
                f"| {kind} | {len(seconds)} | {statistics.median(seconds):.2f} | {p95:.2f} | {seconds[-1]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), workers=WORKERS, bookings=STANDING)
        with ends_of(Path(name)) as both, Installation(Path(name), both).serving():
            asyncio.run(measure(both, int(sys.argv[1]) if len(sys.argv) > 1 else BOOKINGS))
