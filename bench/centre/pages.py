"""What each page costs: the server's time, bytes on the wire, and how soon a browser shows something."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Page
from tests.browser.chromium import browsing

from bench.centre import stocked
from bench.ends import made_id
from bench.processor import busy
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade

#: Looks at a page's own answer, and loads of it in the browser after the first.
LOOKS, LOADS = 20, 5
HEAVIEST, LATEST = 200_000, 1.0
_BOX = made_id("box", 1)
_PAINTED = "(performance.getEntriesByName('first-contentful-paint')[0] || {startTime: 0}).startTime"
#: as a person asks for them; the later pages of lists are the dear ones
PATHS = (
    "/overview", "/overview/charts.json", "/mailboxes", "/mailboxes?page=300", "/mailboxes?search=worker12",
    "/mailboxes?state=failure", "/mailboxes?sort=-last_sync_at", f"/mailboxes/{_BOX}", "/bookings",
    "/bookings?page=400", "/bookings?search=wo-0001&by=number", "/bookings?search=customer+12&by=account",
    "/bookings?search=worker+77&by=worker", f"/bookings/{made_id('booking', 9_001)}", "/plans", "/plans/1",
    "/plans/preview", "/check", "/passes", "/passes/pass-01990", "/alerts", "/audit", "/environments", "/settings",
    "/profiles", "/users", "/account",
)  # fmt: skip


@dataclass
class Told:
    """One page's figures: seconds (`cpu`: of the server's processor), and bytes of the page with all that it loads."""

    p50: float
    p95: float
    cpu: float
    answer: int
    wire: int = 0
    first_paint: float = 0.0


def made(folder: Path, boxes: int, stored: int) -> float:
    """A stocked state in the folder; the seconds that its making took."""
    database, began = Database(f"sqlite:///{folder / 'state.sqlite3'}"), time.perf_counter()
    upgrade(database)
    with database.write() as tx:
        stocked.fill(tx, boxes, stored, datetime.now(UTC))
    database.close()
    return time.perf_counter() - began


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, str, int]]:
    """The centre over this state, as a process: its address, the cookie of who is signed in, and its id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.centre.served", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        told = json.loads(process.stdout.readline()) if process.stdout else {}
        yield told["url"], told["cookie"], process.pid
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


async def asked(url: str, cookie: str, process: int, path: str, looks: int) -> Told:
    """The server's time for this page, over a connection that stands."""
    took, size, before = [], 0, 0.0
    async with aiohttp.ClientSession(cookies={"fieldcal": cookie}) as session:
        for number in range(looks + 1):
            began = time.perf_counter()
            async with session.get(url + path, allow_redirects=False) as answer:
                size = len(await answer.read())
                if answer.status != 200:
                    raise SystemExit(f"{path} answers {answer.status}")
            if number:
                took.append(time.perf_counter() - began)
            else:
                before = busy(process)
        cpu = (busy(process) - before) / looks
    return Told(statistics.median(took), statistics.quantiles(took, n=20)[-1], cpu, size)


async def painted(browser: Browser, url: str, cookie: str, path: str, loads: int, told: Told) -> None:
    """Bytes of a cold load, then the median of the first contentful paint over warm ones."""
    context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 860})
    await context.add_cookies([{"name": "fieldcal", "value": cookie, "url": url}])
    page = await context.new_page()
    told.wire = await _weight(page, path)
    paints = []
    for _ in range(loads):
        await page.goto(path, wait_until="load")
        # the policy refuses what Playwright's own waiting would run
        while not (at := await page.evaluate(_PAINTED)):  # noqa: ASYNC110 - the browser rings no bell
            await asyncio.sleep(0.02)
        paints.append(at / 1000)
    told.first_paint = statistics.median(paints)
    await context.close()


async def _weight(page: Page, path: str) -> int:
    weights: list[int] = []
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    await page.goto(path, wait_until="networkidle")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": False})
    await session.detach()
    return int(sum(weights))


async def measured(url: str, cookie: str, process: int, looks: int, loads: int) -> dict[str, Told]:
    """Every page, one after the other."""
    found = {path: await asked(url, cookie, process, path, looks) for path in PATHS}
    async with browsing() as browser:
        for path, told in found.items():
            if not path.endswith(".json"):
                await painted(browser, url, cookie, path, loads, told)
    return found


def main(boxes: int, stored: int, looks: int = LOOKS, loads: int = LOADS) -> bool:
    """Print the table of all pages; whether each is as light and as quick as is asked for."""
    with tempfile.TemporaryDirectory() as name:
        took = made(Path(name), boxes, stored)
        with served(Path(name)) as (url, cookie, process):
            found = asyncio.run(measured(url, cookie, process, looks, loads))
    print(f"### Pages, {boxes:,} mailboxes and {stored:,} bookings\n")
    print(f"The state was made in {took:.0f} s. {looks} looks at each answer, {loads} warm loads in Chromium.\n")
    print(
        "| page | server p50 ms | p95 ms | its CPU ms | its answer kB | on the wire, cold kB | first contentful paint, warm ms |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for path, one in found.items():
        seen = f"{one.wire / 1000:.0f} | {one.first_paint * 1000:.0f}" if one.wire else "– | –"
        shown = path.replace(_BOX, "…").replace(made_id("booking", 9_001), "…")
        print(
            f"| `{shown}` | {one.p50 * 1000:.0f} | {one.p95 * 1000:.0f} | {one.cpu * 1000:.0f} | {one.answer / 1000:.0f} | {seen} |"
        )
    over = [path for path, one in found.items() if one.wire >= HEAVIEST or one.first_paint >= LATEST]
    print(f"\nAsked for: under 200 kB and under 1 s. Over that: {', '.join(over) or 'none'}.\n")
    return not over
