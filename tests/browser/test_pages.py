"""What holds of every page: axe finds nothing serious, the policy refuses nothing, it is light, and it fits a phone."""

from __future__ import annotations

from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page
from tests.browser.company import Company, listen, play
from tests.browser.pages import PAGES, Shown

#: Known ones of others' code: rule id -> what it is found at. EventCalendar's go here.
KNOWN: dict[str, str] = {}
#: Bytes over the wire for one page with everything that it loads, nothing of it in the browser's cache.
HEAVIEST = 200_000


async def _looking(at: Company, shown: Shown, **looks: bool) -> Page:
    if shown.who:
        page = await at.signed_in(shown.who, **looks)
    else:
        page = await (await at.context(**looks)).new_page()
        listen(page)
    await page.goto(await at.path(shown.path), wait_until="load")
    return page


async def _faults(page: Page) -> list[str]:
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        for node in one["nodes"]
        if one["impact"] in {"serious", "critical"} and KNOWN.get(one["id"], "\0") not in node["html"]
    ]


def test_no_page_has_a_serious_fault_of_accessibility_nor_breaks_the_policy(tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        found: list[str] = []
        for shown in PAGES:
            for looks in ({}, {"dark": True, "narrow": True}):
                page = await _looking(at, shown, **looks)
                found += [f"{shown.path} {looks}: {fault}" for fault in await _faults(page)]
                found += [f"{shown.path}: {line}" for line in page.complaints]  # type: ignore[attr-defined]
                wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                found += [f"{shown.path} {looks}: {wide} pixels wider than the window"] if wide > 0 else []
                await page.context.close()
        assert found == []

    play(story, tmp_path, set_up=True)


async def _weighed(page: Page, path: str) -> tuple[int, set[str]]:
    """What a cold look at this page brings over the wire, in bytes, and from which hosts."""
    weights: list[int] = []
    hosts: set[str] = set()
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await page.goto(path, wait_until="networkidle")
    return int(sum(weights)), hosts


def test_every_page_is_under_200_kb_on_the_wire_and_loads_nothing_of_another_host(tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        for shown in PAGES:
            page = await _looking(at, shown)
            weight, hosts = await _weighed(page, await at.path(shown.path))
            assert 2_000 < weight < HEAVIEST, (shown.path, weight)
            assert hosts == {at.home.split("/")[2]}, shown.path
            await page.context.close()

    play(story, tmp_path, set_up=True)
