"""People and their roles: who adds, who grants what, and what cannot name a person."""

from __future__ import annotations

import pytest
from tests.setup.room import OPERATOR, person
from tests.values import NOW

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.setup import users
from fieldcal.setup_model import Role
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
