"""What was tried and what came of it, told in kinds: of one pass, or of the last hours. Read by indexes alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from fieldcal.state.history import Line, Pass, line_of
from fieldcal.state.tables import history

#: Failures that are looked at for their reasons, the newest; a pass that fails more often tells of these alone.
_LOOKED_AT = 2_000
#: What one failure has and another of the same kind has not: addresses, paths, ids, instants.
_ITS_OWN = re.compile(
    r"https?://[^\s,;)]+|/[^\s,;:)]*/[^\s,;:)]*|\S+@\S+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}"
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(Z| UTC)?|\d\d:\d\d(:\d\d)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a pass set out to do for one reason: how often, and how often it was done."""

    #: as in `Line.action`
    action: str
    reason: str
    number: int
    done: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures that were answered alike; the newest one's booking and mailbox stand for all."""

    reason: str
    number: int
    last: datetime
    booking: str
    mailbox: str


def deeds(tx: Connection, environment: str, one: Pass) -> list[Deed]:
    """What this pass set out to do, the most of it first."""
    rows = tx.execute(
        select(history.c.action, history.c.reason, history.c.ok, func.count())
        .where(*_lines_of(environment, one))
        .group_by(history.c.action, history.c.reason, history.c.ok)
    )
    found: dict[tuple[str, str], Deed] = {}
    for action, reason, ok, number in rows:
        so_far = found.get((action, reason), Deed(action, reason, 0, 0))
        found[action, reason] = Deed(action, reason, so_far.number + number, so_far.done + (number if ok else 0))
    return sorted(found.values(), key=lambda deed: (-deed.number, deed.action, deed.reason))


def lines(tx: Connection, environment: str, one: Pass, *, offset: int, limit: int) -> list[Line]:
    """Some of what this pass did, in the order in which it did it."""
    asked = select(history).where(*_lines_of(environment, one)).order_by(history.c.at, history.c.id)
    return [line_of(row) for row in tx.execute(asked.offset(offset).limit(limit))]


def failures_of(tx: Connection, environment: str, one: Pass) -> list[Failure]:
    """What failed in this pass, by reason, the most frequent first."""
    return _alike(tx, (*_lines_of(environment, one), ~history.c.ok))


def failures_since(tx: Connection, environment: str, since: datetime) -> list[Failure]:
    """What failed since then, by reason, the most frequent first."""
    return _alike(tx, (history.c.environment == environment, history.c.at >= since, ~history.c.ok))


def _lines_of(environment: str, one: Pass) -> tuple[ColumnElement[bool], ...]:
    # By their instants, for which there is an index: a pass writes its lines while it lasts.
    ended = () if one.ended_at is None else (history.c.at <= one.ended_at,)
    return (history.c.environment == environment, history.c.at >= one.started_at, *ended, history.c["pass"] == one.id)


def _alike(tx: Connection, where: Sequence[ColumnElement[bool]]) -> list[Failure]:
    named = (history.c.answer, history.c.at, history.c.booking, history.c.mailbox)
    rows = tx.execute(select(*named).where(*where).order_by(history.c.at.desc()).limit(_LOOKED_AT))
    found: dict[str, Failure] = {}
    for row in rows:
        reason = _ITS_OWN.sub("…", row.answer)
        known = found.get(reason)
        number = known.number + 1 if known else 1
        newest = known or Failure(reason, 0, row.at, row.booking, row.mailbox)
        found[reason] = Failure(reason, number, newest.last, newest.booking, newest.mailbox)
    return sorted(found.values(), key=lambda one: (-one.number, one.reason))
