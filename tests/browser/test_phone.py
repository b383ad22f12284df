"""A worker's phone: a job from travel to completed, which schedule and calendar follow; and the last week offline."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Error, Page, expect
from tests.browser.calendars import after_a_pass, book, events, people, until
from tests.browser.company import Company, Tell

from fieldcal.embedded.exchange.zones import instant
from fieldcal.model import Worker
from fieldcal.state import users

WORLD = {"set_up": True, "workers": 3, "bookings": 20}
#: Pixels that a finger needs (WCAG 2.5.5).
_FINGER = 44
_KEPT = "caches.keys().then((names) => names.filter((one) => one.startsWith('fieldcal-week-')).length)"

#: The week is there whole, and so is what draws it.
_WHOLE = """Promise.all(['/my/day', ...[...document.querySelectorAll('link[rel=stylesheet], script[src]')].map(
  (one) => one.href || one.src)].map((one) => caches.match(one))).then((found) => found.every(Boolean))"""


def own(at: Company) -> Worker:
    """The worker who signs in."""
    with at.app.database.read() as tx:
        mailbox = users.get(tx, "worker").object_id
    return next(one for one in people(at) if one.mailbox == mailbox)


def soon(at: Company) -> datetime:
    """When a job of today begins: in five minutes, or shortly ago where the day is about to end."""
    now, zones = at.app.clock.now(), (ZoneInfo(own(at).zone), ZoneInfo("Europe/Vienna"))
    late = any((now + timedelta(minutes=15)).astimezone(zone).date() != now.astimezone(zone).date() for zone in zones)
    return now - timedelta(minutes=20) if late else now + timedelta(minutes=5)


async def board(at: Company, page: Page, booking: str) -> dict[str, str]:
    """The booking as the schedule board has it."""
    day = at.app.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    since, late = (f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (day - timedelta(days=1), day + timedelta(days=2)))
    answer = await page.request.get(f"/board/day.json?since={since}&until={late}")
    slot = next(one for one in json.loads(await answer.text())["slots"] if one["id"] == booking)
    return {"step": slot["status"]["step"], "start": slot["start"], "end": slot["end"]}


async def told(page: Page, words: str) -> None:
    await expect(page.locator("#said")).to_contain_text(words)


def test_a_worker_completes_a_job_on_the_phone_and_schedule_and_calendar_follow(tell: Tell) -> None:
    async def story(at: Company) -> None:
        await after_a_pass(at)
        planned = soon(at)
        booking, number = book(at, own(at), planned)
        await until(lambda: events(at, booking))
        (event,) = events(at, booking)
        dispatcher = await at.signed_in("dispatcher")
        await dispatcher.goto(f"/board?day={at.app.clock.now().astimezone(ZoneInfo('Europe/Vienna')):%Y-%m-%d}")
        job = dispatcher.locator(f'.job[data-id="{booking}"]')
        await expect(job).to_have_attribute("aria-label", re.compile("Scheduled, In the calendar"))
        page = await at.signed_in("worker", narrow=True)
        assert page.url.endswith("/my/day")
        now = page.locator(".job-now")
        await expect(now).to_contain_text(number)
        await expect(now).to_contain_text("In the calendar")
        small = await page.locator("#my-day :is(a, button, summary)").evaluate_all(
            f"(all) => all.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < {_FINGER})"
            ".map((one) => one.outerHTML)"
        )
        assert small == []
        found = (await Axe().run(page)).response["violations"]
        assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
        await now.get_by_role("button", name="Start travel").click()
        await told(page, "you are on the way")
        assert (await board(at, dispatcher, booking))["step"] == "traveling"
        await expect(now).to_contain_text("In the calendar")  # nothing is redrawn under the finger any more
        await now.get_by_role("button", name="Start work").click()
        await told(page, "work has begun")
        assert (await board(at, dispatcher, booking))["step"] == "in_progress"
        await expect(now).to_contain_text("In the calendar")
        await now.get_by_role("button", name="Complete").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text(f"Is {number} done?")
        await dialog.get_by_role("button", name="Complete").click()
        await expect(page.locator(".just-done")).to_contain_text("is completed")
        # and the board, which nobody loaded again, shows it
        await expect(job).to_have_attribute("aria-label", re.compile("Completed"))
        stands = await board(at, dispatcher, booking)
        assert stands["step"] == "completed"
        start, end = (datetime.fromisoformat(stands[name]) for name in ("start", "end"))
        assert abs(start - planned) > timedelta(minutes=1)
        assert end - start < timedelta(minutes=10)

        def followed() -> bool:
            return [(instant(one.start), instant(one.end)) for one in events(at, booking)] == [(start, end)]

        await until(followed)
        assert events(at, booking)[0].key == event.key  # the same event, moved
        # the page tells it by itself, without a tap
        await expect(page.locator(f"#job-{booking}")).to_contain_text("In the calendar")
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


async def holds(page: Page, promise: str) -> None:
    """Wait until this is true in the page, which may lead on to another one meanwhile."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Error):
                if await page.evaluate(promise):
                    return
            await asyncio.sleep(0.05)


