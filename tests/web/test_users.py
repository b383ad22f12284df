"""The page of people: who is listed, who may be added, given roles, invited and signed out, and by whom."""

from __future__ import annotations

import re
from html import unescape

import pytest
from tests.web.centre_end import OPERATOR, PASSWORD, Centre

from fieldcal.setup import tokens, users
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Role
from fieldcal.state import users as rows

SYSTEM, EXCHANGE = Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN


def roles(at: Centre, name: str) -> frozenset[Role]:
    with at.app.database.read() as tx:
        return rows.get(tx, name).roles


def test_a_person_is_added_invited_and_signs_in_with_the_roles_given(place: Centre) -> None:
    async def story(at: Centre) -> None:
        admin = await at.signed_in("admin", SYSTEM, EXCHANGE)
        await admin.get("/users/new")
        form = [("name", "dora@x.example"), ("full_name", "Dora"), ("role", "reader"), ("role", "mailbox_approver")]
        shown = await admin.post("/users/add", form)
        link = shown.text.split("/invitation/")[1].split('"')[0]
        dora = at.browser()
        await dora.get(f"/invitation/{link}")
        done = await dora.post(f"/invitation/{link}", {"password": PASSWORD, "again": PASSWORD})
        assert done.to == "/"
        assert (await dora.get("/overview")).status == 200
        assert roles(at, "dora@x.example") == {Role.READER, Role.MAILBOX_APPROVER}
        listed = (await admin.get("/users?search=DORA")).text
        assert "1–1 of 1" in listed
        assert "with a password" in listed
        assert "Nobody matches" in (await admin.get("/users?search=nobody")).text

    place.play(story)


@pytest.mark.parametrize(
    ("acting", "wanted", "after"),
    [
        ((SYSTEM, EXCHANGE), {"reader", "exchange_admin"}, {"reader", "exchange_admin"}),
        # what one may not give is not given, what one may not take stays
        ((SYSTEM,), {"reader", "exchange_admin"}, {"reader", "mailbox_approver"}),
        ((EXCHANGE,), {"reader", "exchange_admin"}, {"dispatcher", "exchange_admin"}),
    ],
)
def test_roles_are_given_and_taken_only_by_whom_the_table_lets(
    place: Centre, acting: tuple[Role, ...], wanted: set[str], after: set[str]
) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("acting", *acting)
        at.person("eve", Role.DISPATCHER, Role.MAILBOX_APPROVER)
        await browser.get("/users/one?name=eve")
        answer = await browser.post("/users/roles", [("name", "eve"), *[("role", role) for role in wanted]])
        assert answer.to == "/users/one?name=eve"
        assert {role.value for role in roles(at, "eve")} == after
        assert (await browser.post("/users/roles", [("name", "eve"), ("role", "king")])).status == 409
        assert (await browser.get("/users/one?name=nobody")).status == 409

    place.play(story)


def test_roles_that_another_gave_or_took_meanwhile_stay_as_that_one_left_them(place: Centre) -> None:
    async def story(at: Centre) -> None:
        admin = await at.signed_in("admin", SYSTEM, EXCHANGE)
        at.person("carol", Role.READER, Role.DISPATCHER)
        page = (await admin.get("/users/one?name=carol")).text
        seen = unescape(re.search(r'name="seen" value="([^"]*)"', page)[1])
        with at.app.database.write() as tx:
            users.revoke(tx, OPERATOR, at.clock.now(), "carol", Role.DISPATCHER)
            users.grant(tx, OPERATOR, at.clock.now(), "carol", Role.WORKER)
        ticked = [("role", "dispatcher"), ("role", "mailbox_approver")]
        assert (await admin.post("/users/roles", [("name", "carol"), ("seen", seen), *ticked])).status == 303
        # reader was unticked, the approver ticked; the dispatcher, whom the other took, was left as it was shown
        assert roles(at, "carol") == {Role.WORKER, Role.MAILBOX_APPROVER}

    place.play(story)


def test_a_role_taken_away_is_gone_at_the_next_request(place: Centre) -> None:
    async def story(at: Centre) -> None:
        admin = await at.signed_in("admin", SYSTEM, EXCHANGE)
        eve = await at.signed_in("eve", Role.READER)
        at.environment()
        assert (await eve.get("/overview")).status == 200
        await admin.post("/users/roles", [("name", "eve")])
        assert (await eve.get("/overview")).status == 403
        assert "none of your roles opens a page" in (await eve.get("/")).text

    place.play(story)


def test_nobody_makes_a_link_for_somebody_who_may_more(place: Centre) -> None:
    async def story(at: Centre) -> None:
        system = await at.signed_in("system", SYSTEM)
        at.person("boss", EXCHANGE)
        page = (await system.get("/users/one?name=boss")).text
        assert "Only who may give every one" in page
        assert (await system.post("/users/invite", {"name": "boss"})).status == 403

    place.play(story)


