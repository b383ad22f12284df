"""What a monitoring system asks the state: a few counts for each environment, however much it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from fieldcal.state import alerts, environments, feeds, pauses, plans, waiting
from fieldcal.state.tables import mailboxes
from fieldcal.state.waiting import Backlog


@dataclass(frozen=True, slots=True)
class Census:
    """The mailboxes of one environment, counted by what the database tells of each alone."""

    total: int
    enabled: int
    #: Test & Enable's states, each with its number
    by_status: dict[str, int]
    #: enabled, but the last try failed
    troubled: int


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
        environment, enabled, waiting.backlog(tx, environment), _census(tx, environment), len(held),
        sum(plan.rows for plan in held), feed.last_pull_at, bool(feed.last_error), told,
    )  # fmt: skip


def _census(tx: Connection, environment: str) -> Census:
    here = mailboxes.c.environment == environment
    by_status = {
        str(status): int(number)
        for status, number in tx.execute(select(mailboxes.c.test, func.count()).where(here).group_by(mailboxes.c.test))
    }
    enabled = tx.scalar(select(func.count()).where(here, mailboxes.c.enabled)) or 0
    bad = or_(mailboxes.c.failures > 0, mailboxes.c.trouble != "")
    troubled = tx.scalar(select(func.count()).where(here, mailboxes.c.enabled, bad)) or 0
    return Census(sum(by_status.values()), enabled, dict(sorted(by_status.items())), troubled)


def paused(tx: Connection, now: datetime) -> Counter[str]:
    """How many pauses last, by what they are of: `mailbox`, `connector`, `source`, `repair` or `check`."""
    known = {"connector", "source", "repair", "check"}
    kinds = (scope.partition(":")[0] for scope in pauses.lasting(tx, now))
    return Counter(kind if kind in known else "mailbox" for kind in kinds)
