"""What a dispatcher does on the board, and a worker with the own jobs: book, move, give away, set a status.

Each is one transaction of the field service, decided by the version that was seen. Blocking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES, take_counter
from fieldcal.embedded.fieldservice.errors import Refused
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING, WORK_ORDER
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.errors import ConfigError
from fieldcal.schedule import board, bookable, crews
from fieldcal.schedule.progress import order_status, window
from fieldcal.schedule.values import UNTITLED, Along, Slot, Status, Step, step_of

#: the schedule board, as Field Service tells where a booking was made
_BY_BOARD = 690970001


class Overtaken(ConfigError):
    """Another has changed the booking since it was seen; nothing was written. `now`: as it stands, None: gone."""

    def __init__(self, now: Slot | None) -> None:
        self.now = now
        told = "has been changed" if now else "has been removed"
        super().__init__(f"the booking {told} by somebody else meanwhile; nothing was written")


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of one booking; None leaves what is."""

    worker: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What a step changed, as it was: the status's id, the window, and when the worker came (as it is stored)."""

    status: str
    start: datetime
    end: datetime
    arrived: str | None


def book(
    store: Store, worker: str, start: datetime, end: datetime, *, order: str | None = None, status: str | None = None,
    again: bool = False, members: Collection[str] | None = None, title: str = "",
) -> Slot:  # fmt: skip
    """Book this worker from `start` to `end`, for a work order or without one; scheduled, unless a status is named.

    A work order that is booked already, or closed, raises `bookable.NotWaiting`, unless it is wanted `again`.
    `members`: of a crew, who go along; None: all of that day. `title`: what a booking without a work order is called;
    with none it is a booking, and not called after its worker as Field Service's own are.
    """
    with alone(store) as tx:
        start, end = bookable.window(start, end, store.clock.now())
        bookable.works(store, tx, worker)
        if order and not again:
            bookable.waits(store, tx, order)
        chosen = status or first(tx, Step.SCHEDULED).id
        values = {
            "resource": worker, "starttime": instant_text(start), "endtime": instant_text(end), "bookingstatus": chosen,
            "msdyn_workorder": order, "msdyn_bookingmethod": _BY_BOARD,
            "name": title.strip() or (None if order else UNTITLED),
        }  # fmt: skip
        try:
            made = store.insert(tx, BOOKING, values)
        except Refused as error:
            raise ConfigError(f"nothing was booked: {error.message}") from error
        along = crews.booked(store, tx, made, members)
        _order_follows(store, tx, order)
        return _now(tx, made, along)


def move(
    store: Store, booking: str, version: int, change: Moved, *, members: Collection[str] | None = None
) -> Slot:  # fmt: skip
    """Give this booking another time, worker or length; `Overtaken` where it is not as it was seen.

    `members`: of a crew that it is given to, who go along; None: all of that day.
    """
    with alone(store) as tx:
        seen = _as_seen(tx, booking, version)
        start, end = bookable.window(change.start or seen.start, change.end or seen.end, store.clock.now(), seen)
        values = {"starttime": instant_text(start), "endtime": instant_text(end)}
        along: list[Along] = []
        if change.worker is not None and change.worker != seen.worker:
            bookable.works(store, tx, change.worker)
            along += crews.dissolve(store, tx, seen)
            _write(store, tx, seen, {**values, "resource": change.worker})
            along += crews.booked(store, tx, booking, members)
        else:
            _write(store, tx, seen, values)
            along += crews.follow(store, tx, seen)
        return _now(tx, booking, along)


