"""What the check found in a mailbox and left alone: drift, deletions by hand, copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

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
    rows = tx.execute(
        select(findings).where(findings.c.environment == environment).order_by(findings.c.mailbox, findings.c.event)
    )
    return [Finding(row.mailbox, row.event, row.booking, row.kind, row.detail) for row in rows]
