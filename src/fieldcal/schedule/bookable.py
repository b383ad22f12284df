"""What can be booked at all: a time that is one, a worker who still works, a work order that still waits. Blocking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING, RESOURCE, WORK_ORDER
from fieldcal.errors import ConfigError
from fieldcal.schedule import board
from fieldcal.schedule.values import OrderStatus, Slot

#: Where bookings begin to be; calendars and time zones are known since.
FIRST = datetime(1990, 1, 1, tzinfo=UTC)
#: Whole years after this one that are booked ahead: beyond lies a slip of the hand, not a plan.
_AHEAD = 10
#: The longest booking, and the longest that the board looks at together.
LONGEST = timedelta(days=32)

#: What nobody's booking changes any more, in words.
CLOSED = {OrderStatus.POSTED: "posted", OrderStatus.CANCELED: "canceled"}


class NotWaiting(ConfigError):
    """The work order does not wait to be booked any more; nothing was written.

    `slots`: its bookings that take somebody's time, by start. `closed`: what became of it ("" where it is open).
    `there`: whether it is there at all; what is not, cannot be booked once more either.
    """

    def __init__(self, number: str, slots: list[Slot], closed: str, *, there: bool) -> None:
        self.number, self.slots, self.closed, self.there = number, slots, closed, there
        named = f"the work order {number}" if there else "the work order"
        told = f"is {closed}" if closed else "has been booked by somebody else meanwhile"
        super().__init__(f"{named} {told}; nothing was written")


class TimeTaken(ConfigError):
    """The worker has something else to do at that time by now; nothing was written. `slots`: what, by start."""

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots
        super().__init__("the worker has been booked for something else at that time meanwhile; nothing was written")


def last(now: datetime) -> datetime:
    """Until when bookings are taken, at this moment."""
    return datetime(now.year + _AHEAD + 1, 1, 1, tzinfo=UTC)


def window(start: datetime, end: datetime, now: datetime, before: Slot | None = None) -> tuple[datetime, datetime]:
    """This time to the second, as it is kept; ConfigError where it is none, too long, or further away than is booked.

    `before`: the booking that is moved; what it is already, it may stay, though it came another way.
    """
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    if before is not None and (start, end) == (before.start, before.end):
        return start, end
    if end <= start:
        raise ConfigError("a booking ends after it begins; nothing was written")
    if start < FIRST or end > last(now):
        raise ConfigError(f"a booking lies between {FIRST.year} and {last(now).year - 1}; nothing was written")
    if end - start > LONGEST and (before is None or end - start != before.end - before.start):
        raise ConfigError(f"a booking lasts up to {LONGEST.days} days; nothing was written")
    return start, end


def works(store: Store, tx: Connection, worker: str) -> None:
    """ConfigError where this worker is not there or was taken out of the schedule."""
    row = store.find(tx, RESOURCE, worker)
    if row is None:
        raise ConfigError("this worker is not there any more; nothing was written")
    if row["statecode"] != 0:
        raise ConfigError(f"{row['name']} is not active any more and cannot be booked; nothing was written")


def waits(store: Store, tx: Connection, order: str, since: int = 0) -> None:
    """`NotWaiting` where this work order is booked, closed, or gone; `since`: by a booking newer than this version."""
    row = store.find(tx, WORK_ORDER, order)
    if row is None:
        raise NotWaiting("", [], "removed", there=False)
    closed = CLOSED.get(row["msdyn_systemstatus"]) or ("" if row["statecode"] == 0 else "deactivated")
    bookings = TABLES[BOOKING.name].c
    ids = tx.scalars(select(bookings.bookableresourcebookingid).where(bookings.msdyn_workorder == order)).all()
    live = [one for one in board.some(tx, ids).values() if one.takes_time and one.version > since]
    if live or closed:
        slots = sorted(live, key=lambda one: (one.start, one.worker, one.id))
        raise NotWaiting(row["msdyn_name"] or "", slots, closed, there=True)


def free(store: Store, tx: Connection, slot: Slot) -> None:
    """Return where this booking, which takes no time since its version, can take it again.

    `NotWaiting` where its work order was booked or closed meanwhile, `TimeTaken` where its worker was. What stood
    beside it before is no news, and is not asked about.
    """
    if slot.order:
        waits(store, tx, slot.order, slot.version)
    span = board.between(tx, slot.start, slot.end)
    beside = [one for one in span if one.worker == slot.worker and one.takes_time and one.version > slot.version]
    if beside:
        raise TimeTaken(beside)
