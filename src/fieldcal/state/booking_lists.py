"""Lists of stored bookings for people: searched, sorted, cut and counted by the database, each by an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, false, func, literal_column, or_, select, true

from fieldcal.model import BookingId, StatusKind, Window, WorkerKind
from fieldcal.plan.settings import Drift, Proposed, Settings, WithoutWorkOrder
from fieldcal.state.bookings import Stored, stored
from fieldcal.state.sought import folded
from fieldcal.state.tables import bookings, findings, links, marks, workers

#: Workers whose bookings are listed together; where more are called so, the name has to be told better.
WORKERS = 50
#: Sorts behind every letter.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Missing:
    """By what a booking should stand in a calendar; in words `plan.missed.due`, and of events `sync.explain`."""

    window: Window
    settings: Settings


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
    #: those only that should stand in a calendar and do not
    missing: Missing | None = None
    #: those only whose last write was tried in vain, whatever stands there: refused and set aside, or tried again later
    trouble: bool = False


def page(tx: Connection, environment: str, wanted: Wanted, *, offset: int = 0, limit: int = 25) -> list[Stored]:
    """One page of them: by number or account where that is searched for, and by start."""
    rows = tx.execute(
        select(bookings)
        .select_from(_rows(wanted))
        .where(*_narrowed(environment, wanted))
        .order_by(*_order(wanted))
        .offset(offset)
        .limit(limit)
    )
    return [stored(row) for row in rows]


def ids(tx: Connection, environment: str, wanted: Wanted) -> list[BookingId]:
    """The ids of all of them, in the order of `page`."""
    asked = select(bookings.c.id).select_from(_rows(wanted)).where(*_narrowed(environment, wanted))
    return [BookingId(key) for key in tx.scalars(asked.order_by(*_order(wanted)))]


def count(tx: Connection, environment: str, wanted: Wanted) -> int:
    """How many there are."""
    asked = select(func.count()).select_from(_rows(wanted)).where(*_narrowed(environment, wanted))
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


def _order(wanted: Wanted) -> list[ColumnElement[Any]]:
    """By what is searched for, and by start. The few with trouble are sorted, else all the others would be walked."""
    first: list[ColumnElement[Any]] = [bookings.c[name] for name in ("number", "account") if getattr(wanted, name)]
    start: ColumnElement[Any] = literal_column("bookings.start + 0") if wanted.trouble else bookings.c.start
    return [*first, start, bookings.c.id]


def _rows(wanted: Wanted) -> FromClause:
    """What is read; with the worker of each, where it has to be known whether it stands in that calendar."""
    if wanted.missing is None:
        return bookings
    theirs = and_(workers.c.environment == bookings.c.environment, workers.c.id == bookings.c.worker)
    return bookings.outerjoin(workers, theirs)


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
    if wanted.missing is not None:
        where += _missing(environment, wanted.missing)
    if wanted.trouble:
        # the number is written out, else the index of these alone would not be taken
        vain = marks.c.attempts > literal_column("0")
        where.append(bookings.c.id.in_(select(marks.c.booking).where(marks.c.environment == environment, vain)))
    return where


def _missing(environment: str, by: Missing) -> list[ColumnElement[bool]]:
    """In the window, wanted by the rules, and without an event that stands where it belongs.

    What is not pruned has an index by its end, and pruned are only bookings that ended before any window.
    """
    where = [
        ~bookings.c.pruned, bookings.c.end > by.window.near, bookings.c.start < by.window.far, bookings.c.active,
        bookings.c.deleted_at.is_(None), bookings.c.kind != StatusKind.CANCELED.value,
    ]  # fmt: skip
    if by.settings.without_work_order is WithoutWorkOrder.SKIP:
        where.append(bookings.c.work_order.is_not(None))
    if by.settings.proposed is Proposed.LEAVE_OUT:
        where.append(bookings.c.kind != StatusKind.PROPOSED.value)
    known = workers.c.id.is_not(None) & ~workers.c.gone
    nobodys = and_(known, workers.c.mailbox.is_(None), workers.c.kind != WorkerKind.USER.value)
    taken = select(findings.c.event).where(
        findings.c.environment == environment, findings.c.mailbox == links.c.mailbox,
        findings.c.event == links.c.event, findings.c.kind == "deleted",
    )  # fmt: skip
    respected = true() if by.settings.drift is Drift.RESPECT else false()
    stands = select(links.c.booking).where(
        links.c.environment == environment, links.c.booking == bookings.c.id, links.c.event.is_not(None),
        # of one that belongs nowhere (nobody is booked, or nobody who is known) an event anywhere is enough
        or_(links.c.mailbox == workers.c.mailbox, workers.c.mailbox.is_(None), ~known),
        or_(and_(links.c.declined, respected), and_(~links.c.declined, ~taken.exists())),
    )  # fmt: skip
    return [*where, ~nobodys, ~stands.correlate(bookings, workers).exists()]


def _begins(column: Any, text: str) -> list[ColumnElement[bool]]:
    return [column >= text, column < text + _LAST]
