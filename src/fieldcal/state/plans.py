"""Removals and persons: counted over an hour, held above the budget, approved or rejected (design §4); cleans.

Whoever opens, decides or closes a plan holds the environment's row first, and then looks at what the plan has: else a
removal would be put into a plan that a person has decided a moment ago, and nobody would ever be asked about it
(docs/decisions/005-leases-and-clocks.md, "In which order rows are held").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy import Row as SqlRow

from fieldcal.model import BookingId, MailboxId
from fieldcal.plan.budget import SPAN, allowed, worth_counting
from fieldcal.state import links
from fieldcal.state.rows import add_missing, slices, upsert
from fieldcal.state.tables import environments, plan_rows, plans, removals

# built once: building it costs more than running it
_VERDICTS = (
    select(plan_rows)
    .join(plans, plans.c.id == plan_rows.c.plan)
    .where(
        plan_rows.c.environment == bindparam("b_environment"),
        plan_rows.c.mailbox == bindparam("b_mailbox"),
        plan_rows.c.booking.in_(bindparam("b_ids", expanding=True)),
        # A clean that was broken off says nothing of what the rules want once the mailbox is enabled again.
        plans.c.kind == "removals",
    )
    .order_by(plan_rows.c.plan.desc())
)


@dataclass(frozen=True, slots=True)
class Row:
    """One removal of a plan."""

    plan: int
    mailbox: MailboxId
    booking: BookingId
    evidence: str
    #: `held`, `approved`, `rejected`, `dropped`, `done`
    state: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of held removals; `held`, `approved`, `rejected` or `done`."""

    id: int
    state: str
    reason: str
    created_at: datetime
    decided_by: str
    decided_at: datetime | None
    comment: str
    rows: int
    #: `removals`; `clean`: everything of ours in some mailboxes; `duplicates`: events beside those that count
    kind: str = "removals"


def _alone(tx: Connection, environment: str) -> None:
    """Let nobody else change this environment's plans and budget until the transaction ends.

    A statement of its own: on PostgreSQL what comes after it sees what whoever had the row before has left. On SQLite
    the transaction alone sees to that.
    """
    tx.execute(select(environments.c.id).where(environments.c.id == environment).with_for_update())


def take_budget(tx: Connection, environment: str, wanted: int, now: datetime) -> int:
    """How many of `wanted` counted removals may go now; what is granted is spent."""
    _alone(tx, environment)  # two workers must not both spend the last of it
    tx.execute(delete(removals).where(removals.c.environment == environment, removals.c.at <= now - SPAN))
    spent = tx.scalar(select(func.count()).where(removals.c.environment == environment)) or 0
    granted = allowed(wanted, links.not_ended(tx, environment, now, worth_counting(wanted, spent)), spent)
    if granted:
        tx.execute(insert(removals), [{"environment": environment, "at": now}] * granted)
    return granted


def return_budget(tx: Connection, environment: str, unspent: int) -> None:
    """Give back what was granted for removals that were certainly not carried out: tried again, they count again."""
    if unspent:
        _alone(tx, environment)
        last = select(removals.c.id).where(removals.c.environment == environment).order_by(removals.c.id.desc())
        tx.execute(delete(removals).where(removals.c.id.in_(last.limit(unspent))))


def hold(
    tx: Connection, environment: str, rows: Sequence[tuple[MailboxId, BookingId, str]], reason: str, now: datetime
) -> int:
    """Keep these removals for a person, in the plan that is open or in a new one; returns its number."""
    _alone(tx, environment)
    plan = tx.scalar(select(plans.c.id).where(plans.c.environment == environment, plans.c.state == "held"))
    if plan is None:
        plan = tx.execute(
            insert(plans)
            .values(environment=environment, state="held", kind="removals", reason=reason, created_at=now)
            .returning(plans.c.id)
        ).scalar_one()
    upsert(
        tx, plan_rows,
        [{"plan": plan, "mailbox": mailbox, "booking": booking, "environment": environment, "evidence": evidence,
          "state": "held"} for mailbox, booking, evidence in rows],
    )  # fmt: skip
    return int(plan)


