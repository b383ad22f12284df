"""Each rule once over HTTP: booked through the Dataverse Web API, read in the embedded Exchange."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.sync.world import ENVIRONMENT, NOW, PROFILE, World

from fieldcal.errors import ConfigError
from fieldcal.state import findings, profiles

TOMORROW = NOW + timedelta(days=1)


def test_r1_a_booking_appears_in_the_workers_calendar_with_the_next_pass(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, 3, work_order=world.work_order("WO-17"))
    report = world.pass_()
    [event] = world.events("Ana")
    assert "WO-17" in event.subject
    assert (event.start, event.end) == (TOMORROW, TOMORROW + timedelta(hours=3))
    assert report.tally.created == 1


def test_r2_what_a_worker_puts_into_the_calendar_never_reaches_the_field_service(world: World) -> None:
    world.worker("Ana")
    world.exchange.hands.add(
        world.boxes["Ana"],
        {
            "subject": "Dentist",
            "start": {"dateTime": "2026-11-24T09:00:00", "timeZone": "UTC"},
            "end": {"dateTime": "2026-11-24T10:00:00", "timeZone": "UTC"},
        },
    )
    world.forget_requests()
    world.pass_()
    world.check(everything=True)
    assert {entry.method for entry in world.field_service.control.ledger()} == {"GET"}
    assert world.subjects("Ana") == ["Dentist"]


def test_r3_nothing_is_written_into_a_mailbox_that_is_not_set_up(world: World) -> None:
    world.worker("Ana", enabled=False)
    world.book("Ana", TOMORROW)
    world.forget_requests()
    world.pass_()
    assert world.exchange.control.ledger() == []
    world.enable("Ana")
    world.pass_()
    assert len(world.ours("Ana")) == 1


def test_r4_the_event_says_date_window_number_and_place(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, work_order=world.work_order("WO-17"))
    world.pass_()
    [event] = world.events("Ana")
    for text in ("WO-17", "24 Nov 2026", "Hauptstr. 1"):
        assert text in event.body + event.location
    assert "Hauptstr. 1" in event.location


def test_r6_a_mailbox_set_up_before_any_booking_starts_at_once(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW)
    world.pass_()
    assert len(world.ours("Ana")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": "Traveling"},
        {"start": TOMORROW + timedelta(hours=5)},
        {"hours": 6.0},
    ],
)
def test_r10_f18_a_change_of_status_or_window_updates_the_same_event_with_one_request(
    world: World, change: dict[str, object]
) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, work_order=world.work_order())
    world.pass_()
    [before] = world.events("Ana")
    if "status" in change:
        world.set_status(booking, str(change["status"]))
    else:
        world.move(booking, change.get("start", TOMORROW), change.get("hours", 2.0))  # type: ignore[arg-type]
    world.forget_requests()
    report = world.pass_()
    [after] = world.events("Ana")
    assert after.key == before.key
    assert report.tally.updated == 1
    assert world.writes() == 1


def test_r10_a_change_of_the_work_order_alone_reaches_no_calendar(world: World) -> None:
    world.worker("Ana")
    order = world.work_order("WO-17")
    booking = world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Replace the fan"})
    world.forget_requests()
    world.pass_()
    world.check(everything=True)
    assert world.writes() == 0
    # R11: the next D1 change carries it.
    world.move(booking, TOMORROW + timedelta(hours=1))
    world.pass_()
    assert "Replace the fan" in world.events("Ana")[0].body


def test_r12_f26_the_window_is_one_week_back_to_two_weeks_ahead_half_open(world: World) -> None:
    world.worker("Ana")
    near, far = NOW - timedelta(days=7), NOW + timedelta(days=14)
    hour = timedelta(hours=1)
    world.book("Ana", near - 2 * hour, 2, name="ends at the near edge")
    world.book("Ana", near - hour, 1 + 1 / 3600, name="reaches in")
    world.book("Ana", far - hour, 4, name="starts before the far edge")
    world.book("Ana", far, 1, name="starts at the far edge")
    world.pass_()
    assert sorted(world.subjects("Ana")) == ["reaches in", "starts before the far edge"]


@pytest.mark.parametrize("what", ["mailbox", "profile", "environment"])
def test_r13_switched_off_nothing_is_sent_and_what_stands_stays(world: World, what: str) -> None:
    from dataclasses import replace

    from fieldcal.state import environments

    world.worker("Ana")
    first = world.book("Ana", TOMORROW)
    world.pass_()

    def switch(on: bool) -> None:
        with world.database.write() as tx:
            if what == "profile":
                profiles.save(tx, replace(profiles.get(tx, PROFILE), active=on))
            elif what == "environment":
                environments.save(tx, replace(environments.get(tx, ENVIRONMENT), enabled=on))
        if what == "mailbox":
            world.enable("Ana") if on else world.disable("Ana")

    switch(on=False)
    world.book("Ana", TOMORROW + timedelta(days=1))
    world.delete(first)
    world.forget_requests()
    world.pass_()
    assert world.exchange.control.ledger() == []
    assert len(world.ours("Ana")) == 1
    switch(on=True)
    world.pass_()
    assert [event.start for event in world.ours("Ana")] == [TOMORROW + timedelta(days=1)]


def test_d1_work_order_changes_follow_when_chosen(new_world: Callable[..., World]) -> None:
    world = new_world(follow_work_order=True)
    world.worker("Ana")
    order = world.work_order("WO-17")
    world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Replace the fan"})
    world.pass_()
    assert "Replace the fan" in world.events("Ana")[0].body


def test_d1_another_work_order_updates(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, work_order=world.work_order("WO-1"))
    world.pass_()
    other = world.work_order("WO-2")
    world.change(booking, **{"msdyn_workorder@odata.bind": f"/msdyn_workorders({other})"})
    world.pass_()
    assert "WO-2" in world.subjects("Ana")[0]


def test_d2_a_booking_without_a_work_order_is_synchronized_by_default(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Van inspection")
    world.pass_()
    assert world.subjects("Ana") == ["Van inspection"]


def test_d2_by_setting_only_bookings_with_a_work_order(new_world: Callable[..., World]) -> None:
    world = new_world(without_work_order="skip")
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Van inspection")
    order = world.work_order("WO-1")
    loses = world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    assert len(world.ours("Ana")) == 1
    world.ask("DELETE", f"msdyn_workorders({order})")
    world.pass_()
    assert world.ours("Ana") == [], loses


def test_d3_a_booking_that_enters_the_window_as_time_passes_gets_its_event(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", NOW + timedelta(days=16))
    world.pass_()
    assert world.events("Ana") == []
    world.clock.advance(timedelta(days=3))
    world.pass_()
    assert len(world.ours("Ana")) == 1


def test_d3_no_downtime_loses_one_that_entered_meanwhile(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", NOW + timedelta(days=16))
    world.book("Ana", NOW + timedelta(days=30), name="later")
    world.pass_()
    world.clock.advance(timedelta(days=22))
    world.restart()
    world.pass_()
    assert len(world.ours("Ana")) == 2


def test_d3_a_longer_window_takes_in_the_difference_at_both_edges(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", NOW - timedelta(days=10), name="past")
    world.book("Ana", NOW + timedelta(days=20), name="ahead")
    world.pass_()
    assert world.events("Ana") == []
    world.change_settings(window_past=14, window_future=28)
    world.pass_()
    assert world.subjects("Ana") == ["past", "ahead"]


def test_d4_a_linked_booking_is_followed_beyond_the_window_and_back(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.move(booking, NOW + timedelta(days=90))
    world.pass_()
    assert [event.start for event in world.ours("Ana")] == [NOW + timedelta(days=90)]
    world.move(booking, TOMORROW)
    world.pass_()
    assert [event.start for event in world.ours("Ana")] == [TOMORROW]


def test_d4_last_weeks_job_moved_to_tomorrow_updates_but_old_to_old_is_frozen(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    frozen = world.book("Ana", TOMORROW + timedelta(hours=4))
    world.pass_()
    world.clock.advance(timedelta(days=20))
    world.move(booking, world.clock.now() + timedelta(days=1))
    world.move(frozen, TOMORROW + timedelta(hours=8))
    world.pass_()
    assert {event.start for event in world.ours("Ana")} == {
        world.clock.now() + timedelta(days=1),
        TOMORROW + timedelta(hours=4),
    }


def test_d5_f37_canceled_is_marked_and_free_and_restored_when_un_canceled(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.set_status(booking, "Canceled")
    world.pass_()
    [event] = world.events("Ana")
    assert (event.subject, event.show_as) == ("Canceled: Job", "free")
    world.set_status(booking, "Scheduled")
    world.pass_()
    [event] = world.events("Ana")
    assert (event.subject, event.show_as) == ("Job", "busy")


def test_d5_none_is_made_for_a_booking_already_canceled(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, status="Canceled")
    world.pass_()
    assert world.events("Ana") == []


@pytest.mark.parametrize(("choice", "left", "after"), [("remove", 0, 1), ("keep", 1, 1)])
def test_d5_f37_by_setting_canceled_removes_or_keeps(
    new_world: Callable[..., World], choice: str, left: int, after: int
) -> None:
    world = new_world(canceled=choice)
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.set_status(booking, "Canceled")
    world.pass_()
    assert world.subjects("Ana") == ["Job"] * left
    world.set_status(booking, "Scheduled")
    world.pass_()
    assert world.subjects("Ana") == ["Job"] * after


@pytest.mark.parametrize(("choice", "left"), [("remove", 0), ("keep", 1)])
def test_d6_a_deleted_booking(new_world: Callable[..., World], choice: str, left: int) -> None:
    world = new_world(deleted=choice)
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.delete(booking)
    world.pass_()
    assert len(world.ours("Ana")) == left


def test_d6_an_ended_event_stays_when_its_booking_is_deleted(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", NOW + timedelta(hours=1), 1)
    world.pass_()
    world.clock.advance(timedelta(hours=3))
    world.delete(booking)
    world.pass_()
    assert len(world.ours("Ana")) == 1


def test_d7_f31_given_to_another_worker_it_vanishes_here_and_appears_there(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.reassign(booking, "Ben")
    world.pass_()
    assert (world.ours("Ana"), len(world.ours("Ben"))) == ([], 1)
    world.reassign(booking, "Ana")
    world.pass_()
    assert (len(world.ours("Ana")), world.ours("Ben")) == (1, [])


def test_d7_an_ended_event_is_removed_too(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    booking = world.book("Ana", NOW + timedelta(hours=1), 1)
    world.pass_()
    world.clock.advance(timedelta(hours=3))
    world.reassign(booking, "Ben")
    world.pass_()
    assert (world.ours("Ana"), len(world.ours("Ben"))) == ([], 1)


def test_d7_two_workers_with_one_mailbox_are_updated_in_place(world: World) -> None:
    world.worker("Ana")
    world.worker("Early shift", box="Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    [before] = world.events("Ana")
    world.reassign(booking, "Early shift")
    world.forget_requests()
    world.pass_()
    [after] = world.events("Ana")
    assert before.key == after.key
    assert world.writes() == 1


def test_d8_f35_what_a_worker_edits_is_reported_and_written_again_with_the_next_change(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.edit("Ana", world.events("Ana")[0], subject="my own words")
    world.forget_requests()
    world.check()
    assert world.writes() == 0
    with world.database.read() as tx:
        assert [item.kind for item in findings.load(tx, ENVIRONMENT)] == ["changed"]
    world.set_status(booking, "Traveling")
    world.pass_()
    assert world.subjects("Ana") == ["Job"]


def test_d8_f34_what_a_worker_deletes_comes_back_with_the_next_change_and_not_before(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.remove("Ana", world.events("Ana")[0])
    world.check()
    world.pass_()
    assert world.events("Ana") == []
    world.set_status(booking, "Traveling")
    world.pass_()
    assert len(world.ours("Ana")) == 1


def test_d10_crew_equipment_and_workers_without_mailbox_are_skipped(world: World) -> None:
    world.worker("Ana")
    world.worker("Crew North", kind=6)
    world.worker("Crane", kind=4)
    world.book("Ana", TOMORROW)
    world.book("Crew North", TOMORROW)
    world.book("Crane", TOMORROW)
    report = world.pass_()
    assert report.tally.created == 1


def test_d16_proposed_is_tentative_and_inactive_counts_as_deleted(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, status="Proposed")
    world.pass_()
    assert [event.show_as for event in world.events("Ana")] == ["tentative"]
    world.change(booking, statecode=1)
    world.pass_()
    assert world.events("Ana") == []


def test_d16_by_setting_proposed_is_left_out(new_world: Callable[..., World]) -> None:
    world = new_world(proposed="leave_out")
    world.worker("Ana")
    world.book("Ana", TOMORROW, status="Proposed")
    world.pass_()
    assert world.events("Ana") == []


def test_a_setting_out_of_range_is_refused_in_one_line() -> None:
    from fieldcal.plan.settings import parse

    with pytest.raises(ConfigError, match="window_future"):
        parse({"window_future": 4000})


def test_what_a_worker_adds_to_an_event_survives_our_update(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.edit("Ana", world.events("Ana")[0], categories=["Mine"])
    world.set_status(booking, "Traveling")
    world.pass_()
    [event] = world.events("Ana")
    assert list(event.categories) == ["Mine"]
    assert event.show_as == "busy"
