"""The sign of Microsoft's own booking sync, which would put every booking into the calendars a second time (D9).

It keeps a row for each booking that it has written; that the table is there means nothing, a row changed lately does:
https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/bookableresourcebookingexchangesyncidmapping
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from msgspec import Struct
from msgspec import field as column

from fieldcal.errors import Denied, Unreachable
from fieldcal.http import Http
from fieldcal.model import Check
from fieldcal.sources.dataverse import query, wire
from fieldcal.sources.dataverse.reader import Reader

NAME = "Microsoft's own sync"
_TABLE = query.MAPPINGS
#: A row changed within this time is a sync at work; who was on leave for three weeks is served still.
LATELY = timedelta(days=28)
_NO_PRIVILEGE = f"the application user may not read the table {_TABLE}"


class _Mapping(Struct, frozen=True):
    bookableresourcebookingexchangesyncidmappingid: wire.Guid
    modifiedon: wire.Instant
    user: wire.Guid | None = column(name="_userid_value", default=None)


@dataclass(frozen=True, slots=True)
class Served:
    """When each user (`systemuserid`, lower case; "" for rows without one) was last served, lately.

    `doubt`: why it cannot be told, "" where it can.
    """

    at: Mapping[str, datetime] = field(default_factory=dict)
    doubt: str = ""


async def served(reader: Reader, now: datetime) -> Served:
    """Whom it served within `LATELY` before `now`. Raises as reads do; a missing privilege is a doubt, no error."""
    latest: dict[str, datetime] = {}
    listed = reader.counted(
        reader.path(query.mappings(now - LATELY)),
        _Mapping,
        lambda row: row.bookableresourcebookingexchangesyncidmappingid,
    )
    try:
        async for rows in listed:
            for row in rows:
                user, at = (row.user or "").lower(), row.modifiedon.astimezone(UTC)
                latest[user] = max(at, latest.get(user, at))
    except Denied:
        return Served(doubt=_NO_PRIVILEGE)
    except Unreachable as error:
        if error.status == HTTPStatus.NOT_FOUND and error.code:
            return Served()  # by the server's own word there is no such table
        raise
    return Served(latest)


async def examine(http: Http, now: datetime) -> Check:
    """Whether it wrote lately; sends one GET. Raises as `Http.request` does."""
    reader = Reader(http, 1)
    answer = await reader.get(reader.path(f"{_TABLE}?$select=modifiedon&$orderby=modifiedon%20desc&$top=1"))
    if answer.status != HTTPStatus.OK:
        return Check(NAME, ok=True, detail=f"no sign of it (its table is not told, HTTP {answer.status})")
    last = _last(answer.json())
    if last is None:
        return Check(NAME, ok=True, detail="no sign of it")
    if now - last > LATELY:
        return Check(NAME, ok=True, detail=f"not at work: it wrote last on {last:%Y-%m-%d}")
    detail = f"it wrote a booking into a calendar on {last:%Y-%m-%d %H:%M}Z: workers it serves see each booking twice"
    remedy = "switch *Integrate bookings with Outlook calendars* off in Field Service, or leave its workers to it"
    return Check(NAME, ok=False, detail=detail, remedy=remedy, transient=True)


def _last(page: object) -> datetime | None:
    rows = page.get("value") if isinstance(page, dict) else None
    row = rows[0] if isinstance(rows, list) and rows else None
    text = row.get("modifiedon") if isinstance(row, dict) else None
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
