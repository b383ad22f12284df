"""What was done in the last hours, counted by the hour for charts: events written, and how long passes took."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import BigInteger, Connection, func, literal, select, type_coerce

from fieldcal.state.tables import history, passes

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
    #: seconds that passes took from their beginning to their end, half of them and 95 in 100 of them at most
    half: float | None = None
    most: float | None = None


def by_hour(tx: Connection, environment: str, now: datetime, hours: int = 24) -> list[Hour]:
    """The last hours, the oldest first, the running one last."""
    last = now.replace(minute=0, second=0, microsecond=0)
    begins = [last - _HOUR * back for back in reversed(range(hours))]
    wrote, took = _wrote(tx, environment, begins[0]), _took(tx, environment, begins[0])
    found = []
    for at in begins:
        counts, spans = wrote[at], sorted(took[at])
        found.append(
            Hour(at, counts["create"], counts["update"], counts["remove"], counts["failed"],
                 _share(spans, 0.5), _share(spans, 0.95))
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
        found[at.replace(minute=0, second=0, microsecond=0)][action if ok else "failed"] += number
    return found


def _took(tx: Connection, environment: str, since: datetime) -> dict[datetime, list[float]]:
    rows = tx.execute(
        select(passes.c.started_at, passes.c.ended_at).where(
            passes.c.environment == environment, passes.c.started_at >= since, passes.c.ended_at.is_not(None)
        )
    )
    found: dict[datetime, list[float]] = defaultdict(list)
    for began, ended in rows:
        found[began.replace(minute=0, second=0, microsecond=0)].append((ended - began).total_seconds())
    return found


def _share(ordered: list[float], share: float) -> float | None:
    """The nearest rank: so large a share of these is at most this; None of none."""
    return round(ordered[max(ceil(share * len(ordered)) - 1, 0)], 2) if ordered else None
