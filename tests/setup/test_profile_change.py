"""`profile set`: an end that may be another server gets no event of ours under what is remembered of the old one (I3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from tests.setup.room import person
from tests.values import BOX, ENVIRONMENT, NOW, WINDOW, WORKER, linked

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.model import Identity, MailboxId
from fieldcal.setup import imports, profiles
from fieldcal.setup import mailboxes as boxes
from fieldcal.setup.imports import Candidate, Standing
from fieldcal.setup_model import Actor, Endpoint, Environment, Role, ServerProfile, TrialStatus
from fieldcal.state import environments, links, mailboxes, tables, workers
from fieldcal.state import profiles as rows
from fieldcal.state.database import Database

ADMIN = person(Role.EXCHANGE_ADMIN)
END = Endpoint("https://graph.example/v1.0", tenant="t", credential="secret", client_id="app", secret="env:OLD")
TENANT = "tenant-a"


@pytest.fixture
def state(sqlite_database: Database) -> Database:
    """One profile with one mailbox that is on, in which one event of ours stands."""
    with sqlite_database.write() as tx:
        environments.add(tx, Environment(ENVIRONMENT, Endpoint("https://x.example"), NOW))
        rows.add(tx, ServerProfile("exo", END, NOW, tenant=TENANT))
        workers.store(tx, ENVIRONMENT, [WORKER], [], WINDOW, NOW)
        values = {"profile": "exo", "enabled": True, "test": TrialStatus.SUCCESS.value}
        tx.execute(update(tables.mailboxes).values(values))
        links.store(tx, ENVIRONMENT, [linked()], NOW)
    return sqlite_database


def changed(state: Database, end: Endpoint, said: Identity | None, actor: Actor = ADMIN) -> ServerProfile:
    with state.write() as tx:
        return profiles.change(tx, actor, NOW, "exo", end, said)


def on(state: Database) -> bool:
    with state.read() as tx:
        found = mailboxes.load(tx, ENVIRONMENT, BOX)
    assert found is not None
    return found.enabled


#: what is changed, what the end says of itself (None: not asked), and whether it is certainly the same server
CASES: list[tuple[dict[str, Any], Identity | None, bool]] = [
    ({"secret": "env:NEW"}, Identity("", TENANT), True),
    ({"secret": "env:NEW"}, None, True),
    ({"credential": "certificate", "secret": "file:x.pem"}, Identity("", TENANT.upper()), True),
    ({"url": "https://graph.example/beta"}, Identity("", TENANT), True),
    ({"tenant": "t.example"}, Identity("", TENANT), True),
    ({"secret": "env:NEW"}, Identity("", "tenant-b"), False),
    ({"url": "https://other.example/v1.0"}, Identity("", TENANT), False),
    ({"url": "https://graph.example:8443/v1.0"}, Identity("", TENANT), False),
    ({"url": "http://graph.example/v1.0"}, Identity("", TENANT), False),
    ({"url": "", "credential": "embedded"}, Identity("", TENANT), False),
    ({"tenant": "u"}, None, False),
    ({"tenant": "u"}, Identity("", ""), False),
    ({"authority": "https://login.example"}, None, False),
]


@pytest.mark.parametrize(("what", "said", "same"), CASES)
def test_another_server_is_refused_while_events_of_ours_stand(
    state: Database, what: dict[str, Any], said: Identity | None, same: bool
) -> None:
    end = replace(END, **what)
    if same:
        assert changed(state, end, said).end == end
        assert on(state)
        return
    with pytest.raises(ConfigError, match=r"1 events of ours stand in mailboxes .*`fieldcal mailbox clean`"):
        changed(state, end, said)
    with state.read() as tx:
        assert rows.get(tx, "exo").end == END
    assert on(state)


@pytest.mark.parametrize(("what", "said", "same"), CASES)
def test_where_none_stand_another_server_is_taken_and_each_mailbox_tested_anew(
    state: Database, what: dict[str, Any], said: Identity | None, same: bool
) -> None:
    with state.write() as tx:
        tx.execute(update(tables.links).values(event=None, triggers=None))
    after = changed(state, replace(END, **what), said)
    assert on(state) is same
    assert after.tenant == (said.tenant if said and said.tenant else TENANT if same else "")
    with state.read() as tx:
        found = mailboxes.load(tx, ENVIRONMENT, BOX)
    assert found is not None
    assert (found.status is TrialStatus.NOT_RUN) is not same


def test_a_write_without_an_answer_counts_as_an_event(state: Database) -> None:
    with state.write() as tx:
        tx.execute(update(tables.links).values(event=None, triggers=None, intent="{}"))
    with pytest.raises(ConfigError, match="1 events of ours"):
        changed(state, replace(END, url="https://other.example"), None)


SECOND = "second"


def moved(state: Database, what: dict[str, Any], tenant: str, way: str) -> None:
    """Another profile of this end; the mailbox is moved to it."""
    with state.write() as tx:
        rows.add(tx, ServerProfile(SECOND, replace(END, **what), NOW, tenant=tenant))
        if way == "edit":
            boxes.edit(tx, Actor("root"), NOW, ENVIRONMENT, [BOX], profile=SECOND)
        else:
            box = mailboxes.load(tx, ENVIRONMENT, BOX)
            assert box is not None
            imports.carry_out(tx, Actor("root"), NOW, ENVIRONMENT, [Candidate(box, Standing.IMPORT)], SECOND)


def profile_of(state: Database) -> str | None:
    with state.read() as tx:
        found = mailboxes.load(tx, ENVIRONMENT, BOX)
    assert found is not None
    return found.profile


@pytest.mark.parametrize("way", ["edit", "import"])
@pytest.mark.parametrize(
    "left", [{}, {"event": None, "triggers": None, "intent": "{}"}, {"event": None, "triggers": None}]
)
@pytest.mark.parametrize(("what", "said", "same"), CASES)
def test_a_mailbox_goes_to_another_server_only_when_no_event_of_ours_stands_or_may_stand_in_it(
    state: Database, what: dict[str, Any], said: Identity | None, same: bool, left: dict[str, Any], way: str
) -> None:
    with state.write() as tx:
        if left:
            tx.execute(update(tables.links).values(**left))
    clean = "event" in left and "intent" not in left
    if same or clean:
        moved(state, what, said.tenant if said else "", way)
        assert (profile_of(state), on(state)) == (SECOND, False)
        return
    if way == "import":
        # it stays where its events are, and nobody else's import is held up
        moved(state, what, said.tenant if said else "", way)
        assert (profile_of(state), on(state)) == ("exo", True)
        return
    refusal = rf"1 events of ours stand in {WORKER.address}, .*server of the profile second .*`fieldcal mailbox clean`"
    with pytest.raises(ConfigError, match=refusal):
        moved(state, what, said.tenant if said else "", way)
    assert (profile_of(state), on(state)) == ("exo", True)


def test_a_refused_move_moves_none_and_names_no_mailbox_in_which_nothing_stands(state: Database) -> None:
    other = MailboxId("box-other")
    with state.write() as tx:
        tx.execute(tables.mailboxes.insert().values(environment=ENVIRONMENT, id=other, profile="exo", address="o@x"))
        rows.add(tx, ServerProfile(SECOND, Endpoint("https://other.example"), NOW))
        with pytest.raises(ConfigError, match=WORKER.address) as refused:
            boxes.edit(tx, Actor("root"), NOW, ENVIRONMENT, [BOX, other], profile=SECOND)
        assert "o@x" not in str(refused.value)
        assert [box.profile for box in mailboxes.some(tx, ENVIRONMENT, [BOX, other])] == ["exo", "exo"]
        assert boxes.edit(tx, Actor("root"), NOW, ENVIRONMENT, [other], profile=SECOND) == 1


@pytest.mark.parametrize("role", [Role.MAILBOX_APPROVER, Role.DISPATCHER, Role.WORKER, Role.READER])
def test_who_may_not_change_profiles_changes_none(state: Database, role: Role) -> None:
    with pytest.raises(NotAllowed, match="change server profiles"):
        changed(state, replace(END, secret="env:NEW"), None, person(role))
