"""Attaching and letting go of both ends, what is held to, and that switching off loses nothing (R7, R8, R13)."""

from __future__ import annotations

import pytest
from tests.setup.room import MAIN, OPERATOR, PROFILE, Room, person
from tests.values import BOX, NOW, ORGANIZATION, booking_id

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.model import Identity
from fieldcal.setup import environments, profiles
from fieldcal.setup.environments import Changes
from fieldcal.setup_model import Actor, Endpoint, Role
from fieldcal.state import audit
from fieldcal.state import environments as places
from fieldcal.state import profiles as profile_rows
from fieldcal.state.database import Database
from fieldcal.state.tables import links, metadata

END = Endpoint("https://org.example", secret="env:TOKEN")
ADMIN = person(Role.SYSTEM_ADMIN)


def test_an_environment_reads_back_with_its_settings_on_both_databases(database: Database) -> None:
    with database.write() as tx:
        made = environments.add(tx, ADMIN, NOW, "prod", END, {"interval": "5", "canceled": "remove", "private": "yes"})
    with database.read() as tx:
        assert places.get(tx, "prod") == made
        assert places.everyone(tx) == [made]
    assert (made.settings.interval, made.settings.canceled, made.settings.private) == (5, "remove", True)


def test_all_mistakes_in_settings_are_told_at_once(sqlite_database: Database) -> None:
    wrong = {"interval": "0", "canceled": "maybe", "windw": "7"}
    with sqlite_database.write() as tx, pytest.raises(ConfigError) as refused:
        environments.add(tx, ADMIN, NOW, "prod", END, wrong)
    assert all(name in str(refused.value) for name in wrong)


@pytest.mark.parametrize("name", ["", " main", "a/b", "a\nb", "x" * 61, "-x", "é"])
def test_a_name_that_cannot_stand_in_a_command_is_refused(sqlite_database: Database, name: str) -> None:
    with sqlite_database.write() as tx, pytest.raises(ConfigError, match="cannot name an environment"):
        environments.add(tx, ADMIN, NOW, name, END)
    with sqlite_database.write() as tx, pytest.raises(ConfigError, match="cannot name a server profile"):
        profiles.add(tx, ADMIN, NOW, name, END)


def test_a_name_is_given_once(room: Room) -> None:
    with room.database.write() as tx, pytest.raises(ConfigError, match="already"):
        environments.add(tx, ADMIN, NOW, MAIN, END)
    with room.database.write() as tx, pytest.raises(ConfigError, match="already"):
        profiles.add(tx, ADMIN, NOW, PROFILE, END)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM_ADMIN])
def test_environments_are_changed_by_system_administrators_only(room: Room, role: Role) -> None:
    for change in (
        lambda tx: environments.add(tx, person(role), NOW, "prod", END),
        lambda tx: environments.change(tx, person(role), NOW, MAIN, Changes({"interval": 5})),
        lambda tx: environments.remove(tx, person(role), NOW, MAIN),
    ):
        with room.database.write() as tx, pytest.raises(NotAllowed):
            change(tx)


def test_an_unknown_environment_is_told_with_those_there_are(room: Room) -> None:
    with room.database.write() as tx, pytest.raises(ConfigError, match="no environment 'prod'; there are: main"):
        environments.change(tx, ADMIN, NOW, "prod", Changes({}))


def test_a_change_is_audited_with_before_and_after_and_never_with_a_secret(room: Room) -> None:
    with room.database.write() as tx:
        environments.change(
            tx, ADMIN, NOW, MAIN, Changes({"interval": "5"}, secret="encrypted:very-long", enabled=False)
        )
        environments.change(tx, ADMIN, NOW, MAIN, Changes({"interval": 5}))
        (line,) = audit.latest(tx, subject=MAIN)
    assert (line.operator, line.actor, line.action) == ("root", "eve@x.example", "environment set")
    assert line.detail == "interval: 15 -> 5; changed secret; switched off"


def test_an_environment_is_held_to_the_organization_and_tenant_it_said_first(room: Room) -> None:
    room.environment("new", "", tenant="")
    with room.database.write() as tx:
        environments.pin(tx, "new", Identity("org-2", "tenant-2"))
        assert places.get(tx, "new").organization == "org-2"
        environments.pin(tx, "new", Identity("org-2", "tenant-2"))
        with pytest.raises(ConfigError, match="held to the organization org-2, but its source now says org-3"):
            environments.pin(tx, "new", Identity("org-3", "tenant-2"))
        with pytest.raises(ConfigError, match="held to the tenant tenant-2"):
            environments.pin(tx, "new", Identity("org-2", "tenant-3"))
        with pytest.raises(ConfigError, match="does not say which organization"):
            environments.pin(tx, "new", Identity("", "tenant-2"))


def test_two_environments_never_share_an_organization(room: Room) -> None:
    room.environment("new", "", tenant="")
    with room.database.write() as tx, pytest.raises(ConfigError, match="which the environment main serves already"):
        environments.pin(tx, "new", Identity(ORGANIZATION, "tenant"))


