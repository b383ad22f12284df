"""Stored bookings: the rows as the source told them, each with its work order as it was read (R11)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, update

from fieldcal.model import Booking, BookingId, Detailed, Known, StatusKind, Window, WorkerId, WorkOrder, WorkOrderId
from fieldcal.state.aside_tables import set_aside
from fieldcal.state.rows import from_json, slices, to_json, upsert
from fieldcal.state.sought import SOUGHT, sought
from fieldcal.state.tables import bookings, links, marks

#: Rows of a long answer that are held at once.
_AT_ONCE = 5_000
# built once: building it costs more than running it
_LOAD = select(bookings).where(
    bookings.c.environment == bindparam("b_environment"), bookings.c.id.in_(bindparam("b_ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored booking, and whether its details have to be read before it may be written."""

    known: Known
    stale: bool


def stored(row: Row[Any]) -> Stored:
    """The value of one row of the table."""
    booking = Booking(
        BookingId(row.id), row.name, row.start, row.end, WorkerId(row.worker) if row.worker else None, row.status,
        row.status_name, StatusKind(row.kind), WorkOrderId(row.work_order) if row.work_order else None,
        row.active, row.version, row.place,
    )  # fmt: skip
    snapshot = from_json(row.snapshot, WorkOrder) if row.snapshot else None
    return Stored(Known(booking, snapshot, row.deleted_at), row.stale)


def load(tx: Connection, environment: str, ids: Iterable[str]) -> dict[BookingId, Stored]:
    """Those of these bookings that are stored."""
    found: dict[BookingId, Stored] = {}
    for some in slices(sorted(set(ids))):
        for row in tx.execute(_LOAD, {"b_environment": environment, "b_ids": some}):
            found[BookingId(row.id)] = stored(row)
    return found


def _columns(environment: str, booking: Booking, run: str) -> dict[str, Any]:
    return {
        "environment": environment, "id": booking.id, "name": booking.name, "start": booking.start, "end": booking.end,
        "worker": booking.worker, "status": booking.status, "status_name": booking.status_name,
        "kind": booking.kind.value,
        "work_order": booking.work_order, "active": booking.active, "version": booking.version, "place": booking.place,
        "deleted_at": None, "seen_run": run, "pruned": False,
    }  # fmt: skip


def store_rows(tx: Connection, environment: str, rows: Sequence[Booking], run: str, *, stale: bool) -> None:
    """Keep these rows, each unless a newer version is stored; snapshots stay as they are (R11)."""
    columns = [{**_columns(environment, row, run), "stale": stale, **sought(row, None)} for row in rows]
    upsert(tx, bookings, columns, keep=(*SOUGHT, *(() if stale else ("stale",))), newer="version")


def store_details(tx: Connection, environment: str, found: Sequence[Detailed], run: str) -> None:
    """Keep these rows with their work orders as they are now, each unless a newer version is stored."""
    columns = [
        {**_columns(environment, item.booking, run), "stale": False,
         "snapshot": to_json(item.work_order) if item.work_order else None, **sought(item.booking, item.work_order)}
        for item in found
    ]  # fmt: skip
    upsert(tx, bookings, columns, newer="version")


def store_proofs(tx: Connection, environment: str, ids: Sequence[BookingId], now: datetime) -> None:
    """Remember that these bookings are proven not to exist; one that is known to be gone keeps its first proof."""
    for some in slices(ids):
        tx.execute(
            update(bookings)
            .where(bookings.c.environment == environment, bookings.c.id.in_(some), bookings.c.deleted_at.is_(None))
            .values(deleted_at=now, stale=False)
        )


def store_missing(tx: Connection, environment: str, ids: Sequence[BookingId], now: datetime) -> None:
    """Remember bookings that we never saw and that are proven not to exist (an owned event names them)."""
    rows = [
        {"environment": environment, "id": booking, "start": now, "end": now, "active": True, "version": 0,
         "kind": StatusKind.COMMITTED.value, "deleted_at": now}
        for booking in ids
    ]  # fmt: skip
    upsert(tx, bookings, rows, keep=("start", "end", "active", "version", "kind"))


def seen(tx: Connection, environment: str, ids: Sequence[BookingId], run: str) -> None:
    """Note that a full read named these bookings, also where nothing in them changed."""
    if ids:
        tx.execute(
            update(bookings)
            .where(bookings.c.environment == environment, bookings.c.id == bindparam("b_id"))
            .values(seen_run=run),
            [{"b_id": booking} for booking in ids],
        )


