"""What was done in the last hours, by the hour, for charts: events written, and how long that took from the change."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, func, literal, select, type_coerce

from fieldcal.plan.spread import Spread
from fieldcal.state import latency
from fieldcal.state.tables import history

_HOUR = timedelta(hours=1)
_MICROSECONDS = 3_600_000_000
_WRITES = ("create", "update", "remove")


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one environment."""

    begins: datetime
    created: int = 0
    updated: int = 0
    removed: int = 0
    failed: int = 0
    #: seconds from a change in the source until its event stood in the calendar: half of these events, and 95 in 100,
    #: took at most so long (`state.latency`); None: none was measured
    half: float | None = None
    most: float | None = None


def by_hour(tx: Connection, environment: str, now: datetime, hours: int = 24) -> list[Hour]:
    """The last hours, the oldest first, the running one last."""
    last = latency.hour_of(now)
    begins = [last - _HOUR * back for back in reversed(range(hours))]
    wrote, took = _wrote(tx, environment, begins[0]), latency.by_hour(tx, environment, begins[0])
    found = []
    for at in begins:
        counts, spans = wrote[at], took.get(at, Spread())
        found.append(
            Hour(at, counts["create"], counts["update"], counts["remove"], counts["failed"],
                 spans.share(0.5), spans.share(0.95))
        )  # fmt: skip
    return found


def _wrote(tx: Connection, environment: str, since: datetime) -> dict[datetime, dict[str, int]]:
    # Instants are microseconds (docs/decisions/003), so that whole hours come of dividing, on both databases alike.
    hour = type_coerce(history.c.at, BigInteger).op("/")(literal(_MICROSECONDS, BigInteger))
    rows = tx.execute(
        select(func.min(history.c.at), history.c.action, history.c.ok, func.count())
        .where(history.c.environment == environment, history.c.at >= since, history.c.action.in_(_WRITES))
        .group_by(hour, history.c.action, history.c.ok)
    )
    found: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for at, action, ok, number in rows:
        found[latency.hour_of(at)][action if ok else "failed"] += number
    return found
