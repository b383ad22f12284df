"""Every route is behind a gate, and each role passes exactly where the permission table lets it."""

from __future__ import annotations

import itertools

import pytest
from tests.web.centre_end import Centre

from fieldcal.clock import SystemClock
from fieldcal.plan.settings import ApprovalRule
from fieldcal.setup.permissions import BY_RULE, TABLE, Action, allowed
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Actor, Role, User
from fieldcal.web.api.resource import found as resources
from fieldcal.web.gates import Gate, Open, opens
from fieldcal.web.section import Page, Section, sections
from fieldcal.web.texts import text

NOW = SystemClock().now()
ROUTES = [(section.name, page) for section in sections() for page in section.pages]
#: What stands for the parts of a path.
_FILLED = "nowhere"


def actor(*roles: Role) -> Actor:
    return Actor("tests", User("somebody", "Somebody", "somebody", "", frozenset(roles), NOW))


def address(page: Page) -> str:
    return "/".join(_FILLED if part.startswith("{") else part for part in page.path.split("/"))


@pytest.mark.parametrize("action", [*TABLE, *sorted(BY_RULE)])
@pytest.mark.parametrize("role", Role)
def test_a_gate_lets_through_whom_the_table_lets(action: Action, role: Role) -> None:
    for rule in ApprovalRule:
        assert opens(Gate(action), actor(role), [rule]) == allowed(actor(role), action, rule)
    own = opens(Gate(action, own=True), actor(role), [])
    assert own >= opens(Gate(action), actor(role), [])
    if role is not Role.WORKER:
        assert own == opens(Gate(action), actor(role), [])


#: A word of what a role's line on the page of users says -> what that takes.
WORDS = {
    "environments": Action.ENVIRONMENTS, "settings": Action.ENVIRONMENTS, "server profiles": Action.PROFILES,
    "users": Action.SEE_USERS, "audit": Action.AUDIT, "held plans": Action.TAKE_OVER, "schedule": Action.SCHEDULE,
    "sync now": Action.SYNC, "why": Action.SEE_BOOKINGS, "overview": Action.SEE_OVERVIEW,
    "mailboxes, passes": Action.SEE_OVERVIEW, "alerts": Action.SEE_OVERVIEW, "approves": Action.APPROVE,
}  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_what_a_role_is_said_to_see_and_do_it_may(role: Role) -> None:
    said = text(f"users.explain.{role.value}")
    alone = said.partition("; with ")[0]
    told = {word for word in WORDS if word in alone}
    assert told or role is Role.WORKER, said
    assert [word for word in told if not allowed(actor(role), WORDS[word])] == []
    if role is Role.READER:
        assert {action for action in TABLE if allowed(actor(role), action)} == {
            *(WORDS[word] for word in told), Action.OWN,
        }  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_environments_and_profiles_are_shown_to_whom_the_design_lets_and_the_names_to_all_others(role: Role) -> None:
    for path, those in (
        ("/environments", {Role.SYSTEM_ADMIN}), ("/profiles", {Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN}),
    ):  # fmt: skip
        [gate] = [page.gate for _, page in ROUTES if (page.method, page.path) == ("GET", path)]
        shown = [
            one for resource in resources() for one in resource.operations if (one.method, one.path) == ("GET", path)
        ]
        for each in (gate, *(one.gate for one in shown)):
            assert opens(each, actor(role), [ApprovalRule.PAGE]) is (role in those)
        assert [one.scopes for one in shown] == [{Scope.READ}]


def test_who_is_not_signed_in_passes_public_gates_only_and_signed_in_ones_take_no_role() -> None:
    everything = [Open.PUBLIC, Open.SIGNED_IN, *Action]
    assert [needs for needs in everything if opens(Gate(needs, own=True), None, list(ApprovalRule))] == [Open.PUBLIC]
    assert [needs for needs in everything if opens(Gate(needs), actor(), list(ApprovalRule))] == [
        Open.PUBLIC, Open.SIGNED_IN,
    ]  # fmt: skip
    # The operator has no session: a bug that leaves the user out opens nothing.
    assert not opens(Gate(Action.SEE_OVERVIEW), Actor("tests"), [])


def test_a_route_without_what_it_takes_is_refused_when_it_is_registered() -> None:
    section = Section("wrong")
    with pytest.raises(TypeError):
        section.get("/wrong")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs an Action"):
        section.get("/wrong", None)  # type: ignore[arg-type]
    assert section.pages == []


def test_no_two_sections_answer_at_one_address() -> None:
    found = [(page.method, page.path) for _, page in ROUTES]
    assert len(found) == len(set(found)) > 10


def test_every_route_of_every_role_answers_as_the_table_says(place: Centre) -> None:
    """Each route x (no session, no role, each role): refused exactly where the gate says so."""

    async def story(at: Centre) -> None:
        at.environment()
        people = {"nobody": (None, at.browser())}
        for roles in [(), *[(role,) for role in Role]]:
            name = roles[0].value if roles else "no-role"
            people[name] = (actor(*roles), await at.signed_in(name, *roles))
        await people["nobody"][1].get("/sign-in")
        for (section, page), (name, (who, browser)) in itertools.product(ROUTES, people.items()):
            if page.path == "/sign-out":
                continue
            answer = await browser.ask(page.method, address(page), headers={"x-csrf-token": browser.token})
            passes = opens(page.gate, who, [ApprovalRule.PAGE])
            told = f"{page.method} {page.path} of {section} as {name}: {answer.status} {answer.to}"
            if passes:
                refused = {403, 500} if page.gate.needs is Open.PUBLIC else {401, 403, 500}
                assert answer.status not in refused, told
                assert answer.to.partition("?")[0] != "/sign-in" or page.path == "/sign-in", told
            elif who is not None:
                assert answer.status == 403, told
            elif page.method == "GET":
                assert (answer.status, answer.to.partition("?")[0]) == (303, "/sign-in"), told
            else:
                assert answer.status == 401, told

    place.play(story)


def test_no_route_that_changes_something_takes_a_form_without_the_token(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        good = await at.signed_in("everything", *Role)
        other = await at.signed_in("another", *Role)
        unsafe = [page for _, page in ROUTES if page.method != "GET"]
        assert unsafe
        for page, token in itertools.product(
            unsafe, ("", "wrong", other.token, good.token[:60] + "AAAA" + good.token[64:])
        ):
            answer = await good.post(address(page), {"name": "x"}, token=token)
            assert answer.status == 403, (page.path, token)
        assert (await good.get("/account")).status == 200

    place.play(story)


def test_what_is_not_registered_is_not_there(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("admin", *Role)
        for method, path in (
            ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/redoc"), ("GET", "/overview/"), ("DELETE", "/overview"),
            ("GET", "/static/../centre.py"), ("GET", "/static/%2e%2e/centre.py"), ("GET", "/static/nowhere.js"),
        ):  # fmt: skip
            answer = await browser.ask(method, path)
            assert answer.status in {404, 405}, path

    place.play(story)
