"""Change tracking: delta links, and the pages between a first read or an old link and the next one.

https://learn.microsoft.com/en-us/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
A page shows rows by version, then deleted ids. What changes while pages are read comes with the next delta link.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from sqlalchemy import Connection, func, select

from fieldcal.embedded.fieldservice.database import TABLES, deletions, read_counter
from fieldcal.embedded.fieldservice.errors import INVALID_ARGUMENT, TOKEN_EXPIRED, Refused, bad_request
from fieldcal.embedded.fieldservice.odata import Query
from fieldcal.embedded.fieldservice.reading import Reader, Row
from fieldcal.embedded.fieldservice.store import Store

MARK = "T"  # the first character of a skip token that belongs to change tracking
REFUSED_OPTIONS = ("filter", "orderby", "expand", "top")
Version = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
STAMP = "%m/%d/%Y %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run of pages is. Versions: from the old link, to the new one, of the last row and deletion shown.

    `since` None: a first read, which shows no deletions.
    """

    since: int | None
    up_to: int
    row: int
    deleted: int

    def token(self) -> str:
        """As a skip token."""
        raw = msgspec.json.encode([self.since, self.up_to, self.row, self.deleted])
        return MARK + base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class Changes:
    """One page. Exactly one of the tokens is there: `skip` for the next page, `delta` on the last."""

    rows: list[Row]
    deleted: list[str]
    skip: str | None
    delta: str | None


def is_tracking(query: Query) -> bool:
    """Whether a request follows a link of change tracking."""
    return "deltatoken" in query.options or query.options.get("skiptoken", "").startswith(MARK)


def check_options(query: Query) -> None:
    """Refused (400) where the query asks for what change tracking cannot do."""
    for name in REFUSED_OPTIONS:
        if name in query.options:
            text = f'The "${name}" query parameter isn\'t supported when Change Tracking is enabled.'
            raise bad_request(text, INVALID_ARGUMENT)


def changes(
    store: Store, connection: Connection, reader: Reader, query: Query, page_size: int, expired_status: int
) -> Changes:
    """The page that the query's token asks for, or the first of a first read."""
    progress = _progress(store, connection, query, expired_status)
    rows, last = reader.changed(query, progress.row, progress.up_to, page_size)
    progress = replace(progress, row=progress.up_to if last is None else last)
    if last is not None:
        return Changes(rows, [], progress.token(), None)
    if progress.since is None:
        return Changes(rows, [], None, _delta_token(progress.up_to, store.clock.now()))
    room = page_size - len(rows)
    gone = _deleted(connection, query.table.name, progress, room + 1)
    shown = gone[:room]
    if len(gone) > room:
        progress = replace(progress, deleted=shown[-1][0] if shown else progress.deleted)
        return Changes(rows, [row_id for _, row_id in shown], progress.token(), None)
    return Changes(rows, [row_id for _, row_id in shown], None, _delta_token(progress.up_to, store.clock.now()))


def count_changes(store: Store, connection: Connection, query: Query, expired_status: int) -> int:
    """How many rows and deletions a delta link would show."""
    since = _progress(store, connection, query, expired_status).row
    version = TABLES[query.table.name].c.versionnumber
    rows = connection.execute(select(func.count()).where(version > since)).scalar_one()
    gone = select(func.count()).where(deletions.c.table_name == query.table.name, deletions.c.version > since)
    return int(rows) + int(connection.execute(gone).scalar_one())


def _deleted(connection: Connection, table: str, progress: Progress, limit: int) -> list[tuple[int, str]]:
    version = deletions.c.version
    statement = (
        select(version, deletions.c.row_id)
        .where(deletions.c.table_name == table, version > progress.deleted, version <= progress.up_to)
        .order_by(version)
        .limit(limit)
    )
    return [(found, row_id) for found, row_id in connection.execute(statement)]


def _progress(store: Store, connection: Connection, query: Query, expired_status: int) -> Progress:
    now_at = read_counter(connection, "version")
    if "skiptoken" in query.options:
        progress = _read_skip(query.options["skiptoken"])
        _check_age(store, connection, progress.since or progress.up_to, None, now_at, expired_status)
        return progress
    if "deltatoken" not in query.options:
        return Progress(None, now_at, 0, 0)
    since, at = _read_delta(query.options["deltatoken"])
    _check_age(store, connection, since, at, now_at, expired_status)
    return Progress(since, now_at, since, since)


def _check_age(
    store: Store, connection: Connection, since: int, at: datetime | None, now_at: int, expired_status: int
) -> None:
    """Refused where a token is too old, was called off, or comes from a future that a restored backup forgot."""
    days = timedelta(days=store.expiry_days(connection))
    too_old = at is not None and store.clock.now() - at > days
    if too_old or since < read_counter(connection, "valid_from") or since > now_at:
        text = "Version stamp associated with the client has expired. Please perform a full sync."
        raise Refused(expired_status, TOKEN_EXPIRED, text)


def _delta_token(version: int, now: datetime) -> str:
    return f"{version}!{now.astimezone(UTC).strftime(STAMP)}"


def _read_delta(text: str) -> tuple[int, datetime]:
    version, _, stamp = text.partition("!")
    try:
        return int(version), datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise bad_request("The delta token is malformed.", INVALID_ARGUMENT) from error


def _read_skip(text: str) -> Progress:
    try:
        raw = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
        values: tuple[Any, ...] = msgspec.json.decode(raw, type=tuple[Version | None, Version, Version, Version])
    except (ValueError, msgspec.MsgspecError) as error:
        raise bad_request("The skip token is malformed.") from error
    return Progress(*values)
