"""Pauses that outlive the process: nothing of a scope before an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, or_, select

from fieldcal.state.believed import FARTHEST, lasts
from fieldcal.state.pace_tables import pauses
from fieldcal.state.rows import insert


def pause(tx: Connection, scope: str, until: datetime, reason: str) -> None:
    """Pause this scope; the later of two pauses holds, unless a wrong clock has made it."""
    statement = insert(tx, pauses).values(scope=scope, until=until, reason=reason[:500])
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["scope"],
            set_={"until": statement.excluded.until, "reason": statement.excluded.reason},
            where=or_(pauses.c.until < until, pauses.c.until > until + FARTHEST),
        )
    )


def until(tx: Connection, scopes: Sequence[str], now: datetime) -> datetime | None:
    """The latest end of these scopes' pauses, None when none lasts."""
    latest: datetime | None = tx.scalar(
        select(func.max(pauses.c.until)).where(pauses.c.scope.in_(scopes), lasts(pauses.c.until, now))
    )
    return latest


def lasting(tx: Connection, now: datetime) -> dict[str, tuple[datetime, str]]:
    """Every pause that lasts: its end and its reason."""
    rows = tx.execute(select(pauses).where(lasts(pauses.c.until, now)).order_by(pauses.c.scope))
    return {row.scope: (row.until, row.reason) for row in rows}


def ends(tx: Connection, now: datetime) -> dict[str, datetime]:
    """The end of every pause that lasts: what each process asks for every few seconds, so no more is read."""
    rows = tx.execute(select(pauses.c.scope, pauses.c.until).where(lasts(pauses.c.until, now)))
    return {row.scope: row.until for row in rows}


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Forget at most so many pauses that ended earlier; returns how many. One that is set anew meanwhile stays."""
    over = pauses.c.until < before
    some = select(pauses.c.scope).where(over).order_by(pauses.c.until).limit(limit)
    return tx.execute(delete(pauses).where(over, pauses.c.scope.in_(some.scalar_subquery()))).rowcount


def lift_all(tx: Connection) -> None:
    """End every pause."""
    tx.execute(pauses.delete())


def lift(tx: Connection, scope: str) -> None:
    """End this scope's pause."""
    tx.execute(pauses.delete().where(pauses.c.scope == scope))
