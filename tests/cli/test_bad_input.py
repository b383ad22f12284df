"""Whatever is wrong: one clear line on standard error, exit status 1, never a traceback."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.cli.conftest import Fieldcal
from tests.conftest import NewState

from fieldcal.errors import ConfigError
from fieldcal.setup import users
from fieldcal.state.database import Database

SECRET = ("--secret", "env:TOKEN")
NOWHERE = ("--url", "http://127.0.0.1:1", *SECRET)


def refused(fieldcal: Fieldcal, *words: object) -> str:
    """The one line that the command says; nothing on standard output."""
    said = fieldcal(*words)
    assert (said.status, said.out) == (1, "")
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("fieldcal: ")
    return lines[0].removeprefix("fieldcal: ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("environment", "show", "x"), "there is no environment 'x'; there are: none yet"),
        (("environment", "set", "x", "interval=5"), "there is no environment 'x'"),
        (("environment", "remove", "x", "--yes"), "there is no environment 'x'"),
        (("environment", "add", "a/b", "--offline", *NOWHERE), "cannot name an environment"),
        (("environment", "add", "x", "--offline", *NOWHERE, "--set", "interval"), "write settings as NAME=VALUE: interval"),
        (("environment", "add", "x", "--offline", "--source", "sap", *NOWHERE), "no source 'sap'; there are: dataverse"),
        (("environment", "add", "x", "--offline", "--url", "http://x", "--secret", "hunter2"), "--secret: write env:NAME"),
        (("environment", "add", "x", "--offline", "--url", "x"), "the credential `token` needs --secret; --url: write an"),
        (("environment", "add", "x", "--offline", "--credential", "passport"), "there are: token, embedded, secret"),
        (("environment", "add", "x", *NOWHERE), "the secret env:TOKEN is not set in this process"),
        (("profile", "activate", "x"), "there is no server profile 'x'; there are: none yet"),
        (("profile", "add", "x", "--offline", "--kind", "domino", *NOWHERE), "there are: exchange-online"),
        (("mailbox", "list"), "name the environment with --environment; there are: none yet"),
        (("mailbox", "list", "-e", "x"), "there is no environment 'x'"),
        (("mailbox", "approve"), "which mailboxes? name addresses, or choose with --all"),
        (("mailbox", "approve", "a@x.example", "--all"), "either addresses or --all"),
        (("user", "grant", "x", "reader"), "there is no user 'x'"),
        (("user", "list", "--as", "nobody"), "there is no user 'nobody'"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_told_in_one_line(fieldcal: Fieldcal, words, says: str) -> None:
    text = refused(fieldcal, *words)
    assert says in text
    assert "hunter2" not in text


def test_a_mistake_in_the_configuration_is_told_by_every_command(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_LOG_LEVEL", "loud")
    monkeypatch.setenv("FIELDCAL_LISTEN", "nowhere")
    Path("fieldcal.toml").write_text("intervall = 5")
    for words in (("environment", "list"), ("db", "upgrade"), ("db", "check"), ("user", "list")):
        text = refused(fieldcal, *words)
        assert all(name in text for name in ("log_level", "listen", "intervall"))


@pytest.fixture
def state(fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, new_sqlite: NewState) -> Path:
    """A sound state, to be spoilt."""
    url = new_sqlite()
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", url)
    return Path(make_url(url).database or "")


EVERY = [("environment", "list"), ("db", "upgrade"), ("db", "check"), ("mailbox", "list", "-e", "x")]


@pytest.mark.parametrize("words", EVERY)
def test_a_state_of_a_newer_version_is_refused(fieldcal: Fieldcal, state: Path, words) -> None:
    connection = sqlite3.connect(state)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert "a newer version wrote it" in refused(fieldcal, *words)


@pytest.mark.parametrize("words", EVERY)
def test_a_file_that_is_no_state_is_refused_and_left_as_it_is(fieldcal: Fieldcal, state: Path, words) -> None:
    state.write_bytes(garbage := b"this is no database" * 100)
    assert "file is not a database" in refused(fieldcal, *words)
    assert state.read_bytes() == garbage


@pytest.mark.parametrize("words", EVERY)
def test_a_database_of_another_program_is_refused(fieldcal: Fieldcal, state: Path, words) -> None:
    state.unlink()
    connection = sqlite3.connect(state)
    connection.execute("CREATE TABLE invoices (id INTEGER)")
    connection.commit()
    connection.close()
    assert "something else" in refused(fieldcal, *words)


def test_a_damaged_file_is_found_by_the_check(fieldcal: Fieldcal, state: Path) -> None:
    content = bytearray(state.read_bytes())
    # past the schema's page, so that only a look at every page sees it
    for page in range(4096 * 2, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    state.write_bytes(content)
    said = fieldcal("db", "check")
    assert said.status == 1
    assert len(said.err.splitlines()) == 1


def test_a_locked_state_is_told_after_a_while(state: Path) -> None:
    holding = sqlite3.connect(state, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    database = Database(f"sqlite:///{state}", busy_timeout=0.05)
    with pytest.raises(ConfigError, match=r"is locked.*Another process holds it") as told, database.write():
        pass
    assert "\n" not in str(told.value)
    holding.close()
    database.close()


@contextmanager
def nobody() -> Iterator[None]:
    """As a user to whom file permissions apply."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="file permissions are another thing here")
def test_a_state_that_may_only_be_read_is_told(
    fieldcal: Fieldcal, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copyfile(state, folder / "state.sqlite3")
        (folder / "state.sqlite3").chmod(0o444)
        folder.chmod(0o555)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("FIELDCAL_DATABASE_URL", f"sqlite:///{folder / 'state.sqlite3'}")
        assert fieldcal("user", "list").status == 0
        with nobody():
            text = refused(fieldcal, "user", "add", "eve")
        assert "readonly" in text
        assert f"may not write the file {folder / 'state.sqlite3'}; give it that right" in text
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_does_not_exist_is_told(fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", "sqlite:///no/such/folder/state.sqlite3")
    assert "there is no folder" in refused(fieldcal, "environment", "list")


def test_a_data_folder_that_cannot_be_made_is_told(fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("FIELDCAL_DATA", "file/data")
    assert "set FIELDCAL_DATA to one that can be written" in refused(fieldcal, "environment", "list")
    monkeypatch.setenv("FIELDCAL_DATA", "none")
    assert "so nothing is installed there" in refused(fieldcal, "status")
    assert not Path("none").exists()


def test_a_postgresql_that_is_not_there_is_told_without_its_password(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", "postgresql://fieldcal:hunter2@127.0.0.1:1/fieldcal")
    text = refused(fieldcal, "environment", "list")
    assert "FIELDCAL_DATABASE_URL" in text
    assert "hunter2" not in text


def test_a_fault_of_our_own_is_told_in_one_line_and_shown_whole_when_asked(
    fieldcal: Fieldcal, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_words: object, **_options: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(users, "everyone", broken)
    words = ("user", "list")
    assert "a fault of Fieldcal itself: KeyError: 'x'; FIELDCAL_DEBUG=1 shows where" in refused(fieldcal, *words)
    monkeypatch.setenv("FIELDCAL_DEBUG", "1")
    with pytest.raises(KeyError):
        fieldcal(*words)
