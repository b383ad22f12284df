"""Files of the state that cannot be used: damaged, of the wrong kind, or not ours; one line says which and what helps."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.engine import make_url
from tests.cli.conftest import Fieldcal
from tests.cli.test_bad_input import nobody, refused
from tests.conftest import NewState

OFFLINE = ("--offline", "--url", "https://x.example", "--secret", "env:TOKEN")
COMMANDS = [("environment", "list"), ("db", "check"), ("db", "upgrade"), ("status",), ("serve",), ("db", "backup", "x")]


@pytest.fixture
def data(fieldcal: Fieldcal, new_sqlite: NewState, tmp_path: Path) -> Path:
    """The data folder of an installation."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(make_url(new_sqlite()).database or "", folder / "state.sqlite3")
    return folder


def spoil_inside(state: Path) -> None:
    """Leave the head as it is and break every further page, as a failing disk does."""
    content = bytearray(state.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 4096] = b"\xa5" * len(content[page : page + 4096])
    state.write_bytes(content)


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("damage", ["head", "inside"])
def test_a_damaged_state_is_named_with_the_way_back(
    fieldcal: Fieldcal, data: Path, words: tuple[str, ...], damage: str
) -> None:
    state = data / "state.sqlite3"
    if damage == "head":
        state.write_bytes(b"no database at all " * 500)
    else:
        spoil_inside(state)
    text = refused(fieldcal, *words)
    assert "fault of Fieldcal" not in text
    assert str(state) in text or words == ("db", "check")
    assert "damaged" in text


EMPTY = [*COMMANDS, ("sync",), ("why", "x"), ("mailbox", "list"), ("db", "compact")]


