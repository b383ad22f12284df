"""What each resource of the REST API shows and does: the same as the command line, with the same traces."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.state import stocked
from tests.values import BOOKING, booking_id
from tests.web.centre_end import OPERATOR, Answer, Centre
from tests.web.test_api import problem, token

from fieldcal.model import BookingId, Identity, MailboxId
from fieldcal.setup import environments as set_up
from fieldcal.setup import profiles
from fieldcal.setup_model import Endpoint, Role
from fieldcal.state import alerts, audit, environments, history, plans
from fieldcal.state.history import Tally

ADMIN = (Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)


class Script:
    """A script with a token."""

    def __init__(self, at: Centre, *roles: Role) -> None:
        self.browser, self.headers = at.browser(), token(at, "script", *roles)

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        options = {} if body is None else {"json": body}
        return await self.browser.ask(method, f"/api/v1{path}", headers=self.headers, **options)

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)

    async def do(self, path: str, body: object, method: str = "POST") -> Any:
        answer = await self.ask(method, path, body)
        assert answer.status in {200, 202}, answer.text
        return json.loads(answer.text)


def pinned(at: Centre) -> None:
    """The environment as after its first sign-in."""
    with at.app.database.write() as tx:
        set_up.pin(tx, "main", Identity("org", "tenant"))


def actions(at: Centre) -> list[str]:
    with at.app.database.read() as tx:
        return [line.action for line in audit.latest(tx) if line.actor == "script"]


def test_mailboxes_are_listed_a_page_at_a_time_and_the_link_leads_on(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(5)
        script = Script(at, *ADMIN)
        path, seen = "/environments/main/mailboxes?limit=2&sort=-address&search=x.example", []
        while path:
            answer = await script.ask("GET", path)
            page = json.loads(answer.text)
            assert page["total"] == 5
            seen += [box["address"] for box in page["items"]]
            link = answer.headers.get("link", "")
            path = link.partition(">")[0].removeprefix("</api/v1") if link else ""
            assert bool(path) is bool(page["next"])
            assert not path or "search=x.example" in path
        assert seen == [f"w{n:05}@x.example" for n in reversed(range(5))]
        one = await script.get("/environments/main/mailboxes/W00003@x.example")
        assert (one["id"], one["approval"], one["why_not"] is None) == ("box-00003", "pending", False)

    place.play(story)


def test_mailboxes_are_approved_edited_and_rejected_by_name_or_by_what_matches(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(3)
        end = Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE")
        with at.app.database.write() as tx:
            profiles.add(tx, OPERATOR, at.clock.now(), "exchange", end)
        script, at_ = Script(at, *ADMIN), "/environments/main/mailboxes"
        assert await script.do(f"{at_}/approve", {"mailboxes": ["box-00000", "w00001@x.example"]}) == {"changed": 2}
        edited = {"all": True, "expect": 3, "profile": "exchange", "method": "server-side-sync"}
        assert await script.do(f"{at_}/edit", edited) == {"changed": 3, "secrets_forgotten": 0}
        assert await script.do(f"{at_}/reject", {"all": True, "state": "unapproved"}) == {"changed": 1}
        told = {box["id"]: (box["approval"], box["profile"]) for box in (await script.get(at_))["items"]}
        assert told["box-00002"] == ("rejected", "exchange")
        assert told["box-00001"] == ("approved", "exchange")
        assert problem(await script.ask("POST", f"{at_}/edit", {"all": True})) == "not-done"
        unknown = await script.ask("POST", f"{at_}/edit", {"all": True, "profile": "nowhere"})
        assert problem(unknown) == "not-done"
        assert sorted(set(actions(at))) == ["mailbox approve", "mailbox edit", "mailbox reject"]

    place.play(story)


def test_a_test_goes_on_after_its_answer_and_its_task_tells_each_check(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        pinned(at)
        at.mailboxes(2)
        script = Script(at, *ADMIN)
        answer = await script.ask("POST", "/environments/main/mailboxes/test", {"all": True})
        assert answer.status == 202
        path = answer.headers["location"].removeprefix("/api/v1")
        work = at.house.works.find(json.loads(answer.text)["task"])
        async for _ in work.watch():
            pass
        told = await script.get(path)
        assert (told["ended"], told["done"], told["total"], told["error"]) == (True, 2, 2, "")
        assert {one["test"] for one in told["tested"]} == {"failure"}
        assert all(not one["checks"][-1]["ok"] and one["checks"][-1]["remedy"] for one in told["tested"])

    place.play(story)


def test_a_sync_is_asked_of_the_service_and_only_for_whom_the_caller_may(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(1)
        script = Script(at, Role.DISPATCHER)
        task = await script.do("/environments/main/sync", {})
        told = await script.get(f"/tasks/{task['task']}")
        assert (told["kind"], told["user"], told["ended"]) == ("sync", "script", False)
        assert [wish.only for wish in at.house.service._desk("main").wishes] == [None]
        # Another's task is not shown to who does not see the overview.
        worker = token(at, "worker", Role.WORKER)
        refused = await at.browser().ask("GET", f"/api/v1/tasks/{task['task']}", headers=worker)
        assert problem(refused) == "denied"
        for body in ({}, {"mailboxes": ["box-00000"]}):
            asked = await at.browser().ask("POST", "/api/v1/environments/main/sync", headers=worker, json=body)
            assert problem(asked) == "denied"

    place.play(story)


def test_settings_are_read_and_set_and_a_mistake_points_at_its_setting(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        script = Script(at, *ADMIN)
        path = "/environments/main"
        assert (await script.get(path))["settings"]["interval"] == 15
        changed = await script.do(path, {"settings": {"interval": 10, "private": True}}, "PATCH")
        assert (changed["settings"]["interval"], changed["settings"]["private"]) == (10, True)
        wrong = await script.ask("PATCH", path, {"settings": {"interval": 0, "odd": "x"}, "enabled": False})
        assert problem(wrong) == "invalid"
        assert {one["pointer"] for one in json.loads(wrong.text)["errors"]} == {"/settings/interval", "/settings/odd"}
        bad = await script.ask("PATCH", path, {"settings": {"subject_template": "{{ nobody }}"}})
        told = [(one["pointer"], one["detail"][:26]) for one in json.loads(bad.text)["errors"]]
        assert told == [("/settings/subject_template", "line 1: there is no 'nobod")]
        assert problem(await script.ask("PATCH", path, {})) == "not-done"
        assert problem(await script.ask("PATCH", path, {"secret": "hunter2"})) == "invalid"
        told = await script.get("/environments")
        assert [(one["name"], one["enabled"], one["end"]["secret"]) for one in told["items"]] == [
            ("main", True, "env:NOWHERE")
        ]
        off = await script.do(path, {"enabled": False}, "PATCH")
        assert off["enabled"] is False
        assert problem(await script.ask("POST", f"{path}/sync", {})) == "not-done"
        assert actions(at) == ["environment set"] * 2

    place.play(story)


def test_profiles_are_shown_and_switched(place: Centre) -> None:
    async def story(at: Centre) -> None:
        end = Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE")
        with at.app.database.write() as tx:
            profiles.add(tx, OPERATOR, at.clock.now(), "exchange", end)
        script = Script(at, *ADMIN)
        assert (await script.do("/profiles/exchange/deactivate", None))["active"] is False
        assert (await script.do("/profiles/exchange/activate", None))["active"] is True
        assert [one["name"] for one in (await script.get("/profiles"))["items"]] == ["exchange"]
        assert (await script.get("/profiles/exchange"))["mailboxes"] == 0
        assert problem(await script.ask("GET", "/profiles/nowhere")) == "missing"

    place.play(story)


def test_passes_and_the_audit_are_paged_by_keys_that_new_rows_do_not_shift(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        now = at.clock.now()

        def make(number: int, minutes: int) -> None:
            with at.app.database.write() as tx:
                at_ = now + timedelta(minutes=minutes)
                history.begin(tx, "main", f"run-{number}", "scheduled", at_)
                history.end(tx, f"run-{number}", Tally(created=number), "", at_)

        for number in range(5):
            make(number, number // 2)
        script = Script(at, *ADMIN)
        first = await script.get("/environments/main/passes?limit=2")
        make(9, 9)
        second = await script.get(f"/environments/main/passes?limit=2&cursor={first['next']}")
        third = await script.get(f"/environments/main/passes?limit=2&cursor={second['next']}")
        told = [one["id"] for page in (first, second, third) for one in page["items"]]
        assert told == ["run-4", "run-3", "run-2", "run-1", "run-0"]
        assert third["next"] == ""
        lines, cursor = [], ""
        while True:
            page = await script.get(f"/audit?limit=1&cursor={cursor}")
            lines += [line["action"] for line in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        assert lines == [line.action for line in _lines(at)]
        assert "token add" in lines
        since = (now + timedelta(days=1)).isoformat().replace("+", "%2B")
        assert (await script.get(f"/audit?since={since}"))["items"] == []
        assert problem(await script.ask("GET", "/audit?since=yesterday")) == "invalid"

    place.play(story)


def _lines(at: Centre) -> list[Any]:
    with at.app.database.read() as tx:
        return audit.latest(tx, 1000)


def test_the_audit_is_exported_and_no_cell_is_a_formula(place: Centre) -> None:
    async def story(at: Centre) -> None:
        script = Script(at, *ADMIN)
        with at.app.database.write() as tx:
            audit.record(tx, OPERATOR, at.clock.now(), "test", ["=1+1"])
        answer = await script.ask("GET", "/audit.csv?actor=operator")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert rows[-1]["subject"] == "'=1+1"

    place.play(story)


def test_plans_are_shown_with_their_removals_and_rejected_with_a_comment(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        pinned(at)
        with at.app.database.write() as tx:
            held = [(MailboxId("box"), BookingId(f"booking-{n}"), "deleted:1") for n in range(3)]
            number = plans.hold(tx, "main", held, "too many", at.clock.now())
        script, path = Script(at, *ADMIN), "/environments/main/plans"
        assert [one["rows"] for one in (await script.get(f"{path}?state=held"))["items"]] == [3]
        removals = await script.get(f"{path}/{number}/removals?limit=2")
        assert (len(removals["items"]), removals["total"], bool(removals["next"])) == (2, 3, True)
        # Its source cannot be signed in to, and nothing is decided then.
        failed = await script.ask("POST", f"{path}/{number}/approve", {})
        assert problem(failed) in {"not-done", "other-end"}
        assert (await script.get(f"{path}/{number}"))["state"] == "held"
        assert await script.do(f"{path}/{number}/reject", {"comment": "no"}) == {"rejected": 3}
        told = await script.get(f"{path}/{number}")
        assert (told["state"], told["decided_by"], told["comment"]) == ("rejected", "script", "no")
        assert problem(await script.ask("POST", f"{path}/{number}/reject", {})) == "not-done"
        assert problem(await script.ask("GET", f"{path}/99")) == "missing"
        assert actions(at) == ["plan reject"]

    place.play(story)


def test_alerts_are_shown_and_acknowledged(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        with at.app.database.write() as tx:
            for code, level in (("a", "error"), ("b", "warning"), ("c", "information")):
                alerts.raise_alert(tx, "main", "box", code, level, f"{code} is wrong", at.clock.now())
        script, path = Script(at, *ADMIN), "/environments/main/alerts"
        assert [one["code"] for one in (await script.get(f"{path}?level=error"))["items"]] == ["a"]
        assert problem(await script.ask("POST", f"{path}/acknowledge", {})) == "not-done"
        assert await script.do(f"{path}/acknowledge", {"codes": ["a"], "mailboxes": ["box"]}) == {"changed": 1}
        assert await script.do(f"{path}/acknowledge", {"all": True}) == {"changed": 2}
        assert (await script.get(path))["items"] == []
        seen = (await script.get(f"{path}?acknowledged=also"))["items"]
        assert {one["acknowledged_by"] for one in seen} == {"script"}

    place.play(story)


def test_the_overview_and_the_users_are_told(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(4)
        script = Script(at, *ADMIN)
        told = await script.get("/overview")
        assert [(one["environment"], one["mailboxes"]["total"]) for one in told["environments"]] == [("main", 4)]
        assert (await script.get("/environments/main/overview"))["obstacles"][0]["remedy"]
        people = (await script.get("/users?search=script"))["items"]
        assert people[0]["roles"] == ["exchange_admin", "system_admin"]
        with at.app.database.read() as tx:
            assert environments.names(tx) == ["main"]

    place.play(story)


def test_bookings_are_listed_and_told_why_and_a_worker_sees_the_own_ones(place: Centre) -> None:
    async def story(at: Centre) -> None:
        with at.app.database.write() as tx:
            stocked.stock(tx, [replace(BOOKING, id=booking_id(n), name=f"WO-{n}") for n in range(3)])
            set_up.pin(tx, "main", Identity("org", "tenant"))
        script, path = Script(at, Role.READER), "/environments/main/bookings"
        listed = await script.get(f"{path}?limit=2")
        assert (len(listed["items"]), listed["total"]) == (2, 3)
        assert [one["id"] for one in (await script.get(f"{path}?number=wo-2"))["items"]] == [booking_id(2)]
        why = (await script.get(f"{path}/wo-2/why"))["items"]
        assert [one["booking"] for one in why] == [booking_id(2)]
        assert why[0]["answer"]
        assert {"source", "window", "worker"} <= {one["name"] for one in why[0]["stations"]}
        assert problem(await script.ask("GET", f"{path}/nothing/why")) == "missing"
        worker = token(at, "somebody", Role.WORKER)
        own = await at.browser().ask("GET", f"/api/v1{path}", headers=worker)
        assert json.loads(own.text)["total"] == 0
        hidden = await at.browser().ask("GET", f"/api/v1{path}/wo-2/why", headers=worker)
        assert problem(hidden) == "missing"

    place.play(story)


def test_what_a_pass_would_do_is_told_a_page_at_a_time(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment("other")
        with at.app.database.write() as tx:
            soon = {"start": at.clock.now() + timedelta(days=1), "end": at.clock.now() + timedelta(days=1, hours=2)}
            stocked.stock(tx, [replace(BOOKING, id=booking_id(n), name=f"WO-{n}", **soon) for n in range(3)])
            set_up.pin(tx, "main", Identity("org", "tenant"))
        script, path = Script(at, Role.READER), "/environments/main/plans/preview"
        first = await script.get(f"{path}?limit=2")
        assert (len(first["items"]), first["total"]) == (2, 3)
        assert {one["verb"] for one in first["items"]} == {"skip"}
        assert first["items"][0]["reason"] == "no server profile is chosen"
        assert (await script.get(f"{path}?verb=create"))["items"] == []
        # of one that was never signed in to nothing is known
        assert (await script.get("/environments/other/plans/preview"))["total"] == 0

    place.play(story)
