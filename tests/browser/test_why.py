"""An administrator is called because a booking is missing: the page says why, and is where it is mended."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import Page, expect
from tests.browser.calendars import after_a_pass, book, events, people, reloaded
from tests.browser.company import OPERATOR, Company, Tell

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.model import MailboxId
from fieldcal.setup import mailboxes

WORLD = {"set_up": True, "workers": 3, "bookings": 30}


async def _confirmed(page: Page, deed: str) -> None:
    await page.get_by_role("button", name=deed).click()
    await page.get_by_role("dialog").get_by_role("button", name=deed).click()


def test_a_missing_booking_is_found_explained_and_mended_until_it_stands_in_the_calendar(tell: Tell) -> None:
    async def story(at: Company) -> None:
        await after_a_pass(at)
        worker = people(at)[0]
        with at.app.database.write() as tx:
            mailboxes.reject(tx, OPERATOR, at.app.clock.now(), ENVIRONMENT, [MailboxId(worker.mailbox)])
        booking, number = book(at, worker, at.app.clock.now() + timedelta(days=3))
        page = await at.signed_in()
        # found as the caller says it: by the worker's name
        await page.get_by_role("link", name="Bookings").click()
        await page.get_by_role("link", name="Not in the calendar").click()
        await page.get_by_role("searchbox", name="Worker").fill(worker.name)
        await page.get_by_role("button", name="Search").click()
        row = page.locator("tbody tr", has_text="the e-mail address was rejected")
        await reloaded(page, row)
        await row.get_by_role("link").click()
        await expect(page.locator("h1")).to_contain_text(number)
        why = page.locator(".said.warn")
        await expect(why).to_contain_text("It is not in the calendar")
        await expect(why).to_contain_text("the e-mail address was rejected")
        assert events(at, booking) == []
        await _confirmed(page, "Approve email")
        await expect(page.locator("#said")).to_contain_text("1 address is approved.")
        await expect(why).to_contain_text("approved again: run Test & Enable")
        await _confirmed(page, "Test & Enable")
        await expect(page.get_by_role("heading", name="Done: 1 of 1 succeeded")).to_be_visible()
        await page.get_by_role("link", name="To the booking").click()
        await reloaded(page, page.locator(".said.good", has_text="It is in the calendar"))
        (event,) = events(at, booking)
        assert number in event.subject
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)
