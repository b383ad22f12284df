"""Test & Enable of many mailboxes at once, as an administrator's browser asks for it and follows it."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from sqlalchemy import func, insert, select

from bench.centre.pages import served
from bench.ends import made_id, only_exchange
from fieldcal.embedded.exchange.exchange import Exchange
from fieldcal.embedded.exchange.mailboxes import NewMailbox
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.state.tables import environments, mailboxes, profiles

NAME, PROFILE = "main", "exchange"
#: Seconds that each request to Exchange takes; and that all of it may take.
LATENCY, LONGEST = 0.05, 120.0
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True)
class Told:
    """One run: seconds in all and to the first sign of progress, events and their bytes, how many were switched on."""

    seconds: float
    first: float
    events: int
    bytes: int
    enabled: int


def _state(folder: Path, url: str, boxes: int) -> Database:
    database, now = Database(f"sqlite:///{folder / 'state.sqlite3'}"), datetime.now(UTC)
    upgrade(database)
    rows = [
        {"environment": NAME, "id": made_id("box", n), "name": f"Worker {n}", "address": _address(n), "profile": PROFILE,
         "method": "server-side-sync", "approval": "approved", "approved_address": _address(n)}
        for n in range(boxes)
    ]  # fmt: skip
    end = {"url": url, "credential": "token", "secret": "env:GRAPH_TOKEN", "created_at": now}
    with database.write() as tx:
        tx.execute(insert(environments).values(id=NAME, organization=made_id("organization", 1), **end))
        tx.execute(insert(profiles).values(id=PROFILE, **end))
        tx.execute(insert(mailboxes), rows)
    return database


def _address(n: int) -> str:
    return f"worker{n}@northwind-trades.example"


def _exchange(folder: Path, boxes: int) -> None:
    made = Exchange(folder / "exchange.sqlite3")
    made.store.mailboxes.add(
        NewMailbox(uuid.UUID(made_id("box", n)), _address(n), _address(n), f"Worker {n}") for n in range(boxes)
    )
    made.close()


async def _run(url: str, cookie: str, boxes: int) -> tuple[float, float, int, int]:
    async with aiohttp.ClientSession(url, cookies={"fieldcal": cookie}) as session:
        async with session.get("/mailboxes") as answer:
            found = _TOKEN.search(await answer.text())
            assert found is not None
        form = {"csrf": found[1], "deed": "test", "all": "1", "count": str(boxes), "once": uuid.uuid4().hex}
        began = time.perf_counter()
        async with session.post("/mailboxes/do", data=form, allow_redirects=False) as answer:
            work = answer.headers["location"]
        first, events, size = 0.0, 0, 0
        timeout = aiohttp.ClientTimeout(total=None)
        async with session.get(f"{work}/events", timeout=timeout) as told:
            async for line in told.content:
                size += len(line)
                if line.startswith(b"event:"):
                    events += 1
                    first = first or time.perf_counter() - began
        return time.perf_counter() - began, first, events, size


def measured(boxes: int) -> Told:
    """One run with so many mailboxes, the centre and Exchange as processes of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _exchange(folder, boxes)
        with only_exchange(folder, latency=LATENCY) as (url, token):
            database = _state(folder, url, boxes)
            os.environ["GRAPH_TOKEN"] = token
            with served(folder) as (centre, cookie, _):
                seconds, first, events, size = asyncio.run(_run(centre, cookie, boxes))
            with database.read() as tx:
                on = tx.scalar(select(func.count()).where(mailboxes.c.enabled)) or 0
            database.close()
    return Told(seconds, first, events, size, on)


def main(boxes: int) -> bool:
    """Print the table; whether all were switched on in the time that is asked for, with progress on the way."""
    one = measured(boxes)
    print(f"### Test & Enable of {boxes:,} mailboxes at {LATENCY * 1000:.0f} ms a request\n")
    print("| wall s | mailboxes a second | switched on | first sign of progress s | events of progress | their MB |")
    print("|--:|--:|--:|--:|--:|--:|")
    print(f"| {one.seconds:.1f} | {boxes / one.seconds:.0f} | {one.enabled:,} | {one.first:.2f} | {one.events:,} | {one.bytes / 1e6:.1f} |")  # fmt: skip
    print(f"\nAsked for: under {LONGEST:.0f} s for 1,000, with live progress.\n")
    return one.enabled == boxes and one.events > 1 and one.seconds < LONGEST * boxes / 1_000