def _link(tx, environment: str, number: int, event: str | None) -> None:
    tx.execute(
        links.insert().values(
            environment=environment, mailbox=BOX, booking=booking_id(number), generation=1, event=event
        )
    )


def test_f44_an_environment_is_not_forgotten_while_events_of_ours_stand_unless_they_are_to_be_kept(room: Room) -> None:
    room.environment("other", "other-organization")
    room.mailbox("anna")
    with room.database.write() as tx:
        _link(tx, MAIN, 1, "event-1")
        _link(tx, MAIN, 2, None)
        _link(tx, "other", 3, "event-3")
        with pytest.raises(ConfigError, match="1 events of the environment main stand"):
            environments.remove(tx, ADMIN, NOW, MAIN)
        assert environments.remove(tx, ADMIN, NOW, MAIN, keep_events=True) == 1
        left = {
            table.name: rows
            for table in metadata.tables.values()
            if "environment" in table.c and (rows := tx.execute(table.select()).all())
        }
        assert set(left) == {"links"}
        assert {row.environment for row in left["links"]} == {"other"}
        assert audit.latest(tx, subject=MAIN)[0].detail == "1 events left standing"
    assert room.requests() == 0


def test_r8_the_profile_is_made_where_it_is_missing_and_activated_where_it_is_not_active(room: Room) -> None:
    with room.database.write() as tx:
        made = profiles.ensure(tx, ADMIN, NOW, "Second", END)
        assert (made.kind, profiles.KINDS[made.kind], made.active) == (
            "exchange-online",
            "Microsoft Exchange Online",
            True,
        )
        assert profiles.authentication(made) == "Server-to-Server Authentication"
        profiles.set_active(tx, ADMIN, NOW, "Second", active=False)
        assert profiles.ensure(tx, ADMIN, NOW, "Second", END).active
        assert profiles.ensure(tx, ADMIN, NOW, "Second", END).active
        with pytest.raises(ConfigError, match=r"stands for https://org.example already"):
            profiles.ensure(tx, ADMIN, NOW, "Second", Endpoint("https://elsewhere.example"))
        assert [line.action for line in audit.latest(tx, subject="Second")] == [
            "profile activate", "profile deactivate", "profile add",
        ]  # fmt: skip


def test_r8_a_kind_that_does_not_exist_is_not_made(room: Room) -> None:
    with room.database.write() as tx, pytest.raises(ConfigError, match="there are: exchange-online"):
        profiles.add(tx, ADMIN, NOW, "Lotus", END, "domino")


@pytest.mark.parametrize("role", [Role.MAILBOX_APPROVER, Role.DISPATCHER, Role.WORKER, Role.READER])
def test_profiles_are_changed_by_administrators_only(room: Room, role: Role) -> None:
    with room.database.write() as tx, pytest.raises(NotAllowed):
        profiles.set_active(tx, person(role), NOW, PROFILE, active=False)


def test_r13_a_profile_or_an_environment_switched_off_stops_everything_and_forgets_nothing(room: Room) -> None:
    room.mailbox("anna")
    room.book("anna", 1)
    room.prepare("anna")
    room.test("anna")
    sent, before = room.requests(), room.row("anna")
    with room.database.write() as tx:
        profiles.set_active(tx, ADMIN, NOW, PROFILE, active=False)
    assert room.why_not("anna") == f"the server profile {PROFILE} is not active"
    with room.database.write() as tx:
        profiles.set_active(tx, ADMIN, NOW, PROFILE, active=True)
        environments.change(tx, ADMIN, NOW, MAIN, Changes({}, enabled=False))
    assert room.why_not("anna") == "the environment main is switched off"
    with room.database.write() as tx:
        environments.change(tx, ADMIN, NOW, MAIN, Changes({}, enabled=True))
    assert (room.why_not("anna"), room.row("anna"), room.requests()) == (None, before, sent)


def test_r7_a_profile_remembers_the_tenant_it_signs_in_to(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    with room.database.read() as tx:
        assert profile_rows.get(tx, PROFILE).tenant == str(room.exchange.tenant_id)


def test_a_profile_in_use_is_not_forgotten(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    with room.database.write() as tx:
        with pytest.raises(ConfigError, match="1 mailboxes use the server profile"):
            profiles.remove(tx, OPERATOR, NOW, PROFILE)
        profiles.add(tx, OPERATOR, NOW, "unused", END)
        profiles.remove(tx, OPERATOR, NOW, "unused")
        assert profile_rows.find(tx, "unused") is None


def test_the_audit_names_the_operator_and_as_whom(room: Room) -> None:
    with room.database.write() as tx:
        environments.change(tx, Actor("deploy"), NOW, MAIN, Changes({"interval": 7}))
        environments.change(tx, Actor("deploy", ADMIN.user), NOW, MAIN, Changes({"interval": 8}))
        lines = audit.latest(tx)
    assert [(line.operator, line.actor) for line in lines] == [("deploy", "eve@x.example"), ("deploy", "operator")]
