"""The whole read of the window: as the way without change tracking, and as the daily repair beside it.

Whatever a read lacks, skips, repeats or refuses: nothing is removed but what a question of its own proves to be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.errors import ConfigError
from fieldcal.model import Reading
from fieldcal.state import alerts, feeds, pauses
from fieldcal.state.feeds import Feed
from fieldcal.sync.explain import explain

TOMORROW = NOW + timedelta(days=1)
HOUR = timedelta(hours=1)
SWEEP = r"bookableresourcebookings\?.*endtime gt"
BY_ID = r"In\(|bookableresourcebookings\("
NewWorld = Callable[..., World]


@pytest.fixture
def swept(new_world: NewWorld) -> World:
    """A world whose source tracks no changes; Ana is set up and has one job."""
    world = new_world(swept=True)
    world.worker("Ana")
    return world


def feed(world: World) -> Feed:
    with world.database.read() as tx:
        return feeds.load(tx, ENVIRONMENT)


def asked(world: World) -> list[str]:
    return [entry.url for entry in world.field_service.control.ledger()]


def plant(world: World, path: str, kind: str = "status", **more: Any) -> None:
    world.field_service.control.add_fault(
        Fault(kind=kind, match=Match(path=path), times=None, **more)  # type: ignore[arg-type]  # one of the kinds
    )


def alert(world: World, code: str) -> str:
    with world.database.read() as tx:
        return next((each.message for each in alerts.standing(tx, ENVIRONMENT) if each.code == code), "")


# --- the way is chosen by looking ------------------------------------------------------------------------------------


def test_without_change_tracking_the_window_is_read_whole_at_every_pass_and_that_is_told(swept: World) -> None:
    booking = swept.book("Ana", TOMORROW)
    swept.pass_()
    assert (feed(swept).way, feed(swept).cursor) == (Reading.SWEPT, None)
    assert feed(swept).way_reason == "change tracking is off for bookableresourcebooking"
    swept.move(booking, TOMORROW + HOUR)
    swept.forget_requests()
    swept.pass_()
    assert [event.start for event in swept.events("Ana")] == [TOMORROW + HOUR]
    assert sum("$count=true" in url and "starttime lt" in url for url in asked(swept)) == 1
    assert not any("token" in url for url in asked(swept))


def test_a_pass_with_nothing_changed_reads_the_window_and_writes_nothing(swept: World) -> None:
    for number in range(3):
        swept.book("Ana", TOMORROW + number * 3 * HOUR)
    swept.pass_()
    swept.forget_requests()
    swept.pass_()
    assert swept.writes() == 0
    # the workers, the window, what changed outside of it; no details, and nothing by id
    assert len(asked(swept)) == 3
    assert not any("In(" in url or "summary" in url for url in asked(swept))


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param({"untracked": ["bookableresourcebooking"]}, id="tracking switched off"),
        pytest.param({"changes_unreadable": ["bookableresourcebooking"]}, id="privilege taken away"),
    ],
)
def test_a_feed_that_is_refused_from_one_day_to_the_next_gives_way_to_the_sweep_and_nothing_is_removed(
    world: World, lost: dict[str, Any]
) -> None:
    world.worker("Ana")
    kept, gone = world.book("Ana", TOMORROW), world.book("Ana", TOMORROW + 3 * HOUR)
    world.pass_()
    assert feed(world).way is Reading.TRACKED
    world.field_service.control.change(**lost)
    world.delete(gone)
    world.move(kept, TOMORROW + HOUR)
    report = world.pass_()
    assert (report.error, report.tally.removed, report.tally.updated) == ("", 1, 1)
    assert feed(world).way is Reading.SWEPT
    assert [event.start for event in world.events("Ana")] == [TOMORROW + HOUR]


def test_tracking_that_was_switched_on_is_noticed_within_a_day_and_begins_with_a_whole_read(swept: World) -> None:
    kept, gone = swept.book("Ana", TOMORROW), swept.book("Ana", TOMORROW + 3 * HOUR)
    swept.pass_()
    swept.field_service.control.change(untracked=[])
    swept.delete(gone)
    swept.clock.advance(timedelta(days=1))
    report = swept.pass_()
    assert (report.error, feed(swept).way, feed(swept).way_reason) == ("", Reading.TRACKED, "")
    assert report.tally.removed == 1
    swept.move(kept, TOMORROW + 5 * HOUR)
    swept.forget_requests()
    swept.pass_()
    assert [event.start for event in swept.events("Ana")] == [TOMORROW + 5 * HOUR]
    assert not any("$count=true" in url for url in asked(swept))


def test_a_table_that_may_not_be_read_at_all_is_no_reason_to_read_otherwise(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW)
    world.pass_()
    world.field_service.control.change(unreadable=["bookableresourcebooking"])
    assert "403" in world.pass_().error
    assert feed(world).way is Reading.TRACKED
    assert len(world.events("Ana")) == 1


def test_what_an_organization_lacks_stops_everything_with_its_name(world: World) -> None:
    world.field_service.control.change(missing=["bookableresource.UserId"])
    with pytest.raises(ConfigError, match="the navigation property UserId"):
        world.pass_()


# --- nothing is concluded from a read that is not whole --------------------------------------------------------------

#: F01 an error, F02 an empty list, F03 pages missing, F04 fewer than counted, F08 broken off
NOT_WHOLE: list[tuple[str, dict[str, Any]]] = [
    ("status", {"status": 401}),
    ("status", {"status": 403}),
    ("status", {"status": 429}),
    ("status", {"status": 503}),
    ("status", {"status": 200, "body": '{"@odata.context":"c","value":[]}'}),
    ("status", {"status": 200, "body": '{"@odata.context":"c","value":[],"@odata.count":2}'}),
    ("empty_page", {}),
    ("short_page", {}),
    ("garbage", {}),
    ("truncated", {}),
    ("drop_before", {}),
    ("drop_after", {}),
]


def test_f01_f02_f03_f04_f08_a_sweep_that_is_not_whole_removes_nothing_and_the_next_goes_on(swept: World) -> None:
    made = [swept.book("Ana", TOMORROW + number * HOUR, hours=1) for number in range(len(NOT_WHOLE) + 2)]
    swept.pass_()
    for number, (kind, more) in enumerate(NOT_WHOLE):
        swept.delete(made[number])
        standing = len(made) - number
        swept.forget_requests()
        plant(swept, SWEEP, kind, **more)
        report = swept.pass_()
        assert report.error, (kind, more)
        assert (report.tally.removed, len(swept.events("Ana"))) == (0, standing), (kind, more)
        assert not any("In(" in url or "bookings(" in url for url in asked(swept)), "nothing may be concluded yet"
        swept.field_service.control.clear_faults()
        swept.clock.advance(timedelta(minutes=5))
        report = swept.pass_()
        assert (report.error, report.tally.removed, len(swept.events("Ana"))) == ("", 1, standing - 1), (kind, more)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_f05_f06_f28_a_booking_that_is_neither_shown_nor_gone_keeps_its_event_and_is_told_of(
    swept: World, status: int
) -> None:
    booking = swept.book("Ana", TOMORROW)
    swept.book("Ana", TOMORROW + 3 * HOUR)
    swept.pass_()
    control = swept.field_service.control
    control.change(hidden=[booking])
    if status != 403:
        plant(swept, r"bookings\(", status=status, code="0x0")
    report = swept.pass_()
    assert (report.error, report.tally.removed, len(swept.events("Ana"))) == ("", 0, 2)
    assert "1 known bookings are neither shown by the source nor gone" in alert(swept, "silent-bookings")
    control.clear_faults()
    control.change(hidden=[])
    swept.pass_()
    assert alert(swept, "silent-bookings") == ""


def test_f10_a_source_that_shows_nothing_any_more_empties_no_calendar(swept: World) -> None:
    made = [swept.book("Ana", TOMORROW + number * 2 * HOUR) for number in range(4)]
    swept.pass_()
    swept.field_service.control.change(hidden=made)
    report = swept.pass_()
    assert (report.tally.removed, len(swept.events("Ana"))) == (0, 4)
    assert "4 known bookings" in alert(swept, "silent-bookings")


def test_f09_nothing_is_removed_before_the_first_sweep_has_come_to_its_end(swept: World, new_world: NewWorld) -> None:
    world = new_world(swept=True)
    world.worker("Ana", enabled=False)
    plant(world, SWEEP, status=503)
    assert world.pass_().error
    assert feed(world).first_read_at is None
    world.field_service.control.clear_faults()
    world.pass_()
    assert feed(world).first_read_at is not None


def test_more_deletions_than_the_budget_wait_for_a_person_after_a_sweep_too(swept: World) -> None:
    made = [swept.book("Ana", TOMORROW + number * HOUR, hours=1) for number in range(60)]
    swept.pass_()
    for booking in made[:55]:
        swept.delete(booking)
    report = swept.pass_()
    assert (report.tally.removed, report.tally.held) == (50, 5)
    assert len(swept.ours("Ana")) == 10


# --- what lies outside of the window ---------------------------------------------------------------------------------


def test_d4_a_booking_moved_out_of_the_window_is_followed_however_far_and_often(swept: World) -> None:
    booking = swept.book("Ana", TOMORROW)
    swept.pass_()
    for days in (40, 60, 90):
        swept.move(booking, NOW + timedelta(days=days))
        swept.pass_()
        assert [event.start for event in swept.events("Ana")] == [NOW + timedelta(days=days)]
    swept.delete(booking)
    swept.pass_()
    assert swept.events("Ana") == []


def test_d4_d7_last_weeks_job_that_is_moved_or_given_away_is_noticed_outside_of_the_window(swept: World) -> None:
    swept.worker("Ben")
    moved, given = swept.book("Ana", TOMORROW), swept.book("Ana", TOMORROW + 3 * HOUR)
    swept.pass_()
    swept.clock.advance(timedelta(days=12))
    swept.pass_()
    swept.move(moved, NOW + timedelta(days=50))
    swept.reassign(given, "Ben")
    swept.pass_()
    assert [event.start for event in swept.events("Ana")] == [NOW + timedelta(days=50)]
    assert swept.events("Ben") == []


def test_what_ended_before_the_window_is_never_asked_for_again(swept: World) -> None:
    for number in range(5):
        swept.book("Ana", TOMORROW + number * 2 * HOUR)
    swept.pass_()
    swept.clock.advance(timedelta(days=12))
    swept.pass_()
    swept.forget_requests()
    swept.pass_()
    assert len(swept.events("Ana")) == 5
    assert not any("In(" in url or "bookings(" in url for url in asked(swept))


def test_r11_a_linked_booking_beyond_the_window_keeps_the_snapshot_it_was_read_with(swept: World) -> None:
    order = swept.work_order("WO-7")
    booking = swept.book("Ana", TOMORROW, work_order=order)
    swept.pass_()
    swept.move(booking, NOW + timedelta(days=40))
    swept.pass_()
    swept.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_name": "WO-8"})
    swept.change(booking, name="renamed")
    swept.pass_()
    # A repair writes what is stored: the work order as it was read with the booking's last change (I6).
    swept.change_settings(drift="restore")
    swept.edit("Ana", swept.events("Ana")[0], subject="my own words")
    swept.check(everything=True)
    [event] = swept.events("Ana")
    assert event.subject.startswith("WO-7")


@pytest.mark.parametrize("days", [1, 40], ids=["in the window", "beyond it"])
def test_d1_work_order_is_followed_without_tracked_changes_of_work_orders(new_world: NewWorld, days: int) -> None:
    world = new_world(swept=True, follow_work_order=True)
    world.worker("Ana")
    order = world.work_order("WO-7")
    booking = world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    world.move(booking, NOW + timedelta(days=days))
    world.pass_()
    world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_name": "WO-8"})
    world.pass_()
    [event] = world.events("Ana")
    assert event.subject.startswith("WO-8")
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_d1_location_chosen_later_rewrites_nothing_by_itself(swept: World) -> None:
    booking = swept.book("Ana", TOMORROW)
    swept.change(booking, msdyn_latitude=48.1, msdyn_longitude=11.5)
    swept.pass_()
    swept.change_settings(follow_location=True)
    swept.forget_requests()
    swept.pass_()
    swept.pass_()
    assert swept.writes() == 0
    swept.change(booking, msdyn_latitude=50.0)
    swept.pass_()
    assert swept.writes() == 1


# --- the daily repair ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [24, 0], ids=["once a day", "never"])
def test_what_a_short_page_of_changes_has_hidden_is_repaired_within_a_day(new_world: NewWorld, every: int) -> None:
    world = new_world(sweep_every=every)
    world.worker("Ana")
    moved, gone = world.book("Ana", TOMORROW), world.book("Ana", TOMORROW + 3 * HOUR)
    world.pass_()
    world.move(moved, TOMORROW + timedelta(days=2))
    world.delete(gone)
    new = world.book("Ana", TOMORROW + timedelta(days=3))
    # the feed's last page is cut to nothing on the way, its delta link with it: nobody can see that
    link = "/api/data/v9.2/" + _next_link(world)
    body = f'{{"@odata.context":"c","value":[],"@odata.deltaLink":"{link}"}}'
    world.field_service.control.add_fault(
        Fault(kind="status", status=200, body=body, match=Match(path="bookings.*deltatoken"))
    )
    world.pass_()
    assert [event.start for event in world.events("Ana")] == [TOMORROW, TOMORROW + 3 * HOUR]
    world.clock.advance(timedelta(days=1))
    report = world.pass_()
    wanted = [TOMORROW + timedelta(days=2), TOMORROW + timedelta(days=3)]
    assert report.error == ""
    assert ([event.start for event in world.events("Ana")] == wanted) is (every == 24)
    assert new


def _next_link(world: World) -> str:
    """The delta link that an honest answer would have given now, from the version root on."""
    answer = world.ask("GET", "bookableresourcebookings?$select=name", Prefer="odata.track-changes")
    token = answer["@odata.deltaLink"].partition("deltatoken=")[2]
    return f"bookableresourcebookings?$select=bookableresourcebookingid,name,starttime,endtime,statecode,_resource_value,_bookingstatus_value,_msdyn_workorder_value&$deltatoken={token}"


def test_the_repair_is_due_once_a_day_and_costs_one_request_while_the_window_can_be_counted(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW)
    world.pass_()
    sweeps = []
    for _ in range(5):
        world.clock.advance(timedelta(hours=12))
        world.forget_requests()
        world.pass_()
        sweeps.append(sum("endtime gt" in url for url in asked(world)))
    assert sweeps == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("kind", "more"),
    [("empty_page", {}), ("status", {"status": 503}), ("status", {"status": 429, "headers": {"Retry-After": "300"}})],
    ids=["not whole", "503", "429"],
)
def test_a_repair_that_fails_leaves_the_pass_its_work_is_told_of_and_tried_again_in_an_hour(
    world: World, kind: str, more: dict[str, Any]
) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.clock.advance(timedelta(days=1))
    world.move(booking, TOMORROW + timedelta(days=2))
    plant(world, SWEEP, kind, **more)
    report = world.pass_()
    assert (report.error, report.tally.changes, report.news) == ("", 1, 1)
    assert [event.start for event in world.events("Ana")] == [TOMORROW + timedelta(days=2)]
    assert "daily whole read" in alert(world, "repair")
    assert feed(world).throttled == (1 if more.get("status") == 429 else 0)
    if more.get("status") == 429:
        assert "asked to wait" in world.pass_().error
    world.field_service.control.clear_faults()
    world.clock.advance(timedelta(minutes=30))
    world.forget_requests()
    assert world.pass_().error == ""
    assert not any("endtime gt" in url for url in asked(world))
    world.clock.advance(timedelta(minutes=31))
    assert world.pass_().error == ""
    assert any("endtime gt" in url for url in asked(world))
    assert (alert(world, "repair"), feed(world).throttled) == ("", 0)


# --- the source asks to wait -----------------------------------------------------------------------------------------

CODES = {"0x80072322": "requests", "0x80072321": "execution time", "0x80072326": "at once"}


@pytest.mark.parametrize(("header", "waits"), [("37", [37, 37, 37]), (None, [2, 4, 8])])
def test_a_throttled_source_is_not_asked_before_its_time_and_then_goes_on(
    world: World, header: str | None, waits: list[int]
) -> None:
    world.worker("Ana")
    world.pass_()
    booking = world.book("Ana", TOMORROW)
    for code, seconds in zip(CODES, waits, strict=True):
        plant(world, "bookings", status=429, code=code, headers={"Retry-After": header} if header else {})
        assert "429" in world.pass_().error
        with world.database.read() as tx:
            [(until, reason)] = pauses.lasting(tx, world.clock.now()).values()
        assert until - world.clock.now() == timedelta(seconds=seconds)
        assert code in reason
        world.field_service.control.clear_faults()
        world.clock.advance(timedelta(seconds=seconds - 1))
        world.forget_requests()
        world.restart()
        assert "asked to wait" in world.pass_().error
        assert asked(world) == []
        world.clock.advance(timedelta(seconds=6))
    assert world.pass_().error == ""
    assert feed(world).throttled == 0
    assert booking in {event.mark.split("/")[2] for event in world.ours("Ana")}


def test_a_feed_that_goes_in_a_circle_comes_to_an_end(world: World) -> None:
    world.worker("Ana")
    link = "/api/data/v9.2/bookableresourcebookings?$select=name&$skiptoken=x"
    body = f'{{"@odata.context":"c","value":[],"@odata.nextLink":"{link}"}}'
    plant(world, "bookableresourcebookings.*token=", status=200, body=body)
    assert "circle" in world.pass_().error
    assert sum("skiptoken" in url for url in asked(world)) < 4


@pytest.mark.parametrize("before", ["first read", "later pass"])
def test_a_feed_that_refuses_each_link_onward_is_begun_anew_once_and_the_pass_comes_to_an_end(
    world: World, before: str
) -> None:
    world.worker("Ana")
    if before == "later pass":
        world.book("Ana", TOMORROW)
        world.pass_()
        world.field_service.control.actions["expire-delta-tokens"]()
    else:
        with world.database.write() as tx:
            feeds.change(tx, ENVIRONMENT, cursor=None)
    for number in range(3):
        world.book("Ana", TOMORROW + (number + 1) * 3 * HOUR)
    world.read_in_pages_of(1)
    world.field_service.control.add_fault(
        Fault(kind="status", status=400, code="0x80060888", times=20, match=Match(path=r"bookings\?.*skiptoken"))
    )
    world.forget_requests()
    assert "breaks off" in world.pass_().error
    assert 1 <= sum("bookings?" in url and "skiptoken" in url for url in asked(world)) <= 2
    world.field_service.control.clear_faults()
    assert world.pass_().error == ""
    assert len(world.events("Ana")) == 3 + (before == "later pass")


def test_workers_whose_every_list_breaks_off_leave_the_calendars_their_work(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    world.pass_()
    world.read_in_pages_of(1)
    plant(world, r"bookableresources\?.*(skip|delta)token", status=410, code="0x80060888")
    world.forget_requests()
    assert "breaks off" in world.pass_(workers_in_full=True).error
    assert sum("token" in url for url in asked(world)) == 1


@pytest.mark.parametrize("slip", [1, -1], ids=["repeats", "passes over"])
def test_a_row_that_a_page_of_changes_repeats_or_passes_over_is_put_right(world: World, slip: int) -> None:
    world.worker("Ana")
    for number in range(5):
        world.book("Ana", TOMORROW + number * 3 * HOUR)
    world.read_in_pages_of(2)
    world.field_service.control.change(page_slip=slip)
    world.pass_()
    assert (len(world.events("Ana")) == 5) is (slip == 1)
    world.field_service.control.change(page_slip=0)
    world.clock.advance(timedelta(days=1))
    world.pass_()
    assert len(world.events("Ana")) == 5


# --- what is booked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tracked", "swept"])
def test_d10_of_every_kind_of_resource_only_users_get_events_and_why_tells_the_others(
    new_world: NewWorld, way: str
) -> None:
    world = new_world(swept=way == "swept")
    world.worker("Ana")
    kinds = {1: "generic", 2: "contact", 4: "equipment", 5: "account", 6: "crew", 7: "facility", 8: "pool"}
    for code, name in kinds.items():
        world.worker(name, kind=code)
    made = {name: world.book(name, TOMORROW) for name in [*kinds.values(), "Ana"]}
    world.pass_()
    assert len(world.events("Ana")) == 1
    for name, booking in made.items():
        with world.database.read() as tx:
            why = explain(tx, world.site, booking)
        assert why is not None
        worker = next(station for station in why.stations if station.name == "worker")
        assert worker.good is (name == "Ana")
        assert worker.text.startswith(name)
        assert ("no user; contacts, accounts, crews, equipment and places have no mailbox" in worker.text) is (
            name != "Ana"
        )
