"""1, 2 and 4 workers on one PostgreSQL while they wait on the wire, and what a job costs, as tables in Markdown.

python -m bench.workers [--small]

Exchange takes so long for each event that a worker, which has eight mailboxes in hand at a time, is kept under a quarter
of a core: what then keeps several from being faster together is what they share, the queue and the state.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy.engine import make_url

from bench.ends import Ends, fill, made_id, only_exchange, started
from bench.postgres import Databases, postgres
from bench.workers.crew import Ran, run, settings
from bench.workers.prepared import lead_to, prepare
from fieldcal.state import beside

#: Exchange carries out four of a batch at a time, so a mailbox's events take two rounds of this many seconds.
MAILBOXES, EACH, LATENCY = 128, 8, 1.0
CREWS, TIMES, JOBS = (1, 2, 4), 5, 500
SMALL, SMALL_TIMES, SMALL_JOBS = 64, 1, 300
NOOP, ENGINE, WORKER = (
    "Procrastinate's own no-op",
    "fieldcal's engine, no-op",
    "a worker's mailbox in which nothing is due",
)


def crews(folder: Path, server: Databases, mailboxes: int, times: int) -> None:
    """Each crew in turn, `times` over, each from the same state and an empty Exchange."""
    ends = stocked(folder, server, mailboxes)
    told: dict[int, list[Ran]] = {number: [] for number in CREWS}
    load = list[float]()
    for turn in range(times):
        for number in CREWS:
            room = folder / f"run-{turn}-{number}"
            room.mkdir()
            shutil.copyfile(folder / "exchange.sqlite3", room / "exchange.sqlite3")
            with only_exchange(room, latency=LATENCY) as (graph, token):
                url = server.make("run", "prepared")
                lead_to(url, graph)
                told[number].append(
                    run(room, server, url, Ends(ends.source, ends.source_token, graph, token), number, mailboxes * EACH)
                )
                server.drop("run")
        load.append(os.getloadavg()[0])
    tell(mailboxes, times, told, load)


def stocked(folder: Path, server: Databases, mailboxes: int) -> Ends:
    """The database `prepared`, and Exchange's file; the source's address, which nobody asks any more."""
    fill(folder, workers=mailboxes, bookings=mailboxes * EACH)
    with started(folder) as ends:
        asyncio.run(prepare(server.make("prepared"), ends, read=True))
    return ends


def tell(mailboxes: int, times: int, told: dict[int, list[Ran]], load: list[float]) -> None:
    print(f"### {mailboxes} mailboxes × {EACH} bookings by 1, 2 and 4 workers at {LATENCY:g} s an event\n")
    print(f"Medians of {times}, in turn; load {min(load):.1f} to {max(load):.1f}.\n")
    print(
        "| workers | wall s | events/s | as fast as one | asked for | busiest worker, of a core | worker CPU ms/mailbox | schedule CPU s | PostgreSQL CPU s |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for number, ran in told.items():
        wall = statistics.median(one.wall for one in ran)
        faster = statistics.median(one.wall / more.wall for one, more in zip(told[1], ran, strict=True))
        each = statistics.median(1000 * sum(one.workers) / mailboxes for one in ran)
        print(
            f"| {number} | {wall:.1f} | {mailboxes * EACH / wall:.0f} | {faster:.2f} | {({2: '1.8', 4: '3'}).get(number, '–')} | "
            f"{statistics.median(one.busiest for one in ran):.2f} | {each:.0f} | {statistics.median(one.schedule for one in ran):.1f} | "
            f"{statistics.median(one.postgres for one in ran):.1f} |"
        )  # fmt: skip
    print(flush=True)


def jobs(folder: Path, server: Databases, number: int, times: int) -> None:
    """What a job costs beside Procrastinate's own, in turn."""
    fill(folder, workers=number, bookings=number)
    with started(folder) as ends:
        asyncio.run(prepare(server.make("idle"), ends, read=False))
    boxes = [made_id("box", n) for n in range(number)]
    told: dict[str, list[dict[str, float]]] = {NOOP: [], ENGINE: [], WORKER: []}
    for _ in range(times):
        for what, kind in ((NOOP, "noop"), (ENGINE, "engine"), (WORKER, "worker")):
            url = server.make("jobs", "idle")
            env = settings(folder, url, ends)
            served = server.busy()
            address = beside.address(make_url(url), beside.QUEUE)
            line = subprocess.run(
                [sys.executable, "-m", "bench.workers.job", address, kind, str(number)], env=env, check=True,
                input=json.dumps(boxes), stdout=subprocess.PIPE, text=True,
            ).stdout.splitlines()[-1]  # fmt: skip
            told[what].append({**json.loads(line), "postgres": 1000 * (server.busy() - served) / number})
            server.drop("jobs")
    print(f"### What a job costs, {number:,} jobs, eight at a time\n")
    print(
        f"Medians of {times}, in turn; load {os.getloadavg()[0]:.1f}. Of PostgreSQL with putting them into the queue.\n"
    )
    print("| | wall ms/job | worker CPU ms/job | PostgreSQL CPU ms/job |\n|---|--:|--:|--:|")
    for what, ran in told.items():
        wall, cpu, served = (statistics.median(one[name] for one in ran) for name in ("wall", "cpu", "postgres"))
        print(f"| {what} | {wall:.1f} | {cpu:.1f} | {served:.1f} |")
    print(flush=True)


def main(mailboxes: int, number: int, times: int) -> None:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name, postgres() as (uri, process):
        server = Databases(uri, process)
        for part in ("crews", "jobs"):
            (Path(name) / part).mkdir()
        crews(Path(name) / "crews", server, mailboxes, times)
        jobs(Path(name) / "jobs", server, number, times)
    print(f"Measured in {time.perf_counter() - began:.0f} s.\n")


if __name__ == "__main__":
    small = "--small" in sys.argv
    main(SMALL if small else MAILBOXES, SMALL_JOBS if small else JOBS, SMALL_TIMES if small else TIMES)
