"""`fieldcal alert` and `fieldcal audit`: what they show, who may, and what is put on record."""

from __future__ import annotations

import csv
import io
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.cli.conftest import Fieldcal
from tests.state.stocked import stock
from tests.values import BOX, ENVIRONMENT, WORKER

from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import alerts, audit, users
from fieldcal.state.database import Database

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def stocked(fieldcal: Fieldcal, sqlite_template: Path) -> None:
    """Two alerts and an information; three lines of the audit; Eve may see, Rita may acknowledge."""
    Path("data").mkdir()
    shutil.copyfile(sqlite_template, "data/state.sqlite3")
    database = Database("sqlite:///data/state.sqlite3")
    with database.write() as tx:
        stock(tx)
        alerts.raise_alert(tx, ENVIRONMENT, BOX, "mailbox-failing", "error", "denied", NOW)
        alerts.raise_alert(tx, ENVIRONMENT, "", "source", "warning", "silent", NOW - timedelta(hours=1))
        alerts.raise_alert(tx, ENVIRONMENT, BOX, "set-up", "information", "fine", NOW)
        for day, what in ((1, "=1+1"), (2, "two,\nlines"), (3, "Zoë")):
            audit.record(tx, Actor("root"), NOW + timedelta(days=day), "mailbox edit", [f"box {day}"], what)
        for name, role in (("eve", Role.READER), ("rita", Role.MAILBOX_APPROVER), ("xena", Role.EXCHANGE_ADMIN)):
            users.add(tx, User(name, name, "", "", frozenset(), NOW))
            users.grant(tx, name, role, "root")
    database.close()


def test_alerts_are_listed_by_address_and_acknowledged_once(fieldcal: Fieldcal, stocked: None) -> None:
    found = fieldcal("alert", "list", "--json").json()
    assert [(one["code"], one["address"]) for one in found] == [("mailbox-failing", WORKER.address), ("source", "")]
    assert len(fieldcal("alert", "list", "--all", "--json").json()) == 3
    told = fieldcal("alert", "list").out
    assert WORKER.address in told
    assert "denied" in told
    said = fieldcal("alert", "acknowledge", "--mailbox", WORKER.address.upper(), "--code", "mailbox-failing",
                    "--as", "rita")  # fmt: skip
    assert said.out == "1 alert acknowledged.\n"
    assert [one["code"] for one in fieldcal("alert", "list", "--json").json()] == ["source"]
    assert fieldcal("alert", "acknowledge", "--all", "--yes", "--json").json() == {"acknowledged": 2}
    assert fieldcal("alert", "list").out == "There is nothing to look at.\n"
    [line] = fieldcal("audit", "list", "--actor", "rita", "--json").json()
    assert (line["action"], line["subject"], line["detail"]) == (
        "alert acknowledge", f"{ENVIRONMENT}/{BOX}", "mailbox-failing",
    )  # fmt: skip


MISTAKES = [
    (("alert", "acknowledge"), "which alerts?"),
    (("alert", "acknowledge", "--all", "--code", "source"), "which alerts?"),
    (("alert", "acknowledge", "--all"), "Acknowledge 3 alerts? Add --yes"),
    (("alert", "acknowledge", "--code", "nothing"), "`fieldcal alert list` shows"),
    (("alert", "acknowledge", "--code", "source", "--as", "eve"), "eve may not acknowledge alerts"),
    (("alert", "list", "--environment", "elsewhere"), "there is no environment 'elsewhere'"),
    (("audit", "list", "--as", "eve"), "eve may not read the audit"),
    (("audit", "export", "--as", "rita"), "rita may not read the audit"),
    (("audit", "list", "--since", "soon", "--until", "32"), "--since: soon is no date; write 2026-11-23"),
    (("audit", "list", "--since", "0001-01-01T00:00:00+05:00"), "--since: 0001-01-01T00:00:00+05:00 is no date"),
]


@pytest.mark.parametrize(("words", "says"), MISTAKES)
def test_a_mistake_or_a_missing_role_is_one_clear_line(
    fieldcal: Fieldcal, stocked: None, words: tuple[str, ...], says: str
) -> None:
    said = fieldcal(*words)
    assert said.status == 1
    assert says in said.err
    assert said.err.count("\n") == 1


SPANS = [
    ((), ["box 1", "box 2", "box 3"]),
    (("--since", "2026-11-25"), ["box 2", "box 3"]),
    (("--since", "2026-11-25T09:00:00+01:00", "--until", "2026-11-26T08:00:00"), ["box 2"]),
    (("--until", "2026-11-24"), []),
]


@pytest.mark.parametrize(("options", "subjects"), SPANS)
def test_the_audit_is_narrowed_by_time_alike_in_list_and_export(
    fieldcal: Fieldcal, stocked: None, options: tuple[str, ...], subjects: list[str]
) -> None:
    listed = [line for line in fieldcal("audit", "list", *options, "--json").json() if "edit" in line["action"]]
    assert [line["subject"] for line in listed] == subjects[::-1]
    exported = fieldcal("audit", "export", *options, "--json", "--as", "xena").out.splitlines()
    lines = [line for line in map(msgspec.json.decode, exported) if "edit" in line["action"]]
    assert lines == listed[::-1]
    assert len(fieldcal("audit", "list", *options, "--limit", "1", "--json").json()) <= 1


def test_an_export_is_csv_that_no_spreadsheet_takes_for_formulas(fieldcal: Fieldcal, stocked: None) -> None:
    rows = list(csv.DictReader(io.StringIO(fieldcal("audit", "export", "--since", "2026-11-24").out)))
    edits = [row for row in rows if row["action"] == "mailbox edit"]
    assert [row["detail"] for row in edits] == ["'=1+1", "two,\nlines", "Zoë"]
    assert edits[0]["at"] == "2026-11-24T08:00:00+00:00"
    assert edits[0]["operator"] == "root"
