"""What commands do where several machines share one state on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
import uuid
from collections import Counter
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from tests.cli.company import YES, Company
from tests.cli.conftest import Fieldcal
from tests.cli.processes import Process, running
from tests.conftest import NewState
from tests.state.test_living import put_in
from tests.state.test_moving import living

from fieldcal.config import Config
from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.fieldservice.sample import load_sample
from fieldcal.ends import field_service_at, serving
from fieldcal.errors import ConfigError
from fieldcal.runfile import locked
from fieldcal.state import beside, feeds, present, queue_schema
from fieldcal.state.database import Database


def test_db_upgrade_makes_the_queue_and_db_check_tells_of_it(
    empty_postgres: str, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", empty_postgres)
    said = fieldcal("db", "upgrade")
    assert (said.status, "queue of jobs" in said.out) == (0, True), said
    assert "already" in fieldcal("db", "upgrade").out
    said = fieldcal("db", "check")
    assert (said.status, f"queue of jobs: {queue_schema.newest()}" in said.out) == (0, True), said
    database = Database(empty_postgres)
    with database.write() as tx:
        tx.execute(text("DELETE FROM meta WHERE key = 'queue'"))
        tx.execute(text("DROP SCHEMA procrastinate CASCADE"))
    database.close()
    said = fieldcal("db", "check")
    assert (said.status, "none yet; `fieldcal db upgrade` makes it" in said.out) == (0, True), said


def test_the_embedded_field_service_keeps_its_rows_in_the_states_postgresql(
    empty_postgres: str, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", empty_postgres)
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert fieldcal("profile", "add", "exchange", "--credential", "embedded").status == 0
    field_service = FieldService(beside.address(make_url(empty_postgres), beside.FIELD_SERVICE))
    sample = load_sample(field_service.store, workers=3, bookings=20)
    field_service.close()
    with Exchange(tmp_path / "data" / "exchange.sqlite3") as exchange:
        exchange.store.mailboxes.add(
            NewMailbox(uuid.UUID(box.object_id), box.address, box.name, zone=box.zone) for box in sample.mailboxes
        )
    for words in (
        ("sync", "--dry-run"), ("mailbox", "edit", *YES, "--profile", "exchange", "--method", "server-side-sync"),
        ("mailbox", "approve", *YES), ("mailbox", "test", *YES), ("sync",),
    ):  # fmt: skip
        said = fieldcal(*words)
        assert said.status == 0, said.err
    assert " created" in said.out, said
    assert not (tmp_path / "data" / "fieldservice.sqlite3").exists()
    said = fieldcal("db", "check")
    assert (said.status, "is sound" in said.out) == (0, True), said


def test_a_field_service_that_stands_in_the_data_folder_stays_where_it_is(tmp_path: Path) -> None:
    config = Config(data=tmp_path, database_url="postgresql://h/x")
    assert field_service_at(config) == make_url("postgresql://h/x")
    (tmp_path / "fieldservice.sqlite3").touch()
    assert field_service_at(config) == tmp_path / "fieldservice.sqlite3"


def test_an_installation_is_copied_by_command_and_goes_on_where_it_was(
    empty_postgres: str, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = fieldcal("db", "copy", empty_postgres)
    assert (said.status, "there is nothing to copy" in said.err) == (1, True), said
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert fieldcal("sync", "--dry-run").status == 0
    monkeypatch.setenv("MOVED_TO", empty_postgres)
    data = tmp_path / "data"
    with locked(data):
        said = fieldcal("db", "copy", "env:MOVED_TO")
    assert (said.status, len(said.err.splitlines()), "works on" in said.err) == (1, 1, True), said
    said = fieldcal("db", "copy", "env:MOVED_TO", "--json")
    told = json.loads(said.out)
    assert (said.status, told["state"]["environments"]["rows"]) == (0, 1), said
    assert told["aside"] == str(data / "fieldservice.sqlite3")
    said = fieldcal("db", "copy", "env:MOVED_TO")
    assert (said.status, len(said.err.splitlines()), "name an empty database" in said.err) == (1, 1, True), said

    monkeypatch.setenv("FIELDCAL_DATABASE_URL", empty_postgres)
    said = fieldcal("sync", "--dry-run")
    assert (said.status, "stands twice" in said.err, len(said.err.splitlines())) == (1, True, 1), said
    (data / "fieldservice.sqlite3").rename(tmp_path / "put-aside.sqlite3")
    said = fieldcal("sync", "--dry-run")
    assert (said.status, said.err) == (0, ""), said
    assert fieldcal("db", "check").status == 0

    back, file = f"sqlite:///{tmp_path / 'back.sqlite3'}", data / "fieldservice.sqlite3"
    said = fieldcal("db", "copy", back)
    assert f"is in {file}: move that out of the data folder before anything starts on PostgreSQL" in said.out, said
    for words in (("sync", "--dry-run"), ("db", "copy", f"{back}-again")):
        said = fieldcal(*words)
        assert (said.status, len(said.err.splitlines())) == (1, 1), said
        assert f"in {file} and in the state's PostgreSQL. To go on in PostgreSQL, move that file out" in said.err
        assert "to that copy of the state" in said.err
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", back)
    assert fieldcal("sync", "--dry-run").status == 0
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", empty_postgres)
    file.rename(tmp_path / "put-aside-again.sqlite3")
    assert fieldcal("sync", "--dry-run").status == 0


def test_a_state_that_was_put_back_in_place_is_not_taken_from_those_who_are_at_work_on_it(
    new_postgres: NewState, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_postgres()
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", url)
    with living(url):
        said = fieldcal("db", "restore", "--in-place", "--yes")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "at work on the state (process 7 on elsewhere); end every service" in said.err
    assert fieldcal("db", "restore", "--in-place", "--yes").status == 0


def test_a_copy_of_a_file_that_a_service_of_another_data_folder_works_on_is_refused(
    new_sqlite: NewState, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_sqlite()
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", url)
    with locked(Path(url.removeprefix("sqlite:///")).parent):
        said = fieldcal("db", "copy", "postgresql://127.0.0.1:1/x")
        again = fieldcal("db", "restore", "--in-place", "--yes")
    assert "works on" in said.err
    assert "works on" in again.err


def test_the_embedded_systems_of_one_state_are_open_in_one_place(
    new_postgres: NewState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_postgres()
    monkeypatch.setattr(present, "PATIENCE", "50ms")

    async def opened(folder: str) -> None:
        (tmp_path / folder).mkdir(exist_ok=True)
        async with serving(Config(data=tmp_path / folder, database_url=url)):
            if folder == "one":
                with pytest.raises(ConfigError, match=rf"open elsewhere \(process {os.getpid()} on .*end that service"):
                    await opened("two")

    asyncio.run(opened("one"))
    asyncio.run(opened("two"))


@pytest.fixture
def shared(company: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, new_postgres: NewState) -> Company:
    """The company, attached and set up, its state in PostgreSQL and with a queue."""
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", new_postgres())
    assert fieldcal("db", "upgrade").status == 0
    company.attach(fieldcal, monkeypatch)
    company.set_up(fieldcal)
    database = Database(os.environ["FIELDCAL_DATABASE_URL"])
    with database.write() as tx:
        feeds.change(tx, "main", last_check_at=datetime.now(UTC))
    database.close()
    return company


def process(*words: str, **env: str) -> AbstractContextManager[Process]:
    given = {name: value for name, value in os.environ.items() if name.startswith("FIELDCAL_")}
    return running(*words, FIELDCAL_LISTEN="127.0.0.1:0", **(given | env))


def copies(company: Company) -> Counter[str]:
    """How many events stand for each booking, wherever."""
    found: Counter[str] = Counter()
    for events in company.events().values():
        for event in events:
            values = [value for name, value in company.exchange.hands.properties(event).items() if "Mark" in name]
            found.update(value.split("/")[2] for value in values)
    return found


@pytest.mark.slow
def test_a_schedule_and_a_worker_that_have_nothing_to_do_are_seen_to_be_at_work(
    shared: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert shared.sample
    for words, says in ((("serve", "--no-worker"), "Stop with Ctrl-C."), (("worker",), "the worker is at work")):
        with process("fieldcal", *words) as other, monkeypatch.context() as elsewhere:
            other.until(says)
            elsewhere.setenv("FIELDCAL_DATA", str(tmp_path / "elsewhere"))
            for command in (("copy", f"sqlite:///{tmp_path / 'copied.sqlite3'}"), ("restore", "--in-place", "--yes")):
                said = fieldcal("db", *command)
                assert (said.status, f"process {other.pid} on " in said.err) == (1, True), said
            other.signal(signal.SIGTERM)
            assert other.wait() == 0
    assert fieldcal("db", "restore", "--in-place", "--yes").status == 0


@pytest.mark.slow
def test_what_serve_schedules_is_synchronized_by_workers_however_many_schedule(
    shared: Company, fieldcal: Fieldcal, tmp_path: Path
) -> None:
    with (
        process("fieldcal", "serve", "--no-worker") as schedule, process("fieldcal", "worker") as one,
        process("fieldcal", "serve", "--no-worker", FIELDCAL_DATA=str(tmp_path / "second")) as second_schedule,
    ):  # fmt: skip
        schedule.until("Stop with Ctrl-C.")
        second_schedule.until("Stop with Ctrl-C.")
        one.until("the worker is at work")
        (first,) = fieldcal("sync", "--json").json()
        assert (first["failed"], first["error"], first["busy"]) == (0, "", 0), (first, one.printed)
        stands = copies(shared)
        assert len(stands) > 10
        assert set(stands.values()) == {1}
        (second,) = fieldcal("sync", "--json").json()
        assert (second["created"], second["updated"], second["removed"]) == (0, 0, 0)
        for each in (schedule, second_schedule, one):
            each.signal(signal.SIGTERM)
        assert (schedule.wait(), second_schedule.wait(), one.wait()) == (0, 0, 0)
        assert copies(shared) == stands


@pytest.mark.parametrize("words", [("worker",), ("serve", "--no-worker")])
def test_a_state_that_one_process_works_on_says_what_several_need(
    words: tuple[str, ...], fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_LISTEN", "127.0.0.1:0")
    said = fieldcal(*words)
    assert said.status == 1
    assert "several machines need it in PostgreSQL: set FIELDCAL_DATABASE_URL" in said.err


def test_that_no_worker_is_alive_is_told_by_doctor_and_status_and_to_whoever_asks_for_a_pass(
    shared: Company, fieldcal: Fieldcal
) -> None:
    database = Database(os.environ["FIELDCAL_DATABASE_URL"])
    with process("fieldcal", "serve", "--no-worker") as serve:
        serve.until("Stop with Ctrl-C.")
        with database.write() as tx:
            put_in(tx, 3600)
        doctor, status, sync = fieldcal("doctor"), fieldcal("status"), fieldcal("sync")
    database.close()
    why = r"no worker is running, and (a job waits|\d+ jobs wait) for one, for 36\d\d s by now"
    assert re.search(rf"warn +workers: {why}\n +what helps: start `fieldcal worker`", doctor.out), doctor
    assert re.search(rf"in the way +{why}: start `fieldcal worker`", status.out), status
    assert (sync.status, sync.err.count("\n")) == (1, 1), sync
    assert re.search(rf"the pass has not begun: {why}; start `fieldcal worker`", sync.err), sync


def test_a_worker_on_a_postgresql_without_a_queue_says_which_command_makes_it(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, new_postgres: NewState
) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", new_postgres())
    said = fieldcal("worker")
    assert (said.status, "has no queue of jobs yet; run `fieldcal db upgrade`" in said.err) == (1, True), said


def _brought_up(url: str) -> None:
    """As `fieldcal db upgrade` of a newer version leaves the state."""
    database = Database(url)
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()


def test_an_older_worker_does_not_begin_on_a_state_that_a_newer_version_has_brought_up(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, new_postgres: NewState
) -> None:
    url = new_postgres()
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", url)
    _brought_up(url)
    said = fieldcal("worker")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "at revision 9999, which this Fieldcal" in said.err


@pytest.mark.slow
def test_workers_and_schedule_end_by_themselves_when_a_newer_version_brings_the_state_up(shared: Company) -> None:
    assert shared.sample
    with process("fieldcal", "serve", "--no-worker") as schedule, process("fieldcal", "worker") as one:
        schedule.until("Stop with Ctrl-C.")
        one.until("the worker is at work")
        _brought_up(os.environ["FIELDCAL_DATABASE_URL"])
        assert (one.wait(), schedule.wait()) == (1, 1)
    for each in (one, schedule):
        assert "a newer version wrote it" in each.printed[-1]


@pytest.mark.slow
def test_i1_a_worker_killed_in_the_middle_of_a_first_load_doubles_and_loses_nothing(
    shared: Company, fieldcal: Fieldcal
) -> None:
    shared.exchange.control.change(latency=0.3)  # so that there is a middle
    with process("fieldcal", "serve", "--no-worker") as schedule, process("fieldcal", "worker") as victim:
        schedule.until("Stop with Ctrl-C.")
        deadline = time.monotonic() + 120
        while not copies(shared):
            assert time.monotonic() < deadline, "the first worker writes nothing"
        victim.signal(signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
        shared.exchange.control.change(latency=0.0)
        with process("fieldcal", "worker") as heir:
            heir.until("the worker is at work")
            (done,) = fieldcal("sync", "--json").json()
            assert (done["error"], done["busy"]) == ("", 0), (done, heir.printed)
            (again,) = fieldcal("sync", "--json").json()
            assert (again["created"], again["updated"], again["removed"]) == (0, 0, 0)
    stands = copies(shared)
    assert len(stands) > 10
    assert set(stands.values()) == {1}
