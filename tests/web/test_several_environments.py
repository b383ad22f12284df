"""What is sent from a page acts in the environment that the page showed, and in no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.web.centre_end import Browser, Centre

from fieldcal.setup_model import MailboxState, Role, Selection
from fieldcal.state import environments as places
from fieldcal.state import mailboxes
from fieldcal.web.visit import proves, shown_in, token


def stock(at: Centre) -> None:
    for name in ("alpha", "beta"):
        at.environment(name)
        at.mailboxes(3, name)


def unapproved(at: Centre, environment: str) -> int:
    with at.app.database.read() as tx:
        return len(mailboxes.ids(tx, environment, Selection(state=MailboxState.UNAPPROVED)))


async def asks_for_all(browser: Browser, path: str) -> list[tuple[str, str]]:
    """The confirmation of approving all three that the page shows, as the fields that it would send."""
    asked = await browser.post(path, {"all": "1", "deed": "approve"})
    assert asked.status == 200
    assert "In the environment beta." in asked.text
    fields = [("deed", "approve"), ("count", "3"), ("all", "1"), ("search", ""), ("state", "")]
    return [*fields, ("once", asked.text.split('name="once" value="')[1].split('"', maxsplit=1)[0])]


def test_a_page_of_one_environment_acts_in_it_whatever_another_tab_has_chosen_since(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("boss", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        await browser.get("/mailboxes?environment=beta")
        form = await asks_for_all(browser, "/mailboxes/confirm")
        of_beta = browser.token
        await browser.post("/environment", {"environment": "alpha", "back": "/mailboxes"})
        assert "alpha" in (await browser.get("/mailboxes")).text
        assert (await browser.post("/mailboxes/do", form, token=of_beta)).status == 303
        assert (unapproved(at, "alpha"), unapproved(at, "beta")) == (3, 0)

    place.play(story)


def test_a_page_of_an_environment_that_was_removed_acts_in_no_other(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("boss", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        await browser.get("/mailboxes?environment=beta")
        form = await asks_for_all(browser, "/mailboxes/confirm")
        with at.app.database.write() as tx:
            places.remove(tx, "beta")
        refused = await browser.post("/mailboxes/do", form)
        assert refused.status == 409
        assert "&#39;beta&#39; is not there any more; nothing was done" in refused.text
        assert unapproved(at, "alpha") == 3
        assert (await browser.post("/sign-out", token=browser.token)).status == 303  # which is about no environment

    place.play(story)


def test_who_looks_at_an_environment_by_a_link_stays_in_it(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("boss", Role.SYSTEM_ADMIN)
        await browser.get("/mailboxes?environment=beta")
        assert "<option selected>beta" in (await browser.get("/mailboxes")).text

    place.play(story)


def test_a_form_that_was_cut_off_by_the_end_of_its_session_still_means_its_environment(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("boss", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        await browser.get("/mailboxes?environment=beta")
        form = await asks_for_all(browser, "/mailboxes/confirm")
        at.advance(days=30)
        asked = await browser.post("/mailboxes/do", form)
        kept = asked.text.split('name="kept" value="')[1].split('"', maxsplit=1)[0]
        browser.session.cookie_jar.clear(lambda cookie: cookie.key == "fieldcal-environment")
        again = await browser.post("/sign-in", {"name": "boss", "password": "correct horse battery", "kept": kept})
        assert "/mailboxes/do" in again.text
        assert (await browser.post("/mailboxes/do", form)).status == 303
        assert (unapproved(at, "alpha"), unapproved(at, "beta")) == (3, 0)

    place.play(story)


@pytest.mark.parametrize("environment", ["", "main", "Süd-West", "a.b"])
def test_a_forms_token_proves_its_browser_and_names_its_environment(environment: str, tmp_path: Path) -> None:
    made = token(f"browser{tmp_path}", environment)
    assert proves(made, f"browser{tmp_path}")
    assert shown_in(made) == environment
    assert not proves(made, "another")


@pytest.mark.parametrize("given", ["", ".", "x.%%%", "x./w==", "a.b.c"])
def test_what_is_no_token_shows_no_environment(given: str) -> None:
    assert shown_in(given) == ""
