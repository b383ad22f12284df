"""The REST API's door: tokens, scopes, roles, sessions, problems; the same table as everywhere."""

from __future__ import annotations

import itertools
import json

import pytest
from structlog.testing import capture_logs
from tests.web.centre_end import OPERATOR, Answer, Centre

from fieldcal.clock import SystemClock
from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.plan.settings import ApprovalRule
from fieldcal.setup import tokens, users
from fieldcal.setup.permissions import Action, allowed
from fieldcal.setup.scopes import SCOPES, Scope
from fieldcal.setup_model import Actor, Role
from fieldcal.state import audit
from fieldcal.state import tokens as rows
from fieldcal.state import users as people
from fieldcal.web.api.problem import KINDS
from fieldcal.web.api.resource import Operation, Resource, found
from fieldcal.web.gates import Gate, Open, opens

NOW = SystemClock().now()
ROUTES = [(resource.name, one) for resource in found() for one in resource.operations]
EVERY = list(Scope)


def address(one: Operation) -> str:
    return "/api/v1" + "/".join("1" if part.startswith("{") else part for part in one.path.split("/"))


def token(at: Centre, name: str, *roles: Role, scopes: list[Scope] | None = None) -> dict[str, str]:
    """The header of a new person's token."""
    at.person(name, *roles)
    with at.app.database.write() as tx:
        _, text = tokens.add(tx, OPERATOR, at.clock.now(), f"of-{name}", name, scopes or EVERY)
    return {"authorization": f"Bearer {text}"}


async def call(at: Centre, method: str, path: str, headers: dict[str, str], body: object = None) -> Answer:
    options = {} if body is None else {"json": body}
    return await at.browser().ask(method, f"/api/v1{path}", headers=headers, **options)


