"""`fieldcal token`: printed once, listed without its text, taken back."""

from __future__ import annotations

from tests.cli.conftest import Fieldcal


def test_a_token_is_printed_once_listed_without_its_text_and_taken_back(fieldcal: Fieldcal) -> None:
    assert fieldcal("user", "add", "alice").status == 0
    made = fieldcal("token", "add", "nightly", "--user", "alice", "--scope", "read")
    assert made.status == 0
    text = made.out.split()[0]
    assert text.startswith("fieldcal_")
    listed = fieldcal("token", "list")
    assert "nightly" in listed.out
    assert text not in listed.out
    assert fieldcal("token", "revoke", "nightly").status == 0
    assert fieldcal("token", "revoke", "nightly").status == 1
    assert "nightly" not in fieldcal("token", "list").out
