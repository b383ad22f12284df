"""A wave of deletions is held, and an administrator decides: what is rejected stays, what is approved goes."""

from __future__ import annotations

from playwright.async_api import Page, expect
from tests.browser.calendars import after_a_pass, ahead, reloaded, standing, unbook, until
from tests.browser.company import Company, Tell

from fieldcal.plan.budget import AT_LEAST
from fieldcal.setup_model import Role
from fieldcal.state import audit

WORLD = {"set_up": True, "workers": 6, "bookings": 260}
_MORE = 24


def _there(at: Company) -> set[str]:
    return {booking for booking, _ in standing(at)}


async def _held_plan(page: Page, removals: int) -> None:
    """From the sign-in's first page to the plan that waits."""
    await page.goto("/overview")
    held = page.locator(".card", has_text="wait for approval")
    await reloaded(page, held.locator(".figure", has_text=str(removals)))
    await held.get_by_role("link", name="wait for approval").click()
    await page.locator("tbody tr", has_text="Held").get_by_role("link").click()


def test_a_wave_of_deletions_is_rejected_or_approved_with_a_comment_and_the_calendars_say_so(tell: Tell) -> None:
    async def story(at: Company) -> None:
        await after_a_pass(at)
        bookings = ahead(at)
        wave, few = set(bookings[: AT_LEAST + _MORE]), set(bookings[AT_LEAST + _MORE :][:3])
        at.hire("second", Role.SYSTEM_ADMIN)
        page, second = await at.signed_in(), await at.signed_in("second")
        unbook(at, wave)
        await _held_plan(page, _MORE)
        await second.goto(page.url)
        await expect(page.locator(".head")).to_contain_text("than the hour allows")
        await page.get_by_label("Comment").fill("An import gone wrong; they are booked anew.")
        await page.get_by_role("button", name="Reject").dblclick()
        await expect(page.locator("#said")).to_contain_text(f"Rejected: {_MORE} events stay where they are.")
        # who looked at it meanwhile, and decides otherwise, changes nothing any more
        await second.get_by_role("button", name=f"Approve {_MORE} removals").click()
        await expect(second.locator("#said")).to_contain_text("the plan was decided before, by admin")
        left = wave & _there(at)
        assert len(left) == _MORE
        # the hour's removals are used up, so these three are held as well
        unbook(at, few)
        await _held_plan(page, len(few))
        await page.get_by_label("Comment").fill("The customer has canceled the lot.")
        await page.get_by_role("button", name=f"Approve {len(few)} removals").dblclick()
        await expect(page.locator("#said")).to_contain_text(f"Approved: {len(few)} events go with the next pass")
        await until(lambda: not few & _there(at))
        assert wave & _there(at) == left
        await page.goto("/audit")
        for words in ("An import gone wrong; they are booked anew.", "The customer has canceled the lot."):
            await expect(page.locator("main")).to_contain_text(words)
        with at.app.database.read() as tx:
            lines = [(line.actor, line.action) for line in audit.latest(tx) if line.action.startswith("plan")]
        assert lines == [("admin", "plan approve"), ("admin", "plan reject")]
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)
