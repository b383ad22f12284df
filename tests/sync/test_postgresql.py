"""The whole way with its state in PostgreSQL, as in SQLite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.conftest import NewState
from tests.sync.test_faults import settle
from tests.sync.world import NOW, World

from fieldcal.embedded.faults import Fault, Match

TOMORROW = NOW + timedelta(days=1)


def test_a_busy_day_with_the_state_in_postgresql(new_world: Callable[..., World], new_postgres: NewState) -> None:
    world = new_world(new_postgres())
    world.worker("Ana")
    world.worker("Ben")
    bookings = [
        world.book(
            "Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}", work_order=world.work_order(f"W{hour}")
        )
        for hour in range(25)
    ]
    world.pass_()
    world.move(bookings[0], TOMORROW + timedelta(days=2))
    world.set_status(bookings[1], "Canceled")
    world.reassign(bookings[2], "Ben")
    world.delete(bookings[3])
    world.book("Ben", NOW + timedelta(days=15), name="enters later")
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST")))
    settle(world, 3)
    assert (len(world.ours("Ana")), len(world.ours("Ben"))) == (23, 1)
    assert TOMORROW + timedelta(days=2) in {event.start for event in world.ours("Ana")}
    world.clock.advance(timedelta(days=2))
    settle(world, 2)
    assert len(world.ours("Ben")) == 2
    world.forget_requests()
    world.pass_()
    world.check(everything=True)
    assert world.writes() == 0
