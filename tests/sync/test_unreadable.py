"""A booking that the source cannot show properly is set aside: its event stays as it is, and its neighbours go on (I7).

It is no evidence, it is told of, and once its row can be read it goes its normal way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.model import BookingId
from fieldcal.state import alerts, aside, feeds, waiting
from fieldcal.state.aside import Kind
from fieldcal.sync.explain import explain
from fieldcal.sync.look import look

TOMORROW = NOW + timedelta(days=1)
HOUR = timedelta(hours=1)
NewWorld = Callable[..., World]

#: what a row can lack or hold that keeps it from being read
BAD: list[dict[str, Any]] = [
    {"starttime": None},
    {"endtime": None},
    {"statecode": None},
    {"starttime": "yesterday"},
    {"starttime": "0000-00-00T00:00:00Z"},
    {"endtime": "9999-12-31T23:59:59-05:00"},
    {"_bookingstatus_value": "scheduled"},
    {"_resource_value": 7},
    {"_msdyn_workorder_value": "{}"},
]


@pytest.fixture(params=["tracked", "swept"])
def world(request: pytest.FixtureRequest, new_world: NewWorld) -> World:
    """Ana is set up; changes are told, or the window is read whole at every pass."""
    made = new_world(swept=request.param == "swept")
    made.worker("Ana")
    return made


@pytest.fixture
def tracked(new_world: NewWorld) -> World:
    made = new_world()
    made.worker("Ana")
    return made


def goes_bad(world: World, booking: str, row: str = "", **columns: Any) -> None:
    """The booking changes, and its row (or `row`) is shown from now on so that it cannot be read."""
    world.change(booking, name="changed")
    world.field_service.control.change(spoiled={row or booking: columns or {"starttime": None}})


def gets_well(world: World) -> None:
    """Everything is shown as it is; nobody tells of it as a change."""
    world.field_service.control.change(spoiled={})


def reason(world: World, key: str, kind: Kind = Kind.BOOKING) -> str:
    """Why it is set aside, "" if it is not."""
    with world.database.read() as tx:
        found = aside.load(tx, ENVIRONMENT, kind, [key])
    return found[key].reason if key in found else ""


def alert(world: World, code: str = aside.BOOKINGS) -> str:
    with world.database.read() as tx:
        return next((each.message for each in alerts.standing(tx, ENVIRONMENT) if each.code == code), "")


def why(world: World, booking: BookingId) -> str:
    with world.database.read() as tx:
        told = explain(tx, world.site, booking)
    return told.answer if told else ""


def starts(world: World, name: str = "Ana") -> list[Any]:
    return [event.start for event in world.ours(name)]


def test_i7_f40_one_row_that_cannot_be_read_stops_neither_its_neighbours_nor_the_cursor(world: World) -> None:
    kept = world.book("Ana", TOMORROW)
    world.pass_()
    for number, bad in enumerate(BAD, start=1):
        goes_bad(world, kept, **bad)
        new = world.book("Ana", TOMORROW + number * HOUR, hours=1)
        report = world.pass_()
        done = (report.error, report.tally.created, report.tally.updated, report.tally.removed)
        assert done == ("", 1, 0, 0), bad
        assert len(starts(world)) == number + 1, bad
        assert reason(world, kept), bad
        assert not reason(world, new), bad
        gets_well(world)
        report = world.pass_()
        assert (report.error, report.tally.updated, report.tally.removed) == ("", 0, 0), bad
        assert (reason(world, kept), alert(world)) == ("", ""), bad


def test_i7_the_cursor_goes_on_past_a_row_that_cannot_be_read(tracked: World) -> None:
    booking = tracked.book("Ana", TOMORROW)
    tracked.pass_()
    goes_bad(tracked, booking)
    tracked.book("Ana", TOMORROW + 3 * HOUR)
    changes = [tracked.pass_().tally.changes for _ in range(2)]
    assert changes == [1, 0], "the page is not told again"


def test_i4_a_row_gone_bad_is_no_evidence_and_what_it_says_when_it_is_well_is_carried(world: World) -> None:
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.move(booking, TOMORROW + 5 * HOUR)
    goes_bad(world, booking, endtime="soon")
    for _ in range(3):
        world.pass_()
        world.check(everything=True)
        assert starts(world) == [TOMORROW]
    assert reason(world, booking) == "its end (endtime) cannot be read"
    assert booking in alert(world)
    told = why(world, booking)
    assert told.startswith("It is in the calendar: as it was when its row could last be read; ")
    assert "its end (endtime) cannot be read" in told
    assert "correct it at the source" in told
    gets_well(world)
    world.pass_()
    assert starts(world) == [TOMORROW + 5 * HOUR]
    assert (alert(world), reason(world, booking)) == ("", "")
    assert why(world, booking) == "It is in the calendar: the event says what the booking says."
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_a_bad_row_that_is_deleted_is_removed_for_a_deletion_is_evidence(world: World) -> None:
    booking, other = world.book("Ana", TOMORROW), world.book("Ana", TOMORROW + 3 * HOUR)
    world.pass_()
    goes_bad(world, booking)
    assert world.pass_().tally.removed == 0
    world.delete(booking)
    report = world.pass_()
    assert (report.error, report.tally.removed, starts(world)) == ("", 1, [TOMORROW + 3 * HOUR])
    assert (alert(world), reason(world, booking), reason(world, other)) == ("", "", "")


def test_a_bad_row_that_is_given_to_another_moves_once_it_can_be_read(world: World) -> None:
    world.worker("Ben")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    goes_bad(world, booking)
    world.pass_()
    world.reassign(booking, "Ben")
    world.pass_()
    assert (starts(world), starts(world, "Ben")) == ([TOMORROW], [])
    gets_well(world)
    world.pass_()
    assert (starts(world), starts(world, "Ben")) == ([], [TOMORROW])


def test_a_booking_that_was_bad_from_its_first_day_on_gets_its_event_when_it_is_well(world: World) -> None:
    other = world.book("Ana", TOMORROW + 3 * HOUR)
    bad = world.book("Ana", TOMORROW)
    goes_bad(world, bad)
    report = world.pass_()
    assert (report.error, starts(world)) == ("", [TOMORROW + 3 * HOUR])
    with world.database.read() as tx:
        assert feeds.load(tx, ENVIRONMENT).first_read_at is not None
    # A list without change tracking leaves out a row that has no start: nobody knows of it.
    if reason(world, bad):
        assert why(world, bad).startswith("It is not in the calendar: what the source says of it now cannot be read")
    gets_well(world)
    world.pass_()
    assert starts(world) == [TOMORROW, TOMORROW + 3 * HOUR]
    assert why(world, other) == why(world, bad) == "It is in the calendar: the event says what the booking says."


def test_f30_a_bad_row_that_a_full_read_names_did_come(tracked: World) -> None:
    booking = tracked.book("Ana", TOMORROW)
    tracked.pass_()
    goes_bad(tracked, booking)
    tracked.field_service.control.actions["expire-delta-tokens"]()
    tracked.forget_requests()
    report = tracked.pass_()
    assert (report.error, report.tally.removed, starts(tracked)) == ("", 0, [TOMORROW])
    assert not [each for each in tracked.field_service.control.ledger() if "In(" in each.url], "it was named"


def test_a_change_that_waited_when_the_row_went_bad_is_written_when_it_is_well(world: World) -> None:
    booking, new = world.book("Ana", TOMORROW), world.book("Ana", TOMORROW + 9 * HOUR)
    world.pass_()
    world.disable("Ana")
    world.move(booking, TOMORROW + 3 * HOUR)
    world.pass_()
    goes_bad(world, booking)
    world.pass_()
    world.enable("Ana")
    world.move(new, TOMORROW + 12 * HOUR)
    world.pass_()
    assert starts(world) == [TOMORROW, TOMORROW + 12 * HOUR], "what is known of it may not be true any more"
    with world.database.read() as tx:
        assert waiting.ready(tx, ENVIRONMENT, world.clock.now()) == [], (
            "nobody is kept busy by what waits for the source"
        )
    gets_well(world)
    world.pass_()
    assert starts(world) == [TOMORROW + 3 * HOUR, TOMORROW + 12 * HOUR]


def test_a_work_order_that_cannot_be_read_sets_its_booking_aside_until_it_can(world: World) -> None:
    bad, good = world.work_order("WO-1"), world.work_order("WO-2")
    world.book("Ana", TOMORROW, work_order=good)
    moved = world.book("Ana", TOMORROW + 3 * HOUR, work_order=bad)
    world.pass_()
    new = world.book("Ana", TOMORROW + 6 * HOUR, work_order=bad)
    world.move(moved, TOMORROW + 9 * HOUR)
    goes_bad(world, new, row=bad, msdyn_timefrompromised="at noon")
    report = world.pass_()
    assert (report.error, starts(world)) == ("", [TOMORROW, TOMORROW + 3 * HOUR])
    assert "work order (msdyn_workorder.msdyn_timefrompromised) cannot be read" in reason(world, new)
    assert reason(world, moved) == reason(world, new)
    gets_well(world)
    world.pass_()
    assert starts(world) == [TOMORROW, TOMORROW + 6 * HOUR, TOMORROW + 9 * HOUR]
    assert all("WO-" in subject for subject in world.subjects("Ana"))
    assert alert(world) == ""


def test_d3_a_booking_that_enters_the_window_with_a_bad_work_order_enters_when_it_is_well(tracked: World) -> None:
    order = tracked.work_order()
    far = tracked.book("Ana", NOW + timedelta(days=20), work_order=order)
    tracked.pass_()
    tracked.field_service.control.change(spoiled={order: {"msdyn_name": 7}})
    tracked.clock.advance(timedelta(days=8))
    tracked.pass_()
    assert (starts(tracked), bool(reason(tracked, far))) == ([], True)
    gets_well(tracked)
    tracked.pass_()
    assert starts(tracked) == [NOW + timedelta(days=20)]


def test_a_worker_who_cannot_be_read_stays_as_known_and_nothing_of_theirs_is_removed(world: World) -> None:
    world.book("Ana", TOMORROW)
    world.pass_()
    ana = world.resources["Ana"]
    world.field_service.control.change(spoiled={ana: {"resourcetype": "a person"}})
    world.worker("Ben")
    world.book("Ana", TOMORROW + 3 * HOUR)
    world.book("Ben", TOMORROW)
    report = world.pass_(workers_in_full=True)
    assert (report.error, report.tally.removed) == ("", 0)
    assert (len(starts(world)), len(starts(world, "Ben"))) == (2, 1)
    assert reason(world, ana, Kind.WORKER) == "its resourcetype cannot be read"
    assert ana in alert(world, aside.WORKERS)
    gets_well(world)
    world.pass_(workers_in_full=True)
    assert (reason(world, ana, Kind.WORKER), alert(world, aside.WORKERS)) == ("", "")


def test_a_notification_of_a_bad_row_sets_it_aside_without_a_pass(tracked: World) -> None:
    booking = tracked.book("Ana", TOMORROW)
    tracked.pass_()
    goes_bad(tracked, booking)
    looked = tracked.run(look(tracked.site, [booking]))
    assert (looked.pass_needed, looked.absent, starts(tracked)) == (False, 0, [TOMORROW])
    assert reason(tracked, booking) == "it has no start"
    gets_well(tracked)
    tracked.run(look(tracked.site, [booking]))
    assert reason(tracked, booking) == ""


def test_i1_a_lost_state_finds_the_event_of_a_bad_row_and_neither_takes_nor_doubles_it(tracked: World) -> None:
    booking = tracked.book("Ana", TOMORROW)
    tracked.pass_()
    goes_bad(tracked, booking)
    tracked.forget_state()
    tracked.set_up_again("Ana")
    for _ in range(2):
        tracked.pass_()
        tracked.check(everything=True)
        assert starts(tracked) == [TOMORROW]
    gets_well(tracked)
    for _ in range(2):
        tracked.pass_()
        assert starts(tracked) == [TOMORROW]
    assert why(tracked, booking).startswith("It is in the calendar")


def test_bookings_set_aside_are_asked_for_in_turn_so_many_a_pass(
    tracked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [tracked.book("Ana", TOMORROW + number * HOUR, hours=1) for number in range(3)]
    tracked.field_service.control.change(spoiled={booking: {"endtime": None} for booking in made})
    tracked.pass_()
    gets_well(tracked)
    monkeypatch.setattr("fieldcal.sync.pull.ASIDE", 2)
    counts = []
    for _ in range(2):
        tracked.pass_()
        counts.append(len(starts(tracked)))
    assert counts == [2, 3]
