"""One technician's week, as it stands in the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from fieldcal.errors import Unreachable
from fieldcal.http import Http
from fieldcal.model import Worker
from fieldcal.state import waiting, workers

DAYS = 7


@dataclass(frozen=True, slots=True)
class Entry:
    """One event; instants in UTC."""

    subject: str
    start: datetime
    end: datetime
    location: str
    show_as: str


class _Stamp(msgspec.Struct):
    dateTime: str  # noqa: N815 - Graph's name


class _Place(msgspec.Struct):
    displayName: str = ""  # noqa: N815 - Graph's name


class _Event(msgspec.Struct):
    subject: str
    start: _Stamp
    end: _Stamp
    location: _Place
    showAs: str  # noqa: N815 - Graph's name


class _Page(msgspec.Struct):
    value: list[_Event]


def busiest(tx: Connection, environment: str, now: datetime) -> Worker | None:
    """The worker with the most events in the coming week."""
    boxes = waiting.busiest(tx, environment, now, now + timedelta(days=DAYS))
    people = {worker.mailbox: worker for worker in workers.everyone(tx, environment)}
    return next((people[box] for box in boxes if box in people), None)


def bounds(worker: Worker, now: datetime) -> tuple[datetime, datetime]:
    """The beginning of today in the worker's zone, and that of the same day in a week."""
    midnight = now.astimezone(ZoneInfo(worker.zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight, midnight + timedelta(days=DAYS)


async def read(http: Http, worker: Worker, now: datetime) -> list[Entry]:
    """The worker's events of that week, read back from the embedded Exchange over Graph."""
    since, until = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in bounds(worker, now))
    path = f"/v1.0/users/{worker.mailbox}/calendarView?startDateTime={since}&endDateTime={until}"
    path += f"&$top=200&$select=subject,start,end,location,showAs&$orderby={quote('start/dateTime')}"
    answer = await http.request("GET", path)
    if answer.status != HTTPStatus.OK:
        raise Unreachable(f"the Exchange answers HTTP {answer.status} to a read of a calendar")
    page = msgspec.json.decode(answer.body, type=_Page)
    return [
        Entry(event.subject, _utc(event.start), _utc(event.end), event.location.displayName, event.showAs)
        for event in page.value
    ]


def _utc(stamp: _Stamp) -> datetime:
    return datetime.fromisoformat(stamp.dateTime[:19]).replace(tzinfo=UTC)


def table(worker: Worker, entries: list[Entry]) -> Table:
    """The week for people, times in the worker's zone."""
    zone = ZoneInfo(worker.zone)
    shown = Table(title=f"{worker.name}, the coming week ({worker.zone})", title_justify="left")
    for column in ("day", "time", "what", "where", "shown as"):
        shown.add_column(column, overflow="fold")
    day = ""
    for entry in entries:
        start, end = entry.start.astimezone(zone), entry.end.astimezone(zone)
        today = f"{start:%a %d %b}"
        if day and today != day:
            shown.add_section()
        shown.add_row(
            today if today != day else "", f"{start:%H:%M}-{end:%H:%M}", Text(entry.subject), Text(entry.location),
            entry.show_as,
        )  # fmt: skip
        day = today
    return shown
