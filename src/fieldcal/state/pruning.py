"""What may be forgotten by age, in small batches: one call is one transaction's work and returns how much it did.

What has to outlive it all, because I1 stands on it (never two events of ours for one booking in one calendar):

- **links**, dead ones too. A create key is made of organization, booking, mailbox and generation, and the generation
  is known from the link alone: forgotten, a booking that comes back would be made under a key that was used before,
  and the server would answer with the dead event or refuse. A link holds ids, a number and a hash; its texts go.
- **bookings with an event**, as a row without texts: a removal needs evidence for that booking, and evidence is told
  by the row (another worker, a version). The event's own times stay with the link, for D4 asks both.
- whatever is open: marks, unanswered writes, held and approved removals, findings of a check, details still to be
  read, alerts that nobody has acknowledged, and a removal that a person rejected while its event stands.

A booking is old when it ended before the age, and also `MARGIN` before the window begins, so that no rule wants
anything of it, a clock that is a little wrong included. One that comes back into the window comes with a row of the
source: it triggers, its details are read anew, and it is written from those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from fieldcal.state.pass_tables import passes
from fieldcal.state.people_tables import audit
from fieldcal.state.rows import slices, upsert
from fieldcal.state.tables import alerts, bookings, findings, history, links, marks, meta, plan_rows, plans

#: Rows that one transaction takes; of bookings fewer, for their links go with them (12 ms, at 200,000 bookings).
BATCH, BOOKINGS = 500, 100
#: How long before the window a booking must have ended, whatever the age says.
MARGIN = timedelta(days=30)
_DAY_KEY = "pruned_at"


@dataclass(frozen=True, slots=True)
class Ages:
    """How long each kind is kept; None: for ever."""

    #: the history of writes, passes, acknowledged alerts, decided plans
    history: timedelta | None
    audit: timedelta | None
    #: after a booking's end
    bookings: timedelta | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of each kind went; of `texts` only what was typed went, the row stays."""

    history: int = 0
    passes: int = 0
    audit: int = 0
    alerts: int = 0
    plans: int = 0
    bookings: int = 0
    texts: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def total(self) -> int:
        """Rows of all kinds."""
        return sum(getattr(self, one.name) for one in fields(self))


def history_before(before: datetime) -> ColumnElement[bool]:
    """Lines of the history that are older."""
    return history.c.at < before


def audit_before(before: datetime) -> ColumnElement[bool]:
    """Lines of the audit that are older."""
    return audit.c.at < before


def passes_before(environment: str, before: datetime) -> ColumnElement[bool]:
    """Passes of this environment that are older and have ended; its newest is kept, for `status` tells of it."""
    newest = select(func.max(passes.c.started_at)).where(passes.c.environment == environment).scalar_subquery()
    return and_(
        passes.c.environment == environment, passes.c.started_at < before, passes.c.started_at < newest,
        passes.c.ended_at.is_not(None),
    )  # fmt: skip


def alerts_before(before: datetime) -> ColumnElement[bool]:
    """Alerts that somebody has acknowledged and that were not raised since."""
    return and_(alerts.c.acknowledged_by != "", alerts.c.last_at < before)


def plan_rows_before(before: datetime) -> ColumnElement[bool]:
    """Removals of plans that were decided earlier and are over; a rejection counts while its event stands."""
    over = select(plans.c.id).where(
        plans.c.state.in_(("done", "rejected")), func.coalesce(plans.c.decided_at, plans.c.created_at) < before
    )
    stands = (
        select(links.c.booking)
        .where(
            links.c.environment == plan_rows.c.environment, links.c.mailbox == plan_rows.c.mailbox,
            links.c.booking == plan_rows.c.booking, or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
        )
        .exists()
    )  # fmt: skip
    done = or_(plan_rows.c.state.in_(("done", "dropped")), and_(plan_rows.c.state == "rejected", ~stands))
    return and_(plan_rows.c.plan.in_(over), done)


def count(tx: Connection, table: Table, old: ColumnElement[bool]) -> int:
    """How many rows of the table are old."""
    return tx.scalar(select(func.count()).select_from(table).where(old)) or 0


def drop(tx: Connection, table: Table, old: ColumnElement[bool], limit: int = BATCH) -> int:
    """Forget at most so many rows of the table that are old; returns how many."""
    key = list(table.primary_key.columns)
    rows = tx.execute(select(*key).where(old).limit(limit)).all()
    if rows:
        named = and_(*(column == bindparam(f"b_{column.name}") for column in key))
        tx.execute(
            delete(table).where(named), [{f"b_{c.name}": v for c, v in zip(key, row, strict=True)} for row in rows]
        )
    return len(rows)


def drop_empty_plans(tx: Connection, before: datetime) -> int:
    """Forget the plans that were decided earlier, are over, and of which no removal is remembered any more."""
    kept = select(plan_rows.c.plan).where(plan_rows.c.plan == plans.c.id).exists()
    over = and_(
        plans.c.state.in_(("done", "rejected")), func.coalesce(plans.c.decided_at, plans.c.created_at) < before, ~kept
    )
    return tx.execute(delete(plans).where(over)).rowcount


@dataclass(frozen=True, slots=True)
class Old:
    """Some long-ended bookings: what may go, and where the next look begins."""

    #: no event stands for them, nothing is open: their row goes
    gone: Sequence[str]
    #: their event stands: their texts go
    thin: Sequence[str]
    #: end and id of the last one looked at; None: there are no more
    last: tuple[datetime, str] | None


