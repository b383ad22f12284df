"""`fieldcal db prune` and `fieldcal db compact`: counts, asks, forgets; the bytes are gone from the files."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.conftest import Fieldcal

from fieldcal.model import BookingId
from fieldcal.state import history
from fieldcal.state.database import Database
from fieldcal.state.history import Line

DATA = Path("data")


@pytest.fixture
def stocked(fieldcal: Fieldcal, sqlite_template: Path) -> None:
    """Two lines of the history that tell of somebody, one of them old."""
    DATA.mkdir()
    shutil.copyfile(sqlite_template, DATA / "state.sqlite3")
    database, now = Database(f"sqlite:///{DATA / 'state.sqlite3'}"), datetime.now(UTC)
    with database.write() as tx:
        for days, name in ((200, "Zerberus Alt"), (20, "Zerberus Neu")):
            line = Line("box", BookingId("b"), "create", name, "", ok=True, at=now - timedelta(days=days))
            history.write(tx, "main", "p", [line])
    database.close()


def told_in_files(text: str) -> list[str]:
    return [path.name for path in DATA.iterdir() if text.encode() in path.read_bytes()]


def test_what_is_old_is_counted_and_then_forgotten_and_compacting_takes_its_bytes(
    fieldcal: Fieldcal, stocked: None
) -> None:
    kept = fieldcal("db", "kept", "--json").json()
    assert [(one["days"], one["rows"]) for one in kept["kept"] if one["kind"] == "history"] == [(180, 2)]
    assert "180 days" in fieldcal("db", "kept").out
    counted = fieldcal("db", "prune", "--dry-run", "--json").json()
    assert counted["history"] == 1
    assert fieldcal("db", "prune", "--dry-run").out == "To be forgotten: 1 line of the history.\n"
    assert told_in_files("Zerberus Alt")
    refused = fieldcal("db", "prune")
    assert refused.status == 1
    assert "Forget 1 line of the history? Add --yes" in refused.err
    assert fieldcal("db", "prune", "--yes", "--json").json() == {**counted, "dry_run": False}
    assert fieldcal("db", "prune").out == "Nothing is older than it is kept.\n"
    assert fieldcal("db", "compact").out == "What was forgotten is gone from the state's files.\n"
    assert (told_in_files("Zerberus Alt"), told_in_files("Zerberus Neu")) == ([], ["state.sqlite3"])
    database = Database(f"sqlite:///{DATA / 'state.sqlite3'}")
    with database.read() as tx:
        line, compacted = tx.exec_driver_sql("SELECT operator, action, detail FROM audit ORDER BY id").all()
    database.close()
    assert compacted[1:] == ("db compact", "")
    assert line[1:] == ("db prune", "history 1, passes 0, audit 0, alerts 0, plans 0, bookings 0, texts 0")


def test_while_another_process_reads_the_old_bytes_compacting_says_that_they_are_not_gone(
    fieldcal: Fieldcal, stocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldcal.state.wipe.PATIENCE", 0.0)
    reader = Database(f"sqlite:///{DATA / 'state.sqlite3'}")
    with reader.read() as tx:
        tx.exec_driver_sql("SELECT count(*) FROM history").all()
        said = fieldcal("db", "compact")
    reader.close()
    assert said.status == 1
    assert "old bytes may still lie in" in said.out
    assert fieldcal("db", "compact").status == 0


@pytest.mark.parametrize(
    ("value", "says"),
    [("forever", ""), ("0", ""), ("-1", "0 (for ever) or more"), ("soon", "a whole number"), ("40000", "at most")],
)
def test_an_age_is_days_or_for_ever(
    fieldcal: Fieldcal, stocked: None, monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    monkeypatch.setenv("FIELDCAL_KEEP_HISTORY_DAYS", value)
    said = fieldcal("db", "prune")
    assert says in said.err
    assert (said.status == 0) is (says == "")
