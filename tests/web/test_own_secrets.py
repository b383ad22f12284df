"""A mailbox's own secret is sent to the server that it was given for, and to no other, whoever points it elsewhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from tests.web.centre_end import OPERATOR, Browser, Centre
from tests.web.heard import hearing

from fieldcal.errors import ConfigError
from fieldcal.setup import accounts, mailboxes, profiles
from fieldcal.setup_model import CALDAV, Endpoint, Method, Role
from fieldcal.state import accounts as rows
from fieldcal.state import audit, tables
from fieldcal.state import mailboxes as boxes

BOX = "box-00000"
FORM = {"name": "dav", "kind": CALDAV, "credential": "password", "client_id": "", "secret": "", "calendar": "",
        "at_once": "2"}  # fmt: skip


def stock(at: Centre, folder: Path, url: str) -> None:
    """One mailbox that signs in by itself through the profile `dav` at this address, and one that does not."""
    (folder / "own").write_text("the-worker-s-own")
    at.environment()
    at.mailboxes(2)
    now, end = at.clock.now(), Endpoint(url, credential="password")
    with at.app.database.write() as tx:
        profiles.add(tx, OPERATOR, now, "dav", end, CALDAV, at_once=2)
        mailboxes.edit(tx, OPERATOR, now, "main", [BOX, "box-00001"], profile="dav", method=Method.SERVER_SIDE_SYNC)
        accounts.give(tx, OPERATOR, now, "main", {BOX: accounts.Wish(secret=f"file:{folder / 'own'}")})
        tx.execute(tables.mailboxes.update().values(approval="approved", approved_address=tables.mailboxes.c.address))
        tx.execute(tables.environments.update().values(organization="org-1"))


def secret(at: Centre) -> str:
    with at.app.database.read() as tx:
        return rows.of(tx, "main", BOX).secret


async def run_test(at: Centre, browser: Browser) -> None:
    """Test & Enable has run for this mailbox."""
    form = {"id": BOX, "deed": "test", "count": "1", "once": "o1"}
    number = (await browser.post("/mailboxes/do?environment=main", form)).to.rpartition("/")[2].partition("?")[0]
    async for _ in at.house.works.find(number).watch(0.01):
        pass


@pytest.mark.parametrize("offline", [{}, {"offline": "1"}])
def test_a_profile_s_other_server_is_never_shown_a_mailbox_s_own_secret(place: Centre, tmp_path, offline) -> None:
    async def story(at: Centre) -> None:
        stock(at, tmp_path, "https://dav.example/{user}/")
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        async with hearing() as (url, got):
            form = {**FORM, "url": f"{url}/{{user}}/", **offline}
            asked = await browser.post("/profiles/save", form)
            assert asked.status == 409
            assert "1 mailbox signs in by itself" in asked.text
            assert 'name="forget" value="1"' in asked.text
            assert secret(at) != ""
            saved = await browser.post("/profiles/save", {**form, "forget": "1"})
            assert saved.status == 303
            assert "The own secret of 1 mailbox is forgotten" in (await browser.get("/profiles")).text
            await run_test(at, browser)
        assert set(got) <= {""}
        assert secret(at) == ""
        with at.app.database.read() as tx:
            told = [line.detail for line in audit.latest(tx) if line.action == "profile set"]
            assert "the own secrets of 1 mailboxes are forgotten" in told[0]
            assert "secret" in str(boxes.load(tx, "main", BOX).checks)

    place.play(story)


def test_the_same_server_is_shown_it_and_so_a_rotated_path_costs_nothing(place: Centre, tmp_path) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        async with hearing() as (url, got):
            stock(at, tmp_path, f"{url}/{{user}}/")
            form = {**FORM, "url": f"{url}/dav/{{user}}/", "offline": "1"}
            assert (await browser.post("/profiles/save", form)).status == 303
            await run_test(at, browser)
        shown = [base64.b64decode(one.partition(" ")[2]).decode() for one in got if one]
        assert set(shown) == {"w00000@x.example:the-worker-s-own"}

    place.play(story)


def test_over_rest_it_takes_a_word_and_tells_the_count(place: Centre, tmp_path) -> None:
    async def story(at: Centre) -> None:
        stock(at, tmp_path, "https://dav.example/{user}/")
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        headers = {"x-csrf-token": browser.token, "content-type": "application/json"}

        async def patch(**more: object) -> tuple[int, str]:
            wish = json.dumps({"url": "https://other.example/{user}/", "offline": True, **more})
            answer = await browser.ask("PATCH", "/api/v1/profiles/dav", data=wish, headers=headers)
            return answer.status, answer.text

        status, told = await patch()
        assert (status, "1 mailboxes sign in by themselves" in told) == (409, True)
        assert secret(at) != ""
        assert (await patch(forget_secrets=True))[0] == 200
        assert secret(at) == ""

    place.play(story)


def test_a_mailbox_that_moves_to_another_server_leaves_its_secret_behind(place: Centre, tmp_path) -> None:
    async def story(at: Centre) -> None:
        stock(at, tmp_path, "https://dav.example/{user}/")
        now = at.clock.now()
        with at.app.database.write() as tx:
            for name, url in (("near", "https://DAV.example:443/other/{user}/"), ("far", "https://dav.example:8443/")):
                profiles.add(tx, OPERATOR, now, name, Endpoint(url, credential="password"), CALDAV, at_once=2)
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        headers = {"x-csrf-token": browser.token, "content-type": "application/json"}
        path = "/api/v1/environments/main/mailboxes/edit"
        told = {}
        for name in ("near", "far"):
            wish = json.dumps({"mailboxes": [BOX, "box-00001"], "profile": name})
            answer = await browser.ask("POST", path, data=wish, headers=headers)
            told[name] = (json.loads(answer.text), secret(at) != "")
        assert told["near"] == ({"changed": 2, "secrets_forgotten": 0}, True)
        assert told["far"] == ({"changed": 2, "secrets_forgotten": 1}, False)
        with at.app.database.read() as tx:
            assert "given for another server" in boxes.load(tx, "main", BOX).disabled_reason
            assert "(1 own secrets forgotten)" in next(
                line.detail for line in audit.latest(tx) if line.action == "mailbox edit"
            )

    place.play(story)


def test_a_secret_is_given_for_a_server_and_not_before_one_is_chosen(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(1)
        with at.app.database.write() as tx, pytest.raises(ConfigError, match="choose its server profile first"):
            accounts.give(tx, OPERATOR, at.clock.now(), "main", {BOX: accounts.Wish(secret="env:OWN")})

    place.play(story)
