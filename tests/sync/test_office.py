"""Mailboxes that come late, change or go (D10); removals that wait for a person; a booking that Exchange refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.sync import office
from tests.sync.stage import Stage
from tests.sync.world import NOW

from fieldcal.sync.sort import NOT_OPEN

TOMORROW = NOW + timedelta(days=1)


def owners(stage: Stage) -> list[str]:
    return [stage.boxes[box] for box, _ in stage.events()]


def looked_at_again(stage: Stage) -> None:
    """Everything of Ana's is marked anew, and the hour has room again."""
    stage.waits(timedelta(hours=2))
    for on in (False, True):
        stage.switch_mailbox("Ana", on=on)
    stage.passes()


@pytest.mark.parametrize("whose", ["Dora", "Ben"])
def test_d10_a_mailbox_that_comes_after_the_bookings_is_filled_with_them(stage: Stage, whose: str) -> None:
    order = stage.opens_order()
    for hours in (0, 3, 24 * 30):
        stage.books("Dora", TOMORROW + timedelta(hours=hours), 2, order=order)
    stage.passes()
    stage.edits_order(order)
    office.gives_mailbox(stage, "Dora", whose)
    stage.passes()
    if whose == "Dora":
        assert owners(stage) == []
        office.switches(stage, "Dora")
        stage.passes()
    # Not the job of next month; and the work order as it is now, for the job was never shown before (R11).
    assert [(stage.boxes[box], stand.rows["Summary"]) for box, stand in stage.events()] == [(whose, "Edition 1")] * 2
    stage.quiets()


def test_d10_jobs_of_a_technician_with_a_new_mailbox_stay_in_the_old_one_until_the_new_one_is_set_up(
    stage: Stage,
) -> None:
    stage.books("Early shift", TOMORROW, 2)
    stage.passes()
    office.gives_mailbox(stage, "Early shift", "Dora")
    for _ in range(3):
        stage.passes()
        assert owners(stage) == ["Ana"]
        stage.waits(timedelta(hours=2))
    office.switches(stage, "Dora")
    stage.passes()
    stage.waits(NOT_OPEN)
    stage.passes()
    assert owners(stage) == ["Dora"]
    stage.quiets()


def test_d10_jobs_of_a_technician_who_has_no_mailbox_any_more_stay_where_they_are(stage: Stage) -> None:
    booking = stage.books("Early shift", TOMORROW, 2)
    stage.passes()
    office.gives_mailbox(stage, "Early shift", None)
    stage.passes()
    stage.moves(booking, TOMORROW + timedelta(hours=5), 2)
    stage.passes()
    assert [(stage.boxes[box], stand.start) for box, stand in stage.events()] == [("Ana", TOMORROW)]
    stage.quiets()
    office.gives_mailbox(stage, "Early shift", "Ana")
    stage.passes()
    assert [stand.start for _, stand in stage.events()] == [TOMORROW + timedelta(hours=5)]
    stage.quiets()


def test_i4_removals_held_for_a_person_go_when_approved_and_stay_when_rejected_whatever_time_passes(
    stage: Stage,
) -> None:
    approved, rejected, back = (stage.books("Ana", TOMORROW + timedelta(hours=hours), 2) for hours in (0, 3, 6))
    stage.passes()
    office.spends_the_removals(stage)
    stage.deletes(approved)
    stage.passes()
    looked_at_again(stage)
    assert len(stage.events()) == 3
    office.decides(stage, "approve")
    stage.passes()
    assert {stand.booking for _, stand in stage.events()} == {rejected, back}
    office.spends_the_removals(stage)
    stage.deletes(rejected)
    stage.passes()
    office.decides(stage, "reject")
    stage.activates(back, active=False)
    stage.passes()
    stage.activates(back, active=True)
    stage.moves(back, TOMORROW + timedelta(hours=9), 2)
    looked_at_again(stage)
    starts = {stand.booking: stand.start - TOMORROW for _, stand in stage.events()}
    assert starts == {rejected: timedelta(hours=3), back: timedelta(hours=9)}
    stage.quiets()


def test_i7_a_booking_that_exchange_refuses_again_and_again_holds_up_no_other_and_is_shown_once_corrected(
    stage: Stage,
) -> None:
    refused = stage.books("Ana", TOMORROW, 2)
    office.poisons(stage, refused)
    for hour in range(3):
        stage.books("Ana", TOMORROW + timedelta(hours=3 + hour), 1)
        stage.moves(refused, TOMORROW + timedelta(hours=10 + hour), 2)
        stage.passes()
        assert len(stage.events()) == hour + 1
    stage.quiets()
    assert refused in [stand.booking for _, stand in stage.events()]