def held_in(tx: Connection, plan: int) -> dict[MailboxId, int]:
    """How many removals this plan holds, by mailbox."""
    rows = tx.execute(
        select(plan_rows.c.mailbox, func.count().label("rows"))
        .where(plan_rows.c.plan == plan, plan_rows.c.state == "held")
        .group_by(plan_rows.c.mailbox)
    )
    return {MailboxId(row.mailbox): int(row[1]) for row in rows}


def retell(tx: Connection, plan: int, reason: str) -> None:
    """Say anew why this plan waits; it has grown."""
    tx.execute(update(plans).where(plans.c.id == plan).values(reason=reason[:500]))


def approve_clean(
    tx: Connection, environment: str, rows: Sequence[tuple[MailboxId, BookingId]], by: str, reason: str, now: datetime
) -> int:
    """Put on record that a person had all events of ours taken out of some mailboxes; returns the plan's number."""
    told = [(mailbox, booking, "clean") for mailbox, booking in rows]
    return approve(tx, environment, "clean", told, by, reason, now)


def approve(
    tx: Connection, environment: str, kind: str, rows: Sequence[tuple[MailboxId, str, str]], by: str, reason: str,
    now: datetime,
) -> int:  # fmt: skip
    """Put on record that a person approved these removals: mailbox, booking, and what is removed or why."""
    plan = tx.execute(
        insert(plans)
        .values(
            environment=environment, state="approved" if rows else "done", kind=kind, reason=reason, created_at=now,
            decided_by=by, decided_at=now,
        )
        .returning(plans.c.id)
    ).scalar_one()  # fmt: skip
    _approved(tx, environment, plan, rows)
    return int(plan)


def _approved(tx: Connection, environment: str, plan: int, rows: Sequence[tuple[MailboxId, str, str]]) -> None:
    add_missing(
        tx, plan_rows,
        [{"plan": plan, "mailbox": mailbox, "booking": booking, "environment": environment, "evidence": evidence,
          "state": "approved"} for mailbox, booking, evidence in rows],
    )  # fmt: skip


def add_to_clean(tx: Connection, environment: str, plan: int, rows: Sequence[tuple[MailboxId, BookingId]]) -> None:
    """Have these removals in an approved clean; those that are in it already stay as they are."""
    _approved(tx, environment, plan, [(mailbox, booking, "clean") for mailbox, booking in rows])


def finish_cleans(tx: Connection, environment: str, mailbox: str) -> None:
    """The mailbox is clean: what any clean still had open of it is over."""
    cleans = select(plans.c.id).where(plans.c.environment == environment, plans.c.kind == "clean")
    left = tx.scalars(
        select(plan_rows.c.booking).where(
            plan_rows.c.mailbox == mailbox, plan_rows.c.state == "approved", plan_rows.c.plan.in_(cleans)
        )
    )
    _close(tx, environment, mailbox, [BookingId(booking) for booking in left], "dropped")


def close(tx: Connection, environment: str, plan: int, mailbox: str, done: Sequence[str] | None = None) -> None:
    """Of one approved plan, in one mailbox: these are done; None: what is left of it is over and was not done."""
    _alone(tx, environment)
    rows = update(plan_rows).where(
        plan_rows.c.plan == plan, plan_rows.c.mailbox == mailbox, plan_rows.c.state == "approved"
    )
    if done is None:
        tx.execute(rows.values(state="dropped"))
    for some in slices(done or ()):
        tx.execute(rows.where(plan_rows.c.booking.in_(some)).values(state="done"))
    left = select(plan_rows.c.plan).where(plan_rows.c.plan == plan, plan_rows.c.state == "approved")
    here = (plans.c.environment == environment, plans.c.id == plan, plans.c.id.not_in(left))
    tx.execute(update(plans).where(*here).values(state="done"))


def verdicts(tx: Connection, environment: str, mailbox: str, bookings: Sequence[str]) -> dict[str, list[Row]]:
    """For each of these bookings what persons have said of its removal from this mailbox, the newest plan first."""
    rows = tx.execute(_VERDICTS, {"b_environment": environment, "b_mailbox": mailbox, "b_ids": bookings})
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.booking, []).append(_row(row))
    return found


def undecided(tx: Connection, environment: str) -> set[BookingId]:
    """The bookings of removals that wait for a person, or that one has rejected."""
    said = plan_rows.c.state.in_(("held", "rejected"))
    rows = tx.scalars(select(plan_rows.c.booking).where(plan_rows.c.environment == environment, said))
    return {BookingId(row) for row in rows}


