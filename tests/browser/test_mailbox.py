"""An administrator ends one worker's pilot in the browser: the count is told, the events go, and the page says so."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect
from tests.browser.company import Company, Stage

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.state import links, mailboxes


def test_a_mailbox_is_cleaned_from_its_page_and_nothing_of_ours_stands_there(stage: Stage, tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        path = at.filled("/mailboxes/{mailbox}")
        box = path.rpartition("/")[2]
        page = await at.signed_in()
        await page.goto(path)
        # one may be asked and say no
        await page.get_by_role("button", name="Clean").click()
        await page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
        await page.get_by_role("button", name="Clean").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("events of ours out?")
        await dialog.get_by_role("button", name="Remove").click()
        await expect(page.locator("main")).to_contain_text("Done:")
        await expect(page.locator("main .state")).to_have_text("Clean")
        with at.app.database.read() as tx:
            assert links.live(tx, ENVIRONMENT, box) == 0
            assert not mailboxes.load(tx, ENVIRONMENT, box).enabled
        await page.goto(path)
        await expect(page.locator("main")).to_contain_text("Not written to")
        await expect(page.locator("main")).to_contain_text("the mailbox was cleaned on behalf of admin")

    stage.play(story, tmp_path, set_up=True, workers=3, bookings=40)
