"""The event of a real booking as settings would have it, before anybody saves them: asked by the page and by REST."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.model import Known, Worker
from fieldcal.setup_model import Environment
from fieldcal.state import bookings, workers

#: Real bookings that a preview may be made of, and how far ahead they begin.
_OFFERED, _AHEAD = 12, timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Sample:
    """A real booking that a preview may be made of."""

    known: Known
    worker: Worker


def samples(tx: Connection, place: Environment, now: datetime) -> list[Sample]:
    """Bookings of the next days whose workers are known, by start."""
    ids = bookings.starting(tx, place.id, now - timedelta(days=1), now + _AHEAD, _OFFERED)
    stored = [one.known for one in bookings.load(tx, place.id, ids).values()]
    people = workers.load(tx, place.id, {known.booking.worker for known in stored})
    found = [Sample(known, people[known.booking.worker][0]) for known in stored
             if known.booking.worker in people]  # fmt: skip
    return sorted(found, key=lambda one: (one.known.booking.start, one.known.booking.id))


def chosen(tx: Connection, place: Environment, now: datetime, booking: str) -> Sample | None:
    """The booking of this id or number, else the first that there is; None where there is none."""
    found = samples(tx, place, now)
    if not booking:
        return found[0] if found else None
    ids = bookings.search(tx, place.id, booking, 1)
    for known in (one.known for one in bookings.load(tx, place.id, ids).values()):
        worker, _ = workers.load(tx, place.id, [known.booking.worker]).get(known.booking.worker or "", (None, False))
        return Sample(known, worker) if worker else None
    return None
