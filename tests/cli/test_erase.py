"""`fieldcal erase`: asks with counts, refuses what is not clean, and leaves no byte of the person in the data folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.company import Company
from tests.cli.conftest import Fieldcal
from tests.state.test_erasure import ADDRESS, FORMS, NAME, ZOE, gone_worker, plant
from tests.values import BOOKING, ENVIRONMENT, ORDER

from fieldcal.model import Detailed
from fieldcal.setup_model import Actor
from fieldcal.state import audit, bookings
from fieldcal.state.database import Database

DATA = Path("data")


@contextmanager
def state() -> Iterator[Database]:
    database = Database(f"sqlite:///{DATA / 'state.sqlite3'}")
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def stocked(fieldcal: Fieldcal, sqlite_template: Path) -> None:
    """Zoë has left; her name stands in every table, in one form after another, written and written over."""
    DATA.mkdir()
    shutil.copyfile(sqlite_template, DATA / "state.sqlite3")
    with state() as database:
        with database.write() as tx:
            gone_worker(tx)
            plant(tx, " / ".join((*FORMS, ADDRESS)))
            bookings.store_details(tx, ENVIRONMENT, [Detailed(BOOKING, ORDER)], "")
        for n in range(300):
            with database.write() as tx:
                audit.record(tx, _operator(), BOOKING.start, "mailbox edit", [f"{n} {NAME}"], f"{FORMS[n % 7]} " * 9)
        with database.write() as tx:  # freed cells and pages that still hold the bytes
            tx.exec_driver_sql("DELETE FROM audit WHERE id % 3 = 0")


def _operator() -> Actor:
    return Actor("root")


def found_in_files(*without: str) -> set[str]:
    """The files of the data folder in which the name or the address stands, in UTF-8 or as JSON escapes."""
    wanted = [form.casefold().encode() for form in (*FORMS, ADDRESS)]
    wanted += [b"brien", "zoë".encode(), b"zo\\u00eb"]
    found = set()
    for path in DATA.rglob("*"):
        held = path.read_bytes().decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")
        if path.is_file() and path.name not in without and any(one in held for one in wanted):
            found.add(path.name)
    return found


@pytest.mark.parametrize("kind", ["worker", "contact"])
def test_no_byte_of_the_person_is_left_in_any_file_of_the_data_folder(
    fieldcal: Fieldcal, stocked: None, kind: str
) -> None:
    if kind == "contact":  # somebody else's worker of the same name would stay
        with state() as database, database.write() as tx:
            for table in ("workers", "mailboxes", "users", "grants"):
                tx.exec_driver_sql(f"DELETE FROM {table}")
    counted = fieldcal("erase", kind, NAME, "--also", ADDRESS, "--dry-run", "--json").json()
    assert counted["rows"]["audit"] > 150
    assert "state.sqlite3" in found_in_files()
    refused = fieldcal("erase", kind, NAME, "--also", ADDRESS)
    assert (refused.status, "It cannot be taken back. Add --yes" in refused.err) == (1, True)
    assert "state.sqlite3" in found_in_files()
    with state() as beside:  # as a service has it open
        with beside.read() as tx:
            tx.exec_driver_sql("SELECT count(*) FROM audit").all()
        done = fieldcal("erase", kind, NAME, "--also", ADDRESS, "--yes", "--json").json()
        assert done["rows"] == counted["rows"]
        assert found_in_files() == set()
    assert found_in_files() == set()
    with state() as database, database.read() as tx:
        [line] = [one for one in audit.latest(tx, 500) if one.action.startswith("erase")]
    assert line.action == f"erase {kind}"
    assert line.detail.startswith(f"{sum(done['rows'].values())} rows: ")
    again = fieldcal("erase", kind, NAME, "--yes")
    assert again.status == 1


def test_what_it_cannot_reach_is_told_with_the_older_states_that_lie_there(fieldcal: Fieldcal, stocked: None) -> None:
    assert fieldcal("db", "backup", DATA / "state.sqlite3.monday").status == 0
    said = fieldcal("erase", "worker", ZOE.id, "--yes")
    assert said.status == 0, said.err
    assert "backups that were made before hold the person" in said.out
    assert "older states lie beside this one: state.sqlite3.monday" in said.out
    assert found_in_files() == {"state.sqlite3.monday"}


def test_old_bytes_that_another_process_keeps_are_told_and_the_exit_status_says_so(
    fieldcal: Fieldcal, stocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldcal.state.wipe.PATIENCE", 0.0)
    with state() as beside, beside.read() as tx:
        tx.exec_driver_sql("SELECT count(*) FROM audit").all()
        said = fieldcal("erase", "worker", NAME, "--yes")
    assert said.status == 1
    assert "old bytes may still lie in" in said.out
    assert "fieldcal db compact" in said.out
    assert fieldcal("db", "compact").status == 0
    assert found_in_files() == set()


def test_a_leaver_is_cleaned_then_erased_and_the_next_pass_goes_on(attached: Company, fieldcal: Fieldcal) -> None:
    assert fieldcal("sync").status == 0
    leaver = attached.sample.mailboxes[0]
    refused = fieldcal("erase", "worker", leaver.address, "--yes")
    assert (refused.status, f"fieldcal mailbox clean {leaver.address}" in refused.err) == (1, True)
    assert fieldcal("mailbox", "clean", leaver.address, "--yes").status == 0
    said = fieldcal("erase", "worker", leaver.address, "--yes")
    assert said.status == 0, said.err
    assert "the source still tells of this worker" in said.out
    held = b"".join(path.read_bytes() for path in (attached.folder / "data").rglob("*") if path.is_file())
    assert leaver.address.encode() not in held
    assert leaver.name.encode() not in held
    assert fieldcal("sync", "--json").json()[0]["failed"] == 0
    assert attached.events()[leaver.object_id] == []
    assert fieldcal("db", "check").status == 0
