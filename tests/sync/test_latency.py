"""How long changes take into the calendar, and what a pass sends for them, as it is measured end to end."""

from __future__ import annotations

from datetime import timedelta

from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import BookingId
from fieldcal.plan.spread import Spread
from fieldcal.sent import Side
from fieldcal.state import history
from fieldcal.sync.look import look

TOMORROW, MINUTE = NOW + timedelta(days=1), timedelta(minutes=1)


def _took(world: World, minutes: int) -> Spread:
    """What a pass measures that comes so many minutes later."""
    world.clock.advance(minutes * MINUTE)
    return world.pass_().tally.took


def _of(*minutes: int) -> Spread:
    return sum((Spread.of(each * 60.0) for each in minutes), Spread())


def test_a_change_is_measured_from_its_instant_in_the_source_to_the_calendar_s_answer(world: World) -> None:
    world.worker("Ana")
    world.clock.advance(10 * MINUTE)
    booking = world.book("Ana", TOMORROW)
    assert _took(world, 7) == _of(7)
    world.move(booking, TOMORROW + timedelta(hours=3))
    world.clock.advance(2 * MINUTE)
    world.move(booking, TOMORROW + timedelta(hours=4))
    assert _took(world, 3) == _of(3)
    assert _took(world, 5) == _of()
    world.delete(booking)
    assert _took(world, 5) == _of()


def test_a_change_that_waits_for_its_mailbox_is_measured_to_when_it_stands_and_from_the_first_one(world: World) -> None:
    world.worker("Ana")
    world.clock.advance(10 * MINUTE)
    booking = world.book("Ana", TOMORROW)
    world.exchange.control.add_fault(Fault(kind="status", status=429, times=None, match=Match(method="POST")))
    assert _took(world, 3) == _of()
    world.move(booking, TOMORROW + timedelta(hours=3))
    assert _took(world, 3) == _of()
    world.exchange.control.clear_faults()
    assert _took(world, 60) == _of(66)


def test_what_nobody_was_kept_waiting_for_is_not_measured(world: World) -> None:
    world.worker("Ana", enabled=False)
    world.book("Ana", TOMORROW)
    ahead = world.book("Ana", NOW + timedelta(days=14, hours=2))
    assert _took(world, 5) == _of()  # the first read: old changes
    world.enable("Ana")
    report = world.pass_()
    assert (report.tally.created, report.tally.took) == (1, _of())  # switched on: it had nowhere to stand
    world.clock.advance(timedelta(hours=3))
    report = world.pass_()
    assert (report.tally.created, report.tally.took) == (1, _of())  # time brought it into the window
    world.clock.advance(MINUTE)
    world.move(ahead, TOMORROW)
    assert _took(world, 1) == _of(1)


def test_a_notified_change_is_measured_too_and_clocks_that_differ_make_no_time_negative(world: World) -> None:
    world.worker("Ana")
    world.clock.advance(10 * MINUTE)
    booking = world.book("Ana", TOMORROW)
    world.clock.advance(timedelta(seconds=-30))
    looked = world.run(look(world.site, [BookingId(booking)]))
    assert looked.report is not None
    assert looked.report.tally.took == Spread.of(0.0)


def test_a_pass_keeps_what_it_sent_to_either_side_and_how_that_was_answered(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    for hour in range(3):
        world.book("Ana", TOMORROW + timedelta(hours=hour))
    world.exchange.control.add_fault(Fault(kind="status", status=429, match=Match(item=True)))
    world.pass_()
    world.clock.advance(10 * MINUTE)
    world.pass_()
    with world.database.read() as tx:
        second, first, *_ = history.last_passes(tx, ENVIRONMENT)
    assert first.sent is not None
    assert second.sent is not None
    assert first.sent.source == Side(4, {"2xx": 4})  # workers, changes, the names of statuses, details
    assert first.sent.calendars == Side(1, {"2xx": 1, "429": 1})
    assert set(second.sent.calendars.answers) == {"2xx"}
