"""One measured run of ours in a process of its own: the whole way of the product, or its connector alone.

python -m bench.caldav.ours STATE SOURCE SOURCE_TOKEN SERVER HOME USER PASSWORD CONNECTIONS prepare|pass|connector
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import time

from bench.client import NAME, PROFILE, passed, prepare
from bench.ends import made_id
from fieldcal.calendars.caldav import Account, CalDavCalendars
from fieldcal.clock import SystemClock
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.model import MailboxId, Receipt, Write
from fieldcal.password import PasswordCredential
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.state import marks
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.sync import reconcile
from fieldcal.sync.pull import pull
from fieldcal.sync.site import Site
from fieldcal.sync.sort import sort_out

#: More mailboxes than any run has.
MAILBOXES = 1000


class BenchAccounts:
    """Worker n's mailbox is the calendar cn, as Test & Enable would have found it."""

    def __init__(self, server: str, home: str, user: str, password: str) -> None:
        self._server = server
        self._credential = PasswordCredential(user, lambda: password)
        self._paths = {MailboxId(made_id("box", n)): f"{home}c{n}/" for n in range(MAILBOXES)}

    def of(self, mailbox: MailboxId) -> Account:
        path = self._paths[mailbox]
        return Account(self._server + path, self._credential, own=False, collection=path)

    async def found(self, mailbox: MailboxId, collection: str) -> None:
        raise AssertionError(f"no pass discovers anything: {mailbox}, {collection}")


async def main(state: str, source_url: str, token: str, account: tuple[str, ...], connections: int, what: str) -> None:
    clock, database = SystemClock(), Database(state)
    upgrade(database)
    source_http = Http(source_url, TokenCredential(lambda: token), clock)
    dav_http = Http(account[0], None, clock, slots=connections)
    source, pace = DataverseSource(source_http, clock), StoredPace(database, clock)
    calendars = CalDavCalendars(dav_http, pace, clock, PROFILE, BenchAccounts(*account))
    try:
        organization = (await source.identity()).organization
        site = Site(
            NAME, organization, Settings(), database, clock, pace, source, lambda _: calendars, render, random.random,
            "bench",
        )  # fmt: skip
        if what == "prepare":
            await prepare(site)
        elif what == "connector":
            await connector(site, calendars)
        else:
            gc.freeze()  # as `fieldcal serve` does once it runs
            print(json.dumps(await passed(site, source_http, dav_http)))
    finally:
        await source.close()
        await calendars.close()
        database.close()


async def connector(site: Site, calendars: CalDavCalendars) -> None:
    """The writes that a pass would hand out, all at once, to the connector alone."""
    await pull(site)
    reconcile.LOAD = 1_000_000
    ready: dict[MailboxId, list[Write]] = {}
    for mailbox in await site.database.reading(marks.due_mailboxes, site.environment, site.clock.now()):
        work = await site.database.reading(reconcile._load, site, mailbox)  # noqa: SLF001 - the bench looks inside
        ready[mailbox] = [item.action for item in sort_out(work, {}, site.render).armed]
    wall, cpu = time.perf_counter(), time.process_time()
    told = await asyncio.gather(
        *(calendars.open(box, site.organization).write(actions, lambda: None) for box, actions in ready.items())
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    created = sum(isinstance(outcome, Receipt) for outcomes in told for outcome in outcomes.values())
    print(json.dumps({"wall": wall, "cpu": cpu, "created": created}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], tuple(sys.argv[4:8]), int(sys.argv[8]), sys.argv[9]))
