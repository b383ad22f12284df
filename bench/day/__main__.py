"""A day in the life of Fieldcal, as tables in Markdown; exit status 1 where anything is wrong at its end.

python -m bench.day [--small] [--hours 11] [--faster 60] [--technicians 2000] [--workers 0] [--seed 7]

`--hours 24` is the whole day, which takes 24 minutes; `--workers 2` has two workers on PostgreSQL do it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.day import told
from bench.day.trace import first_hour, trace
from bench.day.truth import wrong
from bench.ends import Ends, fill
from bench.latency.changes import Planner, standing, stock
from bench.latency.driving import Dispatcher, Drive, settled, watched
from bench.latency.installation import Installation
from bench.latency.watching import Calendars
from bench.postgres import postgres
from bench.processor import busy_family

#: The share of all requests that fail, and the seconds that the last changes may take when all are sent.
FAULTS, PATIENCE = 0.01, 600.0
#: Bookings that each technician has before the day begins.
STANDING = 5


@dataclass(frozen=True, slots=True)
class Both:
    """Both ends; `desk`: the dispatchers' own token."""

    ends: Ends
    desk: str


@contextlib.contextmanager
def both(data: Path) -> Iterator[Both]:
    """Field Service and Exchange as processes of their own."""
    processes = [
        subprocess.Popen([sys.executable, "-m", "bench.day.end", kind, str(data / f"{kind}.sqlite3")], stdout=subprocess.PIPE, text=True)
        for kind in ("fieldservice", "exchange")
    ]  # fmt: skip
    try:
        source, graph = (json.loads(process.stdout.readline()) for process in processes if process.stdout)
        yield Both(Ends(source["url"], source["token"], graph["url"], graph["token"]), source["desk"])
    finally:
        for process in processes:
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


async def _counts(session: aiohttp.ClientSession, ends: Ends, share: float) -> tuple[Any, Any]:
    """What was counted at the source and at Exchange until now; counts and faults begin anew."""
    found = []
    for url in (ends.source, ends.graph):
        async with session.get(f"{url}/_bench?share={share}") as answer:
            found.append(await answer.json())
    return found[0], found[1]


async def _replayed(
    given: argparse.Namespace, data: Path, ends: Both, installation: Installation, server: int
) -> told.Day:
    drive, calendars = Drive(), Calendars(data)
    for seen in calendars.news():
        drive.awaited.see(seen, 0.0)
    planner = Planner(given.seed, given.technicians, standing(data, given.technicians))
    planned = trace(given.seed, given.technicians, given.hours, planner)

    def busy() -> dict[str, float]:
        return installation.busy() | ({"PostgreSQL": busy_family(server)} if server else {})

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        await _counts(session, ends.ends, FAULTS)
        before = busy()
        async with watched(calendars, drive):
            await Dispatcher(ends.ends.source, ends.desk, session, drive).replay(planned, given.faster)
            load = os.getloadavg()[0]
            await settled(drive, PATIENCE)
            spent = {name: seconds - before[name] for name, seconds in busy().items()}
            source, graph = await _counts(session, ends.ends, 0.0)
            await asyncio.to_thread(installation.pass_now)
            last = await asyncio.to_thread(installation.pass_now)
            await asyncio.sleep(1.0)
    calendars.close()
    found = {booking: list(rows.values()) for booking, rows in drive.awaited.events.items()}
    mistakes = wrong(planner.truth, found, len(drive.awaited.strange))
    idle = last["created"] + last["updated"] + last["removed"]
    return told.Day(drive, source, graph, spent, load, mistakes, idle, len(planner.truth), _size(installation))


def _size(installation: Installation) -> int:
    """Bytes of the state in SQLite; 0 where it is in PostgreSQL."""
    path = installation.data / "state.sqlite3"
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        pages, size = (file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * size)


def measured(given: argparse.Namespace) -> told.Day:
    """The day from an empty folder to its last event."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ends_data, data = folder / "ends", folder / "data"
        ends_data.mkdir()
        data.mkdir(mode=0o700)
        fill(ends_data, workers=given.technicians, bookings=given.technicians * STANDING)
        stock(ends_data)
        ends = stack.enter_context(both(ends_data))
        address, server = stack.enter_context(postgres()) if given.workers else ("", 0)
        installation = Installation(data, ends.ends, address)
        stack.enter_context(installation.serving(given.workers, webhook=True))
        day = asyncio.run(_replayed(given, ends_data, ends, installation, server))
        for line in installation.log()[-5:]:
            print(line, file=sys.stderr)
        return day


def main() -> int:
    """The day and its tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.day", description=__doc__)
    parser.add_argument("--small", action="store_true", help="50 technicians, two hours")
    parser.add_argument("--hours", type=float, default=11.0, help="of the day; 11 begin at six, 24 are all of it")
    parser.add_argument("--faster", type=float, default=60.0, help="than the day was")
    parser.add_argument("--technicians", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=0, help="0: one process on SQLite; else on PostgreSQL")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    if given.small:
        given.technicians, given.hours = 50, 2.0
    day = measured(given)
    told.show(day, given.faster, first_hour(given.hours))
    return 0 if day.sound else 1


if __name__ == "__main__":
    sys.exit(main())
