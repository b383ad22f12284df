"""What is stored costs a pass nothing: it asks for what changed, and is told of what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bench.scale.grown import grow
from sqlalchemy import event, func, select
from tests.conftest import NewState
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.state.tables import bookings

STORED = 20_000
TOMORROW = NOW + timedelta(days=1)


def _cost(world: World, changed: list[str], hours: int) -> Counter[str]:
    """Statements, rows given with them, and rows told (by PostgreSQL, which counts them) of a pass with these moves."""
    number: Counter[str] = Counter()

    def count(_tx: object, cursor: Any, _text: str, given: Any, _context: object, many: bool) -> None:
        number["statements"] += 1
        number["given"] += len(given) if many else 1
        number["told"] += max(cursor.rowcount, 0)

    for n, booking in enumerate(changed):
        world.move(booking, TOMORROW + timedelta(days=n, hours=hours))
    engines = {world.database._writer, world.database._reader}
    for engine in engines:
        event.listen(engine, "after_cursor_execute", count)
    report = world.pass_()
    for engine in engines:
        event.remove(engine, "after_cursor_execute", count)
    assert report.tally.updated == len(changed)
    return number


def test_the_same_changes_cost_the_same_beside_few_and_many_stored_bookings(
    new_world: Callable[..., World], new_state: NewState
) -> None:
    world = new_world(new_state())
    for name in ("Ana", "Ben"):
        world.worker(name)
    made = [world.book(("Ana", "Ben")[n % 2], TOMORROW + timedelta(days=n)) for n in range(6)]
    world.pass_()
    _cost(world, made, 1)
    before = _cost(world, made, 2)
    grow(world.database, STORED, ENVIRONMENT, NOW)
    with world.database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(bookings)) == STORED
    after = _cost(world, made, 3)
    assert before["statements"] > 20
    # What is looked up now and then (pauses, shares of a limit) may fall into either of them.
    assert [what for what in before if after[what] > before[what] * 1.1] == []
