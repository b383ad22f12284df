"""People press twice and go back: it is done once."""

from __future__ import annotations

from playwright.async_api import Page, expect
from tests.browser.company import Company, Tell
from tests.browser.deeds import did, once

WORLD = {"set_up": False, "workers": 8, "bookings": 40}


async def _pressed_twice(page: Page, deed: str) -> None:
    """All that match; the button of the bar, and then that of the dialog by two quick clicks."""
    await page.get_by_label("All 8 that match").check()
    await page.locator(".bulk").get_by_role("button", name=deed).click()
    await page.get_by_role("dialog").get_by_role("button", name=deed).dblclick()


def test_what_is_pressed_twice_is_done_once_and_going_back_does_nothing_again(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in()
        await page.goto("/mailboxes")
        await _pressed_twice(page, "Apply default settings")
        await expect(page.locator("#said")).to_contain_text("The default settings hold for 8 mailboxes.")
        await _pressed_twice(page, "Approve email")
        await expect(page.locator("#said")).to_contain_text("8 addresses are approved.")
        await _pressed_twice(page, "Test & Enable")
        await expect(page.get_by_role("heading", name="Done: 8 of 8 succeeded")).to_be_visible()
        for action in ("mailbox edit", "mailbox approve", "mailbox test"):
            assert did(at, action) == once(at), action
        # back to the list, which tells how it stands now and asks nothing by itself; and on again to the results
        await page.go_back()
        await expect(page.locator("tbody .state.good", has_text="Written to")).to_have_count(8)
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.go_forward()
        await expect(page.get_by_role("heading", name="Done: 8 of 8 succeeded")).to_be_visible()
        assert did(at, "mailbox test") == once(at)
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)
