"""`fieldcal user`: passwords and links for the admin centre, and nothing secret on a command line."""

from __future__ import annotations

import io

import pytest
from tests.cli.conftest import Fieldcal

PASSWORD = "correct horse battery"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    def type_in(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return type_in


def test_a_user_gets_a_password_from_standard_input_and_another_one(fieldcal: Fieldcal, typed) -> None:
    typed(f"{PASSWORD}\n")
    assert fieldcal("user", "add", "alice", "--password", "stdin").status == 0
    typed("another good one\n")
    assert fieldcal("user", "password", "alice", "--password", "stdin").status == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("user", "add", "bob", "--password", PASSWORD), "a command line is seen by all"),
        (("user", "add", "bob", "--password", "stdin"), "at least 12"),
        (("user", "add", "bob", "--password", "stdin", "--invite"), "not both"),
        (("user", "password", "bob"), "say how"),
        (("user", "password", "nobody", "--invite"), "no user"),
        (("user", "tie", "nobody", "x"), "no user"),
    ],
)
def test_what_will_not_do_is_one_line_and_makes_nobody(
    fieldcal: Fieldcal, typed, words: tuple[str, ...], told: str
) -> None:
    typed("short\n" if "--invite" not in words else f"{PASSWORD}\n")
    said = fieldcal(*words)
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert told in said.err
    assert PASSWORD not in said.err
    assert fieldcal("user", "list", "--json").json() == []


def test_a_link_is_printed_with_the_address_and_for_the_operator_only_where_the_rights_reach(
    fieldcal: Fieldcal,
) -> None:
    told = fieldcal("user", "add", "carol", "--invite", "--json").json()
    assert told["link"].startswith("http://127.0.0.1:8765/invitation/")
    fieldcal("user", "grant", "carol", "exchange_admin")
    fieldcal("user", "add", "dave")
    fieldcal("user", "grant", "dave", "system_admin")
    refused = fieldcal("user", "password", "carol", "--invite", "--as", "dave")
    assert refused.status == 1
    assert "may not set the password of carol" in refused.err
    assert "The link works once" in fieldcal("user", "password", "carol", "--invite").out


def test_a_user_who_has_left_is_disabled_after_a_question(fieldcal: Fieldcal) -> None:
    fieldcal("user", "add", "eve")
    fieldcal("user", "grant", "eve", "reader")
    assert "Add --yes to say so" in fieldcal("user", "disable", "eve").err
    assert fieldcal("user", "disable", "eve", "--yes", "--json").json()["roles"] == []


def test_a_user_is_tied_to_the_directory_and_signed_out(fieldcal: Fieldcal) -> None:
    fieldcal("user", "add", "erika")
    assert fieldcal("user", "tie", "erika", "0c0a", "--json").json()["object_id"] == "0c0a"
    assert fieldcal("user", "signout", "erika").out.strip() == "erika: 0 sessions ended."
