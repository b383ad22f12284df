"""Lists of stored bookings for people: searched, sorted, cut and counted by the database, each by an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from fieldcal.state.bookings import Stored, stored
from fieldcal.state.sought import folded
from fieldcal.state.tables import bookings, workers

#: Sorts behind every letter.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bookings are meant; every part narrows it further, "" and None narrow nothing."""

    #: what the number, or the account's name, begins with, in whatever case
    number: str = ""
    account: str = ""
    #: ids of workers
    workers: Sequence[str] | None = None
    #: those that start at or after `since` and before `until`
    since: datetime | None = None
    until: datetime | None = None


def page(tx: Connection, environment: str, wanted: Wanted, *, offset: int = 0, limit: int = 25) -> list[Stored]:
    """One page of them: by number or account where that is searched for, and by start."""
    first = [bookings.c[name] for name in ("number", "account") if getattr(wanted, name)]
    rows = tx.execute(
        select(bookings)
        .where(*_narrowed(environment, wanted))
        .order_by(*first, bookings.c.start, bookings.c.id)
        .offset(offset)
        .limit(limit)
    )
    return [stored(row) for row in rows]


def count(tx: Connection, environment: str, wanted: Wanted) -> int:
    """How many there are."""
    asked = select(func.count()).select_from(bookings).where(*_narrowed(environment, wanted))
    return int(tx.scalar(asked) or 0)


def workers_called(tx: Connection, environment: str, text: str, limit: int) -> list[str]:
    """The ids of at most so many workers in whose name or address this stands, in whatever case."""
    part = folded(text)
    rows = tx.scalars(
        select(workers.c.id)
        .where(
            workers.c.environment == environment,
            func.lower(workers.c.name).contains(part, autoescape=True)
            | func.lower(workers.c.address).contains(part, autoescape=True),
        )
        .order_by(workers.c.name, workers.c.id)
        .limit(limit)
    )
    return list(rows)


def workers_of(tx: Connection, environment: str, boxes: Sequence[str]) -> list[str]:
    """The ids of the workers who have these mailboxes."""
    return list(
        tx.scalars(select(workers.c.id).where(workers.c.environment == environment, workers.c.mailbox.in_(boxes)))
    )


def _narrowed(environment: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [bookings.c.environment == environment]
    for name in ("number", "account"):
        if begins := folded(getattr(wanted, name)):
            where += _begins(bookings.c[name], begins)
    if wanted.workers is not None:
        where.append(bookings.c.worker.in_(wanted.workers))
    if wanted.since is not None:
        where.append(bookings.c.start >= wanted.since)
    if wanted.until is not None:
        where.append(bookings.c.start < wanted.until)
    return where


def _begins(column: Any, text: str) -> list[ColumnElement[bool]]:
    return [column >= text, column < text + _LAST]
