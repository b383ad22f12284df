"""What waits: for the schedule, which mailboxes may go now; for `status`, how much there is and since when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, not_, or_, select

from fieldcal.model import MailboxId
from fieldcal.plan.forecast import SPAN, Observed
from fieldcal.setup_model import Method
from fieldcal.state import pauses
from fieldcal.state.aside import withheld
from fieldcal.state.believed import come, lasts, ranges
from fieldcal.state.leases import FARTHEST
from fieldcal.state.pace_tables import pauses as held
from fieldcal.state.pass_tables import passes
from fieldcal.state.rows import slices
from fieldcal.state.tables import bookings, history, leases, links, mailboxes, marks, profiles


@dataclass(frozen=True, slots=True)
class Backlog:
    """The marks of one environment."""

    #: to be written, now or at a later try
    waiting: int
    #: waiting in mailboxes that are not written to (R13)
    closed: int
    #: refused for good, until their booking changes
    set_aside: int
    #: since when the oldest change waits that may be written; None: nothing waits
    oldest: datetime | None


def ready(tx: Connection, environment: str, now: datetime, limit: int | None = None) -> list[MailboxId]:
    """Mailboxes with something to do now that are switched on and not paused, the longest waiting first.

    A mark whose booking is set aside, or waits for its details, is nothing to do: a pass reads them first. A mailbox
    that has to be read before it is written has something to do without a mark, too: events may stand there that
    nobody remembers. `limit`: no more than the first so many.
    """
    wanted = _meant(select(mailboxes.c.id), environment).where(*_free(now))
    ordered = wanted.order_by(mailboxes.c.next_due, mailboxes.c.id)
    # Each part follows an index of its own; those to be read first are few, and asked for in the order of theirs.
    unread = wanted.where(mailboxes.c.check_first).order_by(mailboxes.c.id)
    found: dict[str, None] = {}
    for asked in (*map(ordered.where, _marked(now)), unread):
        if limit is not None and len(found) >= limit:
            break
        found |= dict.fromkeys(tx.scalars(asked.limit(limit)))
    return [MailboxId(mailbox) for mailbox in found][:limit]


def left(
    tx: Connection, environment: str, since: datetime, now: datetime, only: Collection[MailboxId] | None = None
) -> int:
    """How many mailboxes (of these, or of all) with something to do at the instant `since` may be worked on still."""
    wanted = _meant(select(func.count()).select_from(mailboxes), environment).where(*_free(now))
    later = or_(mailboxes.c.next_due.is_(None), not_(or_(*_marked(since))))
    asked = [*map(wanted.where, _marked(since)), wanted.where(mailboxes.c.check_first, later)]
    some = [()] if only is None else [(mailboxes.c.id.in_(part),) for part in slices(sorted(only))]
    return sum(tx.scalar(one.where(*which)) or 0 for one in asked for which in some)


def _meant(wanted: Select[Any], environment: str) -> Select[Any]:
    """Of those that may be written to."""
    return wanted.join(profiles, profiles.c.id == mailboxes.c.profile).where(
        mailboxes.c.environment == environment, mailboxes.c.enabled, profiles.c.active,
        mailboxes.c.method == Method.SERVER_SIDE_SYNC.value,
    )  # fmt: skip


def _marked(now: datetime) -> list[ColumnElement[bool]]:
    """Something is to be written that is due at this instant, in two parts as `ranges`."""
    unread = select(bookings.c.id).where(
        bookings.c.environment == marks.c.environment, bookings.c.id == marks.c.booking, bookings.c.stale
    )
    workable = select(marks.c.booking).where(
        marks.c.environment == mailboxes.c.environment, marks.c.mailbox == mailboxes.c.id, come(marks.c.due, now),
        ~unread.exists(), ~withheld(),
    )  # fmt: skip
    return [workable.exists() & part for part in ranges(mailboxes.c.next_due, now)]


def _free(now: datetime) -> list[ColumnElement[bool]]:
    """Neither the mailbox nor its connector is paused; each by itself, for either is one row of the pauses."""
    scopes = mailboxes.c.id, literal("connector:") + mailboxes.c.profile
    lasting = [select(held.c.scope).where(held.c.scope == scope, lasts(held.c.until, now)) for scope in scopes]
    return [~one.exists() for one in lasting]


def backlog(tx: Connection, environment: str) -> Backlog:
    """How much waits in this environment, and since when."""
    here = marks.c.environment == environment
    on = func.coalesce(mailboxes.c.enabled, False)
    box = (mailboxes.c.environment == marks.c.environment) & (mailboxes.c.id == marks.c.mailbox)
    counted = (
        select(on, func.count(), func.min(marks.c.since))
        .select_from(marks.outerjoin(mailboxes, box))
        .where(here, marks.c.due.is_not(None))
        .group_by(on)
    )
    found = {bool(is_on): (number, since) for is_on, number, since in tx.execute(counted)}
    waiting, oldest = found.get(True, (0, None))
    aside = tx.scalar(select(func.count()).where(here, marks.c.due.is_(None)))
    return Backlog(waiting, found.get(False, (0, None))[0], aside or 0, oldest)


#: The last lines of the history that are looked at for the rate of writes.
_LINES = 5_000


def observed(tx: Connection, environment: str, now: datetime) -> Observed:
    """What `forecast` asks for: the backlog of mailboxes that may be written to, and the writes of the last minutes."""
    boxes = tx.execute(
        select(
            mailboxes.c.id, mailboxes.c.profile, func.count().label("waiting"), func.min(marks.c.since).label("since"),
            func.sum(case((marks.c.reason == "enabled", 1), else_=0)).label("enabled"),
        )
        .join(marks, (marks.c.environment == mailboxes.c.environment) & (marks.c.mailbox == mailboxes.c.id))
        .join(profiles, profiles.c.id == mailboxes.c.profile)
        .where(mailboxes.c.environment == environment, mailboxes.c.enabled, profiles.c.active, marks.c.due.is_not(None))
        .group_by(mailboxes.c.id, mailboxes.c.profile)
    ).all()  # fmt: skip
    if not boxes:
        return Observed(now, 0)
    paused = pauses.lasting(tx, now)
    ends = {box.id: [paused[scope][0] for scope in (box.id, f"connector:{box.profile}") if scope in paused]
            for box in boxes}  # fmt: skip
    waiting = sum(box.waiting for box in boxes)
    written, first, last = _written(tx, environment, now)
    return Observed(
        now, waiting, sum(box.waiting for box in boxes if ends[box.id]),
        max((max(some) for some in ends.values() if some), default=None), written, first, last,
        min(box.since for box in boxes), sum(box.enabled for box in boxes) * 2 > waiting,
    )  # fmt: skip


def _written(tx: Connection, environment: str, now: datetime) -> tuple[int, datetime | None, datetime | None]:
    """How many writes the last minutes saw, those of the pass under way where there is one, with their first and last.

    What was written before that pass was another backlog's.
    """
    under_way = tx.scalar(
        select(func.max(passes.c.started_at)).where(passes.c.environment == environment, passes.c.ended_at.is_(None))
    )
    newest = select(func.max(history.c.id)).scalar_subquery()
    row = tx.execute(
        select(func.count(), func.min(history.c.at), func.max(history.c.at)).where(
            history.c.id > newest - _LINES, history.c.environment == environment, history.c.ok,
            history.c.action.in_(("create", "update", "remove")),
            history.c.at >= max(now - SPAN, under_way or now - SPAN), history.c.at <= now,
        )
    ).one()  # fmt: skip
    return row[0], row[1], row[2]


def held_until(tx: Connection, name: str, now: datetime) -> datetime | None:
    """Until when somebody holds this lease, or held it when he died; None while it is free."""
    until: datetime | None = tx.scalar(
        select(leases.c.until).where(leases.c.name == name, lasts(leases.c.until, now, FARTHEST))
    )
    return until


def troubled(tx: Connection, environment: str, only: Collection[MailboxId] | None = None) -> dict[str, str]:
    """Mailboxes (of these, or all) whose last try failed, by address, with what was said."""
    rows = tx.execute(
        select(mailboxes.c.address, mailboxes.c.id, mailboxes.c.trouble)
        .where(mailboxes.c.environment == environment, mailboxes.c.failures > 0, mailboxes.c.trouble != "")
        .order_by(mailboxes.c.address)
    )
    return {row.address or row.id: row.trouble for row in rows if only is None or row.id in only}


def busiest(tx: Connection, environment: str, since: datetime, until: datetime) -> list[MailboxId]:
    """The mailboxes in which events of ours stand in this span, those with the most of them first."""
    rows = tx.execute(
        select(links.c.mailbox)
        .where(
            links.c.environment == environment, links.c.event.is_not(None), links.c.end > since, links.c.start < until
        )
        .group_by(links.c.mailbox)
        .order_by(func.count().desc(), links.c.mailbox)
    )
    return [MailboxId(row.mailbox) for row in rows]
