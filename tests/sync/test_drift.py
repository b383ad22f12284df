"""D8 on the whole way: hands in Outlook, and what each choice makes of them by the next check and the next change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sync.deeds import hand
from tests.sync.hands import to_be_restored
from tests.sync.stage import Stage
from tests.sync.test_restore import put_back, settle, take
from tests.sync.world import ENVIRONMENT, NOW, Shown, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import BookingId
from fieldcal.state import findings, history, links
from fieldcal.sync.explain import explain

TOMORROW = NOW + timedelta(days=1)


def job(world: World, drift: str, **options: object) -> BookingId:
    world.worker("Ana")
    world.change_settings(drift=drift)
    booking = world.book("Ana", TOMORROW, name="Job", **options)  # type: ignore[arg-type] # by name
    world.pass_()
    return booking


def found(world: World) -> list[tuple[str, str]]:
    with world.database.read() as tx:
        return [(item.kind, item.detail) for item in findings.load(tx, ENVIRONMENT)]


def the_event(world: World) -> Shown:
    [event] = world.ours("Ana")
    return event


def shift(world: World, by: timedelta) -> None:
    event = the_event(world)
    times = {"start": event.start + by, "end": event.end + by}
    changes = {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, at in times.items()}
    world.edit("Ana", event, **changes)


HANDS: dict[str, Callable[[World], None]] = {
    "moved": lambda world: shift(world, timedelta(hours=3)),
    "moved out of the window": lambda world: shift(world, timedelta(days=60)),
    "subject": lambda world: world.edit("Ana", the_event(world), subject="Mine"),
    "place": lambda world: world.edit("Ana", the_event(world), location={"displayName": "Pub"}),
    "deleted": lambda world: world.remove("Ana", the_event(world)),
}


@pytest.mark.parametrize("hand", HANDS)
def test_d8_restore_writes_a_hands_change_over_once_at_the_check_that_finds_it(world: World, hand: str) -> None:
    job(world, "restore")
    before = the_event(world)
    HANDS[hand](world)
    world.pass_()
    world.forget_requests()
    report = world.check()
    after = the_event(world)
    assert (after.subject, after.start, after.end, after.location) == ("Job", before.start, before.end, before.location)
    assert world.writes() == (2 if hand == "deleted" else 1)
    assert (report.tally.churn, report.tally.failed, found(world)) == (0, 0, [])
    for look in (world.pass_, world.check, world.pass_):
        world.forget_requests()
        look()
        assert world.writes() == 0
    # The next deed is another one, though it be the same.
    HANDS[hand](world)
    world.check()
    assert the_event(world).start == TOMORROW


@pytest.mark.parametrize("drift", ["report", "respect"])
@pytest.mark.parametrize("hand", [name for name in HANDS if name != "deleted"])
def test_d8_else_a_hands_change_is_reported_until_the_next_change_of_the_booking(
    world: World, hand: str, drift: str
) -> None:
    booking = job(world, drift)
    HANDS[hand](world)
    world.forget_requests()
    for _ in range(2):
        world.check()
        [(kind, told)] = found(world)
        assert (kind, "next change" in told) == ("changed", True)
    assert world.writes() == 0
    world.move(booking, TOMORROW + timedelta(hours=1))
    world.pass_()
    assert (the_event(world).start, the_event(world).subject) == (TOMORROW + timedelta(hours=1), "Job")
    world.check()
    assert found(world) == []


@pytest.mark.parametrize("drift", ["report", "restore", "respect"])
def test_d8_an_event_that_a_hand_moved_back_is_as_it_was_and_nothing_is_told(world: World, drift: str) -> None:
    job(world, drift)
    shift(world, timedelta(hours=3))
    shift(world, -timedelta(hours=3))
    world.forget_requests()
    world.check()
    assert (world.writes(), found(world)) == (0, [])


def test_f16_what_a_server_rewrites_is_written_over_once_and_then_left(world: World) -> None:
    """A rule in Outlook that renames every appointment again, say: else each night would write for ever."""
    booking = job(world, "restore")
    for night in range(4):
        world.edit("Ana", the_event(world), subject="[external] Job")
        world.forget_requests()
        world.check()
        assert world.writes() == (1 if night == 0 else 0)
    [(kind, told)] = found(world)
    assert (kind, "stands so again" in told) == ("changed", True)
    world.move(booking, TOMORROW + timedelta(hours=1))
    world.pass_()
    assert the_event(world).subject == "Job"


def test_d8_restore_leaves_what_the_rules_leave(world: World) -> None:
    booking = job(world, "restore")
    world.change_settings(canceled="keep")
    world.set_status(booking, "Canceled")
    world.pass_()
    world.edit("Ana", the_event(world), subject="Mine")
    world.forget_requests()
    world.check()
    assert (world.writes(), the_event(world).subject) == (0, "Mine")
    [(kind, told)] = found(world)
    assert (kind, "the rules leave it" in told) == ("changed", True)


def test_d8_restore_makes_no_event_anew_that_the_worker_deleted_because_it_was_canceled(world: World) -> None:
    booking = job(world, "restore")
    world.set_status(booking, "Canceled")
    world.pass_()
    world.remove("Ana", the_event(world))
    world.check()
    assert world.events("Ana") == []
    world.set_status(booking, "Scheduled")
    world.pass_()
    assert the_event(world).subject == "Job"


def test_d8_restore_carries_nothing_that_the_work_order_says_by_now(world: World) -> None:
    world.worker("Ana")
    world.change_settings(drift="restore")
    order = world.work_order()
    world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Something else"})
    world.edit("Ana", the_event(world), subject="Mine")
    world.check()
    assert "Oven does not heat" in the_event(world).body


def _seen_by_a_check(world: World, _booking: BookingId) -> None:
    world.check()


def _seen_by_an_update(world: World, booking: BookingId) -> None:
    world.set_status(booking, "Traveling")


def _seen_by_an_update_without_an_answer(world: World, booking: BookingId) -> None:
    world.exchange.control.add_fault(Fault(kind="drop_before", match=Match(method="PATCH")))
    world.set_status(booking, "Traveling")
    world.pass_()
    world.clock.advance(timedelta(minutes=30))


SEEN = [_seen_by_a_check, _seen_by_an_update, _seen_by_an_update_without_an_answer]


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: seen.__name__.strip("_"))
def test_f34_a_deletion_that_is_respected_stays_until_the_job_changes(
    world: World, tmp_path: Path, seen: Callable[[World, BookingId], None]
) -> None:
    booking = job(world, "respect")
    world.remove("Ana", the_event(world))
    seen(world, booking)
    world.pass_()
    for status in ("In Progress", "Completed"):
        world.set_status(booking, status)
        assert world.pass_().tally.churn == 0
    world.restart()
    world.check()
    # Enabled again, and put back from a backup: it is remembered.
    world.disable("Ana")
    world.enable("Ana")
    world.pass_()
    put_back(world, take(world, tmp_path))
    world.check(everything=True)
    settle(world)
    assert world.events("Ana") == []
    [(kind, told)] = found(world)
    assert (kind, "by setting it stays so" in told) == ("deleted", True)
    with world.database.read() as tx:
        why = explain(tx, world.site, booking)
        assert why is not None
        assert why.answer.startswith("It is not in the calendar: it was deleted by hand; by setting it stays so")
    world.move(booking, TOMORROW + timedelta(days=1))
    world.pass_()
    assert the_event(world).start == TOMORROW + timedelta(days=1)
    world.check()
    assert found(world) == []


def test_d8_a_deletion_that_is_respected_costs_the_night_no_request_of_its_own(world: World) -> None:
    job(world, "respect")
    world.remove("Ana", the_event(world))
    world.check()
    world.forget_requests()
    world.check()
    assert world.exchange.control.count() == 2  # the claim, and the list


def test_d8_a_deletion_in_the_window_of_an_unread_restore_is_not_believed(world: World, tmp_path: Path) -> None:
    """What was removed after the backup may have been removed by us; a job is rather shown again than lost."""
    job(world, "respect")
    file = take(world, tmp_path)
    world.remove("Ana", the_event(world))
    put_back(world, file)
    settle(world)
    assert the_event(world).subject == "Job"


def test_d8_what_was_respected_is_told_again_and_restored_when_the_setting_changes(world: World) -> None:
    job(world, "respect")
    world.remove("Ana", the_event(world))
    world.check()
    world.change_settings(drift="report")
    world.check()
    assert [kind for kind, _ in found(world)] == ["deleted"]
    assert world.events("Ana") == []
    world.change_settings(drift="restore")
    world.check()
    assert the_event(world).subject == "Job"


@pytest.mark.parametrize(("drift", "what"), [("restore", "restore"), ("respect", "decline")])
def test_d8_what_was_done_about_a_hand_stands_in_the_history(world: World, drift: str, what: str) -> None:
    booking = job(world, drift)
    world.remove("Ana", the_event(world))
    world.check()
    world.check()
    with world.database.read() as tx:
        lines = [line for line in history.of_booking(tx, ENVIRONMENT, booking) if line.action == what]
        [link] = links.of_mailbox(tx, ENVIRONMENT, world.box("Ana"))
    assert [line.reason for line in lines] == ["it was deleted by hand"]
    assert (link.declined, link.rewrite) == (drift == "respect", False)


def test_d8_a_deletion_ends_with_the_booking_and_with_the_worker(world: World) -> None:
    world.worker("Ben")
    booking = job(world, "respect")
    world.remove("Ana", the_event(world))
    world.check()
    world.reassign(booking, "Ben")
    world.pass_()
    assert (world.subjects("Ana"), world.subjects("Ben")) == ([], ["Job"])
    world.reassign(booking, "Ana")
    world.pass_()
    assert (world.subjects("Ana"), world.subjects("Ben")) == (["Job"], [])
    world.delete(booking)
    world.pass_()
    assert world.events("Ana") == []


@pytest.mark.parametrize("deed", ["subject", "move", "away", "delete"])
def test_d8_the_oracle_asks_that_a_hands_deed_is_written_over_and_then_that_nothing_is(stage: Stage, deed: str) -> None:
    stage.sets(drift="restore")
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    hand(stage, deed, 0)
    [box] = [box for box, name in stage.boxes.items() if name == "Ana"]
    assert to_be_restored(stage.oracle, box, stage.now) == [booking]
    stage.checks(everything=False)
    assert to_be_restored(stage.oracle, box, stage.now) == []
    stage.quiets()
    hand(stage, deed, 0)
    stage.quiets()
    assert len(stage.events()) == 1


def test_d8_the_oracle_knows_what_a_respected_deletion_outlives(stage: Stage) -> None:
    stage.sets(drift="respect")
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    hand(stage, "delete", 0)
    stage.sets_status(booking, "Traveling")
    stage.passes()
    stage.quiets()
    assert stage.events() == []
    stage.moves(booking, TOMORROW + timedelta(hours=3), 2)
    stage.passes()
    stage.quiets()
    assert len(stage.events()) == 1
