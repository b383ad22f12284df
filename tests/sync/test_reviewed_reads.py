"""Faults that a review found in what is concluded from reads; each story left a technician with a wrong calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.sync.test_faults import settle
from tests.sync.world import ENVIRONMENT, NOW, PROFILE, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.errors import Throttled
from fieldcal.state import alerts, plans, profiles, waiting
from fieldcal.state.tables import links
from fieldcal.sync.approve import approve
from fieldcal.sync.look import look
from fieldcal.sync.passes import work_off

TOMORROW = NOW + timedelta(days=1)
EMPTY = '{"@odata.context":"x/$metadata#rows","value":[]}'


def switch_profile(world: World, *, on: bool) -> None:
    with world.database.write() as tx:
        profiles.save(tx, replace(profiles.get(tx, PROFILE), active=on))


def test_a_booking_deleted_while_its_mailbox_was_off_gets_no_event_after_an_expired_link(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    switch_profile(world, on=False)
    booking = world.book("Ana", TOMORROW + timedelta(days=9))
    world.pass_()
    world.delete(booking)
    world.clock.advance(timedelta(days=8))
    world.field_service.control.actions["expire-delta-tokens"]()
    switch_profile(world, on=True)
    settle(world, 2)
    assert world.events("Ana") == []


@pytest.mark.parametrize("choice", ["mark", "remove"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=200, times=2, body=EMPTY, match=Match(path="/bookingstatuses")),
        Fault(kind="short_page", times=2, match=Match(path="/bookingstatuses")),
    ],
    ids=["empty", "short"],
)
def test_a_list_of_statuses_that_comes_cut_short_shows_no_canceled_booking_as_live(
    new_world: Callable[..., World], choice: str, fault: Fault
) -> None:
    world = new_world(canceled=choice)
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.restart()
    world.set_status(booking, "Canceled")
    world.field_service.control.add_fault(fault)
    settle(world, 4)
    assert world.subjects("Ana") == (["Canceled: Job"] if choice == "mark" else [])


@pytest.mark.parametrize("linked", [False, True])
def test_one_lagging_404_about_a_booking_that_the_feed_just_told_of_is_no_proof(world: World, linked: bool) -> None:
    world.worker("Ana")
    world.pass_()
    booking = world.book("Ana", TOMORROW, name="Job")
    if linked:
        world.pass_()
        world.move(booking, TOMORROW + timedelta(hours=2))
    for fault in (
        Fault(kind="status", status=200, body=EMPTY, match=Match(path=r"/bookableresourcebookings\?.*filter")),
        Fault(kind="status", status=404, code="0x80040217", match=Match(path=r"/bookableresourcebookings\(")),
    ):
        world.field_service.control.add_fault(fault)
    settle(world, 3)
    start = TOMORROW + timedelta(hours=2) if linked else TOMORROW
    assert [event.start for event in world.ours("Ana")] == [start]


@pytest.mark.parametrize("setting", ["follow_work_order", "follow_location"])
def test_d1_what_is_followed_later_on_reaches_events_that_were_written_before(world: World, setting: str) -> None:
    world.worker("Ana")
    order = world.work_order("WO-1")
    booking = world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    world.change_settings(**{setting: True})
    world.forget_requests()
    settle(world, 2)
    assert world.writes() == 0, "a setting alone rewrites nothing"
    if setting == "follow_work_order":
        world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Replace the fan"})
    else:
        world.change(booking, msdyn_worklocation=690970001)
    settle(world, 2)
    assert world.writes() == 1


def test_an_approved_removal_whose_answer_was_lost_is_on_record_as_done(world: World) -> None:
    world.worker("Ana")
    bookings = [world.book("Ana", TOMORROW + timedelta(minutes=10 * n), 0.1) for n in range(51)]
    world.pass_()
    for booking in bookings:
        world.delete(booking)
    world.pass_()
    world.run(approve(world.site, 1, "operator", ""))
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="DELETE")))
    settle(world, 3)
    assert world.events("Ana") == []
    with world.database.read() as tx:
        assert [row.state for row in plans.rows_of(tx, ENVIRONMENT, 1)] == ["done"]


def test_i3_a_copy_by_hand_is_not_taken_for_ours_after_the_state_was_lost(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.copy("Ana", world.events("Ana")[0])
    world.reassign(booking, "Ben")
    world.pass_()
    world.forget_state()
    world.set_up_again("Ana", "Ben")
    settle(world, 3)
    world.check(everything=True)
    settle(world, 2)
    assert (world.subjects("Ana"), world.subjects("Ben")) == (["Job"], ["Job"])


def test_f55_an_unanswered_create_that_no_search_finds_goes_when_the_booking_was_given_away(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    world.pass_()
    world.exchange.control.change(blind_search=True)
    booking = world.book("Ana", TOMORROW + timedelta(days=8), name="ghost")
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST", path="/events")))
    world.pass_()
    world.reassign(booking, "Ben")
    settle(world, 3)
    world.check()
    settle(world, 2)
    assert (world.subjects("Ana"), world.subjects("Ben")) == ([], ["ghost"])


def test_a_new_worker_that_one_read_passes_over_is_known_with_the_next_pass(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.worker("Ben", enabled=False)
    world.field_service.control.add_fault(
        Fault(kind="status", status=200, body=EMPTY, match=Match(path=r"/bookableresources\?.*In\("))
    )
    world.pass_()
    world.pass_()
    world.enable("Ben")
    world.book("Ben", TOMORROW)
    settle(world, 2)
    assert len(world.ours("Ben")) == 1


def test_d14_zones_that_come_empty_once_do_not_show_a_berliner_utc(world: World) -> None:
    world.field_service.control.add_fault(
        Fault(kind="status", status=200, times=2, body=EMPTY, match=Match(path="/timezonedefinitions"))
    )
    world.worker("Ana", enabled=False, zone=110)
    settle(world, 4)
    world.enable("Ana")
    world.book("Ana", TOMORROW)
    settle(world, 1)
    assert "Europe/Berlin" in world.events("Ana")[0].body


@pytest.mark.parametrize("trouble", ["no whole answer of the source", "a fault of ours"])
def test_a_mailbox_that_cannot_be_worked_on_is_come_back_to_with_growing_pauses_and_told_of(
    world: World, trouble: str
) -> None:
    """The service looks at what is due each second; such a mailbox was read whole as often, for ever, and silently."""
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    if trouble == "a fault of ours":
        world.move(booking, TOMORROW + timedelta(hours=5))
        spoil = Fault(kind="status", times=0)
        with world.database.write() as tx:
            tx.execute(update(links).values(triggers="no JSON"))
    else:
        world.forget_state()
        world.set_up_again("Ana")
        spoil = Fault(kind="garbage", times=None, match=Match(path=r"bookings(\?.*In)?\("))
    world.field_service.control.add_fault(spoil)
    world.pass_()
    began, tried = world.clock.now(), list[float]()
    for _ in range(55):
        world.clock.advance(timedelta(seconds=4))
        with world.database.read() as tx:
            ready = waiting.ready(tx, ENVIRONMENT, world.clock.now())
        if ready:
            tried.append((world.clock.now() - began).total_seconds())
            world.run(work_off(world.site, "retry"))
    first = 60 if "source" in trouble else 30
    assert tried[:2] == pytest.approx([first, 3 * first], abs=8)
    assert len(tried) <= 3
    with world.database.read() as tx:
        assert [(each.code, each.mailbox) for each in alerts.standing(tx, ENVIRONMENT) if each.mailbox] == [
            ("mailbox-failing", world.boxes["Ana"])
        ]
    if "source" in trouble:
        world.field_service.control.clear_faults()
        settle(world, 2)
        with world.database.read() as tx:
            assert alerts.standing(tx, ENVIRONMENT) == []
        world.delete(booking)
        world.pass_()
        assert world.events("Ana") == []


@pytest.mark.parametrize("asker", ["look", "check", "approve"])
def test_whoever_is_asked_to_wait_by_the_source_leaves_it_alone_for_everybody(world: World, asker: str) -> None:
    world.worker("Ana")
    made = [
        world.book("Ana", TOMORROW + timedelta(minutes=10 * n), 0.1) for n in range(51 if asker == "approve" else 1)
    ]
    world.pass_()
    if asker == "approve":
        for booking in made:
            world.delete(booking)
        world.pass_()
    elif asker == "check":
        world.forget_state()
        world.set_up_again("Ana")
    throttled = Fault(
        kind="status", status=429, headers={"Retry-After": "300"}, times=None, match=Match(path="bookings")
    )
    world.field_service.control.add_fault(throttled)

    def ask() -> None:
        match asker:
            case "look":
                world.run(look(world.site, made))
            case "check":
                world.run(work_off(world.site, "retry"))
            case _:
                with pytest.raises(Throttled):
                    world.run(approve(world.site, 1, "operator", ""))

    world.forget_requests()
    ask()
    assert len(world.field_service.control.ledger()) >= 1
    world.clock.advance(timedelta(seconds=200))
    world.forget_requests()
    ask()
    assert "asked to wait" in world.pass_().error
    assert list(world.field_service.control.ledger()) == []
