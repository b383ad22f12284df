"""What an administrator should know: one row for each mailbox and code, counted up while it lasts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from fieldcal.setup_model import Alert
from fieldcal.state.rows import insert
from fieldcal.state.tables import alerts, mailboxes

LEVELS = ("information", "warning", "error")
#: the levels at which somebody has to act
URGENT = ("warning", "error")


def raise_alert(
    tx: Connection, environment: str, mailbox: str, code: str, level: str, message: str, now: datetime
) -> None:
    """Have this told; one that stands already gets the newest message and counts up."""
    statement = insert(tx, alerts).values(
        environment=environment, mailbox=mailbox, code=code, level=level, message=message[:1000],
        first_at=now, last_at=now, times=1,
    )  # fmt: skip
    new = statement.excluded
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["environment", "mailbox", "code"],
            set_={"level": new.level, "message": new.message, "last_at": now, "times": alerts.c.times + 1},
        )
    )


def clear(tx: Connection, environment: str, mailbox: str, code: str) -> None:
    """What it warned of is over."""
    tx.execute(
        delete(alerts).where(alerts.c.environment == environment, alerts.c.mailbox == mailbox, alerts.c.code == code)
    )


def acknowledge(tx: Connection, environment: str, mailbox: str, codes: Iterable[str], by: str) -> int:
    """Remember that a person has seen these; returns how many there were."""
    done = tx.execute(
        update(alerts)
        .where(alerts.c.environment == environment, alerts.c.mailbox == mailbox, alerts.c.code.in_(list(codes)))
        .values(acknowledged_by=by)
    )
    return done.rowcount


def switched_off(tx: Connection, environment: str) -> frozenset[str]:
    """The mailboxes that are off and have an alert at which somebody has to act."""
    told = select(alerts.c.mailbox).where(alerts.c.environment == environment, alerts.c.level.in_(URGENT))
    return frozenset(
        tx.scalars(
            select(mailboxes.c.id).where(
                mailboxes.c.environment == environment, ~mailboxes.c.enabled, mailboxes.c.id.in_(told)
            )
        )
    )


def standing(tx: Connection, environment: str, levels: Collection[str] = LEVELS) -> list[Alert]:
    """The alerts of this environment at these levels, the newest first."""
    rows = tx.execute(
        select(alerts)
        .where(alerts.c.environment == environment, alerts.c.level.in_(levels))
        .order_by(alerts.c.last_at.desc(), alerts.c.mailbox)
    )
    return [
        Alert(
            row.environment,
            row.mailbox,
            row.code,
            row.level,
            row.message,
            row.first_at,
            row.last_at,
            row.times,
            row.acknowledged_by,
        )
        for row in rows
    ]
