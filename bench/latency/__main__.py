"""From a booking's commit to its readable event, as tables in Markdown; exit status 1 where it takes too long.

python -m bench.latency [--small] [embedded|postgresql]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.ends import fill
from bench.latency.changes import Change, Planner, standing, stock
from bench.latency.driving import Dispatcher, Drive, settled, share, token_of, watched
from bench.latency.installation import Installation
from bench.latency.watching import Calendars
from bench.postgres import postgres
from bench.processor import busy_family

#: Asked for: the seconds within which 95 of 100 changes can be read.
P95 = 2.0
#: What a dispatcher does, and how often of a hundred times.
DEEDS = {"move": 60, "status": 20, "give": 10, "book": 10}
#: Seconds that the last changes may take once all are sent.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    #: 0: the service works itself, its state in SQLite; else so many workers, the state in PostgreSQL
    workers: int
    #: changes a second, and for how many seconds
    rate: float
    seconds: float
    technicians: int
    bookings: int


WHOLE = (
    Case("one process, SQLite", 0, 5, 120, 500, 5_000),
    Case("one process, SQLite", 0, 20, 120, 500, 5_000),
    Case("2 workers, PostgreSQL", 2, 50, 300, 500, 5_000),
)
SMALL = (Case("one process, SQLite", 0, 5, 20, 40, 400), Case("2 workers, PostgreSQL", 2, 20, 30, 40, 400))


@dataclass(frozen=True, slots=True)
class Measured:
    drive: Drive
    #: seconds of processor, by process
    busy: dict[str, float]
    #: the load of the machine when it ended
    load: float
    all_seen: bool
    log: list[str]


def changes(case: Case, planner: Planner) -> list[Change]:
    """So many a second, evenly; no booking twice before half of all had their turn."""
    chance, known, recent = random.Random(case.technicians), sorted(planner.truth), list[str]()
    chance.shuffle(known)
    made = []
    for number in range(int(case.rate * case.seconds)):
        kind = chance.choices(list(DEEDS), list(DEEDS.values()))[0]
        if kind == "book":
            booking = f"{number:08x}-7777-4000-8000-000000000000"
            recent.append(booking)
        else:
            if not known:
                known, recent = recent, []
            booking = known.pop()
            recent.insert(0, booking)
        made.append(planner.do(number / case.rate, kind, booking))
    return made


async def _driven(case: Case, data: Path, running: dict[str, Any], installation: Installation, server: int) -> Measured:
    drive, calendars = Drive(), Calendars(data)
    for seen in calendars.news():
        drive.awaited.see(seen, 0.0)
    planned = changes(case, Planner(1, case.technicians, standing(data, case.technicians)))

    def busy() -> dict[str, float]:
        return installation.busy() | ({"PostgreSQL": busy_family(server)} if server else {})

    before = busy()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        token = await token_of(running["ends"], session)
        dispatcher = Dispatcher(running["ends"]["fieldservice"], token, session, drive)
        async with watched(calendars, drive):
            await dispatcher.replay(planned)
            all_seen = await settled(drive, PATIENCE)
    calendars.close()
    spent = {name: seconds - before[name] for name, seconds in busy().items()}
    return Measured(drive, spent, os.getloadavg()[0], all_seen, installation.log())


def measured(case: Case) -> Measured:
    """One case from an empty folder to the last event."""
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        data.mkdir(mode=0o700)
        fill(data, workers=case.technicians, bookings=case.bookings)
        stock(data)
        address, server = stack.enter_context(postgres()) if case.workers else ("", 0)
        installation = Installation(data, database=address)
        running = stack.enter_context(installation.serving(case.workers))
        return asyncio.run(_driven(case, data, running, installation, server))


def row(case: Case, told: Measured) -> bool:
    """Print the case's line; whether it was as quick as is asked for."""
    took = told.drive.awaited.took
    seconds = [one.seconds for one in took]
    p95 = share(seconds, 0.95)
    cpu = ", ".join(f"{name} {1000 * spent / len(took):.0f}" for name, spent in told.busy.items())
    print(
        f"| {case.name} | {case.rate:g} | {len(took):,} | {share(seconds, 0.5):.2f} | {p95:.2f} | {share(seconds, 0.99):.2f} "
        f"| {max(seconds):.2f} | {share([one.after for one in took], 0.95):.2f} | {cpu} | {told.drive.late:.2f} | {told.load:.1f} |",
        flush=True,
    )
    for line in told.log[-5:]:
        print(line, file=sys.stderr)
    return told.all_seen and p95 < P95


def main(words: list[str]) -> int:
    """The cases; `--small` for a look at a few changes."""
    cases = SMALL if "--small" in words else WHOLE
    chosen = {"embedded": 0, "postgresql": 2}
    wanted = {chosen[word] for word in words if word in chosen} or set(chosen.values())
    print("### From a booking's commit to its readable event\n")
    print(
        "| | changes a second | changes | p50 s | p95 s | p99 s | longest s | p95 from the answer on, s | processor, ms a change | latest sending, s late | load |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|")
    good = [row(case, measured(case)) for case in cases if case.workers in wanted]
    print(f"\nAsked for: a p95 under {P95:g} s.\n")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