def old_bookings(
    tx: Connection, environment: str, before: datetime, after: tuple[datetime, str] | None = None, limit: int = BOOKINGS
) -> Old:
    """Look at the next long-ended bookings, those that ended first coming first; nothing is changed."""
    wanted = [
        bookings.c.environment == environment, ~bookings.c.pruned, bookings.c.end < before,
    ]  # fmt: skip
    if after is not None:
        wanted.append(tuple_(bookings.c.end, bookings.c.id) > tuple_(bindparam("a_end", after[0], bookings.c.end.type),
                                                                      bindparam("a_id", after[1])))  # fmt: skip
    rows = tx.execute(
        select(bookings.c.id, bookings.c.start, bookings.c.end, bookings.c.deleted_at, bookings.c.stale)
        .where(*wanted)
        .order_by(bookings.c.end, bookings.c.id)
        .limit(limit)
    ).all()
    settled = [
        row.id for row in rows
        if row.start < before and not row.stale and (row.deleted_at is None or row.deleted_at < before)
    ]  # fmt: skip
    open_, standing = _open(tx, environment, settled), _standing(tx, environment, settled, before)
    free = [key for key in settled if key not in open_ and standing.get(key, True)]
    return Old(
        [key for key in free if key not in standing], [key for key in free if key in standing],
        (rows[-1].end, rows[-1].id) if len(rows) == limit else None,
    )  # fmt: skip


def _open(tx: Connection, environment: str, ids: Sequence[str]) -> set[str]:
    """Those of these bookings of which something is still to be done or decided."""
    found: set[str] = set()
    for some in slices(ids):
        for table, also in (
            (marks, []), (plan_rows, [plan_rows.c.state.in_(("held", "approved"))]), (findings, []),
        ):  # fmt: skip
            here = (table.c.environment == environment, table.c.booking.in_(some), *also)
            found.update(tx.scalars(select(table.c.booking).where(*here)))
    return found


def _standing(tx: Connection, environment: str, ids: Sequence[str], before: datetime) -> dict[str, bool]:
    """Those of these bookings with an event or an unanswered write, and whether their texts may go all the same."""
    found: dict[str, bool] = {}
    for some in slices(ids):
        rows = tx.execute(
            select(links.c.booking, links.c.end, links.c.intent.is_not(None).label("unanswered")).where(
                links.c.environment == environment, links.c.booking.in_(some),
                or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
            )
        )  # fmt: skip
        for row in rows:
            over = not row.unanswered and row.end is not None and row.end < before
            found[row.booking] = found.get(row.booking, True) and over
    return found


def forget(tx: Connection, environment: str, ids: Sequence[str], before: datetime) -> None:
    """Forget these bookings' rows; their links stay, with the generations."""
    for some in slices(ids):
        tx.execute(delete(bookings).where(*_still_old(environment, some, before)))


def thin(tx: Connection, environment: str, ids: Sequence[str], before: datetime) -> None:
    """Take the texts from these bookings and their links: names, places, the snapshot of the work order.

    A place among the trigger values goes too, not its content alone: a value that is not there has not changed, so
    nothing is ever written because of this.
    """
    for some in slices(ids):
        tx.execute(
            update(bookings)
            .where(*_still_old(environment, some, before))
            .values(name="", place="", snapshot=None, number="", account="", pruned=True)
        )
        here = and_(
            links.c.environment == environment, links.c.booking.in_(some), links.c.end < before,
            links.c.intent.is_(None),
        )  # fmt: skip
        tx.execute(update(links).where(here).values(subject="", location=""))
        forget_places(tx, here)


def _still_old(environment: str, ids: Sequence[str], before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Asked once more by what writes: on PostgreSQL another transaction may have brought the booking back meanwhile.

    As one value: SQLite would rather walk everything that begins before than look these few up.
    """
    old = and_(bookings.c.end < before, bookings.c.start < before, bookings.c.stale.is_(False))
    return (bookings.c.environment == environment, bookings.c.id.in_(ids), case((old, 1), else_=0) == 1)


def forget_places(tx: Connection, which: ColumnElement[bool]) -> None:
    """Take the booking's own place out of the trigger values of these links, as they are once nobody writes them."""
    rows = tx.execute(
        select(links.c.environment, links.c.mailbox, links.c.booking, links.c.triggers)
        .where(which, links.c.triggers.like('%"place":%'))
        .with_for_update()
    ).all()
    for row in rows:
        values = msgspec.json.decode(row.triggers, type=dict[str, str])
        values.pop("place", None)
        key = (links.c.environment == row.environment, links.c.mailbox == row.mailbox, links.c.booking == row.booking)
        tx.execute(update(links).where(*key).values(triggers=msgspec.json.encode(values).decode()))


def last_run(tx: Connection) -> datetime | None:
    """When everything old was last forgotten by schedule."""
    found = tx.scalar(select(meta.c.value).where(meta.c.key == _DAY_KEY))
    return datetime.fromisoformat(found) if found else None


def remember_run(tx: Connection, now: datetime) -> None:
    """The daily pruning is done, or was begun."""
    upsert(tx, meta, [{"key": _DAY_KEY, "value": now.isoformat()}])
