"""The commands that set CalDAV up: every mistake in one clear line, nothing half done, and no secret shown or kept open."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update
from tests.cli.conftest import Fieldcal
from tests.cli.test_bad_input import refused
from tests.values import COLLEAGUE, NOW, WINDOW, WORKER

from fieldcal.secrets import Secrets
from fieldcal.state import people_tables, tables, workers
from fieldcal.state.database import Database

DAV = ("--kind", "caldav", "--offline")
OWN = (*DAV, "--url", "https://dav.example/")
ANNA, BERND = WORKER.address, COLLEAGUE.address


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("dav", *DAV), ("needs --url, such as https://dav",)),
        (("dav", *OWN, "--client-id", "x"), ("takes no --client-id; a user is named by --user-name",)),
        (("dav", *OWN, "--tenant", "t", "--calendar", " x", "--credential", "secret", "--secret", "hunter2"),
         ("takes no --tenant", "--calendar: write a name", "no credential 'secret'", "--secret: write env:NAME")),
        (("dav", *OWN, "--user-name", "service", "--secret", "env:P"), ("one credential for all needs {user}",)),
        (("dav", *OWN, "--user-name", "service"), ("needs both --user-name and --secret",)),
        (("dav", *DAV, "--url", "http://dav.example/{user}/"), ("http:// would show the password to everybody",)),
        (("dav", *DAV, "--url", "https://a:hunter2@dav.example/"), ("give them as --user-name and --secret",)),
        (("exo", "--offline", "--url", "https://x.example", "--secret", "env:T", "--user-name", "u", "--calendar", "B",
          "--at-once", "9"), ("takes no --user-name", "takes no --calendar", "takes no --at-once")),
        (("exo", "--offline", "--url", "https://x.example", "--credential", "password"), ("no credential 'password'",)),
    ],
)  # fmt: skip
def test_a_profile_with_mistakes_is_not_made(fieldcal: Fieldcal, words: Sequence[str], says: Sequence[str]) -> None:
    text = refused(fieldcal, "profile", "add", *words)
    assert [phrase for phrase in says if phrase not in text] == []
    assert "hunter2" not in text
    assert fieldcal("profile", "list", "--json").json() == []


def test_a_profile_is_added_shown_and_changed_in_words_that_fit(fieldcal: Fieldcal) -> None:
    said = fieldcal("profile", "add", "dav", *OWN)
    assert said.out == (
        "dav: CalDAV, active, each mailbox signs in by itself, https://dav.example/, the default calendar of each mailbox, "
        "at most 8 requests at once\n"
    )
    words = ("--url", "https://dav.example/{user}/", "--user-name", "service", "--secret", "env:P", "--calendar",
             "Bookings", "--at-once", "3", "--offline")  # fmt: skip
    changed = fieldcal("profile", "set", "dav", *words, "--json").json()
    assert changed == {
        "profile": "dav", "kind": "caldav", "active": True, "url": "https://dav.example/{user}/",
        "credential": "password", "user_name": "service", "secret": "env:P", "calendar": "Bookings", "at_once": 3,
    }  # fmt: skip
    told = fieldcal("profile", "list").out
    assert "Bookings" in told
    own = fieldcal("profile", "set", "dav", "--user-name", "", "--secret", "", "--calendar", "", "--offline", "--json")
    assert (own.json()["user_name"], own.json()["secret"], own.json()["calendar"]) == ("", "", "")
    for word in ("Exchange", "Graph", "Entra", "tenant"):
        assert word not in said.out
        assert word not in told.replace("tenant or calendar", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "https://dav.example/x/"), "one credential for all needs {user}"),
        (("--client-id", "x"), "takes no --client-id"),
        (("--authority", "https://x.example"), "takes no --authority"),
        (("--credential", "certificate"), "no credential 'certificate'"),
    ],
)
def test_a_change_with_a_mistake_changes_nothing(fieldcal: Fieldcal, words: Sequence[str], says: str) -> None:
    made = ("--url", "https://dav.example/{user}/", "--user-name", "service", "--secret", "env:P")
    assert fieldcal("profile", "add", "dav", *DAV, *made).status == 0
    before = fieldcal("profile", "list", "--json").out
    assert says in refused(fieldcal, "profile", "set", "dav", *words, "--offline")
    assert fieldcal("profile", "list", "--json").out == before


def test_a_server_that_does_not_answer_makes_no_profile(fieldcal: Fieldcal) -> None:
    text = refused(fieldcal, "profile", "add", "dav", "--kind", "caldav", "--url", "http://127.0.0.1:1/")
    assert "no answer from http://127.0.0.1:1/: nobody listens at that address" in text
    assert fieldcal("profile", "list", "--json").json() == []


@pytest.fixture
def main(fieldcal: Fieldcal, tmp_path: Path) -> Fieldcal:
    """An environment with two mailboxes, written through a CalDAV profile at which each signs in by itself."""
    assert (
        fieldcal("environment", "add", "main", "--offline", "--url", "https://x.example", "--secret", "env:T").status
        == 0
    )
    assert fieldcal("profile", "add", "dav", *OWN).status == 0
    with state(tmp_path).write() as tx:
        workers.store(tx, "main", [WORKER, COLLEAGUE], [], WINDOW, NOW)
        tx.execute(update(tables.mailboxes).values(profile="dav"))
    return fieldcal


def state(folder: Path) -> Database:
    return Database(f"sqlite:///{folder / 'data' / 'state.sqlite3'}")


def kept(folder: Path) -> dict[str, tuple[str, str]]:
    """Account name and reference of each mailbox, by address."""
    with state(folder).read() as tx:
        columns = tables.mailboxes.c
        rows = tx.execute(select(columns.address, columns.user_name, columns.secret))
        return {row.address: (row.user_name, row.secret) for row in rows}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((ANNA, "--secret", "hunter2"), "--secret: write env:NAME, file:PATH or stdin"),
        ((ANNA, "--user-name", "a:b"), "--user-name: write at most"),
        ((ANNA, "--user-name", ""), "--user-name: it is empty; --no-user-name takes it away"),
        ((ANNA, "--secret", "env:P", "--no-secret"), "either --secret or --no-secret"),
        (("--all", "--yes", "--secret", "env:P"), "an account is one mailbox's own; for several see"),
        ((ANNA, BERND, "--yes", "--user-name", "u"), "an account is one mailbox's own"),
        (("nobody@x.example", "--secret", "env:P"), "there is no mailbox nobody@x.example"),
    ],
)
def test_a_credential_with_a_mistake_is_not_kept(
    main: Fieldcal, tmp_path: Path, words: Sequence[str], says: str
) -> None:
    text = refused(main, "mailbox", "edit", *words)
    assert says in text
    assert "hunter2" not in text
    assert set(kept(tmp_path).values()) == {("", "")}


def test_a_credential_is_set_shown_without_the_secret_and_taken_away(
    main: Fieldcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", Fernet.generate_key().decode())
    monkeypatch.setattr("sys.stdin", io.StringIO("PLANTED-hers\n"))
    assert main("mailbox", "edit", ANNA, "--user-name", "anna", "--secret", "stdin").status == 0
    rows = {row["address"]: row for row in main("mailbox", "list", "--json").json()["mailboxes"]}
    assert [(rows[who]["user_name"], rows[who]["secret"]) for who in (ANNA, BERND)] == [("anna", "encrypted"), ("", "")]
    table = main("mailbox", "list").out
    assert "signs in as" in table
    assert f"{BERND}, no secret yet" in table
    assert b"PLANTED" not in (tmp_path / "data" / "state.sqlite3").read_bytes()
    assert main("mailbox", "edit", "--all", "--yes", "--no-secret", "--no-user-name").status == 0
    assert set(kept(tmp_path).values()) == {("", "")}


def test_credentials_of_many_come_from_a_file_and_are_kept_encrypted(
    main: Fieldcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Fernet.generate_key().decode()
    file = tmp_path / "people.csv"
    file.write_text(f"address;user;password\n{ANNA};anna;PLANTED-1\n{BERND.upper()};;PLANTED;2\n")
    assert "line 3: 4 cells where the head names 3" in refused(main, "mailbox", "credentials", file)
    file.write_text(f'address;user;password\n{ANNA};anna;PLANTED-1\n{BERND.upper()};;"PLANTED;2"\n')
    assert "encrypted secrets need FIELDCAL_SECRET_KEYS" in refused(main, "mailbox", "credentials", file, "--yes")
    assert set(kept(tmp_path).values()) == {("", "")}
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", key)
    assert "Add --yes to say so" in refused(main, "mailbox", "credentials", file)
    shown = main("mailbox", "credentials", file, "--dry-run", "--json").json()["mailboxes"]
    assert [(row["line"], row["address"], row["user_name"], row["secret"]) for row in shown] == [
        (2, ANNA, "anna", "encrypted"), (3, BERND, BERND, "encrypted"),
    ]  # fmt: skip
    assert set(kept(tmp_path).values()) == {("", "")}
    said = main("mailbox", "credentials", file, "--yes")
    assert said.out.startswith("Credentials set: 2 mailboxes of main.\nThe passwords are kept encrypted; delete ")
    found = kept(tmp_path)
    assert [found[who][0] for who in (ANNA, BERND)] == ["anna", ""]
    assert [Secrets([key]).resolve(found[who][1]) for who in (ANNA, BERND)] == ["PLANTED-1", "PLANTED;2"]
    with state(tmp_path).read() as tx:
        audit = [row.detail for row in tx.execute(select(people_tables.audit)) if row.action == "mailbox credentials"]
    assert audit == ["account name, secret"] * 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("address,secret\nwho@x.example,env:A\nanna@x.example,hunter2\nanna@x.example,env:A\n",
         ("of 3 lines", "line 2: there is no mailbox who@x.example", "line 3: secret: write env:NAME or file:PATH",
          "line 4: anna@x.example stands in line 3 already")),
        ("address,user\nanna@x.example,a:b\n", ("line 2: write at most",)),
        ("address,user\n", ("there is no mailbox in the file",)),
        ("\xff\xfe", ("line 1: name the columns",)),
    ],
)  # fmt: skip
def test_a_file_with_mistakes_changes_nothing_and_each_is_told_by_its_line(
    main: Fieldcal, tmp_path: Path, text: str, says: Sequence[str]
) -> None:
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    said = refused(main, "mailbox", "credentials", tmp_path / "people.csv", "--yes")
    assert said.startswith("nothing was changed")
    assert [phrase for phrase in says if phrase not in said] == []
    assert "hunter2" not in said
    assert set(kept(tmp_path).values()) == {("", "")}


def test_a_file_that_cannot_be_read_is_told(main: Fieldcal, tmp_path: Path) -> None:
    assert "cannot be read (No such file" in refused(main, "mailbox", "credentials", tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("address,user\nanna@x.example,größe\n".encode("latin-1"))
    assert "not text in UTF-8" in refused(main, "mailbox", "credentials", tmp_path / "latin.csv")


def test_test_and_enable_says_that_nobody_can_sign_in_and_how_to_mend_it(main: Fieldcal, tmp_path: Path) -> None:
    with state(tmp_path).write() as tx:
        tx.execute(update(tables.environments).values(organization="o"))
    assert main("mailbox", "edit", ANNA, "--method", "server-side-sync").status == 0
    assert main("mailbox", "approve", ANNA).status == 0
    said = main("mailbox", "test", ANNA, "--json")
    assert said.status == 1
    assert "It has no secret of its own" in said.out
    assert f"`fieldcal mailbox edit {ANNA} --user-name NAME --secret env:NAME`" in said.out
