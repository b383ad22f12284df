"""Rows and links of the Dataverse Web API as values. Pure; what is asked stands in `query`.

Sources: learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems,
.../webapi/query/overview, .../webapi/query/count-rows; the tables' references of Dynamics 365 Field Service. Checked
2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Meta, Struct, field
from tzlocal.windows_tz import win_tz

from fieldcal.errors import one_line
from fieldcal.model import (
    Booking,
    BookingId,
    Detailed,
    MailboxId,
    StatusKind,
    Worker,
    WorkerId,
    WorkerKind,
    WorkOrder,
    WorkOrderId,
)
from fieldcal.source_model import Unreadable

FORMATTED = "OData.Community.Display.V1.FormattedValue"
#: the delta token is too old, or the table's definition changed
EXPIRED = "0x80044352"
#: a read of one id proves with these that the row does not exist; any other 404 may be a wrong address
NO_SUCH_ROW = frozenset({"0x80040217", "0x80060891"})
#: `$count=true` counts no further
COUNTED = 5000
_WORKER_KINDS = dict(enumerate(WorkerKind, start=1))
_PROPOSED, _CANCELED, _FIELD_SERVICE_CANCELED = 1, 3, 690970005
_PLACES = {690970001: "Facility", 690970002: "Location Agnostic"}
_NO_VERSION = 2**63
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')

_GUID = r"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"
Guid = Annotated[str, Meta(pattern=_GUID)]
Instant = Annotated[datetime, Meta(tz=True)]


class Malformed(ValueError):
    """An answer that is not what it should be; names the row where it can."""


class _Account(Struct, frozen=True):
    name: str | None = None
    primary_contact: str | None = field(name=f"_primarycontactid_value@{FORMATTED}", default=None)


class WorkOrderRow(Struct, frozen=True):
    msdyn_workorderid: Guid
    etag: str = field(name="@odata.etag", default="")
    versionnumber: int | None = None
    msdyn_name: str | None = None
    msdyn_workordersummary: str | None = None
    msdyn_displayaddress: str | None = None
    msdyn_addressname: str | None = None
    msdyn_address1: str | None = None
    msdyn_address2: str | None = None
    msdyn_address3: str | None = None
    msdyn_postalcode: str | None = None
    msdyn_city: str | None = None
    msdyn_stateorprovince: str | None = None
    msdyn_country: str | None = None
    msdyn_timefrompromised: Instant | None = None
    msdyn_timetopromised: Instant | None = None
    # Whether formatted values come with the rows of an $expand is not documented: without them the ids lead to names.
    priority_id: Guid | None = field(name="_msdyn_priority_value", default=None)
    type_id: Guid | None = field(name="_msdyn_workordertype_value", default=None)
    incident_type_id: Guid | None = field(name="_msdyn_primaryincidenttype_value", default=None)
    priority: str | None = field(name=f"_msdyn_priority_value@{FORMATTED}", default=None)
    type: str | None = field(name=f"_msdyn_workordertype_value@{FORMATTED}", default=None)
    incident_type: str | None = field(name=f"_msdyn_primaryincidenttype_value@{FORMATTED}", default=None)
    reported_by: str | None = field(name=f"_msdyn_reportedbycontact_value@{FORMATTED}", default=None)
    service_account: str | None = field(name=f"_msdyn_serviceaccount_value@{FORMATTED}", default=None)
    billing_account: str | None = field(name=f"_msdyn_billingaccount_value@{FORMATTED}", default=None)
    account: _Account | None = field(name="msdyn_serviceaccount", default=None)


class BookingRow(Struct, frozen=True):
    """A booking, thin or with its work order, or the entry of a deleted one (its own context tells them apart)."""

    context: str = field(name="@odata.context", default="")
    etag: str = field(name="@odata.etag", default="")
    id: Guid | None = None
    bookableresourcebookingid: Guid | None = None
    name: str | None = None
    starttime: Instant | None = None
    endtime: Instant | None = None
    statecode: int | None = None
    versionnumber: int | None = None
    resource: Guid | None = field(name="_resource_value", default=None)
    status: Guid | None = field(name="_bookingstatus_value", default=None)
    work_order: Guid | None = field(name="_msdyn_workorder_value", default=None)
    msdyn_latitude: float | None = None
    msdyn_longitude: float | None = None
    msdyn_worklocation: int | None = None
    msdyn_workorder: WorkOrderRow | None = None
    #: for measuring alone: whatever it holds, the row is sound
    modifiedon: Any = None


class SpoiledBooking(BookingRow, frozen=True):
    """A booking's row of which only the id, and perhaps the version, can be read; `reason`: why no more."""

    reason: str = ""


class StatusRow(Struct, frozen=True):
    bookingstatusid: Guid
    name: str | None = None
    status: int | None = None
    msdyn_fieldservicestatus: int | None = None


class _User(Struct, frozen=True):
    internalemailaddress: str | None = None
    azureactivedirectoryobjectid: Guid | None = None
    domainname: str | None = None
    isdisabled: bool | None = None


