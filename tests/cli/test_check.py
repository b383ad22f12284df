"""`fieldcal check`: what hands did in a calendar is found and told; what is ours is taken over again."""

from __future__ import annotations

import pytest
from tests.cli.company import Company
from tests.cli.conftest import Fieldcal

from fieldcal.embedded.faults import Fault, Match


@pytest.fixture
def filled(attached: Company, fieldcal: Fieldcal) -> Company:
    assert fieldcal("sync").status == 0
    return attached


def test_what_hands_changed_deleted_and_copied_is_told_and_left_alone(filled: Company, fieldcal: Fieldcal) -> None:
    box = filled.sample.mailboxes[0]
    hands = filled.exchange.hands
    moved, gone, copied = hands.look(box.object_id)[-3:]
    hands.edit(box.object_id, moved, {"subject": "Dentist"})
    hands.delete(box.object_id, gone)
    hands.copy(box.object_id, copied)
    before = len(hands.look(box.object_id))
    (found,) = fieldcal("check", "--json").json()
    kinds = {row["kind"]: row for row in found["findings"]}
    assert kinds.keys() == {"changed", "deleted", "copy"}
    assert "Dentist" in kinds["changed"]["detail"]
    assert {row["address"] for row in found["findings"]} == {box.address}
    assert (found["mailboxes"], found["created"], found["updated"], found["failed"]) == (3, 0, 0, 0)
    assert len(hands.look(box.object_id)) == before
    assert any(event.subject == "Dentist" for event in hands.look(box.object_id))
    said = fieldcal("check", "--mailbox", box.address)
    assert said.status == 0
    assert "main: 1 mailbox checked, 0 adopted, 3 to report" in said.out
    assert "Dentist" in said.out


def test_what_is_written_over_and_made_anew_by_setting_is_told_and_no_failure(
    filled: Company, fieldcal: Fieldcal
) -> None:
    box = filled.sample.mailboxes[0]
    assert fieldcal("environment", "set", "main", "drift=restore").status == 0
    moved, gone = filled.exchange.hands.look(box.object_id)[-2:]
    filled.exchange.hands.edit(box.object_id, moved, {"subject": "Dentist"})
    filled.exchange.hands.delete(box.object_id, gone)
    said = fieldcal("check", "--mailbox", box.address)
    assert said.status == 0
    assert "main: 1 mailbox checked, 0 adopted, 1 created, 1 updated, 0 to report" in said.out


def test_a_second_check_finds_the_same_and_does_nothing(filled: Company, fieldcal: Fieldcal) -> None:
    first, second = fieldcal("check", "--json").json(), fieldcal("check", "--json").json()
    assert first == second
    assert first[0]["findings"] == []


def test_after_the_state_was_lost_everything_that_is_ours_is_taken_over_and_nothing_made_twice(
    filled: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {box: len(events) for box, events in filled.events().items()}
    for path in (filled.folder / "data").iterdir():
        path.unlink()
    filled.attach(fieldcal, monkeypatch)
    filled.set_up_after_loss(fieldcal)
    (did,) = fieldcal("sync", "--json").json()
    assert (did["created"], did["adopted"]) == (0, sum(before.values()))
    assert {box: len(events) for box, events in filled.events().items()} == before


def test_a_mailbox_that_cannot_be_read_makes_exit_1_and_is_named(filled: Company, fieldcal: Fieldcal) -> None:
    sick = filled.sample.mailboxes[2]
    filled.exchange.control.add_fault(
        Fault(kind="status", status=500, times=None, match=Match(path=f"/users/{sick.object_id}"))
    )
    said = fieldcal("check")
    assert said.status == 1
    assert f"{sick.address}: not checked" in said.out
    assert "Traceback" not in said.err


def test_a_mailbox_that_is_switched_off_is_not_looked_at(filled: Company, fieldcal: Fieldcal) -> None:
    off = filled.sample.mailboxes[0]
    assert fieldcal("mailbox", "disable", off.address, "--yes").status == 0
    (found,) = fieldcal("check", "--json").json()
    assert found["mailboxes"] == 2
    before = filled.exchange.control.count()
    (named,) = fieldcal("check", "--mailbox", off.address, "--json").json()
    assert (named["mailboxes"], list(named["not_set_up"])) == (0, [off.address])
    assert filled.exchange.control.count() == before


def test_what_hands_did_is_written_again_when_a_person_says_so(filled: Company, fieldcal: Fieldcal) -> None:
    box = filled.sample.mailboxes[0]
    hands = filled.exchange.hands
    moved, gone, copied = hands.look(box.object_id)[-3:]
    hands.edit(box.object_id, moved, {"subject": "Dentist"})
    hands.delete(box.object_id, gone)
    hands.copy(box.object_id, copied)
    asked = fieldcal("check", "--write-again")
    assert (asked.status, "write 2 events that hands changed or deleted again?" in asked.err) == (1, True)
    assert any(event.subject == "Dentist" for event in hands.look(box.object_id))
    (done,) = fieldcal("check", "--write-again", "--yes", "--json").json()
    assert (done["written_again"], done["left"]) == (2, {})
    now = hands.look(box.object_id)
    assert not any(event.subject == "Dentist" for event in now)
    again = fieldcal("check", "--write-again", "--yes")
    assert (again.status, "1 to report" in again.out) == (0, True)
    assert len(hands.look(box.object_id)) == len(now)
