"""An administrator sets twelve mailboxes up at once, in the browser, and sees them succeed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from playwright.async_api import expect
from tests.browser.company import Company, Stage

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.setup_model import Selection
from fieldcal.state import links, mailboxes, sessions


async def _confirmed(page, deed: str, question: str) -> None:
    """Press the button of the bar, read the count in the dialog, and say yes."""
    await page.locator("form[data-many]").get_by_role("button", name=deed, exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await expect(dialog).to_contain_text(question)
    await dialog.get_by_role("button", name=deed, exact=True).click()


def test_twelve_mailboxes_are_set_up_from_sign_in_to_success(stage: Stage, tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in()
        await page.get_by_role("link", name="Mailboxes").first.click()
        await expect(page.locator("tbody tr")).to_have_count(12)
        everything = page.get_by_label("All 12 that match")
        await everything.check()
        await _confirmed(page, "Apply default settings", "Apply the default settings to 12 mailboxes?")
        await expect(page.locator("#said")).to_contain_text("The default settings hold for 12 mailboxes.")
        await page.get_by_label("Select all rows of this page").check()
        await expect(page.locator("[data-count]")).to_have_text("12")
        await _confirmed(page, "Approve email", "Approve the e-mail addresses of 12 mailboxes?")
        await expect(page.locator("#said")).to_contain_text("12 addresses are approved.")
        await everything.check()
        await _confirmed(page, "Test & Enable", "Test & Enable 12 mailboxes?")
        await expect(page.get_by_role("heading", name="Done: 12 of 12 succeeded")).to_be_visible()
        assert re.fullmatch(r".*/mailboxes/work/[\w-]+", page.url)
        with at.app.database.read() as tx:
            boxes = mailboxes.some(tx, ENVIRONMENT, mailboxes.ids(tx, ENVIRONMENT, Selection()))
            assert [box.enabled for box in boxes] == [True] * 12
            assert {box.approved_by for box in boxes} == {"admin"}
        # their bookings follow by themselves
        while not await at.app.database.reading(links.live, ENVIRONMENT):  # noqa: ASYNC110 - the state rings no bell
            await asyncio.sleep(0.1)
        await page.goto("/overview")
        events = page.locator(".card", has_text="of ours stand in calendars").locator(".figure")
        await expect(events).not_to_have_text("0")
        # a restored installation has them served from here
        await page.goto("/mailboxes?standing=written")
        await page.get_by_label("All 12 that match").check()
        await _confirmed(page, "Take over", "Have 12 mailboxes served from here?")
        await expect(page.get_by_role("heading", name="Done: 12 of 12 taken over")).to_be_visible()
        assert page.complaints == []  # type: ignore[attr-defined]

    stage.play(story, tmp_path)


def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(stage: Stage, tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in()
        await page.goto("/mailboxes")
        await page.get_by_label("All 12 that match").check()
        with at.app.database.write() as tx:
            assert sessions.end_all(tx, "admin", at.app.clock.now()) == 1
        await page.get_by_role("button", name="Disable").click()
        await expect(page.get_by_text("Your session ended while you were at it.")).to_be_visible()
        await page.get_by_label("Password").fill(at.passwords["admin"])
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("button", name="Send the form").click()
        await expect(page.get_by_role("heading", name="Disable 12 mailboxes?")).to_be_visible()
        await page.get_by_role("button", name="Disable").click()
        await expect(page.locator("#said")).to_contain_text("12 mailboxes are disabled.")

    stage.play(story, tmp_path, set_up=True, workers=12)


def test_without_scripts_the_same_forms_do_the_same(stage: Stage, tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        context = await at.browser.new_context(java_script_enabled=False, base_url=at.home)
        page = await context.new_page()
        await page.goto("/mailboxes?state=enabled")
        await page.get_by_label("Name").fill("admin")
        await page.get_by_label("Password").fill(at.passwords["admin"])
        await page.get_by_role("button", name="Sign in").click()
        # where one wanted to go is where one lands
        assert page.url.endswith("/mailboxes?state=enabled")
        await page.locator("input[name=id]").first.check()
        await page.get_by_role("button", name="Disable").click()
        await expect(page.get_by_role("heading", name="Disable 1 mailbox?")).to_be_visible()
        await page.get_by_role("button", name="Disable").click()
        await expect(page.get_by_text("1 mailbox is disabled.")).to_be_visible()
        await expect(page.locator("tbody tr")).to_have_count(2)

    stage.play(story, tmp_path, set_up=True, workers=3, bookings=20)
