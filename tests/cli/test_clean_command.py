"""`mailbox clean` and `environment remove --events clean`: counted, asked, carried out, told."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.company import company
from tests.cli.conftest import Fieldcal
from tests.values import booking_id

from fieldcal.clock import SystemClock
from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.server import serving_in_thread
from fieldcal.model import MailboxId, Worker, WorkerId, WorkerKind
from fieldcal.plan.settings import Settings
from fieldcal.state import workers
from fieldcal.state.database import Database
from fieldcal.state.tables import bookings

NAMES = ("anna", "bernd")
IDS = {name: uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}@x.example") for name in NAMES}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def standing(fieldcal: Fieldcal, data: Path) -> Fieldcal:
    """Two mailboxes that are enabled by command; two events of ours in Anna's, one in Bernd's."""
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert fieldcal("profile", "add", "exchange", "--credential", "embedded").status == 0
    exchange = Exchange(data / "exchange.sqlite3")
    exchange.store.mailboxes.add([NewMailbox(IDS[name], f"{name}@x.example", name) for name in NAMES])
    exchange.close()
    database = Database(f"sqlite:///{data / 'state.sqlite3'}")
    now = SystemClock().now()
    with database.write() as tx:
        told = [_worker(name) for name in NAMES]
        workers.store(tx, "main", told, [], Settings().window(now), now)
    fieldcal("mailbox", "edit", "--all", "--profile", "exchange", "--method", "server-side-sync", "--yes")
    fieldcal("mailbox", "approve", "--all", "--yes")
    assert fieldcal("mailbox", "enable", "--all", "--yes").status == 0
    with database.write() as tx:
        for number, name in enumerate(("anna", "anna", "bernd")):
            tx.execute(bookings.insert().values(**_row(number, name, now)))
    with database.read() as tx:
        from fieldcal.state.environments import get

        organization = get(tx, "main").organization
    database.close()
    _stand(data, organization, now)
    return fieldcal


def _worker(name: str) -> Worker:
    address = f"{name}@x.example"
    return Worker(WorkerId(name), name, WorkerKind.USER, True, MailboxId(str(IDS[name])), address, address, "UTC")


def _row(number: int, name: str, now: datetime) -> dict[str, Any]:
    return {"environment": "main", "id": booking_id(number), "start": now, "end": now + timedelta(hours=1),
            "worker": name, "active": True, "version": 1}  # fmt: skip


def _stand(data: Path, organization: str, now: datetime) -> None:
    """Events of ours that the state has forgotten, as after the loss of a backup."""
    from fieldcal.calendars.graph import wire
    from fieldcal.model import Create, Event, ShowAs
    from fieldcal.plan.keys import create_key, fingerprint, mark_of

    exchange = Exchange(data / "exchange.sqlite3")
    start = now.astimezone(UTC).replace(microsecond=0)
    for number, name in enumerate(("anna", "anna", "bernd")):
        mark = mark_of(organization, booking_id(number), MailboxId(str(IDS[name])), 0)
        event = Event("Job", "", start, start + timedelta(hours=1), "", ShowAs.BUSY)
        exchange.hands.add(IDS[name], wire.create_body(Create(mark, create_key(mark), event, fingerprint(event))))
    exchange.close()


def standing_events(data: Path) -> dict[str, int]:
    exchange = Exchange(data / "exchange.sqlite3")
    found = {name: len(exchange.hands.look(IDS[name])) for name in NAMES}
    exchange.close()
    return found


def test_a_clean_counts_and_asks_before_it_touches_anything(standing: Fieldcal, data: Path) -> None:
    said = standing("mailbox", "clean", "anna@x.example")
    assert said.status == 1
    assert "Switch 1 mailbox off and remove 2 events of ours?" in said.err
    assert standing_events(data) == {"anna": 2, "bernd": 1}
    [row] = standing("mailbox", "list", "anna@x.example", "--json").json()["mailboxes"]
    assert row["enabled"]


def test_a_clean_takes_the_events_out_gives_the_claim_back_and_leaves_the_neighbour(
    standing: Fieldcal, data: Path
) -> None:
    done = standing("mailbox", "clean", "anna@x.example", "--yes", "--json").json()
    [box] = done["mailboxes"]
    assert (box["removed"], box["problem"], box["claim_returned"]) == (2, "", True)
    assert standing_events(data) == {"anna": 0, "bernd": 1}
    assert standing("mailbox", "claim", "anna@x.example", "--json").json()["claim"] is None
    assert standing("mailbox", "claim", "bernd@x.example", "--json").json()["claim"] is not None
    [plan] = standing("plan", "list", "--all", "--json").json()
    assert (plan["kind"], plan["state"], plan["decided_by"]) == ("clean", "done", "operator")
    again = standing("mailbox", "clean", "anna@x.example", "--yes")
    assert again.out.splitlines()[-1] == "main: nothing of ours was left to remove; 1 mailbox is clean."


def test_only_a_system_administrator_may_clean(standing: Fieldcal, data: Path) -> None:
    standing("user", "add", "eve")
    standing("user", "grant", "eve", "exchange_admin")
    said = standing("mailbox", "clean", "--all", "--yes", "--as", "eve")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "system_admin" in said.err
    assert standing_events(data) == {"anna": 2, "bernd": 1}


def test_an_environment_is_forgotten_after_its_events_are_taken_out(standing: Fieldcal, data: Path) -> None:
    gone = standing("environment", "remove", "main", "--events", "clean", "--yes", "--json").json()
    assert gone["forgotten"]
    assert standing_events(data) == {"anna": 0, "bernd": 0}
    assert standing("environment", "list", "--json").json() == []


def test_an_environment_is_kept_while_something_of_ours_may_stand(standing: Fieldcal, data: Path) -> None:
    standing("profile", "deactivate", "exchange", "--yes")
    said = standing("environment", "remove", "main", "--events", "clean", "--yes")
    assert said.status == 1
    assert "main is kept" in said.out
    assert "not active" in said.out
    assert standing_events(data) == {"anna": 2, "bernd": 1}
    assert [row["environment"] for row in standing("environment", "list", "--json").json()] == ["main"]


def test_a_mailbox_moves_to_another_server_after_a_clean_and_its_bookings_are_written_there(
    tmp_path: Path, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with company(tmp_path, workers=3, bookings=20) as here, Exchange(tmp_path / "second.db", sandbox=True) as there:
        here.attach(fieldcal, monkeypatch)
        here.set_up(fieldcal)
        assert fieldcal("sync").status == 0
        standing = here.events()
        box = max(here.sample.mailboxes, key=lambda one: len(standing[one.object_id]))
        before = [event.subject for event in standing[box.object_id]]
        assert len(before) > 1
        new = NewMailbox(uuid.UUID(box.object_id), box.address, box.name, box.address, zone=box.zone)
        there.store.mailboxes.add([new])
        monkeypatch.setenv("SECOND_TOKEN", there.token())
        with serving_in_thread(there.app) as url:
            assert fieldcal("profile", "add", "second", "--url", url, "--secret", "env:SECOND_TOKEN").status == 0
            edit = ("mailbox", "edit", box.address, "--profile", "second", "--yes")
            said = fieldcal(*edit)
            assert (said.status, len(said.err.splitlines())) == (1, 1)
            assert f"{len(before)} events of ours stand in {box.address}" in said.err
            assert "`fieldcal mailbox clean`" in said.err
            assert fieldcal("mailbox", "clean", box.address, "--yes").status == 0
            assert here.events()[box.object_id] == []
            assert fieldcal(*edit).status == 0
            assert fieldcal("mailbox", "test", box.address, "--yes").status == 0
            assert fieldcal("sync").status == 0
        moved = [event.subject for event in there.hands.look(box.object_id)]
        assert sorted(moved) == sorted(before)
        assert here.events()[box.object_id] == []
