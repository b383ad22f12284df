"""What the proof has found: each story once went wrong, and its name says what the technician would have seen."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.sync.stage import REST, Stage
from tests.sync.world import NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.state import pauses

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


def test_an_event_of_a_booking_deleted_behind_a_restore_goes_with_the_first_pass(stage: Stage) -> None:
    """Nothing is marked in that mailbox, so it was not read before the night."""
    stage.keeps_a_copy()
    booking = stage.books("Ben", TOMORROW, 2)
    stage.passes()
    stage.oracle.storm = True
    stage.puts_the_copy_back()
    stage.deletes(booking)
    stage.world.field_service.control.actions["expire-delta-tokens"]()
    stage.passes()
    assert stage.events() == []
    stage.quiets()


def test_a_booking_given_away_and_back_behind_a_restore_keeps_its_appointment(stage: Stage) -> None:
    """The restored state remembers an event that was removed since; nothing of the booking seems to have changed."""
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    stage.keeps_a_copy()
    stage.reassigns(booking, "Ben")
    stage.passes()
    stage.reassigns(booking, "Ana")
    stage.oracle.storm = True
    stage.puts_the_copy_back()
    stage.passes()
    assert [stage.boxes[box] for box, _ in stage.events()] == ["Ana"]
    stage.quiets()


def test_a_create_that_was_unanswered_in_the_backup_makes_no_second_appointment(stage: Stage) -> None:
    """Carried out, removed and made anew under another key since; sent again it stood beside the new one."""
    stage.oracle.storm = True
    booking = stage.books("Ana", TOMORROW, 2)
    stage.dying("after write", 1)
    stage.restart()
    stage.keeps_a_copy()
    stage.passes()
    stage.reassigns(booking, "Ben")
    stage.passes()
    stage.reassigns(booking, "Ana")
    stage.passes()
    stage.puts_the_copy_back()
    stage.passes()
    assert len(stage.events()) == 1
    stage.quiets()


def test_a_booking_moved_and_moved_back_around_a_restore_does_not_stay_at_the_wrong_time(stage: Stage) -> None:
    booking = stage.books("Ana", TOMORROW, 2)
    stage.books("Ana", TOMORROW + timedelta(hours=3), 2)
    stage.passes()
    stage.keeps_a_copy()
    stage.moves(booking, TOMORROW + timedelta(days=1), 2)
    stage.passes()
    stage.moves(booking, TOMORROW, 2)
    stage.oracle.storm = True
    stage.puts_the_copy_back()
    stage.world.forget_requests()
    stage.passes()
    assert sorted(stand.start for _, stand in stage.events()) == [TOMORROW, TOMORROW + timedelta(hours=3)]
    # What nobody has touched since the backup is not written again.
    assert stage.world.writes() == 1
    stage.quiets()


def test_a_page_of_a_proxy_is_no_word_that_an_appointment_was_removed(stage: Stage) -> None:
    """Its 200 was taken for one, and the technician kept the appointment of a deleted booking until the night."""
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    stage.deletes(booking)
    stage.plants("Exchange", Fault(kind="garbage", match=Match(method="DELETE")))
    stage.passes()
    stage.quiets()
    assert stage.events() == []


@pytest.mark.parametrize("dead_key", ["new", "error", "dead"])
def test_a_copy_is_not_adopted_when_the_original_goes_before_we_know_of_it(stage: Stage, dead_key: str) -> None:
    """It was taken for the event whose create went unanswered, and the next change wrote into the worker's own copy."""
    stage.world.exchange.control.change(dead_key=dead_key)
    stage.plants("Exchange", Fault(kind="drop_after", match=Match(method="POST")))
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    [(box, original)] = stage.events()
    stage.hand_copies(box, original)
    stage.hand_deletes(box, original)
    stage.quiets()
    stage.moves(booking, TOMORROW + timedelta(hours=3), 2)
    stage.passes()
    starts = sorted(stand.start for _, stand in stage.events())
    assert starts == [TOMORROW, TOMORROW + timedelta(hours=3)]


def test_an_appointment_lost_after_some_failures_is_made_anew_in_the_same_pass(stage: Stage) -> None:
    """What the write taught (a stale etag, an event gone) was only used after a pause: one pass was not enough."""
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    stage.plants("Exchange", Fault(kind="status", status=503, match=Match(method="PATCH"), times=3))
    stage.moves(booking, TOMORROW + timedelta(hours=3), 2)
    for _ in range(3):
        stage.passes()
        stage.waits(timedelta(minutes=5))
    stage.hand_deletes(*stage.events()[0])
    stage.quiets()
    assert [stand.start for _, stand in stage.events()] == [TOMORROW + timedelta(hours=3)]


@pytest.mark.parametrize(
    "fault", [Fault(kind="status", status=500), Fault(kind="drop_before"), Fault(kind="garbage")], ids=lambda f: f.kind
)
def test_one_mailbox_that_fails_for_weeks_does_not_hold_up_the_others(world: World, fault: Fault) -> None:
    """Its failed reads paused everything behind the server profile, up to a quarter of an hour each time."""
    names = [f"Worker {number}" for number in range(12)]
    for name in names:
        world.worker(name, enabled=False)
    world.set_up_again(*names)
    world.pass_()
    for item in (True, False):
        match = Match(path=world.boxes[names[0]], item=item)
        world.exchange.control.add_fault(msgspec.structs.replace(fault, match=match, times=None))
    for hour in range(4):
        for name in names:
            world.book(name, TOMORROW + timedelta(hours=hour), 1)
        world.pass_()
        world.clock.advance(timedelta(minutes=15))
    assert [len(world.ours(name)) for name in names] == [0] + [4] * 11
    with world.database.read() as tx:
        assert set(pauses.lasting(tx, world.clock.now())) <= {world.boxes[names[0]]}