def set_stale(tx: Connection, environment: str, ids: Sequence[BookingId]) -> None:
    """Have the details of these bookings read before they are written."""
    for some in slices(ids):
        tx.execute(
            update(bookings)
            .where(bookings.c.environment == environment, bookings.c.id.in_(some), bookings.c.deleted_at.is_(None))
            .values(stale=True)
        )


def stale(tx: Connection, environment: str, limit: int, after: str = "") -> list[BookingId]:
    """Bookings whose details wait to be read, by id, those after `after`; what is set aside is asked for apart."""
    aside = select(set_aside.c.id).where(
        set_aside.c.environment == environment, set_aside.c.kind == "booking", set_aside.c.id == bookings.c.id
    )
    rows = tx.scalars(
        select(bookings.c.id)
        .where(bookings.c.environment == environment, bookings.c.stale, bookings.c.id > after, ~aside.exists())
        .order_by(bookings.c.id)
        .limit(limit)
    )
    return [BookingId(row) for row in rows]


def starting(
    tx: Connection, environment: str, since: datetime, until: datetime, first: int | None = None
) -> list[BookingId]:
    """The living bookings with `since <= start < until`; `first`: at most so many, the earliest ones."""
    asked = select(bookings.c.id).where(
        bookings.c.environment == environment,
        bookings.c.start >= since,
        bookings.c.start < until,
        bookings.c.deleted_at.is_(None),
    )
    if first is not None:
        asked = asked.order_by(bookings.c.start).limit(first)
    return [BookingId(row) for row in tx.scalars(asked)]


def entering(
    tx: Connection, environment: str, since: datetime, until: datetime, most: int
) -> tuple[list[BookingId], datetime]:
    """The first living bookings that start from `since` on, and the instant before which these are all of them.

    That is `until` at the latest. They are at most so many, but more where more than so many start at `since` itself.
    """
    here = (bookings.c.environment == environment, bookings.c.start >= since, bookings.c.start < until)
    ordered = select(bookings.c.start).where(*here, bookings.c.deleted_at.is_(None)).order_by(bookings.c.start)
    next_one: datetime | None = tx.scalar(ordered.offset(most).limit(1))
    reached = until if next_one is None else max(next_one, since + timedelta(microseconds=1))
    return starting(tx, environment, since, reached), reached


def in_window(tx: Connection, environment: str, window: Window) -> list[Stored]:
    """Every stored booking that lies in the window and is not known to be gone."""
    return [stored(row) for row in tx.execute(_living(environment, window))]


def unsettled(tx: Connection, environment: str, window: Window) -> list[Stored]:
    """Of these bookings those that have no event anywhere of which all is known."""
    settled = select(links.c.booking).where(
        links.c.environment == environment, links.c.booking == bookings.c.id, links.c.event.is_not(None),
        links.c.intent.is_(None), ~links.c.rewrite,
    )  # fmt: skip
    return [stored(row) for row in tx.execute(_living(environment, window).where(~settled.exists()))]


def begin_between(tx: Connection, environment: str, window: Window, most: int) -> int:
    """How many bookings begin in the window, counted up to so many."""
    here = (bookings.c.environment == environment, bookings.c.start >= window.near, bookings.c.start < window.far)
    counted = select(bookings.c.id).where(*here).limit(most).subquery()
    return tx.scalar(select(func.count()).select_from(counted)) or 0


def _living(environment: str, window: Window) -> Select[Any]:
    lies = (bookings.c.start < window.far, bookings.c.end > window.near)
    here = select(bookings).where(bookings.c.environment == environment, *lies, bookings.c.deleted_at.is_(None))
    return here.order_by(bookings.c.start, bookings.c.id)


def concerned(tx: Connection, environment: str, ids: Iterable[str]) -> dict[BookingId, set[str]]:
    """For each of these bookings the mailboxes in which it has an event, an unanswered write, or a mark."""
    found: dict[BookingId, set[str]] = {}
    for some in slices(sorted(set(ids))):
        live = select(links.c.booking, links.c.mailbox).where(
            links.c.environment == environment,
            links.c.booking.in_(some),
            or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
        )
        waiting = select(marks.c.booking, marks.c.mailbox).where(
            marks.c.environment == environment, marks.c.booking.in_(some)
        )
        # The marks first: whoever writes meanwhile stores the link before, or when, the mark goes, so one of the two
        # tells of the mailbox. The other way round it could be in neither answer.
        for row in [*tx.execute(waiting), *tx.execute(live)]:
            found.setdefault(BookingId(row.booking), set()).add(row.mailbox)
    return found


