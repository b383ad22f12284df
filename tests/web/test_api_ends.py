"""Environments and server profiles over REST: attached, changed by one script at a time, tried, and let go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from tests.conftest import NewState
from tests.web.centre_end import Centre
from tests.web.test_api import problem, token
from tests.web.test_api_resources import ADMIN, Script, actions
from tests.web.test_environments import with_an_event

from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Role
from fieldcal.state import environments, profiles

ENVIRONMENT = {"name": "north", "url": "https://north.crm.dynamics.com", "credential": "secret", "tenant": "t-1",
               "client_id": "app", "secret": "env:FIELDCAL_SECRET_NORTH", "offline": True}  # fmt: skip
PROFILE = {"name": "dav", "kind": "caldav", "url": "https://dav.example/{user}/", "calendar": "Jobs", "at_once": 4,
           "offline": True}  # fmt: skip
SECRET = "hunter2-and-more"


def pointers(text: str) -> set[str]:
    return {one["pointer"] for one in json.loads(text)["errors"]}


def test_an_environment_is_attached_tried_and_changed(place: Centre) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, *ADMIN)
        made = await script.ask("POST", "/environments", {**ENVIRONMENT, "settings": {"interval": 10}})
        assert (made.status, made.headers["location"]) == (201, "/api/v1/environments/north")
        told = await script.get("/environments/north")
        assert (told["settings"]["interval"], told["events"], told["end"]["client_id"]) == (10, 0, "app")
        assert problem(await script.ask("POST", "/environments", ENVIRONMENT)) == "not-done"
        tried = await script.do("/environments/north/test", None)
        assert tried["ok"] is False
        assert "FIELDCAL_SECRET_NORTH is not set" in tried["checks"][0]["detail"]
        assert (await script.do("/environments/north", {"client_id": "other", "offline": True}, "PATCH"))["end"][
            "client_id"
        ] == "other"
        assert actions(at) == ["environment set", "environment add"]

    place.play(story)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "no/rth"}, "/name"), ({"url": "north"}, "/url"), ({"credential": "odd"}, "/credential"),
    ({"settings": {"interval": 0}}, "/settings/interval"), ({"secret": "env:HOME"}, "/secret"),
    ({"secret": "env:FIELDCAL_SECRET_KEYS"}, "/secret"), ({"secret": "file:/run/secrets/../../etc/shadow"}, "/secret"),
    ({"new_secret": "x"}, "/new_secret"), ({"odd": 1}, "/odd"),
]  # fmt: skip


def test_a_mistake_in_an_environment_points_at_its_field_and_attaches_nothing(place: Centre) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, *ADMIN)
        for change, pointer in WRONG:
            wrong = await script.ask("POST", "/environments", {**ENVIRONMENT, **change})
            assert (problem(wrong), pointers(wrong.text)) == ("invalid", {pointer})
        assert (await script.get("/environments"))["items"] == []

    place.play(story)


def test_a_secret_is_kept_encrypted_never_shown_and_never_sent_to_another_server(
    new_sqlite: NewState, tmp_path: Path
) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, *ADMIN)
        sent = {name: value for name, value in ENVIRONMENT.items() if name != "secret"}
        made = await script.ask("POST", "/environments", {**sent, "new_secret": SECRET})
        assert made.status == 201, made.text
        assert SECRET not in made.text
        assert json.loads(made.text)["end"]["secret"] == "encrypted"
        with at.app.database.read() as tx:
            kept = environments.get(tx, "north").end.secret
        assert at.app.secrets.resolve(kept) == SECRET
        moved = await script.ask("PATCH", "/environments/north", {"url": "https://evil.example"})
        assert (problem(moved), pointers(moved.text)) == ("invalid", {"/secret"})
        anew = {"url": "https://south.crm.dynamics.com", "secret": "env:FIELDCAL_SECRET_SOUTH",
                "offline": True}  # fmt: skip
        assert (await script.do("/environments/north", anew, "PATCH"))["end"]["secret"] == "env:FIELDCAL_SECRET_SOUTH"

    Centre(tmp_path / "data", new_sqlite(), secret_keys=(Fernet.generate_key().decode(),)).play(story)


def test_two_scripts_that_change_one_thing_do_not_undo_each_other_s_change(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        script = Script(at, *ADMIN)
        await script.ask("POST", "/profiles", PROFILE)
        for path, first, second in (
            ("/environments/main", {"settings": {"interval": 10}}, {"settings": {"interval": 20}}),
            ("/profiles/dav", {"calendar": "Work", "offline": True}, {"at_once": 2, "offline": True}),
        ):
            read = (await script.ask("GET", path)).headers["etag"]
            script.headers["if-match"] = read
            changed = await script.ask("PATCH", path, first)
            assert changed.status == 200, changed.text
            assert problem(await script.ask("PATCH", path, second)) == "stale"
            script.headers["if-match"] = f'"another", {changed.headers["etag"]}'
            assert (await script.ask("PATCH", path, second)).status == 200
            script.headers["if-match"] = "*"
            assert (await script.ask("PATCH", path, first)).status == 200
            del script.headers["if-match"]

    place.play(story)


def test_profiles_are_made_changed_tried_and_forgotten(place: Centre) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, *ADMIN)
        made = await script.ask("POST", "/profiles", PROFILE)
        assert (made.status, made.headers["location"]) == (201, "/api/v1/profiles/dav")
        told = json.loads(made.text)
        assert (told["kind"], told["calendar"], told["at_once"], told["end"]["credential"]) == (
            "caldav", "Jobs", 4, "password",
        )  # fmt: skip
        wrong = await script.ask("POST", "/profiles", {**PROFILE, "name": "two", "url": "https://dav.example/", "secret":
                                                       "env:FIELDCAL_SECRET_DAV", "client_id": "all"})  # fmt: skip
        assert pointers(wrong.text) == {"/url"}
        changed = await script.do("/profiles/dav", {"calendar": "Work", "offline": True}, "PATCH")
        assert (changed["calendar"], changed["at_once"]) == ("Work", 4)
        assert problem(await script.ask("PATCH", "/profiles/dav", {"offline": True})) == "not-done"
        tried = await script.do("/profiles/dav/test", None)
        assert tried["ok"] is False
        at.environment()
        at.mailboxes(1)
        await script.do("/environments/main/mailboxes/edit", {"all": True, "profile": "dav"})
        assert problem(await script.ask("DELETE", "/profiles/dav")) == "not-done"
        await script.ask("POST", "/profiles", {**PROFILE, "name": "two"})
        assert await script.do("/profiles/two", None, "DELETE") == {"removed": "two"}
        assert problem(await script.ask("DELETE", "/profiles/two")) == "missing"
        with at.app.database.read() as tx:
            assert [one.id for one in profiles.everyone(tx)] == ["dav"]

    place.play(story)


def test_an_environment_goes_only_with_a_word_about_its_events_and_their_true_number(place: Centre) -> None:
    async def story(at: Centre) -> None:
        with_an_event(at)
        script = Script(at, *ADMIN)
        for query, kind in (
            ("", "invalid"), ("?events=keep", "invalid"), ("?events=odd&expect=1", "invalid"),
            ("?events=keep&expect=0", "not-done"), ("?events=clean&expect=0", "not-done"),
        ):  # fmt: skip
            assert problem(await script.ask("DELETE", f"/environments/main{query}")) == kind
        with at.app.database.read() as tx:
            assert environments.names(tx) == ["main"]
        gone = await script.do("/environments/main?events=keep&expect=1", None, "DELETE")
        assert gone == {"removed": True, "events_left": 1, "task": None}
        with at.app.database.read() as tx:
            assert environments.names(tx) == []

    place.play(story)


def test_taking_events_out_takes_role_and_scope_goes_on_after_the_answer_and_begins_once_a_key(place: Centre) -> None:
    async def story(at: Centre) -> None:
        with_an_event(at)
        with at.app.database.write() as tx:
            environments.save(tx, replace(environments.get(tx, "main"), organization="org"))
        script, path = Script(at, *ADMIN), "/environments/main?events=clean&expect=1"
        weaker = token(at, "exchange", Role.EXCHANGE_ADMIN)
        refused = await at.browser().ask("DELETE", f"/api/v1{path}", headers=weaker)
        assert problem(refused) == "denied"
        # the scope that changes environments takes nothing out of calendars
        without = token(at, "settings", Role.SYSTEM_ADMIN, scopes=[Scope.ADMIN])
        refused = await at.browser().ask("DELETE", f"/api/v1{path}", headers=without)
        assert problem(refused) == "denied"
        assert "takes the scope clean" in refused.text
        script.headers["idempotency-key"] = "tonight"
        first, again = [await script.ask("DELETE", path) for _ in range(2)]
        assert (first.status, again.status) == (202, 202)
        assert json.loads(first.text) == json.loads(again.text)
        work = at.house.works.find(json.loads(first.text)["task"])
        async for _ in work.watch():
            pass
        # no server answers, so the environment is kept with its events
        told = await script.get(first.headers["location"].removeprefix("/api/v1"))
        assert told["ended"]
        assert told["error"]
        with at.app.database.read() as tx:
            assert environments.names(tx) == ["main"]
        script.headers["idempotency-key"] = "tomorrow"
        other = await script.ask("DELETE", path)
        assert json.loads(other.text)["task"] != json.loads(first.text)["task"]

    place.play(story)
