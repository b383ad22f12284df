"""Every mistake of a command at once, none silently passed over; and what the help says fits a terminal."""

from __future__ import annotations

import pytest
import typer
from tests.cli.conftest import Fieldcal
from tests.cli.test_bad_input import refused

from fieldcal.cli import app, told
from fieldcal.errors import StateAway

OFFLINE = ("--offline", "--url", "https://x.example", "--secret", "env:TOKEN")


@pytest.fixture
def main(fieldcal: Fieldcal) -> Fieldcal:
    assert fieldcal("environment", "add", "main", *OFFLINE).status == 0
    return fieldcal


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("environment", "set", "main", "interval=0", "canceled=gone", "subject_template={{ x }}", "booking_url=x",
             "nonsense", "window_past=1", "window-past=2", "--url", "x", "--secret", "hunter2"),
            ("interval: '0'", "canceled: 'gone'", "subject_template", "booking_url", "write settings as NAME=VALUE: nonsense",
             "window_past: given twice", "--url: write an address", "--secret: write env:NAME"),
        ),
        (
            ("environment", "add", "a/b", "--source", "sap", "--set", "interval=0", "--set", "body_template={% if %}",
             "--url", "x", "--offline"),
            ("cannot name an environment", "no source 'sap'", "interval: '0'", "body_template", "needs --secret",
             "--url: write an address"),
        ),
        (
            ("profile", "add", "a/b", "--kind", "domino", "--url", "x", "--offline"),
            ("cannot name a server profile", "no kind of server profile 'domino'", "needs --secret", "--url: write an"),
        ),
    ],
)  # fmt: skip
def test_all_mistakes_are_told_at_once_and_nothing_is_changed(
    main: Fieldcal, words: tuple[str, ...], says: tuple[str, ...]
) -> None:
    before = main("environment", "list", "--json").out
    text = refused(main, *words)
    assert [phrase for phrase in says if phrase not in text] == []
    assert "hunter2" not in text
    assert main("environment", "list", "--json").out == before


def test_a_command_says_what_a_page_keeps_to_itself_of_a_database_that_is_away() -> None:
    assert told(StateAway("it cannot be used at this moment", "fs.sqlite3: disk I/O error")).endswith(
        "at this moment: fs.sqlite3: disk I/O error"
    )


@pytest.mark.parametrize("command", ["environment", "profile"])
@pytest.mark.parametrize("option", ["--url", "--authority"])
def test_a_token_is_not_sent_in_the_clear_to_another_machine(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    words = (command, "add", "main", "--offline", "--secret", "env:T", "--client-id", "c", "--credential", "embedded")
    ends = {"--url": "https://x.example", "--authority": "https://x.example", option: "http://cal.example:8080"}
    given = [*words, *(part for pair in ends.items() for part in pair)]
    text = refused(fieldcal, *given)
    assert f"{option}: http:// would show the token to everybody on the way to cal.example" in text
    monkeypatch.setenv("FIELDCAL_PLAIN_HTTP", "other.example, cal.example")
    assert fieldcal(*given).status == 0
    monkeypatch.delenv("FIELDCAL_PLAIN_HTTP")
    if command == "environment":
        assert "on the way to cal.example" in refused(fieldcal, "sync")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "x.localhost"])
def test_http_to_this_machine_is_nobodys_mistake(fieldcal: Fieldcal, host: str) -> None:
    words = ("profile", "add", "x", "--offline", "--url", f"http://{host}:8080", "--secret", "env:T")
    assert fieldcal(*words).status == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("frobnicate",), "No such command 'frobnicate'; see `fieldcal --help`"),
        (
            ("mailbox", "list", "--limit", "0"),
            "--limit': write a number of at least 1; see `fieldcal mailbox list --help`",
        ),
        (("mailbox", "list", "--limit", "20000"), "write a number of at most 10000"),
        (("mailbox", "list", "--limit", "many"), "write a whole number"),
        (("plan", "show", "x"), "Invalid value for 'NUMBER': write a whole number"),
        (("mailbox", "edit", "--method", "server_side_sync"), "is not one of 'none', 'server-side-sync'; see"),
        (("environment", "add"), "Missing argument 'NAME'; see `fieldcal environment add --help`"),
        (("mailbox", "list", "--frob"), "No such option: --frob"),
    ],
)
def test_a_command_that_is_not_written_right_is_answered_in_one_line_of_ours(
    fieldcal: Fieldcal, words: tuple[str, ...], says: str
) -> None:
    said = fieldcal(*words)
    assert (said.status, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert says in said.err
    assert "Value error" not in said.err
    assert "Input should" not in said.err


def test_a_group_without_a_command_shows_what_there_is(fieldcal: Fieldcal) -> None:
    said = fieldcal("mailbox")
    assert said.status == 2
    assert "Approve the e-mail addresses." in said.out + said.err


def test_nothing_to_change_is_told_before_anything_is_asked(main: Fieldcal) -> None:
    assert "nothing to change: name a --profile" in refused(main, "mailbox", "edit", "--all")


def test_the_version_is_told(fieldcal: Fieldcal) -> None:
    from fieldcal import __version__

    assert fieldcal("--version").out == f"fieldcal {__version__}\n"


def test_no_line_of_the_help_is_cut_off_on_a_terminal_of_80_columns(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    groups = [name for name, child in typer.main.get_command(app).commands.items() if hasattr(child, "commands")]  # type: ignore[attr-defined] # a group of typer's
    assert "mailbox" in groups
    for words in ((), *((group,) for group in groups)):
        lines = fieldcal(*words, "--help").out.splitlines()
        assert [line for line in lines if line.endswith("...") and "Usage" not in line] == []


def test_ends_of_the_embedded_systems_are_named_where_they_have_no_address(fieldcal: Fieldcal) -> None:
    assert fieldcal("environment", "add", "main", "--credential", "embedded").out.startswith(
        "main: the embedded Field Service, organization "
    )
    assert "the embedded Exchange" in fieldcal("profile", "add", "x", "--credential", "embedded").out
    assert "embedded" in fieldcal("environment", "list").out


def test_an_environment_that_was_read_and_has_nobody_is_not_told_to_read(fieldcal: Fieldcal) -> None:
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert "`fieldcal sync --dry-run` reads" in fieldcal("mailbox", "list").out
    assert fieldcal("sync", "--dry-run").status == 0
    said = fieldcal("mailbox", "list").out
    assert "`fieldcal sync" not in said
    assert "make bookable resources of type User" in said
