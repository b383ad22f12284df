"""One run: `fieldcal serve --no-worker` and so many `fieldcal worker`, from the moment at which everything is due."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bench.ends import Ends
from bench.postgres import Databases
from bench.processor import busy_family
from bench.workers.prepared import switch_on
from fieldcal.state.database import Database
from fieldcal.state.tables import links, marks

#: How often it is looked how far they are, seconds, and after which they are taken for stuck.
LOOK, STUCK = 0.05, 600.0


@dataclass(frozen=True)
class Ran:
    """One run: its wall seconds, and the processor's seconds of each worker and of the others."""

    wall: float
    workers: list[float]
    schedule: float
    postgres: float

    @property
    def busiest(self) -> float:
        """The share of a core that the busiest worker took."""
        return max(self.workers) / self.wall


def settings(folder: Path, url: str, ends: Ends) -> dict[str, str]:
    return {
        **os.environ, "FIELDCAL_DATA": str(folder / "data"), "FIELDCAL_DATABASE_URL": url, "FIELDCAL_LISTEN": "127.0.0.1:0",
        "FIELDCAL_LOG_FORMAT": "json", "SOURCE_TOKEN": ends.source_token, "GRAPH_TOKEN": ends.graph_token,
    }  # fmt: skip


@contextlib.contextmanager
def at_work(folder: Path, name: str, words: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command that has said that it started; it ends with the block."""
    log = folder / f"{name}.log"
    with log.open("wb") as told:
        process = subprocess.Popen([sys.executable, "-m", "fieldcal", *words], env=env, stdout=told, stderr=told)
    try:
        until = time.monotonic() + 60
        while '"action":"started"' not in log.read_text().replace(" ", ""):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(LOOK)
        yield process
    finally:
        process.terminate()
        process.wait()


def run(folder: Path, server: Databases, url: str, ends: Ends, number: int, events: int) -> Ran:
    """Have `number` workers write what is due in this state; every one of the events must stand."""
    env, database = settings(folder, url, ends), Database(url)
    try:
        with contextlib.ExitStack() as stack:
            schedule = stack.enter_context(at_work(folder, "serve", ["serve", "--no-worker"], env))
            workers = [stack.enter_context(at_work(folder, f"worker-{n}", ["worker"], env)) for n in range(number)]
            pids = [schedule.pid, *(one.pid for one in workers)]
            before, served = [busy_family(pid) for pid in pids], server.busy()
            began = time.perf_counter()
            switch_on(database)
            _wait(database, began)
            wall = time.perf_counter() - began
            used = [busy_family(pid) - old for pid, old in zip(pids, before, strict=True)]
            served = server.busy() - served
        with database.read() as tx:
            there = tx.scalar(select(func.count()).select_from(links).where(links.c.event.is_not(None)))
        assert there == events, f"{there} of {events} events stand"
    finally:
        database.close()
    return Ran(wall, used[1:], used[0], served)


def _wait(database: Database, began: float) -> None:
    while True:
        with database.read() as tx:
            if not tx.scalar(select(func.count()).select_from(marks)):
                return
        assert time.perf_counter() - began < STUCK, "the workers are stuck"
        time.sleep(LOOK)