def set_status(
    store: Store, booking: str, version: int, status: str, now: datetime, *, own: bool = False, again: bool = False
) -> Slot:
    """Give this booking another status; `own`: its worker takes the step, which moves its window (`progress`).

    One that was canceled takes its time again only where that is free still (`bookable.free`), or it is wanted `again`.
    """
    with alone(store) as tx:
        seen = _as_seen(tx, booking, version)
        chosen = next((one for one in board.statuses(tx) if one.id == status), None)
        if chosen is None:
            raise ConfigError("there is no such status; nothing was written")
        if chosen.takes_time and not seen.takes_time and not again:
            bookable.free(store, tx, seen)
        start, end = window(seen, chosen.step, now, own=own)
        values: dict[str, Any] = {"bookingstatus": chosen.id}
        if (start, end) != (seen.start, seen.end):
            values |= {"starttime": instant_text(start), "endtime": instant_text(end)}
        # who goes on after a break had come before
        if own and chosen.step is Step.IN_PROGRESS and seen.status.step not in {Step.IN_PROGRESS, Step.ON_BREAK}:
            values["msdyn_actualarrivaltime"] = instant_text(now)
        _write(store, tx, seen, values)
        along = crews.follow(store, tx, seen)
        _order_follows(store, tx, seen.order)
        return _now(tx, booking, along)


def put_back(store: Store, booking: str, version: int, before: Before) -> Slot:
    """Have this booking as it was before the worker's step that led to this version."""
    with alone(store) as tx:
        seen = _as_seen(tx, booking, version)
        values = {
            "bookingstatus": before.status, "starttime": instant_text(before.start),
            "endtime": instant_text(before.end), "msdyn_actualarrivaltime": before.arrived,
        }  # fmt: skip
        _write(store, tx, seen, values)
        along = crews.follow(store, tx, seen)
        _order_follows(store, tx, seen.order)
        return _now(tx, booking, along)


def remove(store: Store, booking: str, version: int) -> Slot:
    """Take this booking off the board for good; its work order waits again where it was the only one.

    Gives it as it was, with the members' bookings that went along.
    """
    with alone(store) as tx:
        seen = _as_seen(tx, booking, version)
        along = crews.dissolve(store, tx, seen)
        store.delete(tx, BOOKING, booking, version)
        _order_follows(store, tx, seen.order)
        return replace(seen, along=tuple(along))


@contextmanager
def alone(store: Store) -> Iterator[Connection]:
    """A transaction in which nobody else writes from its first look on: what it decides by still holds at its end."""
    with store.writing() as tx:
        # SQLite's lock is taken by now; PostgreSQL's writers wait for each other at this row
        take_counter(tx, "version", 0)
        yield tx


def _now(tx: Connection, booking: str, along: Iterable[Along]) -> Slot:
    return replace(board.some(tx, [booking])[booking], along=tuple(along))


def _as_seen(tx: Connection, booking: str, version: int) -> Slot:
    found = board.some(tx, [booking]).get(booking)
    if found is None or found.version != version:
        raise Overtaken(found)
    return found


def _write(store: Store, tx: Connection, seen: Slot, values: Mapping[str, Any]) -> None:
    try:
        store.update(tx, BOOKING, seen.id, values, seen.version)
    except Refused as error:
        raise ConfigError(f"nothing was written: {error.message}") from error


def first(tx: Connection, step: Step) -> Status:
    """The first status that means this step; ConfigError where there is none."""
    found = next((one for one in board.statuses(tx) if one.step is step), None)
    if found is None:
        raise ConfigError(f"there is no booking status that means {step.name.lower()}")
    return found


def _order_follows(store: Store, tx: Connection, order: str | None) -> None:
    """Have the work order say how far its bookings are, where that is another than it says (and it is not closed)."""
    row = store.find(tx, WORK_ORDER, order) if order else None
    if row is None or row["msdyn_systemstatus"] in bookable.CLOSED:
        return
    booking, status = TABLES["bookableresourcebooking"].c, TABLES["bookingstatus"].c
    codes = tx.scalars(
        select(status.msdyn_fieldservicestatus)
        .join_from(TABLES["bookableresourcebooking"], TABLES["bookingstatus"],
                   status.bookingstatusid == booking.bookingstatus)
        .where(booking.msdyn_workorder == order, booking.statecode == 0)
    )  # fmt: skip
    now = order_status([step_of(code) for code in codes])
    if row["msdyn_systemstatus"] != now:
        store.update(tx, WORK_ORDER, row[WORK_ORDER.id], {"msdyn_systemstatus": int(now)})