def problem(answer: Answer) -> str:
    """The kind of problem, after a look at all that RFC 9457 asks for."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = json.loads(answer.text)
    assert told["status"] == answer.status
    assert told["title"]
    assert told["detail"]
    assert "\n" not in told["detail"]
    return told["type"].removeprefix("/api/v1/problems/")


@pytest.mark.parametrize("action", Action)
def test_each_action_is_in_one_scope(action: Action) -> None:
    having = [scope for scope in Scope if action in SCOPES[scope]]
    assert len(having) == 1


def test_a_route_without_what_it_takes_is_refused_when_it_is_registered() -> None:
    with pytest.raises(TypeError):
        Resource("wrong", "").get("/wrong")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs an Action"):
        Resource("wrong", "").get("/wrong", None)  # type: ignore[arg-type]


def test_every_route_of_every_role_and_scope_answers_as_the_table_says(place: Centre) -> None:
    """Each route x (nobody, no role, each role with every scope, every role with each scope)."""

    async def story(at: Centre) -> None:
        at.environment()
        people: dict[str, tuple[dict[str, str], list[Role], list[Scope]]] = {"nobody": ({}, [], [])}
        for roles in [(), *[(role,) for role in Role]]:
            name = roles[0].value if roles else "no-role"
            people[name] = (token(at, name, *roles), list(roles), EVERY)
        for scope in Scope:
            people[f"scope {scope}"] = (token(at, f"s-{scope}", *Role, scopes=[scope]), list(Role), [scope])
        browser = at.browser()
        for (resource, one), (name, (headers, roles, scopes)) in itertools.product(ROUTES, people.items()):
            body = {"json": {"odd": 1}} if one.method in {"POST", "PATCH"} else {}
            answer = await browser.ask(one.method, address(one), headers=headers, **body)
            told = f"{one.method} {one.path} of {resource} as {name}: {answer.status}"
            needs, who = one.gate.needs, at.actor(roles)
            may = opens(one.gate, who, [ApprovalRule.PAGE])
            if isinstance(needs, Action):
                may = may and any(needs in SCOPES[scope] for scope in scopes)
            if one.scope is not None:
                may = opens(one.gate, who, [ApprovalRule.PAGE]) and one.scope in scopes
            if name == "nobody":
                assert answer.status == (401 if needs is not Open.PUBLIC else answer.status), told
                assert answer.headers["www-authenticate"].startswith("Bearer"), told
            elif may:
                assert answer.status not in {401, 403, 500}, told
            else:
                assert (answer.status, problem(answer)) == (403, "denied"), told

    place.play(story)


def test_a_token_acts_as_its_user_with_the_roles_of_this_moment_until_it_ends(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        headers = token(at, "alice", Role.READER, scopes=[Scope.READ])
        mailboxes = "/environments/main/mailboxes"
        me = json.loads((await call(at, "GET", "/me", headers)).text)
        assert me == {"user": "alice", "roles": ["reader"], "token": "of-alice", "scopes": ["read"]}
        assert (await call(at, "GET", mailboxes, headers)).status == 200
        with at.app.database.write() as tx:
            users.revoke(tx, OPERATOR, at.clock.now(), "alice", Role.READER)
        assert problem(await call(at, "GET", mailboxes, headers)) == "denied"
        with at.app.database.write() as tx:
            users.grant(tx, OPERATOR, at.clock.now(), "alice", Role.SYSTEM_ADMIN)
        assert (await call(at, "GET", mailboxes, headers)).status == 200
        # its scopes bound it, whatever the roles
        refused = await call(at, "POST", f"{mailboxes}/disable", headers, {"all": True})
        assert problem(refused) == "denied"
        assert "takes the scope mailboxes" in refused.text
        with at.app.database.read() as tx:
            assert rows.find(tx, "of-alice").seen_at is not None
        at.advance(days=91)
        assert problem(await call(at, "GET", mailboxes, headers)) == "unauthorized"

    place.play(story)


def test_a_revoked_token_and_one_whose_user_is_gone_hold_no_more(place: Centre) -> None:
    async def story(at: Centre) -> None:
        headers = token(at, "alice", Role.READER)
        with at.app.database.write() as tx:
            tokens.revoke(tx, OPERATOR, at.clock.now(), "of-alice")
        assert problem(await call(at, "GET", "/me", headers)) == "unauthorized"
        gone = token(at, "bob", Role.READER)
        from fieldcal.state import erasure

        with at.app.database.write() as tx:
            erasure._user(tx, "bob")
        assert problem(await call(at, "GET", "/me", gone)) == "unauthorized"

    place.play(story)


def test_only_the_digest_of_a_token_is_kept_and_the_audit_names_user_and_token(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        headers = token(at, "alice", Role.MAILBOX_APPROVER)
        text = headers["authorization"].partition(" ")[2]
        at.mailboxes(2)
        done = await call(at, "POST", "/environments/main/mailboxes/approve", headers, {"all": True})
        assert json.loads(done.text) == {"changed": 2}
        with at.app.database.read() as tx:
            assert text not in "".join(str(one) for one in rows.everyone(tx))
            lines = [one for one in audit.latest(tx) if one.action == "mailbox approve"]
            assert {(one.actor, one.operator.partition(", ")[2]) for one in lines} == {("alice", "token of-alice")}
            assert text not in "".join(str(one) for one in audit.latest(tx, 1000))

    place.play(story)


def test_wrong_tokens_are_told_alike_and_slowed_down_and_a_right_one_is_taken_all_the_same(place: Centre) -> None:
    async def story(at: Centre) -> None:
        right = token(at, "alice", Role.READER)
        for wrong in ("Bearer x", "Bearer ", "Basic YTpi", "Bearer " + right["authorization"][7:-1]):
            assert problem(await call(at, "GET", "/me", {"authorization": wrong})) == "unauthorized"
        browser = at.browser()
        statuses = [
            (await browser.ask("GET", "/api/v1/me", headers={"authorization": "Bearer no"})).status for _ in range(25)
        ]
        assert set(statuses) == {401, 429}
        slowed = await call(at, "GET", "/me", {"authorization": "Bearer no"})
        assert problem(slowed) == "too-many"
        assert int(slowed.headers["retry-after"]) > 0
        assert (await call(at, "GET", "/me", right)).status == 200
        at.advance(hours=2)
        assert problem(await call(at, "GET", "/me", {"authorization": "Bearer no"})) == "unauthorized"

    place.play(story)


def test_a_session_may_look_and_changes_something_only_with_the_pages_token(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("alice", *Role)
        other = await at.signed_in("bob", *Role)
        path = "/api/v1/environments/main/mailboxes"
        assert (await browser.ask("GET", path)).status == 200
        body = {"json": {"all": True}}
        for headers in ({}, {"x-csrf-token": "wrong"}, {"x-csrf-token": other.token}):
            assert problem(await browser.ask("POST", f"{path}/disable", headers=headers, **body)) == "forged"
        good = await browser.ask("POST", f"{path}/disable", headers={"x-csrf-token": browser.token}, **body)
        assert good.status == 200
        # A wrong token that is brought beside a session counts: nobody is taken for somebody else.
        beside = await browser.ask("GET", path, headers={"authorization": "Bearer no"})
        assert problem(beside) == "unauthorized"

    place.play(story)


def test_what_a_person_may_make_revoke_and_know_of_tokens(place: Centre) -> None:
    async def story(at: Centre) -> None:
        for name, roles in (("sys", [Role.SYSTEM_ADMIN]), ("exch", [Role.EXCHANGE_ADMIN]), ("reader", [Role.READER])):
            at.person(name, *roles)
        now = at.clock.now()
        with at.app.database.write() as tx:
            sys, reader = (Actor("tests", people.get(tx, name)) for name in ("sys", "reader"))
            tokens.add(tx, reader, now, "mine", "reader", [Scope.READ])
            tokens.add(tx, sys, now, "for reader", "reader", [Scope.READ])
            for actor, whose in ((reader, "sys"), (sys, "exch")):
                with pytest.raises(NotAllowed):
                    tokens.add(tx, actor, now, "no", whose, [Scope.READ])
            assert [one.name for one in tokens.listed(tx, reader)] == ["for reader", "mine"]
            with pytest.raises(NotAllowed):
                tokens.revoke(tx, reader, now, "unknown")
            tokens.revoke(tx, reader, now, "mine")
            tokens.revoke(tx, sys, now, "for reader")
            for wrong in (("a/b", [Scope.READ], 9), ("ok", [], 9), ("ok", [Scope.READ], 0), ("ok", [Scope.READ], 400)):
                with pytest.raises(ConfigError):
                    tokens.add(tx, OPERATOR, now, wrong[0], "sys", wrong[1], wrong[2])
            tokens.add(tx, OPERATOR, now, "twice", "sys", [Scope.READ])
            with pytest.raises(ConfigError, match="already"):
                tokens.add(tx, OPERATOR, now, "twice", "sys", [Scope.READ])

    place.play(story)


@pytest.mark.parametrize(
    ("method", "path", "options", "kind", "said"),
    [
        ("GET", "/nowhere", {}, "missing", ""),
        ("DELETE", "/me", {}, "method", ""),
        ("GET", "/me?odd=1", {}, "invalid", "query/odd"),
        ("GET", "/environments/nowhere/mailboxes", {}, "missing", "there are: main"),
        ("GET", "/environments/main/mailboxes/nobody@x", {}, "missing", "no mailbox nobody@x"),
        ("GET", "/environments/main/mailboxes?limit=0", {}, "invalid", "query/limit"),
        ("GET", "/environments/main/mailboxes?sort=odd", {}, "invalid", "query/sort"),
        ("GET", "/environments/main/mailboxes?cursor=odd", {}, "invalid", "query/cursor"),
        ("POST", "/environments/main/mailboxes/approve", {"data": b"{"}, "malformed", "no JSON"),
        ("POST", "/environments/main/mailboxes/approve", {"json": {}}, "not-done", "which mailboxes"),
        ("POST", "/environments/main/mailboxes/approve", {"json": {"al": True}}, "invalid", "/al"),
        ("POST", "/environments/main/mailboxes/approve", {"json": {"mailboxes": ["no"]}}, "not-done", "no mailbox no"),
        ("POST", "/environments/main/mailboxes/approve", {"json": {"all": True, "expect": 9}}, "not-done", "not 9"),
        ("GET", "/tasks/nothing", {}, "missing", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_one_problem_that_points_at_it(
    place: Centre, method: str, path: str, options: dict[str, object], kind: str, said: str
) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        headers = token(at, "alice", *Role)
        if "data" in options:
            headers["content-type"] = "application/json"
        answer = await at.browser().ask(method, f"/api/v1{path}", headers=headers, **options)
        assert problem(answer) == kind
        assert answer.status == KINDS[kind].status
        assert said in answer.text
        about = await call(at, "GET", f"/problems/{kind}", {})
        assert json.loads(about.text)["title"] == KINDS[kind].title

    place.play(story)


def test_a_fault_is_a_number_and_no_traceback(place: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(at: Centre) -> None:
        headers = token(at, "alice", *Role)
        at.house.works.find = None  # type: ignore[method-assign, assignment]
        with capture_logs() as logged:  # a traceback that is drawn for people takes seconds
            answer = await call(at, "GET", "/tasks/1", headers)
        assert (answer.status, problem(answer)) == (500, "failed")
        assert "NoneType" not in answer.text
        (line,) = [one for one in logged if one.get("action") == "api_failed"]
        assert line["number"] in answer.text

    place.play(story)


def test_the_gate_of_a_session_and_of_a_token_is_the_pages_own() -> None:
    assert opens(Gate(Action.SYNC), Actor("t", None), []) is False
    assert allowed(Actor("t", None), Action.SYNC) is True
