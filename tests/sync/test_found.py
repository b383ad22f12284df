"""What the proof has found: each story once went wrong, and its name says what the technician would have seen."""

from __future__ import annotations

from datetime import timedelta

from tests.sync.stage import REST, Stage
from tests.sync.world import NOW

from fieldcal.embedded.faults import Fault, Match

TOMORROW = NOW + timedelta(days=1)


def test_a_booking_moved_while_its_create_went_unanswered_does_not_stay_at_the_old_time(stage: Stage) -> None:
    stage.plants("Exchange", Fault(kind="drop_before", match=Match(method="POST")))
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    stage.moves(booking, TOMORROW + timedelta(days=1), 2)
    stage.waits(REST)
    stage.passes()
    assert [stand.start for _, stand in stage.events()] == [TOMORROW + timedelta(days=1)]
    stage.quiets()
