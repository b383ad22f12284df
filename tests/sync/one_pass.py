"""One pass of the product's own sync as a process of its own, over given ends; what it cost is printed as JSON.

python -m tests.sync.one_pass STATE SOURCE SOURCE_TOKEN GRAPH GRAPH_TOKEN NAME [SPEED EPOCH]
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.client import NAME, PROFILE, prepare
from sqlalchemy import event

from fieldcal.calendars.graph import GraphCalendars
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.sync.passes import run_pass
from fieldcal.sync.site import Site

#: Graph's own limit is for a day's work; a first fill of one mailbox is measured without waiting for it.
NO_LIMIT = 1_000_000


class QuickClock:
    """The machine's clock, running `speed` times as fast since `epoch` (seconds since 1970): two minutes of a lease
    pass in moments, and processes that were given the same epoch agree on the time."""

    def __init__(self, speed: float = 1.0, epoch: float = 0.0) -> None:
        self._speed, self._epoch = speed, epoch

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._epoch + (time.time() - self._epoch) * self._speed, UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0) / self._speed)


@dataclass(frozen=True)
class Given:
    """Where everything is, as it is handed over on the command line."""

    state: str
    source: str
    source_token: str
    graph: str
    graph_token: str
    name: str = "one"
    speed: float = 1.0
    epoch: float = 0.0

    def words(self) -> list[str]:
        return [str(value) for value in asdict(self).values()]


@dataclass
class Measured:
    """What a pass came to and what it cost."""

    created: int
    updated: int
    removed: int
    failed: int
    mailboxes: int
    error: str
    statements: int
    rows: int
    source_requests: int
    graph_requests: int
    peak_mb: float


class Counted:
    """Statements and rows that a database is given from now on."""

    def __init__(self, database: Database) -> None:
        self.number: Counter[str] = Counter()
        for engine in {database._writer, database._reader}:  # there is no other door
            event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, _tx: object, _cursor: object, _text: str, given: object, _context: object, many: bool) -> None:
        self.number["statements"] += 1
        self.number["rows"] += len(given) if many and isinstance(given, list | tuple) else 1


async def one_pass(given: Given, *, first: bool = False) -> Measured:
    """Run one pass; `first`: make the state and set every mailbox up instead."""
    clock, database = QuickClock(given.speed, given.epoch), Database(given.state)
    if first:
        upgrade(database)
    ends = [
        Http(url, TokenCredential(lambda token=token: token), clock, user_agent=given.name)  # type: ignore[misc]
        for url, token in ((given.source, given.source_token), (given.graph, given.graph_token))
    ]
    source, pace = DataverseSource(ends[0], clock), StoredPace(database, clock, limit=NO_LIMIT)
    calendars = GraphCalendars(ends[1], pace, clock, PROFILE)
    try:
        organization = (await source.identity()).organization
        site = Site(
            NAME, organization, Settings(), database, clock, pace, source, lambda _: calendars, render, lambda: 0.0,
            given.name,
        )  # fmt: skip
        if first:
            await prepare(site)
            return Measured(0, 0, 0, 0, 0, "", 0, 0, 0, 0, 0.0)
        return await _measured(site, ends)
    finally:
        await source.close()
        await calendars.close()
        database.close()


async def _measured(site: Site, ends: list[Http]) -> Measured:
    before = [end.sent for end in ends]
    counted = Counted(site.database)
    report = await run_pass(site)
    tally = report.tally
    sent = [end.sent - start for end, start in zip(ends, before, strict=True)]
    return Measured(
        tally.created, tally.updated, tally.removed, tally.failed, report.mailboxes, report.error,
        counted.number["statements"], counted.number["rows"], *sent, _peak(),
    )  # fmt: skip


def _peak() -> float:
    """The most memory that this process had, in megabytes.

    `ru_maxrss` is inherited over exec on Linux: it would tell the memory of the test that started us.
    """
    status = Path("/proc/self/status")
    if status.exists():
        told = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(told.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    *texts, speed, epoch = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(asyncio.run(one_pass(Given(*texts, float(speed), float(epoch)))))) + "\n")
