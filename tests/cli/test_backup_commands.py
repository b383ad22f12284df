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


def a_database(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("empty", "empty is empty: no backup of Fieldcal; nothing was put back, name a file that `fieldcal db backup`"),
        ("text", "text is no database file: no backup of Fieldcal; nothing was put back, name a file that"),
        ("other", "other holds no state of Fieldcal: no backup of it; nothing was put back, name a file that"),
        ("newer", "a newer version wrote it; nothing was put back, install that version or take an older backup"),
        ("missing", "there is no backup missing; name a file that `fieldcal db backup` wrote"),
        ("data", "there is no backup data; name a file that"),
        ("data/state.sqlite3", "is the state itself; name a file that `fieldcal db backup` wrote, or say --in-place"),
    ],
)
def test_a_file_that_is_no_backup_is_refused_with_what_to_name_instead(
    fieldcal: Fieldcal, state: Path, tmp_path: Path, file: str, told: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("a letter, " * 1000)
    a_database(tmp_path / "other", "CREATE TABLE theirs (x)")
    assert fieldcal("db", "backup", "newer").status == 0
    a_database(tmp_path / "newer", "UPDATE alembic_version SET version_num = '9999'")
    said = fieldcal("db", "restore", file, "--yes")
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
    assert told in said.err
    assert "FIELDCAL_DATABASE_URL" not in said.err
    assert sorted(path.name for path in state.parent.glob("*restor*")) == []


def test_a_backup_into_a_folder_that_is_not_there_says_so(fieldcal: Fieldcal, state: Path, tmp_path: Path) -> None:
    said = fieldcal("db", "backup", "no/such/file")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert f"cannot be written: there is no folder {tmp_path / 'no'}; create it" in said.err
    assert "Errno" not in said.err


@pytest.mark.parametrize("words", [("check",), ("backup", "file"), ("restore", "--in-place", "--yes")])
@pytest.mark.parametrize("folder", [True, False])
def test_where_there_is_no_state_that_is_said_and_none_is_made(
    fieldcal: Fieldcal, tmp_path: Path, words: tuple[str, ...], folder: bool
) -> None:
    if folder:
        (tmp_path / "data").mkdir()
    said = fieldcal("db", *words)
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
    assert "there is no state at " in said.err
    assert "name the backup's file" in said.err or "`fieldcal db upgrade` makes one" in said.err
    assert not (tmp_path / "data" / "state.sqlite3").exists()
