"""A worker's own jobs: what to do, where, when and whom to call; from the field service here, or from what was read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Select, func, or_

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.times import instant_text, legible
from fieldcal.model import StatusKind
from fieldcal.schedule.board import slot, slots
from fieldcal.schedule.progress import UNDER_WAY
from fieldcal.schedule.values import Kind, Slot, Status, Step
from fieldcal.state import booking_lists
from fieldcal.state.booking_lists import Wanted
from fieldcal.state.bookings import Stored

_orders, _bookings, _incidents = (
    TABLES[name].c for name in ("msdyn_workorder", "bookableresourcebooking", "msdyn_incidenttype")
)
_contact, _other = TABLES["contact"].alias("reporter"), TABLES["contact"].alias("first_contact")
_account = TABLES["account"].alias("customer")
#: Jobs that are looked at together, and how long one may have been under way before the days that are asked for.
_MOST, _BEFORE = 300, timedelta(days=7)
_MAP = "https://www.openstreetmap.org"
_NOT_DIALED = re.compile(r"[^0-9+*#]")


@dataclass(frozen=True, slots=True)
class Job:
    """One booking as its worker needs it on the way. Texts are "" where nothing is known."""

    slot: Slot
    incident: str = ""
    instructions: str = ""
    contact: str = ""
    phone: str = ""
    #: latitude and longitude of the place where the work is
    place: tuple[float, float] | None = None
    promised_from: datetime | None = None
    promised_until: datetime | None = None

    @property
    def under_way(self) -> bool:
        """The worker has set out, and is not done."""
        return self.slot.status.step in UNDER_WAY

    @property
    def over(self) -> bool:
        """Completed or canceled: nothing is left to do."""
        return self.slot.status.step is Step.COMPLETED or not self.slot.takes_time

    @property
    def map(self) -> str:
        """Where the place is shown on a map, "" where none is known; it is another's site, opened by a tap only."""
        if self.place is not None:
            lat, long = self.place
            return f"{_MAP}/?mlat={lat:.5f}&mlon={long:.5f}#map=17/{lat:.5f}/{long:.5f}"
        return f"{_MAP}/search?query={quote(self.slot.address)}" if self.slot.address else ""

    @property
    def dialed(self) -> str:
        """The number as a phone dials it."""
        return _NOT_DIALED.sub("", self.phone)


def next_of(jobs: Collection[Job]) -> Job | None:
    """What to go on with: the job under way, else the first that is not over."""
    left = [job for job in jobs if not job.over]
    return next((job for job in left if job.under_way), left[0] if left else None)


def here(tx: Connection, workers: Collection[str], since: datetime, until: datetime) -> list[Job]:
    """These workers' jobs with a part of this span, and those still under way, by start, of the field service here."""
    begun = _bookings.starttime < instant_text(until)
    late = _bookings.endtime > instant_text(since - _BEFORE)
    rows = tx.execute(
        _jobs()
        .where(
            _bookings.resource.in_(workers), begun, late,
            or_(_bookings.endtime > instant_text(since),
                TABLES["bookingstatus"].c.msdyn_fieldservicestatus.in_([int(step) for step in UNDER_WAY])),
        )
        .order_by(_bookings.starttime, _bookings.bookableresourcebookingid)
        .limit(_MOST)
    )  # fmt: skip
    return [
        Job(
            slot(row), row.incident or "", row.instructions or "", row.contact or "", row.phone or "",
            (row.latitude, row.longitude) if row.latitude is not None and row.longitude is not None else None,
            legible(row.promised_from), legible(row.promised_until),
        )
        for row in rows
    ]  # fmt: skip


@cache
def _jobs() -> Select[Any]:
    """The board's bookings with what only the worker needs; D11 says who is to be called."""
    own, lat, long = _orders, "msdyn_latitude", "msdyn_longitude"
    return (
        slots()
        .add_columns(
            own.msdyn_instructions.label("instructions"), _incidents.msdyn_name.label("incident"),
            func.coalesce(_contact.c.fullname, _other.c.fullname).label("contact"),
            func.coalesce(
                _contact.c.mobilephone, _contact.c.telephone1, _other.c.mobilephone, _other.c.telephone1,
                _account.c.telephone1,
            ).label("phone"),
            func.coalesce(own[lat], _bookings[lat]).label("latitude"),
            func.coalesce(own[long], _bookings[long]).label("longitude"),
            own.msdyn_timefrompromised.label("promised_from"), own.msdyn_timetopromised.label("promised_until"),
        )
        .outerjoin(TABLES["msdyn_incidenttype"], _incidents.msdyn_incidenttypeid == own.msdyn_primaryincidenttype)
        .outerjoin(_contact, _contact.c.contactid == own.msdyn_reportedbycontact)
        .outerjoin(_account, _account.c.accountid == own.msdyn_serviceaccount)
        .outerjoin(_other, _other.c.contactid == _account.c.primarycontactid)
    )  # fmt: skip


def read_before(
    tx: Connection, environment: str, workers: Collection[str], since: datetime, until: datetime
) -> list[Job]:  # fmt: skip
    """These workers' jobs with a part of this span, by start, as they were last read of another field service."""
    wanted = Wanted(workers=list(workers), since=since - _BEFORE, until=until)
    rows = booking_lists.page(tx, environment, wanted, limit=_MOST)
    live = (row for row in rows if row.known.booking.active and row.known.deleted_at is None)
    return [_read(row) for row in live if row.known.booking.end > since]


_KINDS: Mapping[StatusKind, Kind] = {
    StatusKind.PROPOSED: Kind.PROPOSED, StatusKind.COMMITTED: Kind.COMMITTED, StatusKind.CANCELED: Kind.CANCELED,
}  # fmt: skip


def _read(row: Stored) -> Job:
    one, order = row.known.booking, row.known.snapshot
    status = Status(one.status, one.status_name, _KINDS[one.kind], None)
    known = Slot(one.id, one.version, one.name, one.worker or "", one.start, one.end, status, address=one.place)
    if order is None:
        return Job(known)
    told = replace(
        known, order=order.id, number=order.number, summary=order.summary, type=order.type,
        account=order.service_account or order.billing_account, address=order.location or one.place,
    )  # fmt: skip
    return Job(
        told, order.incident_type, contact=order.reported_by or order.account_contact,
        promised_from=order.promised_from, promised_until=order.promised_to,
    )  # fmt: skip
