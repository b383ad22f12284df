"""What stands on the schedule board: workers' lanes, bookings, and work orders that wait. Times are UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from fieldcal.schedule.hours import Hours

#: what a booking is called that has neither a work order nor a name; its event is, too (`plan/render.py`)
UNTITLED = "Booking"


class Kind(IntEnum):
    """What a booking status means (`bookingstatus.status`)."""

    PROPOSED = 1
    COMMITTED = 2
    CANCELED = 3


class Step(IntEnum):
    """How far a job is (`bookingstatus.msdyn_fieldservicestatus`)."""

    SCHEDULED = 690970000
    TRAVELING = 690970001
    ON_BREAK = 690970002
    IN_PROGRESS = 690970003
    COMPLETED = 690970004
    CANCELED = 690970005


_STEPS = {int(step): step for step in Step}


def step_of(code: int | None) -> Step | None:
    """The step of this code; None for none and for a code that Field Service does not have."""
    return _STEPS.get(code) if code is not None else None


class OrderStatus(IntEnum):
    """How far a work order is (`msdyn_workorder.msdyn_systemstatus`)."""

    UNSCHEDULED = 690970000
    SCHEDULED = 690970001
    IN_PROGRESS = 690970002
    COMPLETED = 690970003
    POSTED = 690970004
    CANCELED = 690970005


@dataclass(frozen=True, slots=True)
class Status:
    """One booking status that can be chosen."""

    id: str
    name: str
    kind: Kind
    #: None: a status of the organization's own without a place in the job's way
    step: Step | None

    @property
    def takes_time(self) -> bool:
        """Whether a worker is taken by a booking of this status: a canceled one leaves the time free."""
        return self.kind is not Kind.CANCELED and self.step is not Step.CANCELED


@dataclass(frozen=True, slots=True)
class Lane:
    """A worker's line on the board."""

    worker: str
    name: str
    #: User, Crew, Equipment, ... as Field Service names them
    kind: str
    #: an IANA name
    zone: str
    hours: Hours


@dataclass(frozen=True, slots=True)
class Slot:
    """One booking as it stands on the board."""

    id: str
    #: grows with every change; a change names the one that it was decided by
    version: int
    name: str
    worker: str
    start: datetime
    end: datetime
    status: Status
    #: of the work order; "" without one
    order: str = ""
    number: str = ""
    summary: str = ""
    type: str = ""
    account: str = ""
    address: str = ""
    #: the crew that it was booked with, "" for none
    crew: str = ""
    #: when the customer was promised that somebody comes, of the work order; None where nothing was
    promised: tuple[datetime | None, datetime | None] = (None, None)
    #: what the deed that led here did to other bookings of its crew; () where it was only looked at
    along: tuple[Along, ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        """What it is called where there is room for one name: by its work order, else as its event is."""
        return self.number or self.name or UNTITLED

    @property
    def takes_time(self) -> bool:
        """Whether the worker is taken by it."""
        return self.status.takes_time


class Became(StrEnum):
    """What a deed did to a booking, as it stands on record."""

    MADE = "booking made"
    MOVED = "booking moved"
    STATUS = "booking status"
    REMOVED = "booking removed"


@dataclass(frozen=True, slots=True)
class Along:
    """A member's booking that went along with its crew's: as it was, and is; None where it was not, or is not there."""

    before: Slot | None
    after: Slot | None

    @property
    def slot(self) -> Slot:
        """As it is, or was where it is removed."""
        one = self.after or self.before
        if one is None:
            raise ValueError("nothing came of nothing")
        return one

    @property
    def became(self) -> Became:
        """What was done to it."""
        if self.before is None or self.after is None:
            return Became.MADE if self.before is None else Became.REMOVED
        return Became.MOVED if self.before.status.id == self.after.status.id else Became.STATUS


@dataclass(frozen=True, slots=True)
class Waiting:
    """A work order that nobody is booked for."""

    id: str
    number: str
    summary: str
    type: str
    priority: str
    account: str
    address: str
    #: as estimated, minutes
    minutes: int
    #: promised to the customer, None where nothing was
    promised_from: datetime | None
    promised_until: datetime | None
    #: something else than an instant stands there for one of the two
    unreadable: bool = False
