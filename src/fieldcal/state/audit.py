"""Who changed what: one line for each act of a person. Only age (`pruning`) and an erasure (`scrub`) touch it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, select

from fieldcal.setup_model import Actor, AuditLine
from fieldcal.state.people_tables import audit
from fieldcal.state.rows import slices


def record(tx: Connection, actor: Actor, now: datetime, action: str, subjects: Iterable[str], detail: str = "") -> None:
    """One line for each subject, in the transaction that makes the change."""
    rows = [
        {"at": now, "operator": actor.operator, "actor": actor.name, "action": action, "subject": subject,
         "detail": detail[:1000]}
        for subject in subjects
    ]  # fmt: skip
    for some in slices(rows):
        tx.execute(insert(audit), list(some))


def latest(tx: Connection, limit: int = 100, subject: str = "") -> list[AuditLine]:
    """The newest lines, newest first; those of one subject where it is named."""
    asked = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if subject:
        asked = asked.where(audit.c.subject == subject)
    return [
        AuditLine(row.at, row.operator, row.actor, row.action, row.subject, row.detail) for row in tx.execute(asked)
    ]