@pytest.mark.parametrize("words", EMPTY)
def test_an_empty_state_is_refused_with_the_way_back_and_stays_as_it_is(
    fieldcal: Fieldcal, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldcal.state.database._BEGINS", 0.0)
    state = tmp_path / "data" / "state.sqlite3"
    state.parent.mkdir(mode=0o700)
    state.touch()
    text = refused(fieldcal, *words)
    assert f"{state} is empty" in text
    assert "`fieldcal db restore FILE`" in text
    assert "remove the file" in text
    assert state.stat().st_size == 0
    assert f"{state} is empty" in fieldcal("doctor").out


def test_an_empty_state_gives_way_to_a_backup_or_to_a_new_beginning(
    fieldcal: Fieldcal, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldcal.state.database._BEGINS", 0.0)
    state = data / "state.sqlite3"
    assert fieldcal("db", "backup", "good.sqlite3").status == 0
    for side in ("", "-wal", "-shm"):
        Path(f"{state}{side}").unlink(missing_ok=True)
    state.touch()
    refused(fieldcal, "status")
    assert fieldcal("db", "restore", "good.sqlite3", "--yes").status == 0
    assert fieldcal("db", "check").status == 0
    state.unlink()
    assert fieldcal("db", "upgrade").status == 0
    assert fieldcal("status").status == 0


def test_an_empty_backup_is_named_as_one(fieldcal: Fieldcal, data: Path) -> None:
    before = (data / "state.sqlite3").read_bytes()
    Path("empty.sqlite3").touch()
    assert "empty.sqlite3 is empty" in refused(fieldcal, "db", "restore", "empty.sqlite3", "--yes")
    assert (data / "state.sqlite3").read_bytes() == before


@pytest.mark.parametrize("damage", ["head", "inside"])
def test_doctor_says_what_helps_against_a_damaged_state(fieldcal: Fieldcal, data: Path, damage: str) -> None:
    if damage == "head":
        (data / "state.sqlite3").write_bytes(b"no database at all " * 500)
    else:
        spoil_inside(data / "state.sqlite3")
    lines = {line["what"]: line for line in msgspec.json.decode(fieldcal("doctor", "--json").out)}
    assert lines["state"]["level"] == "fail"
    assert "`fieldcal db restore FILE` puts a backup back" in lines["state"]["remedy"]
    assert "Without a backup move the file away and set up again" in lines["state"]["remedy"]


def test_a_damaged_backup_is_told_apart_from_the_state(fieldcal: Fieldcal, data: Path) -> None:
    assert fieldcal("db", "backup", "good.sqlite3").status == 0
    spoil_inside(Path("good.sqlite3"))
    before = (data / "state.sqlite3").read_bytes()
    assert "the backup good.sqlite3" in refused(fieldcal, "db", "restore", "good.sqlite3", "--yes")
    assert (data / "state.sqlite3").read_bytes() == before


@pytest.mark.parametrize("name", ["state.sqlite3", "service.lock", "service.json"])
def test_a_folder_where_a_file_has_to_be_is_named(fieldcal: Fieldcal, data: Path, name: str) -> None:
    (data / name).unlink(missing_ok=True)
    (data / name).mkdir()
    assert f"{data / name} is a folder, where a file has to be" in refused(fieldcal, "serve")
    if name != "service.json":
        assert f"{name} is a folder" in fieldcal("doctor").out


@pytest.mark.parametrize("words", [("serve",), ("sync",)])
def test_a_lock_that_is_something_else_is_named(fieldcal: Fieldcal, data: Path, words: tuple[str, ...]) -> None:
    (data / "service.lock").write_text("no lock of ours, " * 20)
    assert f"{data / 'service.lock'} cannot be used" in refused(fieldcal, *words)


def test_a_data_folder_that_is_a_file_is_named(fieldcal: Fieldcal, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert f"{tmp_path / 'data'} is no folder" in refused(fieldcal, "serve")


@pytest.mark.parametrize("file", ["fieldservice.sqlite3", "exchange.sqlite3"])
def test_a_damaged_embedded_system_is_named(fieldcal: Fieldcal, data: Path, file: str) -> None:
    (data / file).write_bytes(b"no database at all " * 500)
    assert f"{data / file} cannot be used" in refused(fieldcal, "profile", "add", "x", "--credential", "embedded")


def test_nobody_else_may_read_what_is_made(fieldcal: Fieldcal, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert fieldcal("environment", "add", "main", *OFFLINE).status == 0
    assert fieldcal("profile", "add", "x", "--credential", "embedded").status == 0
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    open_to_others = [path.name for path in data.iterdir() if path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert {"state.sqlite3", "service.lock", "exchange.sqlite3"} <= {path.name for path in data.iterdir()}


def test_doctor_tells_of_a_state_that_others_may_read(fieldcal: Fieldcal, data: Path) -> None:
    (data / "state.sqlite3").chmod(0o644)
    said = fieldcal("doctor").out
    assert "may be read by others" in said
    assert "chmod 600" in said


@pytest.fixture
def theirs(fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of another user, where all may go."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FIELDCAL_DATA", str(folder / "data"))
    assert fieldcal("environment", "add", "main", *OFFLINE).status == 0
    yield folder / "data"
    (folder / "data").chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="file permissions are another thing here")
@pytest.mark.parametrize(
    ("folder", "file", "says"),
    [
        (0o700, 0o600, "may not enter the folder"), (0o755, 0o600, "may not read the file"),
        (0o755, 0o644, "may not write the file"),
    ],
)  # fmt: skip
def test_a_right_that_is_missing_is_named(fieldcal: Fieldcal, theirs: Path, folder: int, file: int, says: str) -> None:
    for path in theirs.iterdir():
        path.chmod(file)
    theirs.chmod(folder)
    with nobody():
        serve, doctor = refused(fieldcal, "serve"), fieldcal("doctor")
    for text in (serve, doctor.out):
        assert "fault of Fieldcal" not in text
        assert "give it that right" in text.replace("\n", " ")
    assert says in " ".join(doctor.out.split())
    assert doctor.status == 1
