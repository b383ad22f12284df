"""A template is changed in the browser: the preview follows what is typed, a mistake is told, and then it is kept."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect
from tests.browser.company import Company, play

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.state import environments


def test_the_preview_follows_the_template_that_is_typed_and_saves_nothing(tmp_path: Path) -> None:
    async def story(at: Company) -> None:
        def kept() -> str:
            with at.app.database.read() as tx:
                return environments.get(tx, ENVIRONMENT).settings.subject_template

        page = await at.signed_in()
        await page.goto("/settings")
        box = page.get_by_label("Template of the subject")
        await box.fill("Job {{ number }} for you")
        await expect(page.locator("#preview h3")).to_contain_text("for you")
        await box.fill("{{ nobody }}")
        await expect(page.locator("#preview")).to_contain_text("nobody")
        assert kept() == ""
        await box.fill("Job {{ number }}")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#said")).to_contain_text("The settings are saved.")
        assert kept() == "Job {{ number }}"
        assert page.complaints == []  # type: ignore[attr-defined]

    play(story, tmp_path, set_up=True, workers=3, bookings=30)
