"""Templates and settings in the browser: the preview follows what is typed, the next event carries it, two save at once."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.async_api import expect
from tests.browser.calendars import after_a_pass, book, events, people, standing, until
from tests.browser.company import OPERATOR, Company, Tell

from fieldcal.demo.setup import EMBEDDED, ENVIRONMENT
from fieldcal.plan.settings import Settings
from fieldcal.setup import environments as environment_setup
from fieldcal.setup_model import Role
from fieldcal.state import environments

WORLD = {"set_up": True, "workers": 3, "bookings": 30}
SUBJECT = "Template of the subject"


def _kept(at: Company) -> Settings:
    with at.app.database.read() as tx:
        return environments.get(tx, ENVIRONMENT).settings


def test_a_template_is_seen_while_it_is_typed_and_the_next_event_carries_it(tell: Tell) -> None:
    async def story(at: Company) -> None:
        await after_a_pass(at)
        before = {booking: event.subject for booking, event in standing(at)}
        page = await at.signed_in()
        await page.get_by_role("link", name="Settings", exact=True).click()
        body = page.locator("textarea[name=body_template]")
        await page.get_by_text("The built-in body").click()
        await page.get_by_role("button", name="Put it into the box").click()
        await expect(body).to_have_value(re.compile("for label, value in rows.*Open the booking", re.DOTALL))
        await body.fill("{% if number %}")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("link", name="Template of the body").click()
        await expect(page.locator("#wrong-body_template:target")).to_contain_text("{% endif %} is missing")
        await body.fill("")
        box = page.get_by_label(SUBJECT)
        await box.fill("Job {{ number }} for you")
        await expect(page.locator("#preview h3")).to_contain_text("for you")
        await box.fill("{{ nobody }}")
        await expect(page.locator("#preview")).to_contain_text("nobody")
        assert _kept(at).subject_template == ""
        await box.fill("Job {{ number }} for {{ worker }}")
        await expect(page.locator("#preview h3")).to_contain_text("Job")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#said")).to_contain_text("The settings are saved.")
        worker = people(at)[0]
        booking, number = book(at, worker, at.app.clock.now() + timedelta(days=2))
        await until(lambda: events(at, booking))
        assert [event.subject for event in events(at, booking)] == [f"Job {number} for {worker.name}"]
        # a changed template alone rewrites nothing
        assert {known: event.subject for known, event in standing(at) if known in before} == before
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_two_who_save_at_once_keep_what_each_changed_and_are_asked_where_it_is_the_same(tell: Tell) -> None:
    async def story(at: Company) -> None:
        at.hire("second", Role.SYSTEM_ADMIN)
        first, second = await at.signed_in(), await at.signed_in("second")
        for page in (first, second):
            await page.goto("/settings")
        await first.get_by_label("Minutes between two passes").fill("20")
        await first.get_by_role("button", name="Save").click()
        await expect(first.locator("#said")).to_contain_text("The settings are saved.")
        await second.get_by_label(SUBJECT).fill("{{ number }}")
        await second.get_by_role("button", name="Save").click()
        await expect(second.locator("#said")).to_contain_text("The settings are saved.")
        assert (_kept(at).interval, _kept(at).subject_template) == (20, "{{ number }}")
        # the first one's page still shows the subject of before, and now it is about the same field
        await first.get_by_label(SUBJECT).fill("{{ account }}")
        await first.get_by_role("button", name="Save").click()
        asked = first.get_by_role("group", name="Set by somebody else meanwhile:")
        await expect(asked).to_contain_text("{{ number }}")
        assert _kept(at).subject_template == "{{ number }}"
        await asked.get_by_label("Save what I wrote").check()
        await first.get_by_role("button", name="Save").click()
        await expect(first.locator("#said")).to_contain_text("The settings are saved.")
        assert _kept(at).subject_template == "{{ account }}"

    tell(story)


def test_what_another_removes_while_one_looks_at_it_is_told_and_nothing_else_is_changed(tell: Tell) -> None:
    async def story(at: Company) -> None:
        with at.app.database.write() as tx:
            environment_setup.add(tx, OPERATOR, at.app.clock.now(), "pilot", EMBEDDED)
        at.hire("third", Role.SYSTEM_ADMIN)
        page, other = await at.signed_in(), await at.signed_in("third")
        await page.goto("/settings?environment=pilot")
        await page.get_by_label("Minutes between two passes").fill("55")
        await other.goto("/environments/remove?environment=pilot")
        await other.get_by_role("button", name="Remove").click()
        await expect(other.locator("#said")).to_contain_text("pilot")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("main")).to_contain_text("there is no environment 'pilot'")
        assert _kept(at).interval != 55

    tell(story)
