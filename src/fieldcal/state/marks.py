"""Marks: which booking has to be looked at in which mailbox, and when.

`mailboxes.next_due` is computed from the marks in the same transaction that touches them, never set apart from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection, and_, bindparam, case, delete, func, select, update

from fieldcal.model import BookingId, MailboxId, Window
from fieldcal.state import bookings as booking_rows
from fieldcal.state.aside import withheld
from fieldcal.state.believed import at, come, ranges
from fieldcal.state.rows import insert, slices, together
from fieldcal.state.tables import bookings, links, mailboxes, marks, workers

#: Why a booking may be marked at all. A write that a mark of any other reason led to is churn.
CAUSES = frozenset({
    "changed", "worker", "enabled", "taken over", "restored", "adopted", "unanswered", "approved",
    "drift",
})  # fmt: skip


# Every pass of every mailbox runs these; built once, for building one costs several times as much as running it.
_boxes = and_(
    mailboxes.c.environment == bindparam("b_environment"),
    mailboxes.c.id.in_(bindparam("b_mailboxes", expanding=True)),
)
_ALONE = select(mailboxes.c.id).where(_boxes).order_by(mailboxes.c.id).with_for_update()
#: When the first mark of a mailbox is due, as part of an UPDATE of that mailbox; None where nothing waits.
EARLIEST = (
    select(func.min(marks.c.due))
    .where(marks.c.environment == mailboxes.c.environment, marks.c.mailbox == mailboxes.c.id)
    .scalar_subquery()
)
_RECOMPUTE = update(mailboxes).where(_boxes).values(next_due=EARLIEST)
_DUE = (
    select(marks.c.booking, marks.c.seq, marks.c.attempts, marks.c.since, marks.c.reason, marks.c.changed_at)
    .join(
        bookings,
        and_(bookings.c.environment == marks.c.environment, bookings.c.id == marks.c.booking),
        isouter=True,
    )
    .where(
        marks.c.environment == bindparam("b_environment"),
        marks.c.mailbox == bindparam("b_mailbox"),
        come(marks.c.due),
        func.coalesce(bookings.c.stale, False).is_(False),
        ~withheld(),
    )
    .order_by(marks.c.due, marks.c.booking)
    .limit(bindparam("b_limit"))
)
_THIS = and_(
    marks.c.environment == bindparam("b_environment"),
    marks.c.mailbox == bindparam("b_mailbox"),
    marks.c.booking == bindparam("b_booking"),
    marks.c.seq == bindparam("b_seq"),
)
_CLEAR = delete(marks).where(_THIS)


@dataclass(frozen=True, slots=True)
class Marked:
    """One mark as it was loaded."""

    booking: BookingId
    seq: int
    attempts: int
    since: datetime
    #: one of `CAUSES`
    reason: str = field(default="changed", compare=False)
    #: when the source was changed, where that is measured
    changed_at: datetime | None = field(default=None, compare=False)


def mark(
    tx: Connection,
    environment: str,
    pairs: Iterable[tuple[MailboxId, BookingId]],
    now: datetime,
    reason: str,
    news: Mapping[BookingId, datetime] = MappingProxyType({}),
) -> None:
    """Have these bookings looked at in these mailboxes; raises the sequence of a mark that stands already.

    `news`: when they were changed at the source, where that is measured. The earliest change that waits counts, but
    one that was refused for good waits no more; and what waits for another reason was not kept waiting by us.
    """
    rows = [
        {"environment": environment, "mailbox": mailbox, "booking": booking, "seq": 1, "reason": reason,
         "since": now, "due": now, "attempts": 0, "trouble": "", "changed_at": news.get(booking)}
        for mailbox, booking in sorted(set(pairs))
    ]  # fmt: skip
    if not rows:
        return
    alone(tx, environment, {str(row["mailbox"]) for row in rows})
    statement = insert(tx, marks)
    newest = statement.excluded.changed_at
    earliest = case((marks.c.due.is_(None), newest), else_=func.coalesce(marks.c.changed_at, newest))
    again = {"seq": marks.c.seq + 1, "reason": reason, "due": now, "attempts": 0, "trouble": "",
             "changed_at": earliest if reason == "changed" else None}  # fmt: skip
    tx.execute(
        statement.on_conflict_do_update(index_elements=["environment", "mailbox", "booking"], set_=again),
        together(rows),
    )
    recompute(tx, environment, {str(row["mailbox"]) for row in rows})


def alone(tx: Connection, environment: str, boxes: Iterable[str]) -> None:
    """Hold these mailboxes' rows before their marks and links are touched, until the transaction ends.

    Else, on PostgreSQL, a `recompute` that waits for another transaction would count the marks as they were before
    that one, and a new mark's mailbox would never come due. SQLite has one writer anyway, and is not asked.
    """
    if tx.dialect.name == "sqlite":
        return
    for some in slices(sorted(boxes)):
        tx.execute(_ALONE, {"b_environment": environment, "b_mailboxes": some}).all()


def recompute(tx: Connection, environment: str, changed: Iterable[str]) -> None:
    """Bring `next_due` of these mailboxes in line with their marks."""
    for some in slices(sorted(changed)):
        tx.execute(_RECOMPUTE, {"b_environment": environment, "b_mailboxes": some})


def mark_mailbox(tx: Connection, environment: str, mailbox: str, window: Window, now: datetime, reason: str) -> int:
    """Mark all window bookings of this mailbox's workers and all its links; returns how many marks there are.

    Bookings without an event there are to be read again before they are written (R11: read when the booking is
    first synchronized).
    """
    here = select(workers.c.id).where(workers.c.environment == environment, workers.c.mailbox == mailbox)
    in_window = select(bookings.c.id).where(
        bookings.c.environment == environment,
        bookings.c.worker.in_(here),
        bookings.c.start < window.far,
        bookings.c.end > window.near,
    )
    linked = select(links.c.booking).where(
        links.c.environment == environment, links.c.mailbox == mailbox, links.c.event.is_not(None)
    )
    held, standing = set(tx.scalars(in_window)), set(tx.scalars(linked))
    # By their ids: as one statement with both conditions PostgreSQL walks every booking there is.
    booking_rows.set_stale(tx, environment, [BookingId(booking) for booking in sorted(held - standing)])
    ids = held | standing
    mark(tx, environment, ((MailboxId(mailbox), BookingId(booking)) for booking in ids), now, reason)
    return len(ids)


def due(tx: Connection, environment: str, mailbox: str, now: datetime, limit: int) -> list[Marked]:
    """The marks whose time has come, the oldest first, but for bookings set aside or waiting for their details."""
    rows = tx.execute(_DUE, {"b_environment": environment, "b_mailbox": mailbox, "b_limit": limit, **at(now)})
    return [
        Marked(BookingId(row.booking), row.seq, row.attempts, row.since, row.reason, row.changed_at) for row in rows
    ]


def _of(environment: str, mailbox: str, marked: Marked) -> dict[str, object]:
    return {"b_environment": environment, "b_mailbox": mailbox, "b_booking": marked.booking, "b_seq": marked.seq}


def clear(tx: Connection, environment: str, mailbox: str, done: Sequence[Marked]) -> None:
    """Drop these marks, but those that were raised since they were loaded."""
    if done:
        alone(tx, environment, [mailbox])
        tx.execute(_CLEAR, together([_of(environment, mailbox, marked) for marked in done]))


def drop_all(tx: Connection, environment: str, mailbox: str) -> None:
    """Drop every mark of this mailbox (it was cleaned; enabling it marks anew)."""
    alone(tx, environment, [mailbox])
    tx.execute(delete(marks).where(marks.c.environment == environment, marks.c.mailbox == mailbox))
    recompute(tx, environment, [mailbox])


@dataclass(frozen=True, slots=True)
class Later:
    """A mark that stays: when it is tried again (None: set aside) and what stands in the way."""

    marked: Marked
    due: datetime | None
    trouble: str
    #: the try counts as a failure in a row
    failed: bool = True


def postpone(tx: Connection, environment: str, mailbox: str, later: Sequence[Later]) -> None:
    """Set the next try of these marks, but of those that were raised since they were loaded."""
    if later:
        alone(tx, environment, [mailbox])
        tx.execute(
            update(marks).where(_THIS).values(
                due=bindparam("n_due", type_=marks.c.due.type),
                attempts=bindparam("n_attempts"),
                trouble=bindparam("n_trouble"),
            ),
            [
                {**_of(environment, mailbox, item.marked), "n_due": item.due, "n_trouble": item.trouble[:500],
                 "n_attempts": item.marked.attempts + (1 if item.failed else 0)}
                for item in later
            ],
        )  # fmt: skip


def mailboxes_of(tx: Connection, environment: str, ids: Sequence[BookingId]) -> set[MailboxId]:
    """The mailboxes in which one of these bookings is marked; `ids` are few."""
    here = marks.c.environment == environment
    return {MailboxId(box) for box in tx.scalars(select(marks.c.mailbox).where(here, marks.c.booking.in_(ids)))}


def due_mailboxes(tx: Connection, environment: str, now: datetime) -> list[MailboxId]:
    """The enabled mailboxes with something to do, the longest waiting first; the marks of others wait (R13)."""
    on = select(mailboxes.c.id).where(mailboxes.c.environment == environment, mailboxes.c.enabled)
    ordered = on.order_by(mailboxes.c.next_due, mailboxes.c.id)
    return [MailboxId(row) for part in ranges(mailboxes.c.next_due, now) for row in tx.scalars(ordered.where(part))]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mark as people ask for it: its next try (None: set aside) and what stands in the way."""

    due: datetime | None
    trouble: str
    #: since when it waits, and how often it was tried in vain
    since: datetime | None = field(default=None, compare=False)
    attempts: int = field(default=0, compare=False)
    mailbox: str = field(default="", compare=False)


def one(tx: Connection, environment: str, mailbox: str, booking: str) -> Waiting | None:
    """The mark of this booking in this mailbox, None when nothing waits there."""
    return next((mark for mark in of_bookings(tx, environment, [booking]).get(booking, []) if mark.mailbox == mailbox),
                None)  # fmt: skip


def of_bookings(tx: Connection, environment: str, ids: Sequence[str]) -> dict[str, list[Waiting]]:
    """The marks of these bookings, in whatever mailbox; at most a page of them."""
    found: dict[str, list[Waiting]] = {}
    for some in slices(ids):
        asked = select(marks).where(marks.c.environment == environment, marks.c.booking.in_(some))
        for row in tx.execute(asked):
            told = Waiting(row.due, row.trouble, row.since, row.attempts, row.mailbox)
            found.setdefault(row.booking, []).append(told)
    return found
