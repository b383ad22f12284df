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
from datetime import UTC, datetime

from fieldcal.calendars.graph import GraphCalendars
from fieldcal.clock import SystemClock
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.model import MailboxId
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Endpoint, Environment, Method, ServerProfile
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.state import environments, mailboxes, profiles, workers
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.sync.passes import run_pass
from fieldcal.sync.site import Site

NAME, PROFILE = "bench", "Microsoft Exchange Online"


async def main(state: str, source_url: str, source_token: str, graph_url: str, graph_token: str, what: str) -> None:
    clock, database = SystemClock(), Database(state)
    upgrade(database)
    source_http = Http(source_url, TokenCredential(lambda: source_token), clock)
    graph_http = Http(graph_url, TokenCredential(lambda: graph_token), clock)
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
        if what == "prepare":
            await prepare(site)
        else:
            source_http.sent = graph_http.sent = 0
            await measured(site, source_http, graph_http)
    finally:
        await source.close()
        await calendars.close()
        database.close()


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


async def measured(site: Site, source_http: Http, graph_http: Http) -> None:
    gc.freeze()  # as `fieldcal serve` does once it runs
    wall, cpu = time.perf_counter(), time.process_time()
    report = await run_pass(site)
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - wall,
                "cpu": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "source_requests": source_http.sent,
                "graph_requests": graph_http.sent,
                "created": report.tally.created,
                "updated": report.tally.updated,
                "removed": report.tally.removed,
                "failed": report.tally.failed,
                "error": report.error,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
