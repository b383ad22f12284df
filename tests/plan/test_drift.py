"""D8: what is done about a hand's change or deletion, and when a respected deletion ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import BOOKING, DAY, HOUR, SETTINGS, candidate, linked, observed, place, show

from fieldcal.model import Intent, Link, StatusKind, Update
from fieldcal.plan.decide import decide, gone
from fieldcal.plan.drift import DELETED, Answer, Drifted, answer
from fieldcal.plan.rules import Reason, same_job, trigger_values
from fieldcal.plan.settings import Drift

LINK = linked()
MOVED = Drifted(LINK, replace(observed(), start=BOOKING.start + HOUR))
DELETION = Drifted(LINK, None)
RESPECT = replace(SETTINGS, drift=Drift.RESPECT)
DECLINED = replace(LINK, declined=True)


@pytest.mark.parametrize(
    ("drifted", "choice", "wanted", "expected"),
    [
        pytest.param(MOVED, Drift.REPORT, True, Answer.REPORT, id="a change is reported"),
        pytest.param(DELETION, Drift.REPORT, True, Answer.REPORT, id="a deletion is reported"),
        pytest.param(MOVED, Drift.RESTORE, True, Answer.RESTORE, id="a change is written over"),
        pytest.param(DELETION, Drift.RESTORE, True, Answer.RESTORE, id="what was deleted is made anew"),
        pytest.param(MOVED, Drift.RESTORE, False, Answer.REPORT, id="not what the rules leave alone"),
        pytest.param(DELETION, Drift.RESTORE, False, Answer.REPORT, id="nor made where none would be"),
        pytest.param(MOVED, Drift.RESPECT, True, Answer.REPORT, id="a change is not respected, only reported"),
        pytest.param(DELETION, Drift.RESPECT, True, Answer.DECLINE, id="a deletion is respected"),
    ],
)
def test_d8_each_choice_answers_a_hand_in_its_way(
    drifted: Drifted, choice: Drift, wanted: bool, expected: Answer
) -> None:
    assert answer(drifted, choice, wanted=wanted)[0] is expected


@pytest.mark.parametrize("choice", Drift)
@pytest.mark.parametrize("drifted", [MOVED, DELETION], ids=["moved", "deleted"])
def test_d8_what_is_written_once_more_anyway_is_neither_restored_nor_respected(choice: Drift, drifted: Drifted) -> None:
    again = replace(drifted, link=replace(LINK, rewrite=True))
    assert answer(again, choice, wanted=True)[0] is Answer.REPORT


@pytest.mark.parametrize("drifted", [MOVED, DELETION], ids=["moved", "deleted"])
def test_f34_f16_what_stands_again_right_after_it_was_written_over_is_left(drifted: Drifted) -> None:
    once = replace(LINK, restored=drifted.print)
    what, told = answer(replace(drifted, link=once), Drift.RESTORE, wanted=True)
    assert (what, "stands so again" in told) == (Answer.REPORT, True)
    other = Drifted(once, replace(observed(), start=BOOKING.start + DAY))
    assert answer(other, Drift.RESTORE, wanted=True)[0] is Answer.RESTORE


def test_d8_the_body_is_no_part_of_a_difference_and_equal_differences_have_equal_prints() -> None:
    assert MOVED.print == Drifted(LINK, replace(observed(), start=BOOKING.start + HOUR, stamp="x", etag="y")).print
    assert len({MOVED.print, DELETION.print, Drifted(LINK, replace(observed(), subject="Mine")).print}) == 3
    assert DELETION.print == DELETED


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"status": "status-traveling", "status_name": "Traveling"}, True, id="its status alone"),
        pytest.param({"name": "Another name"}, True, id="its name"),
        pytest.param({"start": BOOKING.start + HOUR}, False, id="its start"),
        pytest.param({"end": BOOKING.end + HOUR}, False, id="its end"),
        pytest.param({"work_order": None}, False, id="its work order"),
        pytest.param({"kind": StatusKind.CANCELED}, False, id="canceled, or taken back"),
        pytest.param({"kind": StatusKind.PROPOSED}, False, id="proposed, or confirmed"),
    ],
)
def test_d8_a_respected_deletion_ends_with_a_change_of_the_job_and_not_of_its_status_alone(
    changes: dict[str, object], same: bool
) -> None:
    now = replace(BOOKING, **changes)  # type: ignore[arg-type] # fields by name
    assert same_job(trigger_values(BOOKING, None, SETTINGS), trigger_values(now, None, SETTINGS)) is same
    decision = decide(candidate(now, link=DECLINED), place(RESPECT), show)
    assert (decision.reason is Reason.DECLINED) is same
    assert isinstance(decision.action, Update) is not same


def test_d8_a_respected_deletion_holds_whatever_marks_the_booking_and_only_while_the_setting_stands() -> None:
    for link in (DECLINED, replace(DECLINED, rewrite=True)):
        assert decide(candidate(link=link), place(RESPECT), show).reason is Reason.DECLINED
    traveling = replace(BOOKING, status="status-traveling")
    assert isinstance(decide(candidate(traveling, link=DECLINED), place(), show).action, Update)


@pytest.mark.parametrize(
    ("choice", "changes", "yields"),
    [
        (Drift.RESPECT, {"status": "status-traveling"}, True),
        (Drift.RESPECT, {"start": BOOKING.start + HOUR}, False),
        (Drift.REPORT, {"status": "status-traveling"}, False),
        (Drift.RESTORE, {"status": "status-traveling"}, False),
    ],
)
def test_d8_an_update_that_finds_the_event_deleted_yields_only_where_that_is_respected(
    choice: Drift, changes: dict[str, object], yields: bool
) -> None:
    now = replace(BOOKING, **changes)  # type: ignore[arg-type] # fields by name
    assert decide(candidate(now, link=LINK), place(replace(SETTINGS, drift=choice)), show).yields is yields
    # Written once more after a restore, it may have been our own removal that took the event.
    assert not decide(candidate(now, link=replace(LINK, rewrite=True)), place(RESPECT), show).yields


@pytest.mark.parametrize(("choice", "declined"), [(Drift.RESPECT, True), (Drift.REPORT, False)])
def test_d8_an_unanswered_update_whose_event_a_hand_deleted_yields_too(choice: Drift, declined: bool) -> None:
    now = replace(BOOKING, status="status-traveling")
    decision = decide(candidate(now, link=LINK), place(RESPECT), show)
    assert decision.action is not None
    open_link = replace(LINK, intent=Intent(decision.action, BOOKING.start, decision.triggers or {}))
    after = gone(open_link, replace(SETTINGS, drift=choice))
    expected = DECLINED if declined else Link(LINK.mailbox, LINK.booking, 1, None)
    assert after == expected
