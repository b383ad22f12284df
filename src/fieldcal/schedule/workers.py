"""Workers and crews that come and go: what is booked with them, and taking them out of the schedule. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING, RESOURCE, USER
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.errors import ConfigError, Overtaken

_bookings, _statuses = TABLES[BOOKING.name].c, TABLES["bookingstatus"].c
_CANCELED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """How many bookings a worker has: those that are neither over nor canceled, and all there are."""

    coming: int
    all: int


def held(tx: Connection, worker: str, now: datetime) -> Held:
    """What is booked with this worker or crew."""
    mine = _bookings.resource == worker
    coming = (
        select(func.count())
        .select_from(TABLES[BOOKING.name])
        .join(TABLES["bookingstatus"], _statuses.bookingstatusid == _bookings.bookingstatus)
        .where(mine, _bookings.statecode == 0, _bookings.endtime > instant_text(now), _statuses.status != _CANCELED)
    )
    every = select(func.count()).select_from(TABLES[BOOKING.name]).where(mine)
    return Held(tx.scalar(coming) or 0, tx.scalar(every) or 0)


def switch(store: Store, worker: str, now: datetime, *, active: bool, expected: int) -> None:
    """Put a worker in or out of the schedule; `Overtaken` where another number of bookings is coming than was told."""
    with store.writing() as tx:
        if held(tx, worker, now).coming != expected:
            raise Overtaken("more or fewer bookings are coming by now; nothing was changed")
        store.update(tx, RESOURCE, worker, {"statecode": 0 if active else 1})


def remove(store: Store, worker: str) -> None:
    """Forget a worker whom nobody ever booked; who was booked is put out of the schedule instead."""
    with store.writing() as tx:
        row = store.find(tx, RESOURCE, worker)
        every = select(func.count()).select_from(TABLES[BOOKING.name]).where(_bookings.resource == worker)
        if tx.scalar(every):
            raise ConfigError("who has bookings is not forgotten; deactivate instead")
        store.delete(tx, RESOURCE, worker)
        if row is not None and row["userid"] is not None and not _used(tx, row["userid"]):
            store.delete(tx, USER, row["userid"])


def _used(tx: Connection, user: str) -> bool:
    resources = TABLES[RESOURCE.name].c
    return tx.scalar(select(func.count()).select_from(TABLES[RESOURCE.name]).where(resources.userid == user)) != 0
