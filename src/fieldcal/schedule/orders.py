"""One work order: its bookings, and taking it away with them. Blocking."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING, WORK_ORDER
from fieldcal.errors import Overtaken
from fieldcal.schedule import board
from fieldcal.schedule.values import Slot

_bookings = TABLES[BOOKING.name].c


def bookings(tx: Connection, order: str) -> list[tuple[Slot, str]]:
    """The active bookings of this work order with their workers' names, by their start."""
    ids = list(tx.scalars(select(_bookings.bookableresourcebookingid).where(_bookings.msdyn_workorder == order)))
    found = sorted(board.some(tx, ids).values(), key=lambda one: (one.start, one.id))
    named = board.names(tx, {one.worker for one in found})
    return [(one, named.get(one.worker, "")) for one in found]


def by_number(tx: Connection, number: str) -> str:
    """The id of the work order of this number, "" where there is none."""
    orders = TABLES[WORK_ORDER.name].c
    return tx.scalar(select(orders.msdyn_workorderid).where(orders.msdyn_name == number).limit(1)) or ""


def count(tx: Connection, order: str) -> int:
    """How many bookings would go with this work order."""
    asked = select(func.count()).select_from(TABLES[BOOKING.name]).where(_bookings.msdyn_workorder == order)
    return tx.scalar(asked) or 0


def remove(store: Store, order: str, expected: int) -> list[Slot]:
    """Take this work order away with its bookings, and give those of them that stood on the board.

    `Overtaken` where they are not as many as were told.
    """
    with store.writing() as tx:
        if count(tx, order) != expected:
            raise Overtaken("the work order has more or fewer bookings by now; nothing was removed")
        asked = select(_bookings.bookableresourcebookingid).where(_bookings.msdyn_workorder == order)
        ids = list(tx.scalars(asked))
        gone = board.some(tx, ids)
        for booking in ids:
            store.delete(tx, BOOKING, booking)
        store.delete(tx, WORK_ORDER, order)
        return list(gone.values())
