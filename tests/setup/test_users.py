"""People and their roles: who adds, who grants what, and what cannot name a person."""

from __future__ import annotations

import pytest
from tests.setup.room import OPERATOR, person
from tests.values import NOW

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.setup import sign_in, tokens, users, vouching
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Actor, Role
from fieldcal.state import audit
from fieldcal.state import users as rows
from fieldcal.state.database import Database

EVE = "eve@x.example"


def test_a_user_is_added_without_a_role_and_keeps_what_is_granted(database: Database) -> None:
    with database.write() as tx:
        users.add(tx, OPERATOR, NOW, EVE, full_name="Eve", object_id="0b")
        users.grant(tx, OPERATOR, NOW, EVE, Role.READER)
        users.grant(tx, OPERATOR, NOW, EVE, Role.READER)
        users.grant(tx, OPERATOR, NOW, EVE, Role.WORKER)
    with database.read() as tx:
        (eve,) = users.everyone(tx, OPERATOR)
        assert eve == rows.get(tx, EVE)
        assert [line.detail for line in audit.latest(tx)] == ["worker", "reader", ""]
    assert (eve.name, eve.sign_in, eve.object_id, eve.roles) == ("Eve", EVE, "0b", {Role.READER, Role.WORKER})
    with database.write() as tx:
        assert users.revoke(tx, OPERATOR, NOW, EVE, Role.READER).roles == {Role.WORKER}
        assert users.revoke(tx, OPERATOR, NOW, EVE, Role.READER).roles == {Role.WORKER}
        assert audit.latest(tx)[0].action == "user revoke"


def test_a_name_is_given_once_and_operator_is_nobodys(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        users.add(tx, OPERATOR, NOW, EVE)
        with pytest.raises(ConfigError, match="already"):
            users.add(tx, OPERATOR, NOW, EVE)
        for name in ("", "operator", " x", "a\nb", "x" * 201):
            with pytest.raises(ConfigError, match="cannot name a user"):
                users.add(tx, OPERATOR, NOW, name)


def test_only_an_exchange_administrator_makes_another_one(sqlite_database: Database) -> None:
    system, exchange = person(Role.SYSTEM_ADMIN, name="s"), person(Role.EXCHANGE_ADMIN, name="e")
    with sqlite_database.write() as tx:
        users.add(tx, system, NOW, EVE)
        with pytest.raises(NotAllowed):
            users.add(tx, exchange, NOW, "other")
        for role in (Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER):
            with pytest.raises(NotAllowed):
                users.grant(tx, system, NOW, EVE, role)
            users.grant(tx, exchange, NOW, EVE, role)
            with pytest.raises(NotAllowed):
                users.revoke(tx, system, NOW, EVE, role)
        with pytest.raises(NotAllowed):
            users.grant(tx, exchange, NOW, EVE, Role.SYSTEM_ADMIN)
        assert rows.get(tx, EVE).roles == {Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER}


def test_users_are_seen_by_those_who_grant(sqlite_database: Database) -> None:
    with sqlite_database.read() as tx:
        assert users.everyone(tx, person(Role.EXCHANGE_ADMIN)) == []
        with pytest.raises(NotAllowed):
            users.everyone(tx, person(Role.READER, Role.DISPATCHER, Role.MAILBOX_APPROVER, Role.WORKER))


def test_an_unknown_user_is_told(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx, pytest.raises(ConfigError, match="there is no user 'nobody'"):
        users.grant(tx, OPERATOR, NOW, "nobody", Role.READER)


SYSTEM, BOTH = {Role.SYSTEM_ADMIN}, {Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN}


def acting(tx, roles: set[Role] | None) -> Actor:
    """The operator, or a user of these roles who stands in the state."""
    if roles is None:
        return OPERATOR
    users.add(tx, OPERATOR, NOW, "acting")
    for role in roles:
        users.grant(tx, OPERATOR, NOW, "acting", role)
    return Actor("tests", rows.get(tx, "acting"))


@pytest.mark.parametrize(("roles", "good"), [(None, True), (BOTH, True), (SYSTEM, False)])
@pytest.mark.parametrize(
    "deed",
    [
        lambda tx, actor: users.add(tx, actor, NOW, EVE),
        lambda tx, actor: sign_in.invite(tx, actor, NOW, "known"),
        lambda tx, actor: sign_in.set_password(tx, actor, NOW, "known", "$hash"),
        lambda tx, actor: sign_in.tie(tx, actor, NOW, "known", "0c00"),
        lambda tx, actor: tokens.add(tx, actor, NOW, "script", "known", [Scope.READ]),
    ],
    ids=["add", "invite", "password", "tie", "token"],
)
def test_who_sets_how_somebody_signs_in_answers_for_the_account_or_nobody_does(
    sqlite_database: Database, deed, roles: set[Role] | None, good: bool
) -> None:
    with sqlite_database.write() as tx:
        actor = acting(tx, roles)
        users.add(tx, OPERATOR, NOW, "known")
        assert rows.get(tx, "known").vouched
        deed(tx, actor)
        name = EVE if rows.find(tx, EVE) else "known"
        assert rows.get(tx, name).vouched == good
        if not good:
            with pytest.raises(NotAllowed, match="may not answer"):
                vouching.vouch(tx, actor, NOW, name)
            assert vouching.vouch(tx, OPERATOR, NOW, name).vouched
            assert audit.latest(tx)[0].action == "user vouch"


@pytest.mark.parametrize("role", [Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER, Role.SYSTEM_ADMIN])
@pytest.mark.parametrize(("roles", "able"), [(None, True), (BOTH, True), (SYSTEM, False)])
def test_a_role_that_its_maker_may_not_give_ends_a_link_and_a_token(
    sqlite_database: Database, role: Role, roles: set[Role] | None, able: bool
) -> None:
    with sqlite_database.write() as tx:
        actor = acting(tx, roles)
        users.add(tx, OPERATOR, NOW, EVE)
        link = sign_in.invite(tx, actor, NOW, EVE)
        _, token = tokens.add(tx, actor, NOW, "script", EVE, [Scope.READ])
        _, own = tokens.add(tx, Actor("tests", rows.get(tx, EVE)), NOW, "own", EVE, [Scope.READ])
        users.grant(tx, OPERATOR, NOW, EVE, role)
        holds = able or role is Role.SYSTEM_ADMIN
        assert (sign_in.invited(tx, link, NOW) is not None) == holds
        assert (tokens.bearer(tx, token, NOW) is not None) == holds
        assert tokens.bearer(tx, own, NOW) is not None
