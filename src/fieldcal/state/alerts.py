"""What an administrator should know: one row for each mailbox and code, counted up while it lasts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, null, or_, select, update

from fieldcal.setup_model import Alert
from fieldcal.state.rows import insert
from fieldcal.state.tables import alerts, mailboxes

LEVELS = ("information", "warning", "error")
#: the levels at which somebody has to act
URGENT = ("warning", "error")
#: One that was acknowledged, was quiet for so long and is raised once more has come anew.
QUIET = timedelta(hours=1)


def raise_alert(
    tx: Connection, environment: str, mailbox: str, code: str, level: str, message: str, now: datetime
) -> None:
    """Have this told; one that stands already gets the newest message and counts up.

    What is acknowledged stays so while it goes on; worse than before, or raised once more after it was quiet for a
    while, it is told again, to whom gets e-mails too.
    """
    statement = insert(tx, alerts).values(
        environment=environment, mailbox=mailbox, code=code, level=level, message=message[:1000],
        first_at=now, last_at=now, times=1,
    )  # fmt: skip
    new = statement.excluded
    seen = alerts.c.acknowledged_by != ""
    anew = and_(seen, alerts.c.last_at < now - QUIET)
    again = or_(anew, and_(alerts.c.level != "error", new.level == "error"))
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["environment", "mailbox", "code"],
            set_={
                "level": new.level, "message": new.message, "last_at": now,
                "times": case((anew, 1), else_=alerts.c.times + 1),
                "first_at": case((anew, new.first_at), else_=alerts.c.first_at),
                "acknowledged_by": case((again, ""), else_=alerts.c.acknowledged_by),
                "mailed_at": case((again, null()), else_=alerts.c.mailed_at),
            },
        )
    )  # fmt: skip


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
    return [_alert(row) for row in rows]


def of_mailbox(tx: Connection, environment: str, mailbox: str) -> list[Alert]:
    """The alerts of one mailbox, the newest first."""
    here = (alerts.c.environment == environment, alerts.c.mailbox == mailbox)
    return [_alert(row) for row in tx.execute(select(alerts).where(*here).order_by(alerts.c.last_at.desc()))]


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.environment, row.mailbox, row.code, row.level, row.message, row.first_at, row.last_at, row.times,
        row.acknowledged_by,
    )  # fmt: skip


def unmailed(tx: Connection, levels: Collection[str]) -> list[Alert]:
    """The alerts of all environments at these levels that no e-mail has told and nobody has acknowledged."""
    rows = tx.execute(
        select(alerts)
        .where(alerts.c.level.in_(levels), alerts.c.mailed_at.is_(None), alerts.c.acknowledged_by == "")
        .order_by(alerts.c.first_at, alerts.c.environment, alerts.c.mailbox, alerts.c.code)
    )
    return [_alert(row) for row in rows]


def mailed(tx: Connection, told: Sequence[Alert], now: datetime) -> None:
    """An e-mail has told these; one that grew worse or came anew meanwhile waits for the next."""
    for one in told:
        tx.execute(
            update(alerts)
            .where(
                alerts.c.environment == one.environment, alerts.c.mailbox == one.mailbox, alerts.c.code == one.code,
                alerts.c.level == one.level, alerts.c.first_at == one.first_at,
            )
            .values(mailed_at=now)
        )  # fmt: skip
