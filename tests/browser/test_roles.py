"""Each role at its real job, from sign-in to result; what a role may not do is not offered to it."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import Connection
from tests.browser.calendars import after_a_pass, ahead, events, move, people, standing
from tests.browser.company import Company, Tell

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.state import bookings, history, users

WORLD = {"set_up": True, "workers": 3, "bookings": 40}


async def _navigation(page: Page) -> list[str]:
    return await page.locator("#navigation a").all_inner_texts()


def _worker_of(at: Company, booking: str) -> str:
    def look(tx: Connection) -> str:
        (found,) = bookings.load(tx, ENVIRONMENT, [booking]).values()
        return found.known.booking.worker or ""

    with at.app.database.read() as tx:
        return look(tx)


def _box_of(at: Company, booking: str) -> str:
    worker = _worker_of(at, booking)
    return next(one.mailbox or "" for one in people(at) if one.id == worker)


def test_a_dispatcher_looks_a_moved_booking_up_and_has_it_written_at_once(tell: Tell) -> None:
    async def story(at: Company) -> None:
        await after_a_pass(at)
        booking = ahead(at)[-1]
        before = {known: event.start for known, event in standing(at)}
        move(at, booking, timedelta(hours=3))
        page = await at.signed_in("dispatcher")
        assert await _navigation(page) == [
            "Schedule board", "Bookings", "Work orders", "Customers", "Workers", "Types"
        ]  # fmt: skip
        await page.get_by_role("link", name="Bookings").click()
        # pasted from the schedule
        await page.get_by_role("searchbox", name="Number").fill(booking)
        await page.get_by_role("button", name="Search").click()
        await page.get_by_role("button", name="Sync now").dblclick()
        # or a pass that was due just then was quicker
        told = re.compile("Synchronized: (0 made, 1 changed, 0 removed|nothing had to be written)")
        await expect(page.locator("#said")).to_contain_text(told)
        await expect(page.locator(".said.good", has_text="It is in the calendar")).to_be_visible()
        (event,) = events(at, booking)
        assert event.start > before[booking]
        with at.app.database.read() as tx:
            assert [one.kind for one in history.last_passes(tx, ENVIRONMENT)].count("asked") == 1
        assert {known: found.start for known, found in standing(at) if known != booking} == {
            known: start for known, start in before.items() if known != booking
        }

    tell(story)


def test_a_reader_sees_every_page_and_is_offered_nothing_that_would_change_anything(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in("reader")
        paths = [await one.get_attribute("href") for one in await page.locator("#navigation a").all()]
        assert {"/overview", "/bookings", "/plans", "/mailboxes", "/passes"} <= set(paths)
        for path in [*paths, at.filled("/mailboxes/{mailbox}"), f"/bookings/{ahead(at)[0]}", "/plans/preview"]:
            answer = await page.goto(path or "")
            assert answer is not None
            assert answer.ok, path
            offered = await page.locator("main form[method=post] button, main .button.main").all_inner_texts()
            # which reads calendars and touches none
            assert set(offered) <= {"Look for duplicates"}, path
        await page.goto("/users")
        await expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()

    tell(story)


def test_a_worker_sees_and_sets_up_the_own_mailbox_and_the_own_bookings_only(tell: Tell) -> None:
    async def story(at: Company) -> None:
        with at.app.database.read() as tx:
            address = users.get(tx, "worker").sign_in
        own = next(one for one in people(at) if one.address == address)
        theirs = {booking: _worker_of(at, booking) for booking in ahead(at)}
        mine = next(booking for booking, worker in theirs.items() if worker == own.id)
        other = next(booking for booking, worker in theirs.items() if worker != own.id)
        page = await at.signed_in("worker", narrow=True)
        await page.get_by_role("link", name="Your mailbox", exact=True).click()
        await expect(page.locator("h1")).to_have_text(own.name)
        for deed, told in (("Disable", "1 mailbox is disabled."), ("Test & Enable", "Done: 1 of 1 succeeded")):
            await page.get_by_role("button", name=deed).click()
            await page.get_by_role("dialog").get_by_role("button", name=deed).click()
            await expect(page.locator("main")).to_contain_text(told)
        await page.goto("/bookings")
        await expect(page.locator("tbody td[data-name=Worker]").first).to_have_text(own.name)
        assert set(await page.locator("tbody td[data-name=Worker]").all_inner_texts()) == {own.name}
        await page.goto(f"/bookings/{mine}")
        await page.get_by_role("button", name="Sync now").click()
        await expect(page.locator("#said")).to_contain_text("Synchronized")
        for path in (f"/bookings/{other}", "/mailboxes", f"/mailboxes/{_box_of(at, other)}", "/overview"):
            await page.goto(path)
            said = await page.locator("main").inner_text()
            assert any(words in said for words in ("You may not", "No such booking", "There is no such page")), path

    tell(story)


def test_an_exchange_administrator_tries_the_server_profile_and_switches_it_off_and_on(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in("exchange-admin")
        await page.get_by_role("link", name="Server profiles").click()
        await page.get_by_role("link", name="Exchange-Online").click()
        await page.get_by_role("button", name="Test", exact=True).click()
        await expect(page.locator(".result .checks .good").first).to_be_visible()
        await expect(page.locator(".result .checks .bad")).to_have_count(0)
        for deed, told in (("Deactivate", "is not active any more"), ("Activate", "is active")):
            await page.get_by_role("button", name=deed, exact=True).click()
            dialog = page.get_by_role("dialog")
            await expect(dialog).to_contain_text("with 3 mailboxes?")
            await dialog.get_by_role("button", name=deed, exact=True).click()
            await expect(page.locator("#said")).to_contain_text(told)

    tell(story)
