"""Setting up by command, from nothing to a mailbox that is switched on, with the embedded ends started as needed."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.cli.company import PROFILE, Company
from tests.cli.conftest import Fieldcal
from tests.values import NOW, WINDOW

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.model import MailboxId, Worker, WorkerId, WorkerKind
from fieldcal.state import schema, workers
from fieldcal.state.database import Database

URL = ("--url", "https://x.example", "--secret", "env:TOKEN", "--offline")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def ends(fieldcal: Fieldcal, data: Path) -> Fieldcal:
    """Both embedded ends attached by command, and three workers with mailboxes."""
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert fieldcal("profile", "add", "Microsoft Exchange Online", "--credential", "embedded").status == 0
    people = {name: f"{name}@x.example" for name in ("anna", "bernd", "clara")}
    ids = {name: uuid.uuid5(uuid.NAMESPACE_DNS, address) for name, address in people.items()}
    exchange = Exchange(data / "exchange.sqlite3")
    exchange.store.mailboxes.add([NewMailbox(ids[name], people[name], name) for name in ("anna", "bernd")])
    exchange.close()
    database = Database(f"sqlite:///{data / 'state.sqlite3'}")
    with database.write() as tx:
        known = [
            Worker(WorkerId(name), name, WorkerKind.USER, True, MailboxId(str(ids[name])), address, address, "UTC")
            for name, address in people.items()
        ]
        workers.store(tx, "main", known, [], WINDOW, NOW)
    database.close()
    return fieldcal


def test_an_environment_is_added_set_shown_and_forgotten(fieldcal: Fieldcal) -> None:
    made = fieldcal(
        "environment", "add", "main", *URL, "--set", "interval=5", "--set", "self-approval=no", "--json"
    ).json()
    assert (made["settings"]["interval"], made["settings"]["self_approval"]) == (5, False)
    assert (made["secret"], made["organization"]) == ("env:TOKEN", "")
    change = ("environment", "set", "main", "interval=20", "--disable", "--url", "http://127.0.0.1:1", "--json")
    # as the page does: signed in to first, and nothing is changed where that fails
    refused = fieldcal(*change)
    assert (refused.status, len(refused.err.splitlines())) == (1, 1)
    assert fieldcal("environment", "show", "main", "--json").json() == made
    after = fieldcal(*change, "--offline").json()
    assert (after["settings"]["interval"], after["enabled"], after["url"]) == (20, False, "http://127.0.0.1:1")
    assert "interval" in fieldcal("environment", "show", "main").out
    assert [row["environment"] for row in fieldcal("environment", "list", "--json").json()] == ["main"]
    assert fieldcal("environment", "set", "main").status == 1
    assert fieldcal("environment", "remove", "main").status == 1  # nobody is there to say yes
    assert fieldcal("environment", "remove", "main", "--yes", "--json").json() == {
        "environment": "main",
        "events_left": 0,
    }
    assert fieldcal("environment", "list", "--json").json() == []


def test_an_end_that_cannot_be_signed_in_to_is_not_kept(fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "a-token")
    nowhere = ("--url", "http://127.0.0.1:1", "--secret", "env:TOKEN")
    for words in (("environment", "add", "main"), ("profile", "add", "exchange")):
        said = fieldcal(*words, *nowhere)
        assert (said.status, len(said.err.splitlines())) == (1, 1)
        assert "no answer from http://127.0.0.1:1" in said.err
        assert fieldcal(words[0], "list", "--json").json() == []


def test_r8_a_profile_is_added_deactivated_activated_and_forgotten(fieldcal: Fieldcal) -> None:
    said = fieldcal("profile", "add", "Microsoft Exchange Online", *URL)
    assert said.out == (
        "Microsoft Exchange Online: Microsoft Exchange Online, active, Server-to-Server Authentication, https://x.example\n"
    )
    assert not fieldcal("profile", "deactivate", "Microsoft Exchange Online", "--json").json()["active"]
    assert fieldcal("profile", "activate", "Microsoft Exchange Online", "--json").json()["active"]
    (row,) = fieldcal("profile", "list", "--json").json()
    assert (row["kind"], row["active"], row["mailboxes"]) == ("exchange-online", True, 0)
    said = fieldcal("profile", "remove", "Microsoft Exchange Online", "--yes")
    assert said.out == "Microsoft Exchange Online is forgotten.\n"
    assert fieldcal("profile", "list", "--json").json() == []


def test_a_secret_from_standard_input_is_kept_encrypted(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    import io

    words = ("profile", "add", "exchange", "--url", "https://x.example", "--secret", "stdin", "--offline")
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    assert "FIELDCAL_SECRET_KEYS; make a key with" in fieldcal(*words).err
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", Fernet.generate_key().decode())
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    said = fieldcal(*words, "--json")
    assert said.json()["secret"] == "encrypted"
    assert "hunter2" not in (data / "state.sqlite3").read_bytes().decode("latin-1")


def test_users_act_by_their_roles_and_the_audit_names_them(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    assert fieldcal("user", "add", "eve", "--name", "Eve", "--sign-in", "eve@x.example", "--json").json()["roles"] == []
    assert fieldcal("environment", "add", "main", *URL, "--as", "eve").status == 1
    assert fieldcal("user", "grant", "eve", "system_admin").out == "eve: system_admin\n"
    monkeypatch.setenv("FIELDCAL_USER", "eve")
    assert fieldcal("environment", "add", "main", *URL).status == 0
    assert "takes the role exchange_admin" in fieldcal("user", "grant", "eve", "exchange_admin").err
    assert fieldcal("user", "revoke", "eve", "system_admin", "--json").json()["roles"] == []
    assert "may not see" in fieldcal("environment", "list").err
    monkeypatch.delenv("FIELDCAL_USER")
    assert fieldcal("user", "list", "--json").json()[0]["sign_in"] == "eve@x.example"
    connection = sqlite3.connect(data / "state.sqlite3")
    rows = connection.execute("SELECT actor, action FROM audit ORDER BY id").fetchall()
    connection.close()
    assert rows == [
        ("operator", "user add"), ("operator", "user grant"), ("eve", "environment add"), ("eve", "user revoke"),
    ]  # fmt: skip


def test_the_state_is_made_upgraded_and_checked(fieldcal: Fieldcal, data: Path) -> None:
    data.mkdir(mode=0o700)
    assert "yet; `fieldcal db upgrade` makes one" in fieldcal("db", "check").err
    made = {"before": None, "now": schema.HEAD, "queue_before": None, "queue": None}
    assert fieldcal("db", "upgrade", "--json").json() == made
    assert fieldcal("db", "upgrade").out == f"The state is at revision {schema.HEAD} already.\n"
    assert fieldcal("db", "check", "--json").json()["revision"] == schema.HEAD
    assert data.stat().st_mode & 0o077 == 0


def test_r9_mailboxes_are_edited_approved_tested_and_switched_on_by_command(ends: Fieldcal) -> None:
    profile = "Microsoft Exchange Online"
    edited = ends("mailbox", "edit", "--all", "--profile", profile, "--method", "server-side-sync", "--yes", "--json")
    assert edited.json() == {"environment": "main", "mailboxes": 3}
    assert ends("mailbox", "approve", "--all", "--yes").out == "Approve: 3 mailboxes of main.\n"
    tested = ends("mailbox", "test", "--all", "--yes")
    assert tested.status == 1  # clara has no mailbox there
    assert "2 of 3 mailboxes succeeded." in tested.out
    assert "mailbox found" in tested.out
    assert "Test & Enable 3/3" in tested.err
    listed = ends("mailbox", "list", "--json").json()
    assert [(row["address"], row["test"], row["ready"]) for row in listed["mailboxes"]] == [
        ("anna@x.example", "success", True),
        ("bernd@x.example", "success", True),
        ("clara@x.example", "failure", False),
    ]
    assert ends("mailbox", "list", "--state", "failure", "--json").json()["total"] == 1


def test_r9_one_mailbox_shows_every_line_and_enable_passes_over_what_is_on(ends: Fieldcal) -> None:
    ends("mailbox", "edit", "anna@x.example", "--profile", "Microsoft Exchange Online", "--method", "server-side-sync")
    ends("mailbox", "approve", "anna@x.example", "--yes")
    said = ends("mailbox", "enable", "anna@x.example", "--yes")
    assert said.status == 0
    assert [line for line in ("sign-in", "mailbox found", "calendar writable") if line not in said.out] == []
    assert ends("mailbox", "enable", "anna@x.example", "--yes", "--json").json() == []
    assert ends("mailbox", "disable", "anna@x.example").out == "Disable: 1 mailbox of main.\n"
    assert (
        ends("mailbox", "list", "anna@x.example", "--json").json()["mailboxes"][0]["why_not"]
        == "switched off by operator"
    )
    (again,) = ends("mailbox", "enable", "anna@x.example", "--yes", "--json").json()
    assert (again["status"], again["enabled"]) == ("success", True)
    assert ends("mailbox", "reject", "anna@x.example").status == 0


def test_r14_the_claim_is_shown_and_taken_over_by_command(ends: Fieldcal) -> None:
    ends("mailbox", "edit", "anna@x.example", "--profile", "Microsoft Exchange Online", "--method", "server-side-sync")
    assert ends("mailbox", "claim", "anna@x.example").out == "anna@x.example is claimed by nobody.\n"
    assert ends("mailbox", "claim", "anna@x.example", "--take-over").status == 1
    taken = ends("mailbox", "claim", "anna@x.example", "--take-over", "--yes", "--json").json()
    assert taken["read"]["environment"] == "main"
    assert "is claimed by the environment main" in ends("mailbox", "claim", "anna@x.example").out
    # Of several, one without a server profile does not keep the others from being taken over.
    many = ends("mailbox", "claim", "--all", "--take-over", "--yes")
    assert (many.status, many.out.count("is claimed by the environment main")) == (1, 1)
    assert many.out.count("no active server profile") == 2


@pytest.mark.parametrize("command", ["approve", "test", "edit", "disable", "reject"])
def test_nothing_is_done_to_many_before_somebody_says_yes(ends: Fieldcal, command: str) -> None:
    words = ("--method", "none") if command == "edit" else ()
    said = ends("mailbox", command, "--all", *words)
    assert said.status == 1
    assert "nothing was done" in said.err
    assert "3 mailboxes of main" in said.err
    assert {row["approval"] for row in ends("mailbox", "list", "--json").json()["mailboxes"]} == {"empty"}


def test_a_text_from_outside_is_shown_as_text(fieldcal: Fieldcal) -> None:
    fieldcal("user", "add", "eve", "--name", "[bold red]Eve[/] \x1b[31m")
    shown = fieldcal("user", "list").out
    assert "[bold red]Eve[/]" in shown
    assert "\x1b" not in shown


def test_a_profile_is_given_a_new_secret_without_testing_anew_and_no_other_server(
    company: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    company.attach(fieldcal, monkeypatch)
    company.set_up(fieldcal)
    assert fieldcal("sync").status == 0
    monkeypatch.setenv("NEXT_TOKEN", company.exchange.token())
    after = fieldcal("profile", "set", PROFILE, "--secret", "env:NEXT_TOKEN", "--yes", "--json").json()
    assert (after["secret"], after["url"]) == ("env:NEXT_TOKEN", company.graph_url)
    monkeypatch.delenv("GRAPH_TOKEN")
    assert fieldcal("mailbox", "list", "--state", "enabled", "--json").json()["total"] == 3
    assert fieldcal("check").status == 0
    for words, says in (
        (("--secret", "env:NOWHERE"), "env:NOWHERE is not set"),
        (("--url", company.source_url), "events of ours stand"),
        (("--url", "http://127.0.0.1:1", "--offline"), "events of ours stand"),
        (("--secret", "hunter2", "--url", "x"), "--url: write an address"),
        ((), "nothing to change"),
    ):
        said = fieldcal("profile", "set", PROFILE, *words, "--yes")
        assert (said.status, says in said.err) == (1, True), said.err
    (kept,) = fieldcal("profile", "list", "--json").json()
    assert (kept["url"], kept["secret"]) == (company.graph_url, "env:NEXT_TOKEN")


@pytest.mark.parametrize("command", ["enable", "test", "edit", "approve", "reject", "disable"])
def test_a_worker_is_refused_anothers_mailbox_whatever_its_state(ends: Fieldcal, command: str) -> None:
    profile = "Microsoft Exchange Online"
    assert ends("mailbox", "edit", "anna@x.example", "--profile", profile, "--method", "server-side-sync").status == 0
    assert ends("mailbox", "approve", "anna@x.example").status == 0
    assert ends("mailbox", "enable", "anna@x.example").status == 0
    assert ends("user", "add", "bernd@x.example").status == 0
    assert ends("user", "grant", "bernd@x.example", "worker").status == 0
    words = ("--method", "none") if command == "edit" else ()
    said = ends("mailbox", command, "anna@x.example", *words, "--as", "bernd@x.example")
    assert (said.status, said.out) == (1, "")
    assert "bernd@x.example may not" in said.err
    assert "anna@x.example" in said.err


def test_a_mailbox_that_is_named_and_does_not_fit_the_rest_is_told(ends: Fieldcal) -> None:
    said = ends("mailbox", "disable", "anna@x.example", "--state", "enabled")
    assert (said.status, said.out) == (1, "")
    assert "fits --state enabled: anna@x.example" in said.err
    nobody = ends("mailbox", "disable", "--search", "no such name")
    assert (nobody.status, nobody.out) == (0, "Nothing to do: no mailbox of main is in this selection.\n")
