"""What is done in calendars over REST, at a company with both ends: claims, counting, cleaning; and sign-ins of CalDAV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from tests.conftest import NewState
from tests.web.centre_end import Centre
from tests.web.company_end import Staffed, tell
from tests.web.test_api import problem, token
from tests.web.test_api_resources import ADMIN, Script

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.setup_model import Role
from fieldcal.state import accounts, mailboxes
from fieldcal.state.people_tables import users

AT = f"/api/v1/environments/{ENVIRONMENT}"
PASSWORD = "hunter2-and-more"


class Hand:
    """An administrator who calls the API with the page's session."""

    def __init__(self, at: Staffed, browser: Any) -> None:
        self.at, self.browser = at, browser

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        options = {} if body is None else {"json": body}
        headers = {"x-csrf-token": self.browser.token}
        answer = await self.browser.ask(method, path, headers=headers, **options)
        return answer.status, json.loads(answer.text)

    async def work(self, path: str, body: object) -> Any:
        """What the work that this begins has come to."""
        status, begun = await self.ask("POST", path, body)
        assert status == 202, begun
        while True:
            _, told = await self.ask("GET", f"/api/v1/tasks/{begun['task']}")
            if told["ended"]:
                return told


def test_a_claim_is_shown_and_taken_over_and_a_mailbox_is_cleaned_when_the_count_is_true(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        hand = Hand(at, await at.signed_in("root", *Role))
        box = at.busiest()
        events = len(at.hands.look(box))
        _, claim = await hand.ask("GET", f"{AT}/mailboxes/{box}/claim")
        assert (claim["claimed"], claim["environment"]) == (True, ENVIRONMENT)
        other = next(one for one in at.boxes if one != box)
        taken = await hand.work(f"{AT}/mailboxes/take-over", {"mailboxes": [other]})
        assert [(one["mailbox"], one["problem"]) for one in taken["taken_over"]] == [(other, "")]
        counted = await hand.work(f"{AT}/mailboxes/survey", {"mailboxes": [box]})
        assert [(one["events"], one["cleanable"]) for one in counted["surveyed"]] == [(events, True)]
        wrong = await hand.work(f"{AT}/mailboxes/clean", {"mailboxes": [box], "events": events + 1})
        assert f"these are {events} events now" in wrong["error"]
        assert len(at.hands.look(box)) == events
        cleaned = await hand.work(f"{AT}/mailboxes/clean", {"mailboxes": [box], "events": events})
        assert (cleaned["error"], [one["removed"] for one in cleaned["cleaned"]]) == ("", [events])
        assert at.hands.look(box) == []
        with at.app.database.read() as tx:
            assert mailboxes.load(tx, ENVIRONMENT, box).enabled is False

    tell(tmp_path / "data", story)


def test_who_is_set_up_in_the_source_is_shown_and_imported_when_the_count_is_true(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        hand = Hand(at, await at.signed_in("root", *Role))
        _, shown = await hand.ask("GET", f"{AT}/import?limit=1")
        assert (len(shown["items"]), shown["total"]) == (1, 3)
        status, told = await hand.ask("POST", f"{AT}/import", {"expect": 99})
        assert (status, told["detail"].endswith("not 99; nothing was done")) == (409, True)
        able = (await hand.ask("GET", f"{AT}/import?standing=to be imported"))[1]["total"]
        done = await hand.work(f"{AT}/import", {"expect": able})
        assert (done["error"], len(done["tested"])) == ("", able)
        # the same source's webhook: registered and called, looked at, taken back
        assert (await hand.ask("POST", f"{AT}/webhook", {"url": "ftp://x"}))[0] == 409
        status, called = await hand.ask("POST", f"{AT}/webhook", {"url": at.running.hooks})
        assert (status, called["ok"]) == (200, True)
        _, stands = await hand.ask("GET", f"{AT}/webhook")
        assert (stands["good"], stands["url"].startswith(at.running.hooks)) == (True, True)
        assert (await hand.ask("DELETE", f"{AT}/webhook"))[1]["removed"] > 0
        assert (await hand.ask("GET", f"{AT}/webhook"))[1]["url"] == ""

    tell(tmp_path / "data", story)


def test_mailboxes_sign_in_by_themselves_all_or_none_and_no_password_is_shown(
    new_sqlite: NewState, tmp_path: Path
) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(2)
        script, path = Script(at, *ADMIN), "/environments/main/mailboxes"
        profile = {"name": "dav", "kind": "caldav", "url": "https://dav.example/", "offline": True}
        await script.ask("POST", "/profiles", profile)
        await script.do(f"{path}/edit", {"all": True, "profile": "dav"})
        first, second = (
            {"mailbox": f"w{n:05}@x.example", "user_name": f"w{n}", "new_secret": PASSWORD} for n in (0, 1)
        )
        for wrong, pointer in (
            ({**second, "mailbox": "nobody"}, "/accounts/1/mailbox"), (first, "/accounts/1/mailbox"),
            ({**second, "user_name": "a:b"}, "/accounts/1/user_name"),
        ):  # fmt: skip
            refused = await script.ask("POST", f"{path}/accounts", {"accounts": [first, wrong]})
            assert (problem(refused), json.loads(refused.text)["errors"][0]["pointer"]) == ("invalid", pointer)
        assert (await script.get(f"{path}/box-00000/account"))["user_name"] == ""
        assert await script.do(f"{path}/accounts", {"accounts": [first, second]}) == {"changed": 2}
        told = await script.ask("GET", f"{path}/box-00001/account")
        assert json.loads(told.text) == {"user_name": "w1", "secret": "encrypted", "calendar": ""}
        with at.app.database.read() as tx:
            assert at.app.secrets.resolve(accounts.of(tx, "main", "box-00001").secret) == PASSWORD

    Centre(tmp_path / "data", new_sqlite(), secret_keys=(Fernet.generate_key().decode(),)).play(story)


@pytest.mark.parametrize("role", [Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER, Role.WORKER])
def test_what_touches_calendars_takes_the_role_and_the_scope_for_it(place: Centre, role: Role) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(1)
        headers = token(at, "script", role)
        calls = [("take-over", {"all": True}), ("survey", {"all": True}), ("clean", {"all": True, "events": 0})]
        for path, body in calls:
            answer = await at.browser().ask(
                "POST", f"/api/v1/environments/main/mailboxes/{path}", headers=headers, json=body
            )
            assert problem(answer) == "denied", path

    place.play(story)


def test_a_worker_names_no_secret_that_is_put_aside_for_the_own_mailbox(new_sqlite: NewState, tmp_path: Path) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(2)
        script = Script(at, *ADMIN)
        profile = {"name": "dav", "kind": "caldav", "url": "https://dav.example/", "offline": True}
        await script.ask("POST", "/profiles", profile)
        await script.do("/environments/main/mailboxes/edit", {"all": True, "profile": "dav"})
        headers = token(at, "worker", Role.WORKER)
        with at.app.database.write() as tx:
            own_sign_in = {"sign_in": "w00000@x.example", "vouched": True}
            tx.execute(users.update().where(users.c.id == "worker").values(own_sign_in))

        async def give(**account: str) -> Any:
            body = {"accounts": [account]}
            return await at.browser().ask(
                "POST", "/api/v1/environments/main/mailboxes/accounts", headers=headers, json=body
            )

        own = {"mailbox": "box-00000"}
        assert problem(await give(**own, secret="env:FIELDCAL_SECRET_NORTH")) == "denied"
        assert problem(await give(mailbox="box-00001", new_secret=PASSWORD)) == "denied"
        assert (await give(**own, new_secret=PASSWORD)).status == 200

    Centre(tmp_path / "data", new_sqlite(), secret_keys=(Fernet.generate_key().decode(),)).play(story)


def test_a_check_tells_what_hands_did_and_has_it_written_again_when_the_count_is_true(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        hand = Hand(at, await at.signed_in("root", *Role))
        box = at.busiest()
        event = at.hands.look(box)[0]
        at.hands.edit(box, event, {"subject": "mine"})
        checked = await hand.work(f"{AT}/check", {"mailboxes": [box]})
        assert [(one["mailbox"], one["kind"]) for one in checked["checked"]["findings"]] == [(box, "changed")]
        _, listed = await hand.ask("GET", f"{AT}/findings?kind=changed")
        assert [one["event"] for one in listed["items"]] == [checked["checked"]["findings"][0]["event"]]
        assert (await hand.ask("GET", f"{AT}/findings?kind=copy"))[1]["total"] == 0
        again = f"{AT}/findings/write-again"
        for body in ({"all": True, "expect": 2}, {"expect": 0}, {"events": ["no"], "expect": 1}):
            assert (await hand.ask("POST", again, body))[0] == 409
        done = await hand.work(again, {"all": True, "expect": 1})
        assert (done["error"], done["written_again"]) == ("", {"written": 1, "left": {}})
        assert "mine" not in {one.subject for one in at.hands.look(box)}
        found = await hand.work(f"{AT}/duplicates/find", {})
        assert (found["doubles"], found["unread"], found["error"]) == ([], [], "")
        none = await hand.work(f"{AT}/duplicates/remove", {"expect": 1})
        assert none["error"] == "these are 0 events now, not 1; nothing was done"
        assert (await hand.work(f"{AT}/duplicates/remove", {"expect": 0}))["undoubled"] == []

    tell(tmp_path / "data", story)
