"""A name that is not known is told before anything is asked or complained about, and a list of nothing says so."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Fieldcal
from tests.cli.test_bad_input import refused

END = ("--offline", "--url", "https://x.example", "--secret", "env:TOKEN")
NO_PLACE, NO_PROFILE = "there is no environment 'nope'", "there is no server profile 'nope'"
NO_USER, NO_BOX, NO_PLAN = "there is no user 'nope'", "there is no mailbox nope in the environment main", "no plan 999"
IN = ("-e", "nope")

TABLE: list[tuple[tuple[str, ...], str]] = [
    *(((*words, "nope"), NO_PLACE) for words in (
        ("environment", "show"), ("environment", "set"), ("environment", "remove"),
        ("environment", "remove", "--events", "keep"), ("environment", "remove", "--events", "clean"),
        ("environment", "webhook", "show"), ("environment", "webhook", "remove"),
        ("environment", "webhook", "remove", "--forget"),
    )),
    (("environment", "set", "nope", "nonsense", "--secret", "stdin"), NO_PLACE),
    (("environment", "set", "nope", "--disable"), NO_PLACE),
    (("environment", "webhook", "add", "nope", "--url", "no address", "--credential", "nonsense"), NO_PLACE),
    (("environment", "webhook", "add", "nope", "--url", "https://x.example", "--secret", "stdin"), NO_PLACE),
    *((("profile", *words), NO_PROFILE) for words in (
        ("set", "nope"), ("set", "nope", "--secret", "stdin"), ("set", "nope", "--url", "x"), ("activate", "nope"),
        ("deactivate", "nope"), ("remove", "nope"),
    )),
    (("user", "grant", "nope", "reader"), NO_USER),
    (("user", "revoke", "nope", "reader"), NO_USER),
    (("user", "disable", "nope"), NO_USER),
    *((("plan", word, "999"), NO_PLAN) for word in ("show", "approve", "reject")),
    *((("mailbox", word, "nope"), NO_BOX) for word in (
        "list", "edit", "approve", "reject", "test", "enable", "disable", "clean", "claim",
    )),
    (("mailbox", "edit", "nope", "--method", "none"), NO_BOX),
    (("mailbox", "edit", "--all", "--profile", "nope"), NO_PROFILE),
    (("mailbox", "claim", "nope", "--take-over"), NO_BOX),
    *((("mailbox", word, "--all", *IN), NO_PLACE) for word in (
        "edit", "approve", "reject", "test", "enable", "disable", "clean", "claim",
    )),
    *(((*words, *IN), NO_PLACE) for words in (
        ("mailbox", "list"), ("mailbox", "import"), ("sync",), ("sync", "--dry-run"), ("check",), ("status",),
        ("plan", "list"), ("why", "x"), ("duplicates", "list"), ("duplicates", "remove"),
    )),
    *(((*words, "--mailbox", "nope"), NO_BOX) for words in (
        ("sync",), ("sync", "--dry-run"), ("check",), ("duplicates", "list"), ("duplicates", "remove"),
    )),
    (("why", "nope"), "no booking 'nope' is known"),
    *(((*words, "--as", "nope"), NO_USER) for words in (
        ("environment", "set", "main"), ("environment", "remove", "main"), ("environment", "webhook", "remove", "main"),
        ("profile", "set", "x"), ("profile", "deactivate", "x"), ("mailbox", "disable", "--all"), ("status",),
    )),
]  # fmt: skip


@pytest.fixture
def main(fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> Fieldcal:
    monkeypatch.setenv("TOKEN", "a-token")
    assert fieldcal("environment", "add", "main", *END).status == 0
    assert fieldcal("profile", "add", "x", *END).status == 0
    return fieldcal


def test_an_unknown_name_is_told_before_anything_else_is_asked_for(main: Fieldcal) -> None:
    wrong = {words: text for words, told in TABLE if told not in (text := refused(main, *words))}
    assert wrong == {}


LISTS: list[tuple[tuple[str, ...], str]] = [
    (("environment", "list"), "There is no environment yet; `fieldcal environment add NAME`"),
    (("profile", "list"), "There is no server profile yet; `fieldcal profile add NAME`"),
    (("user", "list"), "There is no user yet, and whoever runs commands here may do everything; `fieldcal user add"),
    (("plan", "list"), "No plan waits for a person; `fieldcal plan list --all`"),
]
NOBODY = "main: no mailbox is known yet: `fieldcal sync --dry-run` reads the workers with theirs."
WITHOUT_MAILBOXES: list[tuple[tuple[str, ...], str]] = [
    (("mailbox", "list"), NOBODY),
    (("mailbox", "list", "--search", "anna"), "No mailbox of main is in this selection; `fieldcal mailbox list`"),
    (("mailbox", "claim", "--all"), NOBODY),
    (("mailbox", "claim", "--all", "--take-over", "--yes"), NOBODY),
    (("mailbox", "claim", "--state", "disabled"), "No mailbox of main is in this selection; `fieldcal mailbox list`"),
    (("mailbox", "clean", "--all", "--yes"), "main: nothing to clean: no mailbox of this selection was ever written"),
    (("mailbox", "test", "--all", "--yes"), "Nothing to do: no mailbox of this selection is there."),
    (("status",), "no mailbox is known yet: `fieldcal sync --dry-run` reads the workers with theirs"),
]


@pytest.mark.parametrize(("words", "says"), LISTS)
def test_a_list_of_nothing_says_so_and_what_to_do(fieldcal: Fieldcal, words: tuple[str, ...], says: str) -> None:
    said = fieldcal(*words)
    assert (said.status, says in said.out) == (0, True), said.out
    assert fieldcal(*words, "--json").json() == []


def test_where_no_mailbox_is_chosen_that_is_said(main: Fieldcal) -> None:
    said = {words: main(*words) for words, _ in WITHOUT_MAILBOXES}
    assert {
        words: said[words].out + said[words].err for words, told in WITHOUT_MAILBOXES if told not in said[words].out
    } == {}
    assert main("mailbox", "claim", "--all", "--json").json() == []
    assert NOBODY.rstrip(".") in main("mailbox", "import").err


def test_a_source_without_mailboxes_is_told_alike_by_every_command(fieldcal: Fieldcal) -> None:
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert fieldcal("profile", "add", "x", "--credential", "embedded").status == 0
    assert fieldcal("sync", "--dry-run").status == 0
    told = [fieldcal("mailbox", "list").out, fieldcal("status").out, fieldcal("mailbox", "import").err]
    for text in told:
        assert "its workers were read, and none has a mailbox: make bookable resources of type User there" in text
        assert "sync --dry-run" not in text
    assert "main: nothing to check, for no mailbox is switched on" in fieldcal("check").out
    # the embedded Field Service knows one caller: another credential is refused for what it is, not for its form
    for word, url in (("add", ("--url", "http://127.0.0.1:9")), ("show", ()), ("remove", ("--yes",))):
        text = refused(fieldcal, "environment", "webhook", word, "main", *url, "--credential", "token")
        assert "main reads the embedded Field Service, which takes no other credential: leave out --credential" in text


def test_a_change_of_settings_prints_what_changed_and_where_the_rest_stands(main: Fieldcal) -> None:
    said = main("environment", "set", "main", "interval=20", "canceled=keep").out.splitlines()
    assert [line.split() for line in said[:-1]] == [
        ["what", "before", "now"], ["interval", "15", "20"], ["canceled", "mark", "keep"],
    ]  # fmt: skip
    assert said[-1] == "main: `fieldcal environment show main` shows all that is set."
    again = main("environment", "set", "main", "interval=20").out
    assert again.startswith("main: nothing changed, for it was set so already; `fieldcal environment show main`")
    assert (
        "main is forgotten; no event of ours stands in a calendar."
        in main("environment", "remove", "main", "--yes").out
    )
