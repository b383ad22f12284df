"""A state in PostgreSQL in which everything is due and nothing is begun: the environment waits to be switched on."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.client import NAME, PROFILE
from bench.client import prepare as set_up
from bench.ends import Ends
from fieldcal.clock import SystemClock
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Endpoint
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.state import environments, feeds, profiles, queue_schema
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.sync.pull import pull
from fieldcal.sync.site import Site

#: No pass by schedule within a run.
AHEAD = timedelta(minutes=14)


def no_calendars(profile: str) -> Any:
    raise AssertionError(f"nothing is written here: {profile}")


async def prepare(url: str, ends: Ends, *, read: bool) -> None:
    """Every mailbox set up and, where `read`, every booking stored and due; switched off."""
    clock, database = SystemClock(), Database(url)
    upgrade(database)
    queue_schema.upgrade(database)
    source = DataverseSource(Http(ends.source, TokenCredential(lambda: ends.source_token), clock), clock)
    try:
        who = await source.identity()
        site = Site(
            NAME, who.organization, Settings(), database, clock, StoredPace(database, clock), source, no_calendars, render,
            random.random, "bench",
        )  # fmt: skip
        await set_up(site)
        if read:
            await pull(site)
        with database.write() as tx:
            place = replace(
                environments.get(tx, NAME), end=Endpoint(ends.source, secret="env:SOURCE_TOKEN"), enabled=False,
                organization=who.organization, tenant=who.tenant,
            )  # fmt: skip
            environments.save(tx, place)
    finally:
        await source.close()
        database.close()


def lead_to(url: str, graph: str) -> None:
    """Have the mailboxes of this state written into the Exchange at this address."""
    database = Database(url)
    with database.write() as tx:
        profiles.save(tx, replace(profiles.get(tx, PROFILE), end=Endpoint(graph, secret="env:GRAPH_TOKEN")))
    database.close()


def switch_on(database: Database) -> None:
    """What is due is worked off from now on."""
    now = datetime.now(UTC)
    with database.write() as tx:
        feeds.change(tx, NAME, next_pull_at=now + AHEAD, last_pull_at=now, last_check_at=now)
        environments.save(tx, replace(environments.get(tx, NAME), enabled=True))
