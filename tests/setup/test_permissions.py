"""The whole permission table of design §6, written down once more by hand, and the three places that are no table."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import pytest
from tests.setup.room import OPERATOR, person

from fieldcal.errors import NotAllowed
from fieldcal.model import MailboxId
from fieldcal.plan.settings import ApprovalRule, Settings
from fieldcal.setup.permissions import (
    OWN,
    Action,
    allowed,
    allowed_for,
    allowed_own,
    may_grant,
    require,
    require_for,
    require_grant,
)
from fieldcal.setup_model import Approval, Mailbox, Method, Role, TrialStatus

SYSTEM, EXCHANGE, APPROVER = Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER
DISPATCHER, WORKER, READER = Role.DISPATCHER, Role.WORKER, Role.READER

# columns: system admin, exchange admin, mailbox approver, dispatcher, worker (own: only what is own), reader
SHEET = {
    Action.SEE_OVERVIEW: ("yes", "yes", "yes", "-", "-", "yes"),
    Action.SEE_BOOKINGS: ("yes", "yes", "yes", "yes", "own", "yes"),
    Action.ENVIRONMENTS: ("yes", "-", "-", "-", "-", "-"),
    Action.PROFILES: ("yes", "yes", "-", "-", "-", "-"),
    Action.TAKE_OVER: ("yes", "-", "-", "-", "-", "-"),
    Action.SYNC: ("yes", "yes", "yes", "yes", "own", "-"),
    Action.SCHEDULE: ("yes", "-", "-", "yes", "own", "-"),
    Action.USERS: ("yes", "-", "-", "-", "-", "-"),
    Action.SEE_USERS: ("yes", "yes", "-", "-", "-", "-"),
    Action.AUDIT: ("yes", "yes", "-", "-", "-", "-"),
    Action.ALERTS: ("yes", "yes", "yes", "-", "-", "-"),
    Action.DOCTOR: ("yes", "yes", "-", "-", "-", "-"),
    Action.DATA: ("yes", "-", "-", "-", "-", "-"),
    Action.ERASE: ("yes", "-", "-", "-", "-", "-"),
    Action.OWN: ("yes", "yes", "yes", "yes", "yes", "yes"),
}
CELLS = [(action, role, cell) for action, line in SHEET.items() for role, cell in zip(Role, line, strict=True)]

BOX = Mailbox(
    "main", MailboxId("0b000000-0000-4000-8000-000000000001"), "Anna", "anna@x.example", None, Method.NONE,
    Approval.EMPTY, "", "", TrialStatus.NOT_RUN, None, (), False, "", False, None, None, "", 0,
)  # fmt: skip


def test_the_columns_of_the_sheet_are_the_roles_there_are() -> None:
    assert list(Role) == [SYSTEM, EXCHANGE, APPROVER, DISPATCHER, WORKER, READER]
    assert set(SHEET) | {Action.APPROVE, Action.SET_UP, Action.IMPORT} == set(Action)


@pytest.mark.parametrize(("action", "role", "cell"), CELLS)
def test_each_role_may_what_the_sheet_says(action: Action, role: Role, cell: str) -> None:
    assert allowed(person(role), action) == (cell == "yes")
    assert allowed_own(person(role), action) == (cell in {"yes", "own"})


@pytest.mark.parametrize("action", list(Action))
def test_the_operator_may_do_everything(action: Action) -> None:
    assert allowed(OPERATOR, action)
    assert allowed_for(OPERATOR, action, BOX, Settings(self_approval=False))


@pytest.mark.parametrize("action", list(Action))
def test_somebody_without_a_role_may_do_nothing(action: Action) -> None:
    assert not allowed(person(), action)
    assert not allowed_own(person(), action)


D12 = {
    ApprovalRule.PAGE: [{EXCHANGE, SYSTEM}, {APPROVER}],
    ApprovalRule.STRICT: [{SYSTEM, EXCHANGE}, {SYSTEM, APPROVER}],
    ApprovalRule.EXCHANGE: [{EXCHANGE, SYSTEM}, {EXCHANGE, APPROVER}],
}
SETS = [frozenset(some) for some in chain.from_iterable(combinations(Role, size) for size in range(len(Role) + 1))]


@pytest.mark.parametrize("rule", list(ApprovalRule))
@pytest.mark.parametrize("action", [Action.APPROVE, Action.SET_UP, Action.IMPORT])
def test_d12_r7_each_rule_lets_exactly_its_sets_of_roles_set_others_up(rule: ApprovalRule, action: Action) -> None:
    settings = Settings(approval_rule=rule)
    for roles in SETS:
        expected = any(needed <= roles for needed in D12[rule])
        assert allowed(person(*roles), action, rule) == expected, roles
        assert allowed_for(person(*roles), action, BOX, settings) == expected, roles


OWN_BOX = person(WORKER, name="Anna@X.example")


@pytest.mark.parametrize(
    ("actor", "self_approval", "may"),
    [
        (OWN_BOX, True, True),
        (OWN_BOX, False, False),
        (person(WORKER, name="bernd@x.example"), True, False),
        (person(DISPATCHER, name="anna@x.example"), True, False),
        # the mailbox is the person's own, but the sign-in name is not its address
        (person(WORKER, name="anna.b@x.example", object_id=BOX.id), True, False),
    ],
)
def test_d13_a_worker_approves_the_own_mailbox_when_the_sign_in_name_is_its_address(
    actor, self_approval: bool, may: bool
) -> None:
    assert allowed_for(actor, Action.APPROVE, BOX, Settings(self_approval=self_approval)) == may


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (OWN_BOX, True),
        (person(WORKER, name="anna.b@x.example", object_id=BOX.id.upper()), True),
        (person(WORKER, name="bernd@x.example"), False),
        (person(WORKER, name=""), False),
    ],
)
def test_r5_a_worker_sets_up_the_own_mailbox_and_no_other(actor, may: bool) -> None:
    # D13 forbids the approval only: what an administrator approved, the worker may test and enable
    assert allowed_for(actor, Action.SET_UP, BOX, Settings(self_approval=False)) == may
    assert not allowed_for(actor, Action.IMPORT, BOX, Settings())


def test_r5_a_mailbox_without_an_address_is_nobodys_own() -> None:
    nameless = replace(BOX, address="")
    assert not allowed_for(person(WORKER, name=""), Action.SET_UP, nameless, Settings())


def test_own_things_are_only_those_of_the_sheet() -> None:
    assert {action for action, line in SHEET.items() if line[4] == "own"} == OWN - {Action.APPROVE, Action.SET_UP}


@pytest.mark.parametrize("role", list(Role))
def test_exchange_admin_and_mailbox_approver_are_granted_by_an_exchange_admin_only(role: Role) -> None:
    granted_by_exchange = role in {EXCHANGE, APPROVER}
    assert may_grant(OPERATOR, role)
    assert may_grant(person(EXCHANGE), role) == granted_by_exchange
    assert may_grant(person(SYSTEM), role) == (not granted_by_exchange)
    assert not may_grant(person(APPROVER, DISPATCHER, WORKER, READER), role)


def test_a_refusal_names_who_what_and_which_role_it_takes() -> None:
    with pytest.raises(NotAllowed, match=r"eve@x.example may not see and change environments.*system_admin"):
        require(person(READER), Action.ENVIRONMENTS)
    with pytest.raises(NotAllowed, match=r"eve@x.example may not grant or revoke exchange_admin.*exchange_admin"):
        require_grant(person(SYSTEM), EXCHANGE)
    with pytest.raises(NotAllowed, match=r"approve.*\(anna@x.example and 1 more\).*mailbox_approver"):
        require_for(person(SYSTEM), Action.APPROVE, [BOX, BOX], Settings())
