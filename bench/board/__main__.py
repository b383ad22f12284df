"""The measures of the schedule board, as a table in Markdown; exit status 1 where one is missed.

python -m bench.board [--quick]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import aiohttp
from playwright.async_api import Browser, Page
from tests.browser.chromium import browsing

#: Asked for: seconds until it can be used, warm; until a drag is answered on the page; until others see it; until its
#: event stands (p95).
USABLE, ANSWERED, SHOWN, STANDS = 1.5, 0.1, 1.0, 2.0
#: Waits until this booking stands on the line of this worker, and tells the time.
_SEEN = """([booking, worker]) => new Promise((done) => {
  const look = () => {
    const line = document.querySelector(`.job[data-id="${booking}"]`)?.closest("[role=row]");
    if (line?.querySelector(`[data-lane="${worker}"]`)) done(Date.now());
    else setTimeout(look, 5);
  };
  look();
})"""
#: Notes, by the page's own clock, when it can be used, and how long each move of the pointer and each drop took until
#: the picture after it was drawn.
_WATCH = """() => {
  window.told = { usable: 0, moves: [], drops: [] };
  const drawn = (done) => requestAnimationFrame(() => setTimeout(done, 0));
  new MutationObserver(() => {
    if (!told.usable && document.getElementById("board")?.dataset.ready) drawn(() => { told.usable ||= performance.now(); });
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-ready"] });
  const note = (kind, list) => addEventListener(kind, (event) => {
    if (!document.querySelector(".grasp")) return;
    drawn(() => list.push(performance.now() - event.timeStamp));
  }, true);
  note("pointermove", told.moves);
  note("pointerup", told.drops);
}"""


@contextlib.asynccontextmanager
async def served(workers: int, bookings: int) -> AsyncIterator[dict[str, str]]:
    """The service as a process, once it has written every event."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "bench.board.served", folder, str(workers), str(bookings)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - before anything is measured
        try:
            line = await asyncio.to_thread(process.stdout.readline) if process.stdout else ""
            told: dict[str, str] = json.loads(line)
            await _settled(told)
            yield told
        finally:
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


async def _settled(told: dict[str, str]) -> None:
    """Wait until no booking of the day is on its way into its calendar."""
    async with aiohttp.ClientSession(cookies={"fieldcal": told["cookie"]}) as session:
        while True:
            day = await _day(session, told)
            if not any(slot["standing"] in {"waits", "behind"} for slot in day["slots"]):
                return
            await asyncio.sleep(0.5)


async def _day(session: aiohttp.ClientSession, told: dict[str, str]) -> Any:
    span = f"since={told['day']}T00:00:00Z&until={told['day']}T23:59:59Z"
    async with session.get(f"{told['url']}/board/day.json?{span}") as answer:
        return await answer.json()


async def loaded(page: Page, told: dict[str, str], loads: int) -> list[float]:
    """Seconds until the board could be used, each time with the browser's cache as the time before left it."""
    took = []
    for number in range(loads + 1):
        await page.goto(f"{told['url']}/board?day={told['day']}")
        while not (usable := await page.evaluate("told.usable")):  # noqa: ASYNC110 - the page rings no bell
            await asyncio.sleep(0.02)
        if number:
            took.append(usable / 1000)
    return took


async def dragged(page: Page, other: Page, told: dict[str, str], drags: int) -> tuple[list[float], list[float]]:
    """Drag bookings to the next worker.

    Gives the seconds from the drop until Exchange had the new event, by its ledger, and until it was drawn for another
    dispatcher.
    """
    stands, shown = [], []
    async with aiohttp.ClientSession(cookies={"fieldcal": told["cookie"]}) as session:
        for number in range(drags):
            since = await _last(session, told["exchange"])
            dropped, seen = await _drag(page, other, number)
            stands.append(await _written(session, told["exchange"], since) - dropped)
            shown.append(await seen / 1000 - dropped)
            await _settled(told)
    return stands, shown


async def _drag(page: Page, other: Page, number: int) -> tuple[float, asyncio.Task[float]]:
    """One drag of a booking to the next worker, or back; gives when it was let go (seconds since 1970).

    And who tells when the other page shows it there (milliseconds since 1970).
    """
    ways = [page.get_by_role("row").nth(2), page.get_by_role("row").nth(3)]
    here, there = ways if number % 2 == 0 else reversed(ways)
    job = here.locator(".job").first
    moved = [await job.get_attribute("data-id"), await there.locator("[data-lane]").get_attribute("data-lane")]
    held, below = await job.bounding_box(), await there.bounding_box()
    assert held is not None
    assert below is not None
    x, y = held["x"] + held["width"] / 2, held["y"] + held["height"] / 2
    way = below["y"] + below["height"] / 2 - y
    await page.mouse.move(x, y)
    await page.mouse.down()
    for part in range(1, 9):
        await page.mouse.move(x, y + way * part / 8)
        await asyncio.sleep(0.03)
    seen = asyncio.create_task(other.evaluate(_SEEN, moved))
    dropped = time.time()
    await page.mouse.up()
    return dropped, seen


async def _ledger(session: aiohttp.ClientSession, exchange: str, since: int) -> list[dict[str, Any]]:
    async with session.get(f"{exchange}/_control/ledger?since={since}") as answer:
        found: list[dict[str, Any]] = await answer.json(content_type=None)
        return found


async def _last(session: aiohttp.ClientSession, exchange: str) -> int:
    return max((entry["number"] for entry in await _ledger(session, exchange, 0)), default=0)


async def _written(session: aiohttp.ClientSession, exchange: str, since: int) -> float:
    """When the request that made the event had come to Exchange, in a batch or alone, and was answered well."""
    for _ in range(1_000):
        for entry in await _ledger(session, exchange, since):
            lines = [(entry["method"], entry["url"], entry["status"])]
            lines += [(item["method"], item["url"], item["status"]) for item in entry.get("items", [])]
            if any(method == "POST" and "events" in url and status == 201 for method, url, status in lines):
                return datetime.fromisoformat(entry["at"]).timestamp()
        await asyncio.sleep(0.05)
    raise SystemExit("no event was written")


async def _window(browser: Browser, told: dict[str, str]) -> Page:
    """A dispatcher's window of its own; one that another lies upon is drawn once a second only."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Vienna")
    await context.add_cookies([{"name": "fieldcal", "value": told["cookie"], "url": told["url"]}])
    await context.add_init_script(f"({_WATCH})()")
    return await context.new_page()


async def measured(workers: int, bookings: int, loads: int, drags: int) -> bool:
    """Print the table; whether each measure is as quick as is asked for."""
    async with served(workers, bookings) as told, browsing() as browser:
        page, other = await _window(browser, told), await _window(browser, told)
        usable = await loaded(page, told, loads)
        await other.goto(page.url)
        stands, shown = await dragged(page, other, told, drags)
        seen = await page.evaluate("told")
    print(f"### The schedule board, {workers:,} workers and a day of {bookings:,} bookings\n")
    print("| measure | number | p50 | p95 | asked for |")
    print("|---|--:|--:|--:|--:|")
    good = [
        _line("usable, warm, s", usable, USABLE, 1),
        _line("a move of the pointer is drawn, ms", [one / 1000 for one in seen["moves"]], ANSWERED, 1_000),
        _line("a drop is drawn, ms", [one / 1000 for one in seen["drops"]], ANSWERED, 1_000),
        _line("another dispatcher's board shows it, s after the drop", shown, SHOWN, 1),
        _line("its event is made, s after the drop", stands, STANDS, 1),
    ]
    print()
    return all(good)


def _line(name: str, took: Sequence[float], limit: float, unit: float) -> bool:
    p95 = statistics.quantiles(took, n=20)[-1]
    digits = 0 if unit > 1 else 2
    print(
        f"| {name} | {len(took)} | {statistics.median(took) * unit:.{digits}f} | {p95 * unit:.{digits}f} | {limit * unit:g} |"
    )
    return p95 < limit


def main(words: list[str]) -> int:
    """The measures; `--quick` with a few workers."""
    print(f"Load of the machine as it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n", flush=True)
    sizes = (20, 100, 3, 3) if "--quick" in words else (200, 1_000, 20, 30)
    return 0 if asyncio.run(measured(*sizes)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