async def _begin(at: Company) -> Page:
    page = await at.signed_in("worker", narrow=True)
    await holds(page, _WHOLE)
    return page


def test_the_last_loaded_week_is_read_offline_and_goes_with_the_sign_out(tell: Tell) -> None:
    async def story(at: Company) -> None:
        await after_a_pass(at)
        _, number = book(at, own(at), soon(at))
        page = await _begin(at)
        # installable: Chromium itself has nothing against it
        session = await page.context.new_cdp_session(page)
        faults = (await session.send("Page.getInstallabilityErrors"))["installabilityErrors"]
        assert [one["errorId"] for one in faults if one["errorId"] != "in-incognito"] == []
        await page.goto("/my/calendar")
        await page.context.set_offline(True)
        await page.goto("/my/day")
        await expect(page.locator(".if-offline")).to_contain_text("Offline. This is how it stood at")
        await expect(page.locator(".job-now")).to_contain_text(number)
        assert await page.evaluate("getComputedStyle(document.querySelector('.taps button')).minHeight") == "45px"
        await page.locator(".job-now").get_by_role("button", name="Start travel").click()
        await expect(page.locator("#refused-offline")).to_contain_text("nothing was changed")
        assert page.url.endswith("/my/day")
        # of all that was looked at, nothing but this page and our own files was kept
        kept = await page.evaluate(
            "caches.keys().then(async (names) => (await Promise.all(names.map(async (name) =>"
            " (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)))).flat())"
        )
        assert [path for path in kept if not path.startswith("/static/")] == ["/my/day"]
        # back by itself when the connection is
        await page.context.set_offline(False)
        await expect(page.locator(".if-offline")).to_be_hidden()
        await expect(page.locator("#refused-offline")).to_be_hidden()
        # signed out without a connection: we never hear of it, and still nothing is left to read
        await page.context.set_offline(True)
        await page.get_by_role("button", name="Sign out").click()
        await page.context.set_offline(False)
        await page.goto("/account")
        await holds(page, f"{_KEPT}.then((count) => count === 0)")
        await page.goto("/my/day")
        await expect(page.locator(".if-offline")).to_be_hidden()
        await holds(page, _WHOLE)
        # an answer that was under way at a sign-out is not kept when it comes, nor one that the page asks for before
        # it is left, as it does when the connection is back just then
        await page.evaluate(
            "async () => { const asked = fetch('/my/day');"
            " navigator.serviceWorker.controller.postMessage('forget'); await (await asked).text(); }"
        )
        assert await page.evaluate(_KEPT) == 0
        await page.evaluate("fetch('/my/day').then((answer) => answer.text())")
        assert await page.evaluate(_KEPT) == 0
        await page.reload()
        await holds(page, _WHOLE)
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/sign-in")
        await holds(page, f"{_KEPT}.then((count) => count === 0)")
        await page.context.set_offline(True)
        assert "ERR_" in await _failure(page)

    tell(story)


async def _failure(page: Page) -> str:
    try:
        await page.goto("/my/day")
    except Error as error:
        return str(error)
    return await page.content()


def test_what_was_kept_goes_when_the_session_ended_or_another_signs_in(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await _begin(at)
        # a proxy that answers for us while we are away is no answer
        (keeper,) = page.context.service_workers
        await keeper.evaluate("self.ours = self.fetch; self.fetch = async () => new Response('', { status: 502 }); 0")
        await page.goto("/my/day")
        await expect(page.locator(".if-offline")).to_be_visible()
        await keeper.evaluate("self.fetch = self.ours; 0")
        # the session ends elsewhere; the next look at the page finds that out, and leaves nothing behind
        await page.context.clear_cookies(name="fieldcal")
        await page.goto("/my/day")
        await holds(page, f"{_KEPT}.then((count) => count === 0)")
        await page.get_by_label("Name").fill("worker")
        await page.get_by_label("Password").fill(at.passwords["worker"])
        await page.get_by_role("button", name="Sign in").click()
        await holds(page, f"{_KEPT}.then((count) => count === 1)")
        # somebody else's session in the same browser, whichever way it came about
        other = await at.signed_in("dispatcher")
        cookies = [one for one in await other.context.cookies() if one["name"] == "fieldcal"]
        await page.context.add_cookies(cookies)
        await page.goto("/bookings")
        await holds(page, f"{_KEPT}.then((count) => count === 0)")
        assert page.url.endswith("/bookings")

    tell(story)
