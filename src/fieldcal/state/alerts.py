"""What an administrator should know: one row for each mailbox and code, counted up while it lasts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, null, or_, select, update

from fieldcal.setup_model import Alert
from fieldcal.state.rows import insert, slices
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
                "acknowledged_at": case((again, null()), else_=alerts.c.acknowledged_at),
                "mailed_at": case((again, null()), else_=alerts.c.mailed_at),
            },
        )
    )  # fmt: skip


def clear(tx: Connection, environment: str, mailbox: str, code: str) -> None:
    """What it warned of is over."""
    tx.execute(
        delete(alerts).where(alerts.c.environment == environment, alerts.c.mailbox == mailbox, alerts.c.code == code)
    )


def acknowledge(
    tx: Connection, environment: str, mailboxes: Sequence[str], codes: Collection[str], by: str, now: datetime
) -> list[str]:
    """Remember that a person has seen these; returns the mailbox of each that stands and that nobody had seen."""
    done: list[str] = []
    for some in slices(mailboxes):
        these = (
            alerts.c.environment == environment, alerts.c.mailbox.in_(some), alerts.c.code.in_(codes),
            alerts.c.acknowledged_by == "",
        )  # fmt: skip
        seen = update(alerts).where(*these).values(acknowledged_by=by, acknowledged_at=now)
        done += tx.scalars(seen.returning(alerts.c.mailbox))
    return done


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


def waiting(tx: Connection, environment: str, boxes: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Of each of these mailboxes the worst level and the number of its warnings and errors that nobody has seen."""
    found: dict[str, tuple[str, int]] = {}
    for some in slices(boxes):
        these = (
            alerts.c.environment == environment, alerts.c.mailbox.in_(some), alerts.c.level.in_(URGENT),
            alerts.c.acknowledged_by == "",
        )  # fmt: skip
        counted = select(alerts.c.mailbox, func.min(alerts.c.level), func.count()).where(*these)
        # of the two words `error` comes first
        found |= {box: (level, number) for box, level, number in tx.execute(counted.group_by(alerts.c.mailbox))}
    return found


def stands(tx: Connection, environment: str, mailbox: str, code: str, /) -> bool:
    """Whether this is told of now."""
    this = (alerts.c.environment == environment, alerts.c.mailbox == mailbox, alerts.c.code == code)
    return tx.scalar(select(alerts.c.code).where(*this)) is not None


def standing(tx: Connection, environment: str, levels: Collection[str] = LEVELS) -> list[Alert]:
    """The alerts of this environment at these levels, the newest first."""
    rows = tx.execute(
        select(alerts)
        .where(alerts.c.environment == environment, alerts.c.level.in_(levels))
        .order_by(alerts.c.last_at.desc(), alerts.c.mailbox)
    )
    return [_alert(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts of one kind and level: how many, how often they were raised, since when, and the newest of them."""

    level: str
    code: str
    alerts: int
    times: int
    first_at: datetime
    last_at: datetime
    newest: Alert


def groups(tx: Connection, environment: str, levels: Collection[str], *, seen: bool) -> list[Group]:
    """The alerts by kind and level, errors first and then the newest; `seen`: those that were acknowledged."""
    here = _narrowed(environment, levels, seen=seen)
    counted = select(
        alerts.c.level, alerts.c.code, func.count().label("alerts"), func.sum(alerts.c.times).label("times"),
        func.min(alerts.c.first_at).label("first_at"), func.max(alerts.c.last_at).label("last_at"),
    ).where(*here).group_by(alerts.c.level, alerts.c.code)  # fmt: skip
    found = [
        Group(row.level, row.code, row.alerts, int(row.times), row.first_at, row.last_at,
              page(tx, environment, (row.level,), row.code, seen=seen, limit=1)[0])
        for row in tx.execute(counted).all()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-LEVELS.index(one.level), -one.last_at.timestamp(), one.code))


@dataclass(frozen=True, slots=True)
class Worded:
    """Alerts with one message: how many, and a mailbox of theirs."""

    alerts: int
    message: str
    mailbox: str


def worded(tx: Connection, environment: str, level: str, code: str, *, seen: bool) -> list[Worded]:
    """The alerts of one kind and level by their messages, the newest first."""
    rows = tx.execute(
        select(func.count().label("alerts"), alerts.c.message, func.min(alerts.c.mailbox).label("mailbox"))
        .where(*_narrowed(environment, (level,), code, seen=seen))
        .group_by(alerts.c.message)
        .order_by(func.max(alerts.c.last_at).desc(), alerts.c.message)
    )
    return [Worded(row.alerts, row.message, row.mailbox) for row in rows]


def page(
    tx: Connection,
    environment: str,
    levels: Collection[str],
    code: str,
    *,
    seen: bool,
    offset: int = 0,
    limit: int = 25,
) -> list[Alert]:
    """Alerts of one kind at these levels, the newest first."""
    asked = (
        select(alerts)
        .where(*_narrowed(environment, levels, code, seen=seen))
        .order_by(alerts.c.last_at.desc())
        .offset(offset)
        .limit(limit)
    )
    return [_alert(row) for row in tx.execute(asked)]


def count(tx: Connection, environment: str, levels: Collection[str], code: str = "", *, seen: bool) -> int:
    """How many alerts there are at these levels, of one kind where it is named."""
    narrowed = _narrowed(environment, levels, code, seen=seen)
    return tx.scalar(select(func.count()).select_from(alerts).where(*narrowed)) or 0


def _narrowed(environment: str, levels: Collection[str], code: str = "", *, seen: bool) -> list[ColumnElement[bool]]:
    told = alerts.c.acknowledged_by != "" if seen else alerts.c.acknowledged_by == ""
    found = [alerts.c.environment == environment, alerts.c.level.in_(levels), told]
    return [*found, alerts.c.code == code] if code else found


def of_mailbox(tx: Connection, environment: str, mailbox: str) -> list[Alert]:
    """The alerts of one mailbox, the newest first."""
    here = (alerts.c.environment == environment, alerts.c.mailbox == mailbox)
    return [_alert(row) for row in tx.execute(select(alerts).where(*here).order_by(alerts.c.last_at.desc()))]


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.environment, row.mailbox, row.code, row.level, row.message, row.first_at, row.last_at, row.times,
        row.acknowledged_by, row.acknowledged_at,
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
