"""Rows of the source that cannot be read: kept by id until they can be, or are gone, and told by one alert (I7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from fieldcal.source_model import Unreadable
from fieldcal.state import alerts
from fieldcal.state.aside_tables import set_aside
from fieldcal.state.rows import slices, upsert
from fieldcal.state.tables import marks

#: How many the alert names; `fieldcal status` counts all.
_NAMED = 5


class Kind(StrEnum):
    """Rows of which table."""

    BOOKING = "booking"
    WORKER = "worker"


BOOKINGS = "unreadable-bookings"
WORKERS = "unreadable-workers"


@dataclass(frozen=True, slots=True)
class Aside:
    """One row that is set aside."""

    id: str
    #: None: that could not be read either
    version: int | None
    reason: str
    since: datetime


def load(tx: Connection, environment: str, kind: Kind, ids: Iterable[str]) -> dict[str, Aside]:
    """Those of these rows that are set aside."""
    found: dict[str, Aside] = {}
    if tx.execute(select(set_aside.c.id).where(*_here(environment, kind)).limit(1)).first() is None:
        return found  # as nearly always, and a page may name thousands
    for some in slices(sorted(set(ids))):
        for row in tx.execute(select(set_aside).where(*_here(environment, kind), set_aside.c.id.in_(some))):
            found[row.id] = Aside(row.id, row.version, row.reason, row.since)
    return found


def count(tx: Connection, environment: str, kind: Kind) -> int:
    """How many are set aside."""
    return tx.scalar(select(func.count()).select_from(set_aside).where(*_here(environment, kind))) or 0


def longest_unread(tx: Connection, environment: str, kind: Kind, limit: int) -> list[str]:
    """Ids of rows set aside, those first that were not asked for the longest."""
    rows = select(set_aside.c.id).where(*_here(environment, kind)).order_by(set_aside.c.read_at, set_aside.c.id)
    return list(tx.scalars(rows.limit(limit)))


def asked(tx: Connection, environment: str, kind: Kind, ids: Sequence[str], now: datetime) -> None:
    """Note that these were asked for again, whatever the answer was."""
    for some in slices(ids):
        tx.execute(update(set_aside).where(*_here(environment, kind), set_aside.c.id.in_(some)).values(read_at=now))


def store(
    tx: Connection, environment: str, kind: Kind, rows: Sequence[Unreadable], sound: Iterable[str], now: datetime
) -> None:
    """Set these rows aside and take back those that are `sound` by now, or gone; the alert says what is left."""
    before = load(tx, environment, kind, [*(row.id for row in rows), *sound])
    named = {row.id: row for row in rows}
    over = sorted({key for key in sound if key in before and key not in named})
    news = [row for row in named.values() if row.id not in before or _told(before[row.id]) != (row.version, row.reason)]
    if not news and not over:
        return
    for some in slices(over):
        tx.execute(delete(set_aside).where(*_here(environment, kind), set_aside.c.id.in_(some)))
    columns = [
        {"environment": environment, "kind": kind.value, "id": row.id, "version": row.version,
         "reason": row.reason[:300], "since": now, "read_at": now}
        for row in news
    ]  # fmt: skip
    upsert(tx, set_aside, columns, keep=("since",))
    _tell(tx, environment, kind, now)


def withheld() -> ColumnElement[bool]:
    """Of a query over marks: the booking is set aside, so nothing is written of it."""
    return (
        select(set_aside.c.id)
        .where(
            set_aside.c.environment == marks.c.environment,
            set_aside.c.kind == Kind.BOOKING.value,
            set_aside.c.id == marks.c.booking,
        )
        .exists()
    )


def _here(environment: str, kind: Kind) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return set_aside.c.environment == environment, set_aside.c.kind == kind.value


def _told(known: Aside) -> tuple[int | None, str]:
    return known.version, known.reason


def _tell(tx: Connection, environment: str, kind: Kind, now: datetime) -> None:
    number = count(tx, environment, kind)
    first = select(set_aside).where(*_here(environment, kind)).order_by(set_aside.c.since.desc(), set_aside.c.id)
    listed = "; ".join(f"{row.id}: {row.reason}" for row in tx.execute(first.limit(_NAMED)))
    listed += f" and {number - _NAMED} more" if number > _NAMED else ""
    if kind is Kind.BOOKING:
        text = (
            f"the rows of {number} bookings cannot be read, so they are set aside: their events stay as they are, all "
            f"others go on ({listed}). Correct them at the source, and the next pass carries them"
        )
        alerts.raise_alert(tx, environment, "", BOOKINGS, "warning", text, now)
    else:
        text = (
            f"the rows of {number} bookable resources cannot be read: what was last known of them stands, all others "
            f"go on ({listed}). Correct them at the source; `fieldcal sync` reads them again"
        )
        alerts.raise_alert(tx, environment, "", WORKERS, "warning", text, now)
    if not number:
        alerts.clear(tx, environment, "", BOOKINGS if kind is Kind.BOOKING else WORKERS)
