"""Who changed what: one line for each act of a person. Only age (`pruning`) and an erasure (`scrub`) touch it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, func, insert, or_, select

from fieldcal.setup_model import Actor, AuditLine
from fieldcal.state.people_tables import audit
from fieldcal.state.rows import slices

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
#: Sorts after every letter.
_LAST = "\U0010ffff"


def record(
    tx: Connection, actor: Actor, now: datetime, action: str, subjects: Iterable[str], detail: str = "", *,
    about: str = "",
) -> None:  # fmt: skip
    """One line for each subject, in the transaction that makes the change; `about`: what its history is part of."""
    rows = [
        {"at": now, "operator": actor.operator, "actor": actor.name, "action": action, "subject": subject,
         "about": about, "detail": detail[:1000]}
        for subject in subjects
    ]  # fmt: skip
    for some in slices(rows):
        tx.execute(insert(audit), list(some))


def strange(tx: Connection, operator: str, now: datetime, action: str, subject: str, detail: str = "") -> None:
    """One line about somebody who has not signed in, so that nobody stands as the one who acted."""
    line = {"at": now, "operator": operator, "actor": "", "action": action, "subject": subject, "detail": detail[:1000],
            "about": ""}  # fmt: skip
    tx.execute(insert(audit), [line])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are meant: from `since`, before `until`; by this user, or by "operator"."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    action: str = ""
    subject: str = ""
    #: how the subject begins
    begins: str = ""
    #: the whole that the subject is a part of, as a work order of its bookings
    about: str = ""


#: When a line was written and its number: what pages are counted from.
Key = tuple[datetime, int]


def latest(tx: Connection, limit: int = 100, subject: str = "", *, wanted: Wanted | None = None) -> list[AuditLine]:
    """The newest lines, newest first; those of one subject where it is named."""
    return [line for _, line in page(tx, wanted or Wanted(subject=subject), limit)]


def page(tx: Connection, wanted: Wanted, limit: int, before: Key | None = None) -> list[tuple[Key, AuditLine]]:
    """Lines with their keys, the newest first; `before`: those that come after the line of this key."""
    at, number = before or (_LATEST, 0)
    # The first of the two gives the database an index to begin at.
    here = [*_narrowed(wanted), audit.c.at <= at, or_(audit.c.at < at, audit.c.id < number)]
    asked = select(audit).where(*here).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    return [((row.at, row.id), _line(row)) for row in tx.execute(asked)]


def following(tx: Connection, wanted: Wanted, limit: int, after: Key | None = None) -> list[tuple[Key, AuditLine]]:
    """Lines with their keys, the oldest first; `after`: those that come after the line of this key."""
    at, number = after or (_EARLIEST, 0)
    here = [*_narrowed(wanted), audit.c.at >= at, or_(audit.c.at > at, audit.c.id > number)]
    asked = select(audit).where(*here).order_by(audit.c.at, audit.c.id).limit(limit)
    return [((row.at, row.id), _line(row)) for row in tx.execute(asked)]


def actions(tx: Connection) -> list[str]:
    """What was done so far, each once, in the order of the letters."""
    return _each(tx, audit.c.action, 200)


def actors(tx: Connection, limit: int = 200) -> list[str]:
    """Who did something so far, each once, in the order of the letters; at most so many."""
    return _each(tx, audit.c.actor, limit)


def _each(tx: Connection, column: Column[str], limit: int) -> list[str]:
    """The values of a column that an index begins with, from one to the next: its many lines are not read."""
    found: list[str] = []
    following = tx.scalar(select(func.min(column)).where(column > ""))
    while following is not None and len(found) < limit:
        found.append(following)
        following = tx.scalar(select(func.min(column)).where(column > following))
    return found


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(audit.c.at < wanted.until)
    if wanted.actor:
        found.append(audit.c.actor == wanted.actor)
    if wanted.action:
        found.append(audit.c.action == wanted.action)
    if wanted.subject:
        found.append(audit.c.subject == wanted.subject)
    if wanted.about:
        found.append(audit.c.about == wanted.about)
    if wanted.begins:
        found += [audit.c.subject >= wanted.begins, audit.c.subject < wanted.begins + _LAST]
    return found


def _line(row: Row[Any]) -> AuditLine:
    return AuditLine(row.at, row.operator, row.actor, row.action, row.subject, row.detail)
