"""What happens to people: they lose the connection, meet a service that is started anew, are signed out meanwhile."""

from __future__ import annotations

from playwright.async_api import Page, expect
from tests.browser.calendars import people
from tests.browser.company import Company, Tell
from tests.browser.deeds import did, once

from fieldcal.embedded.exchange.hands import Hands
from fieldcal.embedded.faults import Fault, Match
from fieldcal.state import sessions

WORLD = {"set_up": True, "workers": 8, "bookings": 40}


async def _testing(page: Page, at: Company) -> None:
    """Have all mailboxes tested anew by an Exchange that takes seconds for each answer, until the faults are cleared."""
    await page.goto("/mailboxes")
    at.embedded.exchange.control.add_fault(Fault("delay", Match(path="/events"), times=None, seconds=2.5))
    await page.get_by_label("All 8 that match").check()
    await page.locator(".bulk").get_by_role("button", name="Test & Enable").click()
    await page.get_by_role("dialog").get_by_role("button", name="Test & Enable").click()
    await expect(page.get_by_role("progressbar")).to_be_visible()
    await page.wait_for_load_state()


def _no_longer_slow(at: Company) -> None:
    at.embedded.exchange.control.clear_faults()


def _signed_out(at: Company) -> None:
    """The administrator's session ends, as after an hour of doing nothing."""
    with at.app.database.write() as tx:
        assert sessions.end_all(tx, "admin", at.app.clock.now()) >= 1


async def _sign_in_again(page: Page, at: Company) -> None:
    await page.get_by_label("Name").fill("admin")
    await page.get_by_label("Password").fill(at.passwords["admin"])
    await page.get_by_role("button", name="Sign in").click()


def test_a_connection_that_is_lost_while_progress_is_watched_is_told_and_taken_up_again(tell: Tell) -> None:
    async def story(at: Company) -> None:
        before = did(at, "mailbox test")
        page = await at.signed_in()
        await _testing(page, at)
        lost = page.get_by_text("The connection to Fieldcal is lost.")
        await page.context.set_offline(True)
        await expect(lost).to_be_visible()
        _no_longer_slow(at)
        await page.context.set_offline(False)
        await expect(lost).to_be_hidden()
        await expect(page.get_by_role("heading", name="Done: 8 of 8 succeeded")).to_be_visible()
        assert did(at, "mailbox test") - before == once(at)

    tell(story)


def test_a_service_that_is_started_anew_in_the_middle_says_what_became_of_the_work(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in()
        await _testing(page, at)
        await at.restart()
        _no_longer_slow(at)
        await expect(page.get_by_role("heading", name="This run is over and not remembered")).to_be_visible()
        await page.get_by_role("link", name="To the mailboxes").click()
        await page.get_by_label("All 8 that match").check()
        await page.locator(".bulk").get_by_role("button", name="Test & Enable").click()
        await page.get_by_role("dialog").get_by_role("button", name="Test & Enable").click()
        await expect(page.get_by_role("heading", name="Done: 8 of 8 succeeded")).to_be_visible()
        hands = Hands(at.embedded.exchange.store)
        left = [event for worker in people(at) for event in hands.look(worker.mailbox or "") if event.start < "2020"]
        assert left == []

    tell(story)


def test_two_who_test_the_same_mailboxes_watch_one_test(tell: Tell) -> None:
    async def story(at: Company) -> None:
        before = did(at, "mailbox test")
        first, second = await at.signed_in(), await at.signed_in("approver")
        await second.goto("/mailboxes")
        await second.locator("input[name=id]").nth(2).check()
        await second.locator(".bulk").get_by_role("button", name="Test & Enable").click()
        await _testing(first, at)
        await second.get_by_role("dialog").get_by_role("button", name="Test & Enable").click()
        await expect(second.locator("#said")).to_contain_text("admin is testing them already; this is that test.")
        _no_longer_slow(at)
        for page in (first, second):
            await expect(page.get_by_role("heading", name="Done: 8 of 8 succeeded")).to_be_visible()
        assert did(at, "mailbox test") - before == once(at)

    tell(story)


def test_whose_session_ends_while_progress_is_watched_signs_in_and_is_back_at_it(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in()
        await _testing(page, at)
        _signed_out(at)
        _no_longer_slow(at)
        await _sign_in_again(page, at)
        await expect(page.get_by_role("heading", name="Done: 8 of 8 succeeded")).to_be_visible()

    tell(story)


def test_what_was_typed_when_the_session_ended_is_saved_after_signing_in(tell: Tell) -> None:
    async def story(at: Company) -> None:
        page = await at.signed_in()
        await page.goto("/settings")
        await page.get_by_label("Days ahead").fill("21")
        _signed_out(at)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Your session ended while you were at it.")).to_be_visible()
        await _sign_in_again(page, at)
        await page.get_by_role("button", name="Send the form").click()
        await expect(page.locator("#said")).to_contain_text("The settings are saved.")
        await expect(page.get_by_label("Days ahead")).to_have_value("21")

    tell(story)
