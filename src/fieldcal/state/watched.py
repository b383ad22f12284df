"""What a monitoring system asks the state: a few counts for each environment, however much it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.state import alerts, environments, feeds, pauses, plans, waiting
from fieldcal.state.waiting import Backlog, Census


@dataclass(frozen=True, slots=True)
class Watched:
    """One environment in numbers."""

    environment: str
    enabled: bool
    backlog: Backlog
    mailboxes: Census
    held_plans: int
    held_removals: int
    #: when the source was last read to its end, and whether the last try to read it failed
    last_read: datetime | None
    failing: bool
    #: what nobody has acknowledged, by level and code
    alerts: Mapping[tuple[str, str], int]


def look(tx: Connection) -> list[Watched]:
    """Every environment, by name."""
    return [_one(tx, place.id, enabled=place.enabled) for place in environments.everyone(tx)]


def _one(tx: Connection, environment: str, *, enabled: bool) -> Watched:
    held, feed = plans.load(tx, environment, "held"), feeds.load(tx, environment)
    told = Counter(
        (one.level, one.code)
        for one in alerts.standing(tx, environment, alerts.URGENT)
        if not one.acknowledged_by
    )  # fmt: skip
    return Watched(
        environment, enabled, waiting.backlog(tx, environment), waiting.census(tx, environment), len(held),
        sum(plan.rows for plan in held), feed.last_pull_at, bool(feed.last_error), told,
    )  # fmt: skip


def paused(tx: Connection, now: datetime) -> Counter[str]:
    """How many pauses last, by what they are of: `mailbox`, `connector`, `source` or `repair`."""
    known = {"connector", "source", "repair"}
    kinds = (scope.partition(":")[0] for scope in pauses.lasting(tx, now))
    return Counter(kind if kind in known else "mailbox" for kind in kinds)
