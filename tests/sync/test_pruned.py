"""After everything prunable is pruned the sync goes on as if nothing had been: it writes nothing, and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.engine import upkeep
from fieldcal.model import BookingId
from fieldcal.state import bookings, environments, findings, links, soundness
from fieldcal.state.pruning import Pruned
from fieldcal.state.tables import bookings as booking_table

DAY = timedelta(days=1)
YEAR = 365 * DAY


class Years:
    """Ana's jobs of long ago: one with an event, one whose event a hand took, one that was given away unseen, one moved."""

    def __init__(self, world: World, **order: str) -> None:
        self.world = world
        world.worker("Ana")
        world.worker("Ben")
        job = world.work_order("WO-1", **order)
        self.kept, self.gone, self.moved = (
            world.book("Ana", NOW + DAY + timedelta(hours=3 * n), work_order=job, name=f"Job {n}") for n in range(3)
        )
        self.away = world.book("Ana", NOW + 300 * DAY, name="Ahead")  # beyond the window, never written
        world.pass_()
        [event] = [one for one in world.events("Ana") if one.start == NOW + DAY + timedelta(hours=3)]
        world.remove("Ana", event)
        world.set_status(self.gone, "Canceled")  # it is found gone, so its generation is raised
        world.reassign(self.moved, "Ben")  # its link in Ana's mailbox is dead
        world.delete(self.away)
        world.pass_()
        world.clock.advance(YEAR)
        world.pass_()

    def prune(self) -> Pruned:
        return self.world.run(upkeep.prune(self.world.database, self.world.clock, upkeep.ages(1, 1, 1)))

    def stored(self) -> set[BookingId]:
        with self.world.database.read() as tx:
            return set(bookings.load(tx, ENVIRONMENT, [self.kept, self.gone, self.moved, self.away]))


def nothing_is_written(world: World, *, times: int = 2) -> None:
    before = {name: [(one.key, one.raw) for one in world.events(name)] for name in world.boxes}
    for _ in range(times):
        tally = world.pass_(workers_in_full=True).tally
        assert (tally.writes, tally.adopted) == (0, 0)
    tally = world.check(everything=True).tally
    assert (tally.writes, tally.adopted) == (0, 0)
    assert {name: [(one.key, one.raw) for one in world.events(name)] for name in world.boxes} == before
    with world.database.read() as tx:
        assert soundness.faults(tx) == []
        assert findings.load(tx, ENVIRONMENT) == []


@pytest.mark.parametrize("settings", [{}, {"follow_location": "true", "follow_work_order": "true", "drift": "restore"}])
def test_i2_a_pass_and_a_check_after_the_pruning_write_nothing_and_find_nothing(
    new_world: Callable[..., World], settings: dict[str, str]
) -> None:
    years = Years(new_world(**settings))
    done = years.prune()
    assert done.texts
    assert done.history
    assert years.prune() == Pruned()
    nothing_is_written(years.world)
    with years.world.database.read() as tx:
        texts = tx.scalar(
            select(func.count()).where(booking_table.c.snapshot.is_not(None) | (booking_table.c.name != ""))
        )
    assert texts == 0


@pytest.mark.parametrize("swept", [False, True])
def test_i1_old_bookings_that_come_back_into_the_window_are_carried_right_and_none_is_doubled(
    new_world: Callable[..., World], swept: bool
) -> None:
    years = Years(new_world(swept=swept))
    world = years.world
    years.prune()
    soon = world.clock.now() + DAY
    order = world.ask("GET", f"bookableresourcebookings({years.kept})")["_msdyn_workorder_value"]
    world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Oven is on fire"})
    for n, key in enumerate((years.kept, years.gone, years.moved)):
        world.set_status(key, "Scheduled")
        world.move(key, soon + timedelta(hours=3 * n))
    world.pass_()
    world.pass_()
    starts = {name: [one.start for one in world.ours(name)] for name in ("Ana", "Ben")}
    assert starts == {"Ana": [soon, soon + timedelta(hours=3)], "Ben": [soon + timedelta(hours=6)]}
    for event in (*world.ours("Ana"), *world.ours("Ben")):
        assert event.subject.startswith("WO-1 · Repair · Northwind Bakery")
        assert "Oven is on fire" in event.body  # read anew, for what was known is pruned
    nothing_is_written(world)
    with world.database.read() as tx:
        generations = {(one.mailbox, one.generation) for one in links.of_booking(tx, ENVIRONMENT, years.gone)}
    assert (world.box("Ana"), 0) not in generations


def test_d7_a_pruned_booking_that_is_given_to_another_worker_is_still_taken_from_the_first(world: World) -> None:
    years = Years(world)
    years.prune()
    assert len(world.ours("Ana")) == 1
    world.reassign(years.kept, "Ben")
    world.pass_()
    assert world.ours("Ana") == []


def test_d6_a_pruned_booking_that_is_deleted_keeps_its_ended_event(world: World) -> None:
    years = Years(world)
    years.prune()
    before = len(world.ours("Ana"))
    world.delete(years.kept)
    world.pass_()
    assert len(world.ours("Ana")) == before == 1


def test_a_window_that_is_made_larger_over_pruned_bookings_reads_them_again_and_doubles_none(
    new_world: Callable[..., World],
) -> None:
    world = new_world(follow_work_order="true", follow_location="true")
    years = Years(world)
    years.prune()
    before = [(one.key, one.raw) for one in world.ours("Ana")]
    world.change_settings(window_past="365")
    with world.database.write() as tx:
        place = environments.get(tx, ENVIRONMENT)
        environments.save(tx, type(place)(**{**_fields(place), "settings": world.settings}))
    world.clock.advance(-10 * DAY)
    for _ in range(2):
        assert world.pass_(workers_in_full=True).tally.created == 0
    assert [(one.key, one.raw) for one in world.ours("Ana")] == before


def test_a_mailbox_that_is_enabled_anew_after_the_pruning_is_written_nothing_old(world: World) -> None:
    years = Years(world)
    years.prune()
    world.disable("Ana")
    world.enable("Ana")
    nothing_is_written(world)
    assert len(world.ours("Ana")) == 1


def _fields(place: object) -> dict[str, object]:
    return {name: getattr(place, name) for name in place.__slots__}  # type: ignore[attr-defined]