def unseen(tx: Connection, environment: str, run: str) -> list[BookingId]:
    """Living stored bookings that the full read `run` did not name and that a calendar has or may still get.

    Those with an event, an unanswered write, or a mark: from a row that is gone nothing may be written.
    """
    standing = select(links.c.booking).where(
        links.c.environment == environment, or_(links.c.event.is_not(None), links.c.intent.is_not(None))
    )
    waiting = select(marks.c.booking).where(marks.c.environment == environment)
    rows = tx.scalars(
        select(bookings.c.id)
        .where(
            bookings.c.environment == environment,
            bookings.c.seen_run != run,
            bookings.c.deleted_at.is_(None),
            or_(bookings.c.id.in_(standing), bookings.c.id.in_(waiting)),
        )
        .order_by(bookings.c.id)
    )
    return [BookingId(row) for row in rows]


def versions(tx: Connection, environment: str, ids: Sequence[str]) -> dict[BookingId, tuple[int, str]]:
    """Of those of these bookings that are stored: version and own place."""
    found: dict[BookingId, tuple[int, str]] = {}
    for some in slices(ids):
        rows = select(bookings.c.id, bookings.c.version, bookings.c.place).where(
            bookings.c.environment == environment, bookings.c.id.in_(some)
        )
        found.update({BookingId(row.id): (row.version, row.place) for row in tx.execute(rows)})
    return found


def unnamed(tx: Connection, environment: str, window: Window, named: Container[str]) -> list[BookingId]:
    """Living stored bookings that are not `named`, though a whole read of the window has to name them.

    Or their event stands in it or later; what ended before stays as it is, so nobody has to ask for it. Those that are
    named are never held all at once: a window has hundreds of thousands.
    """
    living = (bookings.c.environment == environment, bookings.c.deleted_at.is_(None))
    standing = select(links.c.booking).where(links.c.environment == environment, links.c.event.is_not(None))
    waiting = select(marks.c.booking).where(marks.c.environment == environment)
    asked = (
        (bookings.c.start < window.far, bookings.c.end > window.near),
        (bookings.c.start >= window.far, or_(bookings.c.id.in_(standing), bookings.c.id.in_(waiting))),
        (bookings.c.id.in_(standing.where(links.c.end > window.near)),),
    )
    found: set[BookingId] = set()
    for conditions in asked:
        rows = select(bookings.c.id).where(*living, *conditions).execution_options(yield_per=_AT_ONCE)
        found.update(BookingId(row) for row in tx.scalars(rows) if row not in named)
    return sorted(found)


def search(tx: Connection, environment: str, text: str, limit: int = 20) -> list[BookingId]:
    """Bookings whose id, name or work order number is `text`, in whatever case, those that start first."""
    wanted = text.strip()
    if is_known := load(tx, environment, [wanted.lower().strip("{}")]):
        return list(is_known)  # an id is nobody's number, and is found without looking at every name
    rows = tx.execute(
        select(bookings)
        .where(
            bookings.c.environment == environment,
            or_(
                bookings.c.id == wanted.lower().strip("{}"),
                bookings.c.name.ilike(_alike(wanted), escape="\\"),
                bookings.c.snapshot.ilike(f'%"number":{_alike(to_json(wanted))}%', escape="\\"),
            ),
        )
        .order_by(bookings.c.start, bookings.c.id)
    )
    found = (item for item in map(stored, rows) if _is_called(item.known, wanted))
    return [item.known.booking.id for item in islice(found, limit)]


def _alike(text: str) -> str:
    """A pattern for every spelling of this text, and for some others: SQLite knows the case of ASCII letters only."""
    escaped = "".join("\\" + letter if letter in "\\%_" else letter for letter in text)
    return "".join(letter if letter.isascii() else "_" for letter in escaped)


def _is_called(known: Known, wanted: str) -> bool:
    names = {
        known.booking.id,
        known.booking.name.casefold(),
        known.snapshot.number.casefold() if known.snapshot else "",
    }
    return wanted.casefold() in names or wanted.lower().strip("{}") == known.booking.id
