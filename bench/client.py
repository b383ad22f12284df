"""One measured pass in a process of its own: its CPU, memory and requests are the sync's and nobody else's.

python -m bench.client STATE SOURCE SOURCE_TOKEN GRAPH GRAPH_TOKEN prepare|pass
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.bare import AT_ONCE
from fieldcal.calendars.graph import GraphCalendars
from fieldcal.clock import SystemClock
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.model import MailboxId
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.ports import Calendars
from fieldcal.setup_model import Endpoint, Environment, Method, ServerProfile
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.state import environments, mailboxes, profiles, workers
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.sync.passes import run_pass
from fieldcal.sync.site import Site

NAME, PROFILE = "bench", "Microsoft Exchange Online"


@asynccontextmanager
async def opened(
    state: str, source_url: str, source_token: str, graph_url: str, graph_token: str
) -> AsyncIterator[tuple[Site, Http, Http]]:
    """The sync on this state and between these ends, and the doors that count its requests."""
    clock, database = SystemClock(), Database(state)
    upgrade(database)
    source_http = Http(source_url, TokenCredential(lambda: source_token), clock)
    # a pass has more mailboxes in hand; on the wire are as many as on the bare loop's
    graph_http = Http(graph_url, TokenCredential(lambda: graph_token), clock, slots=AT_ONCE)
    source = DataverseSource(source_http, clock)
    pace = StoredPace(database, clock)
    calendars = GraphCalendars(graph_http, pace, clock, PROFILE)
    try:
        organization = (await source.identity()).organization
        site = Site(
            NAME,
            organization,
            Settings(),
            database,
            clock,
            pace,
            source,
            lambda _: calendars,
            render,
            random.random,
            "bench",
        )
        yield site, source_http, graph_http
    finally:
        await source.close()
        await calendars.close()
        database.close()


async def main(*given: str) -> None:
    *ends, what = given
    async with opened(*ends) as (site, source_http, graph_http):
        if what == "prepare":
            await prepare(site)
            return
        gc.freeze()  # as `fieldcal serve` does once it runs
        print(json.dumps(await passed(site, source_http, graph_http)))


async def prepare(site: Site) -> None:
    """Environment, profile, workers, and every mailbox set up as Test & Enable leaves it."""
    now = datetime.now(UTC)
    page = await site.source.workers(None)
    with site.database.write() as tx:
        environments.add(tx, Environment(NAME, Endpoint("http://bench.invalid"), now))
        profiles.add(tx, ServerProfile(PROFILE, Endpoint("http://bench.invalid"), now))
        workers.store(tx, NAME, page.rows, page.gone, site.settings.window(now), now)
        boxes = [MailboxId(worker.mailbox) for worker in page.rows if worker.mailbox]
        mailboxes.set_profile(tx, NAME, boxes, PROFILE)
        mailboxes.set_method(tx, NAME, boxes, Method.SERVER_SIDE_SYNC)
        mailboxes.approve(tx, NAME, boxes, "bench")
        for box in boxes:
            mailboxes.enable(tx, NAME, box, [])
            mailboxes.checked(tx, NAME, box, now)


async def passed(site: Site, source_http: Http, graph_http: Http) -> dict[str, Any]:
    """One pass: what it did and what it cost; `reading` is what came before the first calendar was opened."""
    times: list[tuple[float, float]] = []

    def calendars(profile: str) -> Calendars:
        times.append((time.perf_counter(), time.process_time()))
        return site.calendars(profile)

    source_http.sent = graph_http.sent = 0
    began, cpu = time.perf_counter(), time.process_time()
    report = await run_pass(replace(site, calendars=calendars))
    ended, used = time.perf_counter(), time.process_time() - cpu
    read, reading = times[0] if times else (ended, cpu + used)
    return {
        "wall": ended - began,
        "reading": read - began,
        "writing": ended - read,
        "cpu": used,
        "reading_cpu": reading - cpu,
        "peak_mb": _peak(),
        "source_requests": source_http.sent,
        "graph_requests": graph_http.sent,
        "created": report.tally.created,
        "updated": report.tally.updated,
        "removed": report.tally.removed,
        "failed": report.tally.failed,
        "error": report.error,
    }


def _peak() -> float:
    """Megabytes; on Linux of this process alone, where `ru_maxrss` begins with what its starter had."""
    status = Path("/proc/self/status")
    if status.exists():
        told = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(told.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
