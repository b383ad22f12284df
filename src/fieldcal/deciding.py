"""Held plans in a person's hands: shown row by row, approved or rejected once, and put on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.errors import ConfigError
from fieldcal.model import Booking, Worker
from fieldcal.plan.render import title
from fieldcal.plan.rules import evidence_told
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor
from fieldcal.sites import Sites
from fieldcal.state import audit, bookings, environments, mailboxes, plans, workers
from fieldcal.state.plans import Row
from fieldcal.sync import approve as decisions
from fieldcal.sync.approve import Approved


@dataclass(frozen=True, slots=True)
class Removal:
    """One removal of a plan with what is known of its booking; `address`: of the mailbox, "" where it is unknown."""

    row: Row
    booking: Booking | None
    worker: Worker | None
    subject: str
    address: str
    why: str

    @property
    def start(self) -> datetime | None:
        """When the booking begins."""
        return self.booking.start if self.booking else None


def place_of(tx: Connection, number: int) -> str:
    """The environment of this plan."""
    for place in environments.names(tx):
        if plans.find(tx, place, number) is not None:
            return place
    raise ConfigError(f"there is no plan {number}; `fieldcal plan list --all` shows those there are")


def removals(tx: Connection, place: str, rows: list[Row]) -> list[Removal]:
    """Each of these removals with what is known of its booking."""
    known = bookings.load(tx, place, [row.booking for row in rows])
    boxes = {box.id: box.address for box in mailboxes.some(tx, place, sorted({row.mailbox for row in rows}))}
    people = workers.load(tx, place, {one.known.booking.worker for one in known.values()})
    settings = environments.get(tx, place).settings
    told: list[Removal] = []
    for row in rows:
        stored = known.get(row.booking)
        booking = stored.known.booking if stored else None
        worker, _ = people.get(booking.worker or "", (None, False)) if booking else (None, False)
        subject = title(stored.known, settings) if stored else ""
        told.append(Removal(row, booking, worker, subject, boxes.get(row.mailbox, ""), evidence_told(row.evidence)))
    return told


async def approve(app: App, actor: Actor, place: str, number: int, comment: str) -> Approved:
    """Let go what is still proven of a held plan; `ConfigError` where it was decided before."""
    require(actor, Action.TAKE_OVER)
    async with Sites(app) as sites:
        record = _recording(actor, app, "plan approve", place, number, comment)
        return await decisions.approve(await sites.working(place), number, actor.name, comment, record)


async def reject(app: App, actor: Actor, place: str, number: int, comment: str) -> int:
    """Leave the events of a held plan where they stand; returns how many. `ConfigError` where it was decided before."""
    require(actor, Action.TAKE_OVER)
    async with Sites(app) as sites:
        record = _recording(actor, app, "plan reject", place, number, comment)
        return await decisions.reject(await sites.unasked(place), number, actor.name, comment, record)


def _recording(
    actor: Actor, app: App, action: str, place: str, number: int, comment: str
) -> Callable[[Connection], None]:
    """Puts the decision on record, in its own transaction: neither stands without the other."""
    return lambda tx: audit.record(tx, actor, app.clock.now(), action, [f"{place}/{number}"], comment)