def _row(row: SqlRow[Any]) -> Row:
    return Row(row.plan, row.mailbox, row.booking, row.evidence, row.state)


def finish(tx: Connection, environment: str, mailbox: str, removed: Sequence[BookingId]) -> None:
    """Close what is open (held or approved) of these removals: they are carried out."""
    _close(tx, environment, mailbox, removed, "done")


def drop(tx: Connection, environment: str, mailbox: str, needless: Sequence[BookingId]) -> None:
    """Close what is open of these removals: their evidence has lapsed."""
    _close(tx, environment, mailbox, needless, "dropped")


def _close(tx: Connection, environment: str, mailbox: str, ids: Sequence[BookingId], state: str) -> None:
    open_states = ("held", "approved")
    here = (plan_rows.c.environment == environment, plan_rows.c.mailbox == mailbox, plan_rows.c.state.in_(open_states))
    theirs = [(*here, plan_rows.c.booking.in_(some)) for some in slices(ids)]
    # Most removals are in no plan, and hold nobody up.
    if not any(tx.scalar(select(plan_rows.c.plan).where(*rows).limit(1)) is not None for rows in theirs):
        return
    _alone(tx, environment)
    for rows in theirs:
        tx.execute(update(plan_rows).where(*rows).values(state=state))
    unfinished = select(plan_rows.c.plan).where(
        plan_rows.c.environment == environment, plan_rows.c.state.in_(open_states)
    )
    tx.execute(
        update(plans)
        .where(plans.c.environment == environment, plans.c.state.in_(open_states), plans.c.id.not_in(unfinished))
        .values(state="done")
    )


def load(
    tx: Connection, environment: str, state: str = "", *, number: int | None = None, limit: int | None = None,
    offset: int = 0,
) -> list[Plan]:  # fmt: skip
    """Every plan, or those in this state, or of this number, the newest first. No row of another plan is counted."""
    wanted = [plans.c.environment == environment, *([plans.c.state == state] if state else [])]
    if number is not None:
        wanted.append(plans.c.id == number)
    # Of each plan by itself, by the key of its rows: the finished ones have hundreds of thousands in time.
    counted = select(func.count()).where(plan_rows.c.plan == plans.c.id).scalar_subquery().label("rows")
    asked = select(plans, counted).where(*wanted).order_by(plans.c.id.desc()).limit(limit).offset(offset)
    return [
        Plan(row.id, row.state, row.reason, row.created_at, row.decided_by, row.decided_at, row.comment, row.rows,
             row.kind)
        for row in tx.execute(asked)
    ]  # fmt: skip


def find(tx: Connection, environment: str, plan: int) -> Plan | None:
    """The plan of this number, None where there is none."""
    return next(iter(load(tx, environment, number=plan)), None)


def count(tx: Connection, environment: str, state: str = "") -> int:
    """How many plans there are, or in this state."""
    wanted = [plans.c.environment == environment, *([plans.c.state == state] if state else [])]
    return tx.scalar(select(func.count()).select_from(plans).where(*wanted)) or 0


def rows_of(
    tx: Connection, environment: str, plan: int, *, limit: int | None = None, offset: int = 0
) -> list[Row]:  # fmt: skip
    """The removals of one plan, by mailbox; a page of them where `limit` is given."""
    rows = tx.execute(
        select(plan_rows)
        .where(plan_rows.c.environment == environment, plan_rows.c.plan == plan)
        .order_by(plan_rows.c.mailbox, plan_rows.c.booking)
        .limit(limit)
        .offset(offset)
    )
    return [_row(row) for row in rows]


def decide(tx: Connection, environment: str, plan: int, state: str, by: str, comment: str, now: datetime) -> list[Row]:
    """Approve or reject a held plan; returns the rows that this decided, none if it was decided before."""
    _alone(tx, environment)
    decided = tx.execute(
        update(plans)
        .where(plans.c.environment == environment, plans.c.id == plan, plans.c.state == "held")
        .values(state=state, decided_by=by, decided_at=now, comment=comment)
    )
    if decided.rowcount != 1:
        return []
    tx.execute(update(plan_rows).where(plan_rows.c.plan == plan, plan_rows.c.state == "held").values(state=state))
    return [row for row in rows_of(tx, environment, plan) if row.state == state]