def test_one_administrator_alone_makes_nobody_who_approves_a_mailbox(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(1)
        system = await at.signed_in("system", SYSTEM)
        form = [("name", "mallory"), ("address", "w00000@x.example"), ("role", "worker")]
        link = (await system.post("/users/add", form)).text.split("/invitation/")[1].split('"')[0]
        mallory = at.browser()
        await mallory.get(f"/invitation/{link}")
        await mallory.post(f"/invitation/{link}", {"password": PASSWORD, "again": PASSWORD})
        await mallory.get("/account")

        async def approves() -> int:
            wish = {"json": {"mailboxes": ["w00000@x.example"]}, "headers": {"x-csrf-token": mallory.token}}
            return (await mallory.ask("POST", "/api/v1/environments/main/mailboxes/approve", **wish)).status

        assert await approves() == 403
        shown = (await system.get("/users/one?name=mallory")).text
        assert "Nobody answers for this account" in shown
        assert "/users/vouch" not in shown
        assert (await system.post("/users/vouch", {"name": "mallory"})).status == 403
        both = await at.signed_in("both", SYSTEM, EXCHANGE)
        assert "/users/vouch" in (await both.get("/users/one?name=mallory")).text
        assert (await both.post("/users/vouch", {"name": "mallory"})).to == "/users/one?name=mallory"
        assert "Nobody answers" not in (await both.get("/users/one?name=mallory")).text
        assert await approves() == 200

    place.play(story)


def test_who_has_left_is_disabled_after_a_question_and_nobody_disables_themselves(place: Centre) -> None:
    async def story(at: Centre) -> None:
        admin = await at.signed_in("admin", SYSTEM)
        eve = await at.signed_in("eve", Role.READER)
        assert "Who has left" not in (await admin.get("/users/one?name=admin")).text
        assert "Who has left" in (await admin.get("/users/one?name=eve")).text
        asked = await admin.post("/users/disable", {"name": "eve"})
        assert "Roles that go: 1. Sessions that end: 1." in asked.text
        assert (await eve.get("/account")).status == 200
        done = await admin.post("/users/disable", {"name": "eve", "sure": "1"})
        assert done.to == "/users/one?name=eve"
        assert "eve can do nothing here any more." in (await admin.get(done.to)).text
        assert (await eve.get("/account")).to.startswith("/sign-in")
        assert (await admin.post("/users/disable", {"name": "admin", "sure": "1"})).status == 409

    place.play(story)


def test_signing_somebody_out_ends_every_session_of_that_person_only(place: Centre) -> None:
    async def story(at: Centre) -> None:
        admin = await at.signed_in("admin", SYSTEM)
        eve = await at.signed_in("eve", Role.READER)
        assert "127.0.0.1" in (await admin.get("/users/one?name=eve")).text
        answer = await admin.post("/users/sign-out", {"name": "eve"})
        assert answer.to == "/users/one?name=eve"
        assert (await eve.get("/account")).to.startswith("/sign-in")
        assert "1 session has ended." in (await admin.get("/users/one?name=eve")).text

    place.play(story)


def test_a_user_is_tied_to_an_account_of_the_directory_by_whom_the_table_lets(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("eve", Role.DISPATCHER)
        at.person("boss", EXCHANGE, SYSTEM)
        admin = await at.signed_in("admin", SYSTEM)
        assert 'action="/users/tie"' in (await admin.get("/users/one?name=eve")).text
        assert (await admin.post("/users/tie", {"name": "eve", "object_id": " oid-1 "})).status == 303
        refused = await admin.post("/users/tie", {"name": "boss", "object_id": "oid-2"})
        taken = await admin.post("/users/tie", {"name": "admin", "object_id": "oid-1"})
        assert (refused.status, taken.status) == (403, 409)
        reader = await at.signed_in("reader", EXCHANGE)
        assert (await reader.post("/users/tie", {"name": "eve", "object_id": "oid-3"})).status == 403
        with at.app.database.read() as tx:
            assert (rows.get(tx, "eve").object_id, rows.get(tx, "boss").object_id) == ("oid-1", "")

    place.play(story)


def test_tokens_are_seen_and_ended_by_their_person_and_by_whom_users_are_added(place: Centre) -> None:
    async def story(at: Centre) -> None:
        for name in ("eve", "adam"):
            at.person(name, Role.READER)
            with at.app.database.write() as tx:
                for number in (1, 2):
                    tokens.add(tx, OPERATOR, at.clock.now(), f"{name}-{number}", name, [Scope.READ])
        eve = at.browser()
        await eve.sign_in("eve")
        page = (await eve.get("/account")).text
        assert ("eve-1" in page, "adam-1" in page) == (True, False)
        assert (await eve.post("/account/tokens/revoke", {"token": "adam-1"})).status == 409
        assert (await eve.post("/account/tokens/revoke", {"token": "eve-1"})).to == "/account"
        assert "eve-1 holds no more" in (await eve.get("/account")).text
        admin = await at.signed_in("admin", SYSTEM)
        assert "adam-2" in (await admin.get("/users/one?name=adam")).text
        ended = await admin.post("/account/tokens/revoke", {"token": "adam-2", "back": "users"})
        assert (ended.status, ended.to) == (303, "/users/one?name=adam")
        with at.app.database.read() as tx:
            assert [one.name for one in tokens.listed(tx, OPERATOR)] == ["adam-1", "eve-2"]

    place.play(story)
