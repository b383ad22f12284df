"""How long changes took from the source into the calendar, counted by the hour: a few rows an hour, none an event.

What is measured: for each event that was made or changed because its booking had changed, the time from that change,
as the source dates it (`modifiedon`, whole seconds), to the answer of the calendar's server that the event stands.
Not measured is what waited for nobody's fault, and so would spoil the figures: a first read, a booking that time
brings into the window, a mailbox that was just switched on (`sync.absorb.Frame.since`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from fieldcal.plan.spread import Spread
from fieldcal.state.pass_tables import latencies
from fieldcal.state.rows import insert, together


def hour_of(at: datetime) -> datetime:
    """When its hour began."""
    return at.replace(minute=0, second=0, microsecond=0)


def add(tx: Connection, environment: str, took: Spread, now: datetime) -> None:
    """Count these to the hour that runs."""
    if not took.counts:
        return
    statement = insert(tx, latencies)
    more = {"number": latencies.c.number + statement.excluded.number}
    tx.execute(
        statement.on_conflict_do_update(index_elements=["environment", "hour", "step"], set_=more),
        together(
            [{"environment": environment, "hour": hour_of(now), "step": at, "number": n} for at, n in took.counts]
        ),
    )


def by_hour(tx: Connection, environment: str, since: datetime) -> dict[datetime, Spread]:
    """The hours since then in which anything was measured."""
    found: dict[datetime, list[tuple[int, int]]] = defaultdict(list)
    rows = select(latencies.c.hour, latencies.c.step, latencies.c.number).where(
        latencies.c.environment == environment, latencies.c.hour >= hour_of(since)
    )
    for hour, at, number in tx.execute(rows):
        found[hour].append((at, number))
    return {hour: Spread.together(counted) for hour, counted in found.items()}


def since(tx: Connection, environment: str, at: datetime) -> Spread:
    """All that was measured since the hour of that instant began."""
    rows = tx.execute(
        select(latencies.c.step, func.sum(latencies.c.number))
        .where(latencies.c.environment == environment, latencies.c.hour >= hour_of(at))
        .group_by(latencies.c.step)
    )
    return Spread.together((at_step, int(number)) for at_step, number in rows)


def forget(tx: Connection, before: datetime) -> None:
    """Forget the hours that are older."""
    tx.execute(delete(latencies).where(latencies.c.hour < before))
