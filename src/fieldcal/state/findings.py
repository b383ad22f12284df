"""What the check found in a mailbox and left alone: drift, deletions by hand, copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select

from fieldcal.state.rows import slices
from fieldcal.state.tables import findings

#: Kinds of findings that can be written again; a copy is nobody's to change but the worker's.
BY_HAND = ("changed", "deleted")


@dataclass(frozen=True, slots=True)
class Finding:
    """One event that is not as we left it."""

    mailbox: str
    event: str
    booking: str
    #: `changed`, `deleted` (by hand; the next change of the booking writes it again), `copy` (never touched)
    kind: str
    detail: str
    found_at: datetime | None = field(default=None, compare=False)


def replace_all(tx: Connection, environment: str, mailbox: str, found: Sequence[Finding], now: datetime) -> None:
    """Keep these findings for this mailbox in place of the last check's; of two for one event the later."""
    tx.execute(delete(findings).where(findings.c.environment == environment, findings.c.mailbox == mailbox))
    if found:
        tx.execute(
            insert(findings),
            [
                {"environment": environment, "mailbox": mailbox, "event": item.event, "booking": item.booking,
                 "kind": item.kind, "detail": item.detail[:500], "found_at": now}
                for item in {item.event: item for item in found}.values()
            ],
        )  # fmt: skip


def drop(tx: Connection, environment: str, mailbox: str, events: Sequence[str]) -> None:
    """Forget what was found about these events: they are gone."""
    here = (findings.c.environment == environment, findings.c.mailbox == mailbox)
    for some in slices(events):
        tx.execute(delete(findings).where(*here, findings.c.event.in_(some)))


def load(tx: Connection, environment: str) -> list[Finding]:
    """Every finding of this environment."""
    return _ordered(tx, select(findings).where(findings.c.environment == environment))


def of_bookings(tx: Connection, environment: str, ids: Sequence[str]) -> dict[str, list[Finding]]:
    """The findings of these bookings; at most a page of them."""
    found: dict[str, list[Finding]] = {}
    for some in slices(ids):
        where = (findings.c.environment == environment, findings.c.booking.in_(some))
        for item in _ordered(tx, select(findings).where(*where)):
            found.setdefault(item.booking, []).append(item)
    return found


def page(tx: Connection, environment: str, kind: str, *, offset: int, limit: int) -> list[Finding]:
    """One page of the findings of this kind, "": of all; cut by the database."""
    where = _of(environment, kind)
    return _ordered(tx, select(findings).where(*where).offset(offset).limit(limit))


def counted(tx: Connection, environment: str, kind: str) -> dict[str, int]:
    """How many findings there are of this kind, "": of each."""
    rows = tx.execute(select(findings.c.kind, func.count()).where(*_of(environment, kind)).group_by(findings.c.kind))
    return {found: number for found, number in rows}  # noqa: C416 - rows are no pairs to mypy


def _of(environment: str, kind: str) -> list[ColumnElement[bool]]:
    return [findings.c.environment == environment, *([findings.c.kind == kind] if kind else [])]


def _ordered(tx: Connection, wanted: Select[Any]) -> list[Finding]:
    rows = tx.execute(wanted.order_by(findings.c.mailbox, findings.c.event))
    return [Finding(row.mailbox, row.event, row.booking, row.kind, row.detail, row.found_at) for row in rows]
