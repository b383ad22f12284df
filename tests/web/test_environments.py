"""Environments in the browser: added, changed, switched and let go, with what becomes of their events."""

from __future__ import annotations

import pytest
from tests.web.centre_end import Centre
from tests.web.test_mailboxes import hidden, stock
from tests.web.test_profiles import wrong

from fieldcal.model import BookingId, EventId, Link, MailboxId
from fieldcal.setup_model import Environment, Role
from fieldcal.state import environments, links

ADMIN = (Role.SYSTEM_ADMIN,)
FORM = {"name": "north", "url": "https://north.crm.dynamics.com", "credential": "secret", "tenant": "t-1",
        "client_id": "app", "secret": "env:FIELDCAL_SECRET_NORTH", "offline": "1"}  # fmt: skip


def known(at: Centre, name: str) -> Environment | None:
    with at.app.database.read() as tx:
        return environments.find(tx, name)


def with_an_event(at: Centre) -> None:
    stock(at, 2)
    now = at.clock.now()
    with at.app.database.write() as tx:
        links.store(
            tx, "main", [Link(MailboxId("box-00000"), BookingId("b"), 0, EventId("e"), start=now, end=now)], now
        )


def test_the_first_one_is_added_from_the_empty_page_and_a_mistake_loses_nothing(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("admin", *ADMIN)
        assert "No environment yet" in (await browser.get("/environments")).text
        bad = await browser.post("/environments/add", {**FORM, "url": "north", "name": "no/rth"})
        assert bad.status == 409
        assert wrong(bad.text, "name")
        assert wrong(bad.text, "url")
        assert 'value="env:FIELDCAL_SECRET_NORTH"' in bad.text
        added = await browser.post("/environments/add", FORM)
        assert (added.status, added.to) == (303, "/environments/one?environment=north")
        page = (await browser.get(added.to)).text
        assert "is there, but cannot be read yet: the secret env:FIELDCAL_SECRET_NORTH is not set" in page
        assert "It cannot be read now: the secret env:FIELDCAL_SECRET_NORTH" in page
        listed = (await browser.get("/environments")).text
        assert "It cannot be read now: the secret env:FIELDCAL_SECRET_NORTH" in listed
        assert 'action="/environments/test?environment=north"' in listed
        assert "https://north.crm.dynamics.com" in (await browser.get("/environments")).text
        twice = await browser.post("/environments/add", FORM)
        assert "already" in wrong(twice.text, "name")[0]
        saved = await browser.post("/environments/save?environment=north", {**FORM, "client_id": "other"})
        assert (saved.status, known(at, "north").end.client_id) == (303, "other")
        tested = await browser.post("/environments/test?environment=north")
        assert "FIELDCAL_SECRET_NORTH is not set" in tested.text

    place.play(story)


def test_a_save_that_cannot_be_signed_in_to_is_kept_only_when_asked_for_all_the_same(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("admin", *ADMIN)
        path = "/environments/save?environment=main"
        form = {"url": "http://127.0.0.1:9", "credential": "token", "secret": "env:NOWHERE"}
        assert (await browser.post(path, form)).status == 303  # nothing is another, so nobody is asked
        changed = {**form, "secret": "env:FIELDCAL_SECRET_ELSEWHERE"}
        asked = await browser.post(path, changed)
        assert (asked.status, known(at, "main").end.secret) == (409, "env:NOWHERE")
        assert "FIELDCAL_SECRET_ELSEWHERE is not set" in asked.text
        assert '<button name="offline" value="1">Save all the same</button>' in asked.text
        assert 'value="env:FIELDCAL_SECRET_ELSEWHERE"' in asked.text
        assert (await browser.post(path, {**changed, "offline": "1"})).status == 303
        assert known(at, "main").end.secret == "env:FIELDCAL_SECRET_ELSEWHERE"

    place.play(story)


def test_switching_off_asks_and_removes_nothing(place: Centre) -> None:
    async def story(at: Centre) -> None:
        with_an_event(at)
        browser = await at.signed_in("admin", *ADMIN)
        asked = await browser.post("/environments/switch?environment=main")
        assert "Switch main off, with 0 mailboxes?" in asked.text
        form = {"count": hidden(asked.text, "count"), "to": "off"}
        assert (await browser.post("/environments/switch?environment=main", form)).status == 303
        assert not known(at, "main").enabled

    place.play(story)


@pytest.mark.parametrize(
    ("form", "stays"),
    [
        ({}, True), ({"events": "odd", "count": "1"}, True), ({"events": "keep", "count": "0"}, True),
        ({"events": "keep", "count": "1"}, False), ({"events": "keep"}, True),
    ],
)  # fmt: skip
def test_an_environment_goes_only_with_a_word_about_its_events_and_their_true_number(
    place: Centre, form: dict[str, str], stays: bool
) -> None:
    async def story(at: Centre) -> None:
        with_an_event(at)
        browser = await at.signed_in("admin", *ADMIN)
        assert "1 event of this environment stands" in (await browser.get("/environments/remove?environment=main")).text
        answer = await browser.post("/environments/remove?environment=main", form)
        assert (known(at, "main") is not None) == stays
        assert answer.status == (200 if stays else 303)
        reader = await at.signed_in("reader", Role.READER, Role.EXCHANGE_ADMIN)
        assert (await reader.post("/environments/remove?environment=main", form)).status in {403, 409}

    place.play(story)


def test_each_mistake_stands_once_and_beside_its_field(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("admin", *ADMIN)
        new = (await browser.get("/environments/new")).text
        assert "Left as it is" not in new
        asked = (await browser.post("/environments/add", {**FORM, "offline": ""})).text
        assert wrong(asked, "secret") == ["The secret env:FIELDCAL_SECRET_NORTH is not set in this process"]
        assert wrong(asked, "all") == []
        foreign = (await browser.post("/environments/add", {**FORM, "url": "ftp://north.example"})).text
        assert len(wrong(foreign, "url")) == 1
        assert known(at, "north") is None

    place.play(story)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/environments/remove"), ("POST", "/environments/remove"), ("POST", "/environments/switch"),
        ("POST", "/environments/save"), ("POST", "/settings/save"),
    ],
)  # fmt: skip
def test_nothing_is_changed_of_an_environment_that_the_address_does_not_name(
    place: Centre, method: str, path: str
) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("admin", *ADMIN)
        form = {
            "events": "keep",
            "count": "0",
            "to": "off",
            "interval": "7",
            "offline": "1",
            "url": "https://x.example",
        }
        before = known(at, "main")
        answer = await (browser.get(path) if method == "GET" else browser.post(path, form))
        assert (answer.status, "names no environment" in answer.text) == (409, True)
        assert known(at, "main") == before
        for other in ("/profiles/save", "/profiles/switch", "/profiles/test"):
            assert (await browser.post(other)).status == 404

    place.play(story)
