"""Churn: writes that followed no change and no fault. Nothing that the product does makes any; a fault of it would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import BookingId
from fieldcal.state import history, marks
from fieldcal.state.rows import to_json
from fieldcal.state.tables import links

TOMORROW = NOW + timedelta(days=1)


def plant(world: World, booking: BookingId, reason: str) -> None:
    """What a fault in the triggers would leave: a link that never agrees with its booking, and a mark on it."""
    with world.database.write() as tx:
        tx.execute(update(links).values(triggers=to_json({"status": "never the same"})))
        marks.mark(tx, ENVIRONMENT, [(world.box("Ana"), booking)], world.clock.now(), reason)


@pytest.mark.parametrize("reason", ["changed", "nobody knows why"])
def test_the_same_written_again_though_nothing_changed_is_counted_stored_and_told(world: World, reason: str) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    assert world.pass_().tally.churn == 0
    for number in (1, 2):
        plant(world, booking, reason)
        with capture_logs() as told:
            report = world.pass_()
        assert (report.tally.updated, report.tally.churn) == (1, 1), number
        [line] = [line for line in told if line.get("action") == "churn"]
        assert (line["log_level"], line["writes"]) == ("warning", 1)
    with world.database.read() as tx:
        assert [one.churn for one in history.last_passes(tx, ENVIRONMENT)][:2] == [1, 1]


def test_a_write_that_only_a_mark_without_a_cause_led_to_is_churn_though_its_content_is_new(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    with world.database.write() as tx:
        tx.execute(update(links).values(event=None, triggers=None))
        marks.mark(tx, ENVIRONMENT, [(world.box("Ana"), booking)], world.clock.now(), "nobody knows why")
    assert world.pass_().tally.churn >= 1


def _moved(world: World, booking: BookingId) -> None:
    world.move(booking, TOMORROW + timedelta(hours=4))


def _canceled(world: World, booking: BookingId) -> None:
    world.set_status(booking, "Canceled")


def _reassigned_in_a_shared_mailbox(world: World, booking: BookingId) -> None:
    """The bytes may be the same; the change is one all the same (D7)."""
    world.worker("Ann", box="Ana", enabled=False)
    world.pass_(workers_in_full=True)
    world.reassign(booking, "Ann")


def _deleted(world: World, booking: BookingId) -> None:
    world.delete(booking)


def _enabled_again(world: World, _booking: BookingId) -> None:
    world.disable("Ana")
    world.enable("Ana")


def _moved_while_the_calendar_was_ill(world: World, booking: BookingId) -> None:
    world.exchange.control.add_fault(Fault(kind="status", status=503, times=3, match=Match(method="PATCH")))
    _moved(world, booking)


def _answer_lost(world: World, booking: BookingId) -> None:
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="PATCH")))
    _moved(world, booking)


def _taken_by_hand_then_moved(world: World, booking: BookingId) -> None:
    world.remove("Ana", world.ours("Ana")[0])
    _moved(world, booking)


def _far_ahead(world: World, _booking: BookingId) -> None:
    """Time brings it in; no row changes then (D3)."""
    world.book("Ana", NOW + timedelta(days=14, minutes=30))


def _state_lost(world: World, _booking: BookingId) -> None:
    world.forget_state()
    world.set_up_again("Ana")


HAPPENINGS = [
    _moved, _canceled, _reassigned_in_a_shared_mailbox, _deleted, _enabled_again, _moved_while_the_calendar_was_ill,
    _answer_lost, _taken_by_hand_then_moved, _far_ahead, _state_lost,
]  # fmt: skip


@pytest.mark.parametrize("happens", HAPPENINGS, ids=lambda happens: happens.__name__.strip("_"))
def test_what_a_change_time_or_a_fault_calls_for_is_no_churn(
    world: World, happens: Callable[[World, BookingId], None]
) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    reports = [world.pass_()]
    happens(world, booking)
    for _ in range(5):
        reports.append(world.pass_())
        world.clock.advance(timedelta(minutes=20))
    reports.append(world.check(everything=True))
    assert [report.tally.churn for report in reports] == [0] * len(reports)
    assert sum(report.tally.writes for report in reports) > 0
