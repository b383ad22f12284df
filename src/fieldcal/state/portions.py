"""Limits that all workers share, handed out in portions: one row a limit, counting for the slot of time that runs."""

from __future__ import annotations

from sqlalchemy import Connection, case, or_

from fieldcal.state.pace_tables import portions
from fieldcal.state.rows import insert

#: Slots: a row that is farther ahead was written by a wrong clock and starts anew; until then nobody waits for it long.
FARTHEST = 5


def reserve(tx: Connection, scope: str, slot: int, cost: int, limit: int) -> bool:
    """Take `cost` requests of what this scope has in this slot; False, and nothing is taken, where there is less.

    Whose clock is a little behind takes from the slot that another has begun.
    """
    statement = insert(tx, portions).values(scope=scope, slot=slot, taken=cost)
    new = statement.excluded
    begins = or_(portions.c.slot < new.slot, portions.c.slot > new.slot + FARTHEST)
    reserved = tx.execute(
        statement.on_conflict_do_update(
            index_elements=["scope"],
            set_={
                "taken": case((begins, new.taken), else_=portions.c.taken + new.taken),
                "slot": case((begins, new.slot), else_=portions.c.slot),
            },
            where=or_(begins, portions.c.taken + new.taken <= limit),
        ).returning(portions.c.taken)
    )
    return reserved.first() is not None
