"""What holds of every page: axe finds nothing serious, the policy refuses nothing, it is light, and it fits a phone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page
from tests.browser.company import Company, Stage, listen
from tests.browser.pages import PAGES, Shown

#: All pages are looked at before the first test begins, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)
#: Known ones of others' code: rule id -> what it is found at. EventCalendar's go here.
KNOWN: dict[str, str] = {}
#: Bytes over the wire for one page with everything that it loads, nothing of it in the browser's cache.
HEAVIEST = 200_000
_TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
#: Scripts that hear of another window or look draw in the next frame at the latest, and colors fade into each other.
_DRAWN = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  await Promise.allSettled(document.getAnimations().map(one => one.finished));
}"""


@dataclass(frozen=True)
class Sight:
    """What a cold look at a page showed on a wide light screen, and a second one after it became a dark phone's."""

    path: str
    faults: list[str]
    #: of scripts, and refusals of our policy
    complaints: list[str]
    #: pixels by which it is wider than the widest and the narrowest window
    wide: int
    #: bytes that came over the wire until the network was silent
    weight: int
    #: the other hosts that it asked for anything
    strangers: set[str]


async def _faults(page: Page, axe: Axe) -> list[str]:
    found = (await axe.run(page)).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        for node in one["nodes"]
        if one["impact"] in {"serious", "critical"} and KNOWN.get(one["id"], "\0") not in node["html"]
    ]


async def _sight(at: Company, context: BrowserContext, path: str) -> Sight:
    page = await context.new_page()
    weights: list[int] = []
    hosts: set[str] = set()
    said = listen(page)
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await page.goto(path, wait_until="networkidle")
    weight, strangers = int(sum(weights)), hosts - {at.home.split("/")[2]}
    faults, wide = await _faults(page, Axe()), await page.evaluate(_TOO_WIDE)
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.evaluate(_DRAWN)
    # Axe's own script, half a megabyte, is in the page already
    faults, wide = faults + await _faults(page, Axe("")), max(wide, await page.evaluate(_TOO_WIDE))
    await page.close()
    return Sight(path, faults, said, wide, weight, strangers)


async def _sights(at: Company, pages: Sequence[Shown]) -> list[Sight]:
    """One look at each; who looks signs in once."""
    signed_in: dict[str, BrowserContext] = {}
    seen = []
    for shown in pages:
        if shown.who not in signed_in:
            # what a service worker hands out comes over no wire, and would weigh nothing
            page = await at.signed_in(shown.who, keeps=False) if shown.who else None
            signed_in[shown.who] = page.context if page else await at.context()
        seen.append(await _sight(at, signed_in[shown.who], await at.path(shown.path)))
    return seen


@pytest.fixture(scope="module")
def seen(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> list[Sight]:
    """Every page, on a wide light screen and on a dark phone; two walk, so that one looks while the other waits."""
    seen: list[Sight] = []

    async def story(at: Company) -> None:
        walks = (_sights(at, PAGES[::2]), _sights(at, PAGES[1::2]))
        seen.extend(sight for walk in await asyncio.gather(*walks) for sight in walk)

    stage.play(story, tmp_path_factory.mktemp("company"), set_up=True)
    return seen


def test_no_page_has_a_serious_fault_of_accessibility_nor_breaks_the_policy(seen: list[Sight]) -> None:
    assert len(seen) == len(PAGES)
    assert {one.path: (one.faults, one.complaints) for one in seen if one.faults or one.complaints} == {}


def test_no_page_is_wider_than_its_window(seen: list[Sight]) -> None:
    assert {one.path: one.wide for one in seen if one.wide > 0} == {}


def test_every_page_is_under_200_kb_on_the_wire_and_loads_nothing_of_another_host(seen: list[Sight]) -> None:
    assert {one.path: one.weight for one in seen if not 2_000 < one.weight < HEAVIEST} == {}
    assert {one.path: one.strangers for one in seen if one.strangers} == {}
