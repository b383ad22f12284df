"""Users and tokens over REST: the same rules as on the page, and no token that makes itself stronger."""

from __future__ import annotations

import json

from tests.web.centre_end import OPERATOR, Centre
from tests.web.test_api import call, problem, token
from tests.web.test_api_resources import Script, actions

from fieldcal.setup import sign_in, tokens
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Role
from fieldcal.state import proofs
from fieldcal.state import tokens as rows


def test_a_person_is_added_given_a_role_invited_and_signed_out(place: Centre) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, Role.SYSTEM_ADMIN)
        made = await script.ask("POST", "/users", {"id": "bob", "name": "Bob Bee"})
        assert (made.status, json.loads(made.text)["roles"]) == (201, [])
        assert problem(await script.ask("POST", "/users", {"id": "bob"})) == "not-done"
        assert (await script.do("/users/bob/grant", {"role": "reader"}))["roles"] == ["reader"]
        # only an Exchange administrator gives that one
        assert problem(await script.ask("POST", "/users/bob/grant", {"role": "exchange_admin"})) == "denied"
        assert problem(await script.ask("POST", "/users/bob/grant", {"role": "king"})) == "invalid"
        link = (await script.do("/users/bob/invite", None))["link"]
        page = await at.browser().get(link.removeprefix(at.url))
        assert page.status == 200
        assert "bob" in page.text
        await at.signed_in("carl", Role.READER)
        assert await script.do("/users/carl/sign-out", None) == {"ended": 1}
        assert (await script.do("/users/bob/tie", {"object_id": "o-1"}))["id"] == "bob"
        assert (await script.do("/users/bob/revoke", {"role": "reader"}))["roles"] == []
        assert (await script.get("/users/bob"))["name"] == "Bob Bee"
        for path, body in (
            ("grant", {"role": "reader"}),
            ("sign-out", None),
            ("invite", None),
            ("tie", {"object_id": "o"}),
        ):
            assert problem(await script.ask("POST", f"/users/nobody/{path}", body)) == "missing"
        assert actions(at) == ["user revoke", "user tie", "user sign-out", "user invite", "user grant", "user add"]

    place.play(story)


def test_who_has_left_can_do_nothing_any_more_and_nobody_does_that_to_themselves(place: Centre) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, Role.SYSTEM_ADMIN)
        eve = await at.signed_in("eve", Role.READER, Role.SYSTEM_ADMIN)
        with at.app.database.write() as tx:
            _, text = tokens.add(tx, OPERATOR, at.clock.now(), "of-eve", "eve", list(Scope))
            sign_in.invite(tx, OPERATOR, at.clock.now(), "eve")
        at.person("boss", Role.EXCHANGE_ADMIN)
        assert problem(await script.ask("POST", "/users/boss/disable")) == "denied"
        assert problem(await script.ask("POST", "/users/script/disable")) == "not-done"
        assert (await script.do("/users/eve/disable", None))["roles"] == []
        assert (await eve.get("/account")).to.startswith("/sign-in")
        assert (await at.browser().sign_in("eve")).status != 303
        assert problem(await call(at, "GET", "/me", {"authorization": f"Bearer {text}"})) == "unauthorized"
        with at.app.database.read() as tx:
            assert proofs.invited(tx, at.clock.now()) == {}
        assert actions(at) == ["user disable"]

    place.play(story)


def test_nobody_is_invited_above_the_own_rights(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("exchange", Role.EXCHANGE_ADMIN)
        script = Script(at, Role.SYSTEM_ADMIN)
        assert problem(await script.ask("POST", "/users/exchange/invite")) == "denied"
        assert problem(await script.ask("POST", "/users/exchange/tie", {"object_id": "mine"})) == "denied"

    place.play(story)


def test_a_token_ends_itself_and_another_only_with_the_scope_for_it(place: Centre) -> None:
    async def story(at: Centre) -> None:
        weak = token(at, "alice", Role.SYSTEM_ADMIN, scopes=[Scope.READ])
        strong = token(at, "bob", Role.SYSTEM_ADMIN, scopes=[Scope.USERS])
        with at.app.database.write() as tx:
            tokens.add(tx, OPERATOR, at.clock.now(), "other", "alice", [Scope.READ])
        told = json.loads((await call(at, "GET", "/tokens", weak)).text)
        assert [one["name"] for one in told["items"]] == ["of-alice", "of-bob", "other"]
        assert "digest" not in json.dumps(told)
        assert problem(await call(at, "DELETE", "/tokens/other", weak)) == "denied"
        assert problem(await call(at, "GET", "/tokens", strong)) == "denied"
        assert json.loads((await call(at, "DELETE", "/tokens/other", strong)).text)["user"] == "alice"
        assert problem(await call(at, "DELETE", "/tokens/other", strong)) == "missing"
        assert (await call(at, "DELETE", "/tokens/of-alice", weak)).status == 200
        assert problem(await call(at, "GET", "/me", weak)) == "unauthorized"
        # who may not see users knows of the own ones only
        reader = token(at, "reader", Role.READER)
        assert [one["name"] for one in json.loads((await call(at, "GET", "/tokens", reader)).text)["items"]] == [
            "of-reader"
        ]
        assert problem(await call(at, "DELETE", "/tokens/of-bob", reader)) == "missing"
        with at.app.database.read() as tx:
            assert [one.name for one in rows.everyone(tx)] == ["of-bob", "of-reader"]

    place.play(story)
