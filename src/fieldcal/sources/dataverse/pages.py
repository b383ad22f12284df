"""Bodies of the Web API as pages of rows. Pure.

One row that cannot be read must not stop its neighbours (I7): where its id is sound it is given as a spoiled row, which
counts as one that came, and the rest of the page as ever. A row without a readable id could be any booking: nobody
could be told of it, and it could never be asked for again. So its page stays unproven, as one that is no page at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from fieldcal.errors import one_line
from fieldcal.model import Identity
from fieldcal.sources.dataverse.wire import (
    BookingRow,
    Guid,
    Malformed,
    SpoiledBooking,
    SpoiledWorker,
    WorkerRow,
    is_guid,
)

_BOOKING_ID, _WORKER_ID = "bookableresourcebookingid", "bookableresourceid"
_PLACE = re.compile(r"at `\$\.?([^`]*)`")
#: columns of which people speak by another name
_NAMES = {
    "starttime": "start", "endtime": "end", "statecode": "state", "_bookingstatus_value": "booking status",
    "_resource_value": "resource", "_msdyn_workorder_value": "work order", "msdyn_workorder": "work order",
    "UserId": "user",
}  # fmt: skip
#: what msgspec and the decoding of texts raise for a body that is not what was asked for
_UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Row = TypeVar("Row")


class Answered(Struct, Generic[Row], frozen=True):
    """One page: rows, and where the list goes on or where the next changes are asked."""

    context: str = field(name="@odata.context")
    value: list[Row]
    next_link: str | None = field(name="@odata.nextLink", default=None)
    delta_link: str | None = field(name="@odata.deltaLink", default=None)
    count: int | None = field(name="@odata.count", default=None)


def decode(body: bytes, row: type[Row]) -> Answered[Row]:
    """The page that a body says; `Malformed`, naming the row where it can, for anything else.

    Of bookings and workers, a row that cannot be read is given as a `SpoiledBooking` or `SpoiledWorker`.
    """
    try:
        return msgspec.json.decode(body, type=Answered[row])  # type: ignore[valid-type]  # msgspec reads it at run time
    except _UNFIT as error:
        return _one_by_one(body, row, str(error))


def single(body: bytes) -> BookingRow:
    """The answer to a read of one booking, a spoiled one too; `Malformed` for anything else."""
    return _row(body, BookingRow)


class _Detail(Struct, frozen=True):
    organization: Guid = field(name="OrganizationId")
    tenant: str | None = field(name="TenantId", default=None)
    name: str | None = field(name="FriendlyName", default=None)


class _Current(Struct, frozen=True):
    detail: _Detail = field(name="Detail")


def identity(body: bytes) -> Identity:
    """The organization and its tenant, from RetrieveCurrentOrganization."""
    try:
        told = msgspec.json.decode(body, type=_Current).detail
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"no organization: {one_line(error)}") from None
    return Identity(told.organization.lower(), (told.tenant or "").lower(), told.name or "")


def _one_by_one(body: bytes, row: type[Row], error: str) -> Answered[Row]:
    try:
        envelope = msgspec.json.decode(body, type=Answered[Raw])
    except _UNFIT:
        try:
            envelope = msgspec.json.decode(_mended(body), type=Answered[Raw])
        except (*_UNFIT, ValueError):
            raise Malformed(one_line(error)) from None
    rows = [_row(bytes(raw), row) for raw in envelope.value]
    return Answered(envelope.context, rows, envelope.next_link, envelope.delta_link, envelope.count)


def _row(raw: bytes, row: type[Row]) -> Row:
    try:
        return msgspec.json.decode(raw, type=row)
    except _UNFIT as error:
        wrong: Exception = error
    try:
        clean = _mended(raw)
        return msgspec.json.decode(clean, type=row)
    except msgspec.ValidationError as error:
        wrong = error
    except (*_UNFIT, ValueError):
        raise Malformed(one_line(wrong)) from None
    return _spoiled(json.loads(clean), row, str(wrong))


def _mended(body: bytes) -> bytes:
    """The same JSON with every half character replaced: a text that was cut in the middle of one poisons nothing.

    .NET counts in UTF-16, so a text cut to a length may end with half of a pair. `ValueError` for what is no JSON.
    """
    return json.dumps(json.loads(body.decode("utf-8", "replace")), ensure_ascii=False).encode("utf-8", "replace")


def _spoiled(told: Any, row: type[Row], error: str) -> Row:
    """What can be had of a row that cannot be read; `Malformed` where its id is not among it."""
    make = _SPOILED.get(row)
    if make is None or not isinstance(told, dict):
        raise Malformed(f"{one_line(error)}{_named(told)}")
    return make(told, error)  # type: ignore[no-any-return]  # the table pairs each kind of row with its own


def _named(told: Any) -> str:
    names = (_BOOKING_ID, _WORKER_ID, "bookingstatusid", "id")
    known = next((told[name] for name in names if name in told), None) if isinstance(told, dict) else None
    return f" (row {one_line(known, 60)})" if known else ""


def _spoiled_booking(told: dict[str, Any], error: str) -> BookingRow:
    context, deleted = told.get("@odata.context"), told.get("id")
    if isinstance(context, str) and context.endswith("/$deletedEntity") and is_guid(deleted):
        return BookingRow(context=context, id=deleted)  # its context and its id are all that a deletion says
    etag, number = told.get("@odata.etag"), told.get("versionnumber")
    return SpoiledBooking(
        bookableresourcebookingid=_id(told, _BOOKING_ID, error),
        etag=etag if isinstance(etag, str) else "",
        versionnumber=number if isinstance(number, int) else None,
        reason=_reason(error),
    )


def _spoiled_worker(told: dict[str, Any], error: str) -> WorkerRow:
    return SpoiledWorker(bookableresourceid=_id(told, _WORKER_ID, error), reason=_reason(error))


def _id(told: dict[str, Any], name: str, error: str) -> str:
    if not is_guid(told.get(name)):
        raise Malformed(f"{one_line(error)}{_named(told)}")
    return str(told[name])


def _reason(error: str) -> str:
    """What is wrong in people's words; the value itself may be a customer's, and is not repeated."""
    place = _PLACE.search(error)
    if place is None or not place[1]:
        return f"it is not of the expected form: {one_line(error, 100)}"
    column = one_line(place[1], 80)
    first, _, rest = column.partition(".")
    named = _NAMES.get(first)
    return f"its {named or rest or first} ({column}) cannot be read" if named or rest else f"its {first} cannot be read"


_SPOILED: dict[type[Any], Callable[[dict[str, Any], str], Any]] = {
    BookingRow: _spoiled_booking,
    WorkerRow: _spoiled_worker,
}
