"""What goes wrong on the wire, at the store and in between: nothing lost, nothing doubled, nothing else touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.errors import ConfigError
from fieldcal.state import alerts, booking_lists, links, plans
from fieldcal.state.booking_lists import Wanted

TOMORROW = NOW + timedelta(days=1)
GRAPH_FAULTS = [
    Fault(kind="drop_before", match=Match(method="POST")),
    Fault(kind="drop_after", match=Match(method="POST")),
    Fault(kind="status", status=500, match=Match(method="POST")),
    Fault(kind="status", status=503, match=Match(method="POST")),
    Fault(kind="status", status=504, match=Match(method="POST")),
    Fault(kind="status", status=429, headers={"Retry-After": "2.128"}, match=Match(method="POST")),
    Fault(kind="status", status=429, headers={"Retry-After": "1"}, match=Match(method="POST")),
    Fault(kind="status", status=429, match=Match(method="POST")),
    Fault(kind="status", status=401, match=Match(method="POST")),
    Fault(kind="truncated", match=Match(method="POST")),
    Fault(kind="garbage", match=Match(method="POST")),
]


def settle(world: World, passes: int = 8) -> None:
    """Passes until the pauses of every fault have ended."""
    for _ in range(passes):
        world.pass_()
        world.clock.advance(timedelta(minutes=20))


@pytest.mark.parametrize("fault", GRAPH_FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("many", [1, 21])  # a batch takes 20
def test_f11_f12_f24_whatever_happens_to_a_create_there_is_exactly_one_event(
    world: World, fault: Fault, many: int
) -> None:
    world.worker("Ana")
    world.pass_()
    for hour in range(many):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}")
    world.exchange.control.add_fault(fault)
    settle(world)
    assert sorted(world.subjects("Ana")) == sorted(f"Job {hour}" for hour in range(many))
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="drop_before", match=Match(method="PATCH")),
        Fault(kind="drop_after", match=Match(method="PATCH")),
        Fault(kind="status", status=412, code="ErrorIrresolvableConflict", match=Match(method="PATCH")),
        Fault(kind="status", status=503, match=Match(method="PATCH")),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_f18_f49_a_failed_update_ends_in_the_right_content_of_the_same_event(world: World, fault: Fault) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    [before] = world.events("Ana")
    world.move(booking, TOMORROW + timedelta(hours=2))
    world.exchange.control.add_fault(fault)
    settle(world)
    [after] = world.events("Ana")
    assert after.key == before.key
    assert after.start == TOMORROW + timedelta(hours=2)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_lost_answer_to_a_removal_ends_in_the_event_being_gone(world: World, kind: str) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.delete(booking)
    world.exchange.control.add_fault(Fault(kind=kind, match=Match(method="DELETE")))  # type: ignore[arg-type]
    settle(world)
    assert world.events("Ana") == []


@pytest.mark.parametrize("behaviour", ["new", "error", "dead"])
def test_a_key_whose_event_was_deleted_converges_under_each_behaviour(world: World, behaviour: str) -> None:
    """The create is carried out, its answer is lost, and a hand deletes the event before we look."""
    world.exchange.control.change(dead_key=behaviour)
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST", path="/events")))
    world.pass_()
    world.remove("Ana", world.events("Ana")[0])
    world.clock.advance(timedelta(minutes=2))
    settle(world)
    assert world.subjects("Ana") == ["Job"]


def test_f35_f36_a_copy_by_hand_is_never_taken_for_ours(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    [ours] = world.events("Ana")
    world.copy("Ana", ours)
    world.check(everything=True)
    world.move(booking, TOMORROW + timedelta(hours=3))
    world.pass_()
    moved = {event.key: event.start for event in world.events("Ana")}
    assert moved[ours.key] == TOMORROW + timedelta(hours=3)
    assert sorted(moved.values()) == [TOMORROW, TOMORROW + timedelta(hours=3)]
    world.delete(booking)
    world.pass_()
    assert [event.start for event in world.events("Ana")] == [TOMORROW]


def test_f40_one_poisoned_booking_does_not_stop_its_neighbours(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    for hour in range(5):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}")
    world.exchange.control.add_fault(
        Fault(
            kind="status", status=400, code="ErrorInvalidRequest", times=None,
            match=Match(method="POST", body="Job 3", item=True),
        )
    )  # fmt: skip
    settle(world)
    assert sorted(world.subjects("Ana")) == ["Job 0", "Job 1", "Job 2", "Job 4"]
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_f40_what_a_calendar_refused_is_told_and_listed_until_it_is_mended(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    job = world.book("Ana", TOMORROW, 1, name="Job")
    settle(world)
    for item in (True, False):
        match = Match(method="PATCH", item=item)
        world.exchange.control.add_fault(Fault(kind="status", status=400, times=None, match=match))
    written_at = written(world, job)
    world.clock.advance(timedelta(hours=2))
    world.move(job, TOMORROW + timedelta(hours=3))
    settle(world)
    assert [event.start for event in world.events("Ana")] == [TOMORROW], "the worker would come at the wrong hour"
    assert standing(world) == ([job], [("refused-bookings", "warning", "the calendar refused 1 booking for good")])
    assert written(world, job) == written_at, "it was tried, and not written"
    world.exchange.control.clear_faults()
    world.move(job, TOMORROW + timedelta(hours=4))
    settle(world)
    assert [event.start for event in world.events("Ana")] == [TOMORROW + timedelta(hours=4)]
    assert standing(world) == ([], [])
    assert written(world, job) > written_at


def standing(world: World) -> tuple[list[str], list[tuple[str, str, str]]]:
    """The bookings that are listed as written in vain, and the alerts."""
    with world.database.read() as tx:
        told = [(one.code, one.level, one.message.partition(",")[0]) for one in alerts.standing(tx, ENVIRONMENT)]
        return [str(key) for key in booking_lists.ids(tx, ENVIRONMENT, Wanted(trouble=True))], told


def written(world: World, job: str) -> datetime:
    with world.database.read() as tx:
        [at] = links.written(tx, ENVIRONMENT, [job]).values()
    return at


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=401, times=None),
        Fault(kind="status", status=500, times=None),
        Fault(kind="status", status=429, times=None),
        Fault(kind="garbage", times=None),
        Fault(kind="truncated", times=None),
        Fault(kind="empty_page", times=None),
        Fault(kind="drop_before", times=None),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_f01_f02_f03_a_source_read_that_failed_is_never_taken_for_empty(world: World, fault: Fault) -> None:
    world.worker("Ana")
    for hour in range(3):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1)
    world.pass_()
    world.field_service.control.add_fault(fault)
    assert world.pass_().error
    settle(world, 3)
    assert len(world.ours("Ana")) == 3
    world.field_service.control.clear_faults()
    world.forget_requests()
    settle(world, 2)
    assert len(world.ours("Ana")) == 3
    assert world.writes() == 0


def test_f30_an_expired_delta_link_leads_to_a_full_read_and_removes_only_what_is_proven(world: World) -> None:
    world.worker("Ana")
    gone = world.book("Ana", TOMORROW, name="gone")
    world.book("Ana", TOMORROW, name="stays")
    world.pass_()
    world.delete(gone)
    world.field_service.control.actions["expire-delta-tokens"]()
    world.pass_()
    assert world.subjects("Ana") == ["stays"]


def test_f08_f09_nothing_is_removed_before_the_first_complete_read(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="stays")
    booking = world.book("Ana", TOMORROW, name="gone")
    world.pass_()
    world.delete(booking)
    world.forget_state()
    world.field_service.control.add_fault(
        Fault(kind="status", status=500, times=None, match=Match(path="bookableresourcebookings"))
    )
    world.set_up_again("Ana")
    settle(world, 2)
    assert sorted(world.subjects("Ana")) == ["gone", "stays"]
    world.field_service.control.clear_faults()
    settle(world, 2)
    assert world.subjects("Ana") == ["stays"]


def test_state_lost_altogether_finds_its_events_again_and_doubles_nothing(world: World) -> None:
    world.worker("Ana")
    for hour in range(5):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}")
    world.pass_()
    before = {event.key for event in world.events("Ana")}
    world.forget_state()
    world.set_up_again("Ana")
    settle(world, 2)
    assert {event.key for event in world.events("Ana")} == before
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_removals_over_the_budget_are_held_and_creations_go_on(world: World) -> None:
    world.worker("Ana")
    bookings = [world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}") for hour in range(60)]
    world.pass_()
    for booking in bookings:
        world.delete(booking)
    world.book("Ana", TOMORROW, name="new")
    report = world.pass_()
    assert (report.tally.removed, report.tally.held, report.tally.created) == (50, 10, 1)
    assert len(world.ours("Ana")) == 11
    with world.database.read() as tx:
        [plan] = plans.load(tx, ENVIRONMENT)
        assert (plan.state, plan.rows) == ("held", 10)
    settle(world, 2)
    assert len(world.ours("Ana")) == 11


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_person_approves_or_rejects_what_is_held(world: World, word: str) -> None:
    from fieldcal.sync.approve import approve, reject

    world.worker("Ana")
    bookings = [world.book("Ana", TOMORROW + timedelta(hours=hour), 1) for hour in range(55)]
    world.pass_()
    for booking in bookings:
        world.delete(booking)
    world.pass_()
    assert len(world.ours("Ana")) == 5

    def lost(_tx: object) -> None:
        raise ConfigError("the record cannot be kept")

    decide = approve if word == "approve" else reject
    with pytest.raises(ConfigError, match="the record cannot be kept"):
        world.run(decide(world.site, 1, "operator", "said, and not put on record", lost))
    settle(world, 1)
    assert len(world.ours("Ana")) == 5
    world.run(decide(world.site, 1, "operator", "a project was called off"))
    settle(world, 2)
    assert len(world.ours("Ana")) == (0 if word == "approve" else 5)


def test_second_pass_writes_nothing_and_asks_the_source_at_most_twice(world: World) -> None:
    world.worker("Ana")
    for hour in range(30):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, work_order=world.work_order(f"WO-{hour}"))
    world.pass_()
    world.forget_requests()
    world.pass_()
    assert world.exchange.control.count() == 0
    assert world.field_service.control.count() <= 2