class WorkerRow(Struct, frozen=True):
    bookableresourceid: Guid
    name: str | None = None
    resourcetype: int | None = None
    timezone: int | None = None
    statecode: int | None = None
    msdyn_primaryemail: str | None = None
    user: _User | None = field(name="UserId", default=None)


class SpoiledWorker(WorkerRow, frozen=True):
    """A bookable resource's row of which only the id can be read; `reason`: why no more."""

    reason: str = ""


class TimeZoneRow(Struct, frozen=True):
    timezonecode: int
    standardname: str = ""


class IdRow(Struct, frozen=True):
    """A changed row of which only the id is wanted, or the entry of a deleted one."""

    context: str = field(name="@odata.context", default="")
    id: Guid | None = None
    bookableresourceid: Guid | None = None
    msdyn_workorderid: Guid | None = None


def is_guid(text: object) -> bool:
    """Whether this is a text that can be an id of a row."""
    return isinstance(text, str) and re.match(_GUID, text) is not None


def is_deleted(row: BookingRow | IdRow) -> bool:
    """Whether this is the entry of a deleted row: told by its own context, never by what it lacks."""
    return row.context.endswith("/$deletedEntity")


@dataclass(frozen=True, slots=True)
class Status:
    name: str
    kind: StatusKind


def status(row: StatusRow) -> Status:
    """What a booking status means, by its codes: rows are the customer's own, names say nothing."""
    if row.status == _CANCELED or row.msdyn_fieldservicestatus == _FIELD_SERVICE_CANCELED:
        return Status(_text(row.name), StatusKind.CANCELED)
    return Status(_text(row.name), StatusKind.PROPOSED if row.status == _PROPOSED else StatusKind.COMMITTED)


def deleted_id(row: BookingRow | IdRow) -> str:
    """The id of a deleted row; `Malformed` without one."""
    if row.id is None:
        raise Malformed("the entry of a deleted row without its id")
    return row.id.lower()


def fault(row: BookingRow) -> str:
    """What keeps a booking's row, or the work order that came with it, from being read; "" where it is sound.

    A row that ends before it starts is sound: the rules have a word for it.
    """
    if isinstance(row, SpoiledBooking):
        return row.reason
    needed = {"start": row.starttime, "end": row.endtime, "state": row.statecode}
    lacking = [name for name, value in needed.items() if value is None]
    if version(row.etag, row.versionnumber) is None:
        lacking.append("version")
    if lacking:
        return f"it has no {' and no '.join(lacking)}"
    order = row.msdyn_workorder
    instants = {"its start": row.starttime, "its end": row.endtime}
    if order is not None:
        promised = {"from": order.msdyn_timefrompromised, "to": order.msdyn_timetopromised}
        instants |= {f"its work order's promised time ({name})": told for name, told in promised.items()}
    strange = [name for name, told in instants.items() if told is not None and not _in_calendar(told)]
    return f"{strange[0]} lies outside of the calendar" if strange else ""


def _in_calendar(told: datetime) -> bool:
    try:
        told.astimezone(UTC)
    except OverflowError:  # the first and the last day of all, told with an offset
        return False
    return True


def unreadable(row: BookingRow) -> Unreadable | None:
    """The row as one that cannot be read, None for a sound one; `Malformed` where not even its id can be."""
    if row.bookableresourcebookingid is None:
        raise Malformed("a booking without an id")
    wrong = fault(row)
    return (
        Unreadable(row.bookableresourcebookingid.lower(), version(row.etag, row.versionnumber), wrong)
        if wrong
        else None
    )


def booking(row: BookingRow, statuses: Mapping[str, Status], *, place: bool, ahead: float = 0.0) -> Booking:
    """The booking that a sound row says; `Malformed`, with its id, where `fault` finds something.

    A status that `statuses` does not know counts as committed. `place`: read the booking's own place too. `ahead`:
    seconds by which our clock is ahead of the source's; its word on when it changed is told by ours.
    """
    told, number = row.bookableresourcebookingid, version(row.etag, row.versionnumber)
    if told is None:
        raise Malformed("a booking without an id")
    if row.starttime is None or row.endtime is None or number is None or fault(row):
        raise Malformed(f"booking {told}: {fault(row)}")
    known = statuses.get(_lower(row.status) or "", Status("", StatusKind.COMMITTED))
    worker, work_order = _lower(row.resource), _lower(row.work_order)
    return Booking(
        id=BookingId(told.lower()),
        name=_text(row.name),
        start=row.starttime.astimezone(UTC),
        end=row.endtime.astimezone(UTC),
        worker=WorkerId(worker) if worker else None,
        status=_lower(row.status) or "",
        status_name=known.name,
        kind=known.kind,
        work_order=WorkOrderId(work_order) if work_order else None,
        active=row.statecode == 0,
        version=number,
        place=_own_place(row) if place else "",
        modified=_modified(row.modifiedon, ahead),
    )


def _modified(told: object, ahead: float) -> datetime | None:
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
        return None if at is None or at.tzinfo is None else at.astimezone(UTC) + timedelta(seconds=ahead)
    except (ValueError, OverflowError):
        return None


