"""One work order: its bookings, canceling it, and taking it away with them. Blocking."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING, WORK_ORDER
from fieldcal.errors import ConfigError, Overtaken
from fieldcal.schedule import board, bookable, crews, moves
from fieldcal.schedule.progress import UNDER_WAY
from fieldcal.schedule.values import OrderStatus, Slot, Step

_bookings, _orders = TABLES[BOOKING.name].c, TABLES[WORK_ORDER.name]


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
        asked = select(_bookings.bookableresourcebookingid, _bookings.header)
        held = {row[0]: row[1] for row in tx.execute(asked.where(_bookings.msdyn_workorder == order))}
        gone = board.some(tx, list(held))
        for booking in held:
            store.delete(tx, BOOKING, booking)
        crews.headless(store, tx, {header for header in held.values() if header})
        store.delete(tx, WORK_ORDER, order)
        return list(gone.values())


@dataclass(frozen=True, slots=True)
class Ahead:
    """What canceling a work order comes to: bookings that are canceled with it, and what keeps it from that ("")."""

    going: tuple[Slot, ...]
    obstacle: str


def ahead(tx: Connection, order: str) -> Ahead:
    """What would be canceled with this work order: all that is neither completed nor canceled already."""
    row = tx.execute(select(_orders).where(_orders.c.msdyn_workorderid == order)).mappings().one()
    live = [(slot, name) for slot, name in bookings(tx, order) if slot.takes_time]
    at_work = [f"{name or slot.worker} ({slot.status.name})" for slot, name in live if slot.status.step in UNDER_WAY]
    closed = bookable.CLOSED.get(row["msdyn_systemstatus"], "")
    obstacle = f"it is {closed}" if closed else ""
    if at_work:
        obstacle = f"somebody is on the way or at work: {', '.join(at_work)}"
    return Ahead(tuple(slot for slot, _ in live if slot.status.step is not Step.COMPLETED), obstacle)


def cancel(store: Store, order: str, expected: int) -> list[tuple[Slot, Slot]]:
    """Cancel this work order, and its bookings that are not completed; gives these as they were and are.

    `Overtaken` where they are not as many as were told; ConfigError where somebody is at work, or it is closed.
    """
    with moves.alone(store) as tx:
        found = store.find(tx, WORK_ORDER, order)
        if found is None:
            raise ConfigError("this work order is not there any more; nothing was done")
        told = ahead(tx, order)
        if told.obstacle:
            raise ConfigError(f"{found['msdyn_name']} is not canceled, for {told.obstacle}; nothing was done")
        if len(told.going) != expected:
            raise Overtaken(f"{len(told.going)} bookings would be canceled with it by now; nothing was done")
        status = moves.first(tx, Step.CANCELED).id if told.going else ""
        for slot in told.going:
            store.update(tx, BOOKING, slot.id, {"bookingstatus": status}, slot.version)
        store.update(tx, WORK_ORDER, order, {"msdyn_systemstatus": int(OrderStatus.CANCELED)})
        after = board.some(tx, [slot.id for slot in told.going])
        return [(slot, after[slot.id]) for slot in told.going]
