"""Rules once over CalDAV: booked through the Dataverse Web API, read as a calendar program reads it, on both servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.dav.servers import DavServer
from tests.sync.world import NOW, World

TOMORROW = NOW + timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def caldav(new_world: Callable[..., World], dav_server: DavServer) -> World:
    """Ana's calendar on a CalDAV server."""
    world = new_world(caldav=dav_server)
    world.worker("Ana")
    return world


def held(world: World, name: str = "Ana"):
    """What a calendar program has of each event, by start."""
    return [event.raw.held for event in world.events(name)]


def test_r1_r4_a_booking_stands_in_the_calendar_with_all_that_a_worker_needs(caldav: World) -> None:
    booking = caldav.book("Ana", TOMORROW, 3, work_order=caldav.work_order("WO-17"))
    assert caldav.pass_().tally.created == 1
    [event] = held(caldav)
    assert (event.start, event.end) == (TOMORROW, TOMORROW + 3 * HOUR)
    assert "WO-17" in event.text_of("SUMMARY")
    for text in ("WO-17", "24 Nov 2026", "Hauptstr. 1"):
        assert text in event.text_of("DESCRIPTION") + event.text_of("LOCATION")
    assert event.categories == ("Field Service",)
    assert booking in event.text_of("X-FIELDCAL-MARK")
    caldav.forget_requests()
    caldav.pass_()
    assert caldav.exchange.control.count() == 0, "where nothing changed no calendar is asked"


@pytest.mark.parametrize("change", ["status", "start"])
def test_r10_a_change_is_one_request_and_leaves_what_the_worker_added(caldav: World, change: str) -> None:
    booking = caldav.book("Ana", TOMORROW)
    caldav.pass_()
    caldav.forget_requests()
    if change == "status":
        caldav.set_status(booking, "Traveling")
    else:
        caldav.move(booking, TOMORROW + HOUR)
    assert caldav.pass_().tally.updated == 1
    assert caldav.exchange.control.count() == 1
    caldav.edit("Ana", caldav.events("Ana")[0], categories=["Mine"])
    caldav.move(booking, TOMORROW + 4 * HOUR)
    assert caldav.pass_().tally.updated == 1
    [event] = held(caldav)
    assert (event.start, event.categories) == (TOMORROW + 4 * HOUR, ("Mine",))
    assert caldav.check(everything=True).tally.updated == 0


def test_d5_d6_d7_canceled_deleted_and_given_away(caldav: World) -> None:
    caldav.worker("Ben")
    jobs = [caldav.book("Ana", TOMORROW + number * HOUR, 1, name=f"Job {number}") for number in range(3)]
    caldav.pass_()
    caldav.set_status(jobs[0], "Canceled")
    caldav.delete(jobs[1])
    caldav.reassign(jobs[2], "Ben")
    caldav.pass_()
    [canceled] = held(caldav)
    assert canceled.text_of("SUMMARY").startswith("Canceled: ")
    assert canceled.text_of("TRANSP") == "TRANSPARENT"
    assert [event.text_of("SUMMARY") for event in held(caldav, "Ben")] == ["Job 2"]
    caldav.set_status(jobs[0], "Scheduled")
    caldav.pass_()
    assert [event.text_of("TRANSP") or "OPAQUE" for event in held(caldav)] == ["OPAQUE"]


def test_r13_switched_off_nothing_is_sent_and_what_stands_stays(caldav: World) -> None:
    booking = caldav.book("Ana", TOMORROW)
    caldav.pass_()
    caldav.disable("Ana")
    caldav.delete(booking)
    caldav.forget_requests()
    caldav.pass_()
    caldav.check(everything=True)
    assert caldav.exchange.control.count() == 0
    assert len(held(caldav)) == 1


def test_i3_the_workers_own_events_and_copies_are_left_alone(caldav: World) -> None:
    booking = caldav.book("Ana", TOMORROW)
    caldav.pass_()
    times = {name: {"dateTime": "2026-11-24T09:00:00", "timeZone": "UTC"} for name in ("start", "end")}
    own = caldav.exchange.add(caldav.boxes["Ana"], {"subject": "Dentist", **times})
    caldav.copy("Ana", caldav.ours("Ana")[0])
    copied = next(event for event in caldav.ours("Ana") if not event.transaction)
    caldav.delete(booking)
    caldav.pass_()
    caldav.check(everything=True)
    assert sorted(event.raw.held.text for event in caldav.events("Ana")) == sorted(
        [own.held.text, copied.raw.held.text]
    )


def test_i1_a_state_that_is_lost_finds_its_events_again_and_makes_none_anew(caldav: World) -> None:
    for number in range(3):
        caldav.book("Ana", TOMORROW + number * HOUR, 1)
    caldav.pass_()
    before = {event.key for event in caldav.events("Ana")}
    caldav.forget_state()
    caldav.set_up_again("Ana")
    caldav.check(everything=True)
    caldav.pass_()
    assert {event.key for event in caldav.events("Ana")} == before
    caldav.forget_requests()
    caldav.pass_()
    assert caldav.writes() == 0


def test_d8_an_event_that_a_worker_deleted_comes_back_with_the_next_change(caldav: World) -> None:
    booking = caldav.book("Ana", TOMORROW)
    caldav.pass_()
    caldav.remove("Ana", caldav.events("Ana")[0])
    caldav.pass_()
    assert held(caldav) == []
    caldav.set_status(booking, "Traveling")
    caldav.pass_()
    assert len(held(caldav)) == 1