def detailed(
    row: BookingRow,
    statuses: Mapping[str, Status],
    labels: Mapping[str, str] = MappingProxyType({}),
    *,
    place: bool,
    ahead: float = 0.0,
) -> Detailed:
    """The booking with its work order as it is now; `labels`: names by id, for texts that did not come with it."""
    order = row.msdyn_workorder
    return Detailed(
        booking(row, statuses, place=place, ahead=ahead), None if order is None else _work_order(order, labels)
    )


def unlabeled(rows: Sequence[BookingRow]) -> set[str]:
    """Ids of priorities and types whose names did not come with the rows."""
    orders = [row.msdyn_workorder for row in rows if row.msdyn_workorder is not None]
    return {
        told.lower()
        for order in orders
        for text, told in (
            (order.priority, order.priority_id),
            (order.type, order.type_id),
            (order.incident_type, order.incident_type_id),
        )
        if text is None and told is not None
    }


def orders(rows: Sequence[BookingRow]) -> dict[WorkOrderId, int]:
    """The versions of these rows' work orders, where they came with them."""
    came = [row.msdyn_workorder for row in rows if row.msdyn_workorder is not None]
    return {WorkOrderId(row.msdyn_workorderid.lower()): version(row.etag, row.versionnumber) or 0 for row in came}


def version(etag: str, number: int | None) -> int | None:
    """`versionnumber`, told by the etag W/"915244" or by its own column; None where neither is a number of 63 bits."""
    match = _VERSION.fullmatch(etag)
    found = int(match[1]) if match else number
    return found if found is not None and 0 <= found < _NO_VERSION else None


def _text(text: str | None) -> str:
    """The text without the one character that no database of ours takes (PostgreSQL refuses U+0000)."""
    return (text or "").replace("\0", "")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _own_place(row: BookingRow) -> str:
    parts = []
    if row.msdyn_latitude is not None and row.msdyn_longitude is not None:
        parts.append(f"{row.msdyn_latitude:.5f}, {row.msdyn_longitude:.5f}")
    if row.msdyn_worklocation in _PLACES:
        parts.append(_PLACES[row.msdyn_worklocation])
    return "; ".join(parts)


def _work_order(row: WorkOrderRow, labels: Mapping[str, str]) -> WorkOrder:
    def named(text: str | None, told: str | None) -> str:
        return text or labels.get(_lower(told) or "", "")

    account = row.account or _Account()
    return WorkOrder(
        id=WorkOrderId(row.msdyn_workorderid.lower()),
        number=row.msdyn_name or "",
        type=named(row.type, row.type_id),
        priority=named(row.priority, row.priority_id),
        incident_type=named(row.incident_type, row.incident_type_id),
        summary=row.msdyn_workordersummary or "",
        service_account=account.name or row.service_account or "",
        billing_account=row.billing_account or "",
        reported_by=row.reported_by or "",
        account_contact=account.primary_contact or "",
        location=_location(row),
        promised_from=row.msdyn_timefrompromised and row.msdyn_timefrompromised.astimezone(UTC),
        promised_to=row.msdyn_timetopromised and row.msdyn_timetopromised.astimezone(UTC),
        version=version(row.etag, row.versionnumber) or 0,
    )


def _location(row: WorkOrderRow) -> str:
    """Display address, else its parts, else its name (D15)."""
    town = " ".join(part for part in (row.msdyn_postalcode, row.msdyn_city) if part)
    streets = (row.msdyn_address1, row.msdyn_address2, row.msdyn_address3)
    parts = ", ".join(part for part in (*streets, town, row.msdyn_stateorprovince, row.msdyn_country) if part)
    return (row.msdyn_displayaddress or "").strip() or parts or row.msdyn_addressname or ""


def worker(row: WorkerRow, zones: Mapping[int, str]) -> Worker:
    """A bookable resource; it has a mailbox only as an active, enabled user with an object id or an address."""
    kind = _WORKER_KINDS.get(row.resourcetype or 0, WorkerKind.GENERIC)
    user = row.user or _User()
    active = row.statecode == 0
    address = _text(user.internalemailaddress or row.msdyn_primaryemail).strip().lower()
    mailbox = None
    if kind is WorkerKind.USER and active and row.user is not None and not user.isdisabled:
        mailbox = _lower(user.azureactivedirectoryobjectid) or address or None
    return Worker(
        id=WorkerId(row.bookableresourceid.lower()),
        name=_text(row.name),
        kind=kind,
        active=active,
        mailbox=MailboxId(mailbox) if mailbox else None,
        address=address if mailbox else "",
        sign_in=_text(user.domainname).lower(),
        zone=zones.get(row.timezone if row.timezone is not None else -1, "UTC"),
    )


def zones(rows: Sequence[TimeZoneRow]) -> dict[int, str]:
    """Dataverse's zone codes to IANA names, over the Windows names; those without one are left out."""
    named = {row.timezonecode: win_tz[row.standardname] for row in rows if row.standardname in win_tz}
    return {code: "UTC" if name == "Etc/UTC" else name for code, name in named.items()}


def error_code(body: object) -> tuple[str, str]:
    """Code and cleaned message of an error body; two empty texts for anything else."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return one_line(error.get("code") or "", 40), one_line(error.get("message") or "")
