"""`db backup`, `db restore` and `db check`: told plainly, asked first, refused while somebody is at work."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.cli.conftest import Fieldcal

from fieldcal import runfile

ADD = ("environment", "add", "--url", "https://x.example", "--secret", "env:TOKEN", "--offline")


@pytest.fixture
def state(fieldcal: Fieldcal, tmp_path: Path) -> Path:
    assert fieldcal(*ADD, "main").status == 0
    return tmp_path / "data" / "state.sqlite3"


def test_a_state_is_backed_up_changed_and_put_back(fieldcal: Fieldcal, state: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite3"
    told = fieldcal("db", "backup", file, "--json").json()
    assert told["installation"] == fieldcal("db", "check", "--json").json()["installation"]
    assert fieldcal(*ADD, "later").status == 0
    back = fieldcal("db", "restore", file, "--yes", "--json").json()
    assert [row["environment"] for row in fieldcal("environment", "list", "--json").json()] == ["main"]
    aside = sqlite3.connect(back["aside"])
    assert [row[0] for row in aside.execute("SELECT id FROM environments ORDER BY id")] == ["later", "main"]
    aside.close()
    assert fieldcal("db", "check").status == 0
    assert fieldcal("db", "backup", file).err == f"fieldcal: {file} exists already; name another file\n"


def test_a_state_that_is_gone_comes_back_from_its_backup(fieldcal: Fieldcal, state: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite3"
    assert fieldcal("db", "backup", file).status == 0
    for path in state.parent.glob("state.sqlite3*"):
        path.unlink()
    said = fieldcal("db", "restore", file, "--yes")
    assert (said.status, "kept at" in said.out) == (0, False)
    assert [row["environment"] for row in fieldcal("environment", "list", "--json").json()] == ["main"]


def test_a_restore_asks_first_and_leaves_nothing_behind_when_nobody_says_yes(
    fieldcal: Fieldcal, state: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup.sqlite3"
    fieldcal("db", "backup", file)
    fieldcal(*ADD, "later")
    said = fieldcal("db", "restore", file)
    assert said.status == 1
    assert "Put back the state with 1 environment" in said.err
    assert len(fieldcal("environment", "list", "--json").json()) == 2
    assert [path.name for path in state.parent.glob("*restoring*")] == []


def test_a_restore_is_refused_while_a_service_runs(fieldcal: Fieldcal, state: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite3"
    fieldcal("db", "backup", file)
    with runfile.locked(state.parent):
        said = fieldcal("db", "restore", file, "--yes")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "end it first" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("db", "restore"), "name the backup's file, or say --in-place"),
        (("db", "restore", "x", "--in-place"), "name the backup's file, or say --in-place"),
        (("db", "restore", "nowhere.sqlite3", "--yes"), "there is no backup nowhere.sqlite3"),
    ],
)
def test_what_cannot_be_put_back_is_told_in_one_line(
    fieldcal: Fieldcal, state: Path, words: tuple[str, ...], told: str
) -> None:
    said = fieldcal(*words)
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert told in said.err
    assert state.exists()


def test_a_state_put_back_by_other_means_is_marked_in_place(fieldcal: Fieldcal, state: Path) -> None:
    assert fieldcal("db", "restore", "--in-place", "--yes", "--json").json() == {"to_be_read": 0}
    connection = sqlite3.connect(state)
    assert connection.execute("SELECT action, subject FROM audit ORDER BY id DESC").fetchone() == (
        "db restore",
        "in place",
    )
    connection.close()


def test_a_check_tells_what_does_not_hang_together(fieldcal: Fieldcal, state: Path) -> None:
    connection = sqlite3.connect(state)
    connection.execute("INSERT INTO mailboxes (environment, id) VALUES ('gone', 'box')")
    connection.commit()
    connection.close()
    said = fieldcal("db", "check")
    assert said.status == 1
    assert "mailboxes: 1 rows of an environment that is not there" in said.out
