"""Who changed what: one line for each act of a person. Only age (`pruning`) and an erasure (`scrub`) touch it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from fieldcal.setup_model import Actor, AuditLine
from fieldcal.state.people_tables import audit
from fieldcal.state.rows import slices

#: Lines of an export that are fetched together.
_AT_ONCE = 500


def record(tx: Connection, actor: Actor, now: datetime, action: str, subjects: Iterable[str], detail: str = "") -> None:
    """One line for each subject, in the transaction that makes the change."""
    rows = [
        {"at": now, "operator": actor.operator, "actor": actor.name, "action": action, "subject": subject,
         "detail": detail[:1000]}
        for subject in subjects
    ]  # fmt: skip
    for some in slices(rows):
        tx.execute(insert(audit), list(some))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are meant: from `since`, before `until`; by this user, or by "operator"."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    subject: str = ""


def latest(tx: Connection, limit: int = 100, subject: str = "", *, wanted: Wanted | None = None) -> list[AuditLine]:
    """The newest lines, newest first; those of one subject where it is named."""
    narrowed = _narrowed(wanted or Wanted(subject=subject))
    asked = select(audit).where(*narrowed).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    return [_line(row) for row in tx.execute(asked)]


def page(tx: Connection, wanted: Wanted, limit: int, before: int | None = None) -> list[tuple[int, AuditLine]]:
    """Lines with their numbers, the newest first; `before`: those that come after the line of this number."""
    narrowed = _narrowed(wanted)
    if before is not None:
        narrowed.append(audit.c.id < before)
    asked = select(audit).where(*narrowed).order_by(audit.c.id.desc()).limit(limit)
    return [(row.id, _line(row)) for row in tx.execute(asked)]


def each(tx: Connection, wanted: Wanted) -> Iterator[AuditLine]:
    """Every line that is meant, the oldest first; however many there are, few are in memory at once."""
    asked = select(audit).where(*_narrowed(wanted)).order_by(audit.c.at, audit.c.id)
    return (_line(row) for row in tx.execution_options(yield_per=_AT_ONCE).execute(asked))


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(audit.c.at < wanted.until)
    if wanted.actor:
        found.append(audit.c.actor == wanted.actor)
    if wanted.subject:
        found.append(audit.c.subject == wanted.subject)
    return found


def _line(row: Row[Any]) -> AuditLine:
    return AuditLine(row.at, row.operator, row.actor, row.action, row.subject, row.detail)
