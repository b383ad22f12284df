"""A mailbox is set up with the keyboard alone: one always sees where one is, and comes back to where one was."""

from __future__ import annotations

from playwright.async_api import Page, expect
from tests.browser.company import Company, Tell

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.setup_model import Selection
from fieldcal.state import mailboxes

WORLD = {"set_up": False, "workers": 3, "bookings": 20}
#: What has the focus: its words, whether it shows, whether it is in the dialog, and whether its ring can be seen.
_FOCUS = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const seen = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  const words = one.labels?.[0]?.innerText || one.getAttribute("aria-label") || one.innerText || "";
  return [words.trim(), ring && seen, !!one.closest("dialog")];
}"""
#: The focus is in the dialog, or with the browser's own bar; asked at once, for it moves between two questions.
_WITHIN = """() => {
  const one = document.activeElement;
  return !one || one === document.body || !!one.closest("dialog");
}"""


async def _tab_to(page: Page, words: str, *, key: str = "Tab") -> None:
    """Press Tab until this has the focus; each stop on the way can be seen."""
    for _ in range(60):
        await page.keyboard.press(key)
        found, seen, _ = await page.evaluate(_FOCUS)
        assert seen, f"the focus at {found!r} cannot be seen"
        if found == words:
            return
    raise AssertionError(f"Tab does not come to {words!r}")


async def _confirm(page: Page, deed: str) -> None:
    """Into the dialog, out of it with Escape, back at the button; then again, and yes."""
    for again in (False, True):
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        words, seen, inside = await page.evaluate(_FOCUS)
        assert (words, seen, inside) == (deed, True, True)
        if again:
            return await page.keyboard.press("Enter")
        # the focus stays within
        for _ in range(4):
            await page.keyboard.press("Tab")
            assert await page.evaluate(_WITHIN)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert (await page.evaluate(_FOCUS))[0] == deed
    return None


def test_a_mailbox_is_set_up_from_sign_in_to_success_without_a_mouse(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await (await at.context()).new_page()
        await page.goto("/sign-in")
        # the first field has the focus already
        await page.keyboard.type("admin")
        await page.keyboard.press("Tab")
        await page.keyboard.type(at.passwords["admin"])
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/overview")
        await page.keyboard.press("Tab")
        assert (await page.evaluate(_FOCUS))[:2] == ["Skip to the content", True]
        await _tab_to(page, "Mailboxes")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/mailboxes")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        with at.app.database.read() as tx:
            box = mailboxes.some(tx, ENVIRONMENT, mailboxes.ids(tx, ENVIRONMENT, Selection()))[0]
        await _tab_to(page, box.name)
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text(box.name)
        for deed, told in (
            ("Apply default settings", "hold for 1 mailbox"),
            ("Approve email", "1 address is approved"),
        ):
            await _tab_to(page, deed)
            await _confirm(page, deed)
            await expect(page.locator("#said")).to_contain_text(told)
        await _tab_to(page, "Test & Enable")
        await _confirm(page, "Test & Enable")
        await expect(page.get_by_role("heading", name="Done: 1 of 1 succeeded")).to_be_visible()

    tell(story)
