"""Mailboxes: selecting, listing and changing thousands at once, and what Test & Enable came to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, not_, or_, select, update

from fieldcal.errors import ConfigError
from fieldcal.model import Check, MailboxId
from fieldcal.plan.ready import ready
from fieldcal.setup_model import (
    Actor,
    Approval,
    Environment,
    Mailbox,
    MailboxPage,
    Method,
    Selection,
    ServerProfile,
    TrialStatus,
)
from fieldcal.state import environments, marks, profiles
from fieldcal.state.narrowing import narrowed
from fieldcal.state.rows import from_json, slices, to_json
from fieldcal.state.tables import environments as environment_table
from fieldcal.state.tables import links, mailboxes
from fieldcal.state.tables import profiles as profile_table

__all__ = ["Mailbox"]

#: What a listing is sorted by.
SORTS = (
    "address", "name", "profile", "method", "approval", "test", "enabled", "tested_at", "last_sync_at", "next_due",
)  # fmt: skip
_NAMED_AT_MOST = 5

# built once: building it costs more than running it
_LOAD = select(mailboxes).where(
    mailboxes.c.environment == bindparam("b_environment"), mailboxes.c.id == bindparam("b_mailbox")
)
# With what it is written through and for: before every write this is asked, and three questions cost three round trips.
_ENTRY = (
    select(mailboxes, profile_table, environment_table)
    .join_from(mailboxes, environment_table, environment_table.c.id == mailboxes.c.environment)
    .outerjoin(profile_table, profile_table.c.id == mailboxes.c.profile)
    .where(mailboxes.c.environment == bindparam("b_environment"), mailboxes.c.id == bindparam("b_mailbox"))
)


def _mailbox(row: Any) -> Mailbox:
    return Mailbox(
        environment=row.environment, id=MailboxId(row.id), name=row.name, address=row.address, profile=row.profile,
        method=Method(row.method), approval=Approval(row.approval), approved_address=row.approved_address,
        approved_by=row.approved_by, status=TrialStatus(row.test), tested_at=row.tested_at,
        checks=from_json(row.checks, tuple[Check, ...]), enabled=row.enabled, disabled_reason=row.disabled_reason,
        check_first=row.check_first, next_due=row.next_due, last_sync_at=row.last_sync_at, trouble=row.trouble,
        failures=row.failures, claimed_at=row.claimed_at, claimless=row.claimless,
    )  # fmt: skip


def load(tx: Connection, environment: str, mailbox: str) -> Mailbox | None:
    """This mailbox as it stands."""
    row = tx.execute(_LOAD, {"b_environment": environment, "b_mailbox": mailbox}).first()
    return None if row is None else _mailbox(row)


def why_not(tx: Connection, environment: str, mailbox: str, *, alone: bool = False) -> str | None:
    """Why nothing may be written into this mailbox now (R3, R13); None when all is well.

    `alone`: and the mailbox stays so until the transaction ends.
    """
    if alone:
        # First held, then asked: a question that waits for the row would be answered with the profile and the
        # environment as they were before it waited.
        marks.alone(tx, environment, [mailbox])
    found = _entry(tx, environment, mailbox)
    if found is not None:
        return ready(*found)
    return (
        "the mailbox is not known" if environments.find(tx, environment) else f"there is no environment {environment}"
    )


def ready_one(tx: Connection, environment: str, mailbox: str) -> tuple[Mailbox, ServerProfile] | None:
    """This mailbox and its profile as they stand, when it may be written into now; else None."""
    known, profile, place = _entry(tx, environment, mailbox) or (None, None, None)
    if known is None or profile is None or place is None or ready(known, profile, place):
        return None
    return known, profile


def _entry(tx: Connection, environment: str, mailbox: str) -> tuple[Mailbox, ServerProfile | None, Environment] | None:
    row = tx.execute(_ENTRY, {"b_environment": environment, "b_mailbox": mailbox}).first()
    if row is None:
        return None
    first, second = len(mailboxes.c), len(mailboxes.c) + len(profile_table.c)
    known = _mailbox(SimpleNamespace(**dict(zip(mailboxes.c.keys(), row[:first], strict=True))))
    profile = profiles.of_columns(tuple(row[first:second])) if row[first] is not None else None
    return known, profile, environments.of_columns(tuple(row[second:]))


def ids(tx: Connection, environment: str, selection: Selection) -> list[MailboxId]:
    """The mailboxes that are meant, by address; one `ConfigError` names those that are not known."""
    where = narrowed(tx, environment, selection)
    if not selection.names:
        found = tx.scalars(select(mailboxes.c.id).where(*where).order_by(mailboxes.c.address, mailboxes.c.id))
        return [MailboxId(mailbox) for mailbox in found]
    named = _named(tx, environment, selection.names)
    kept: set[str] = set()
    for part in slices(named):
        kept.update(tx.scalars(select(mailboxes.c.id).where(*where, mailboxes.c.id.in_(part))))
    left = [mailbox for mailbox in named if mailbox not in kept]
    if left:
        told = ("state", "standing", "approval", "test", "server_profile", "appointments", "alerts", "reason", "paused")
        narrowing = [f"--{name} {value}" for name in (*told, "search") if (value := getattr(selection, name))]
        names = ", ".join(box.address or box.id for box in some(tx, environment, left[:_NAMED_AT_MOST]))
        raise ConfigError(f"not every mailbox that is named fits {' and '.join(narrowing)}: {names}")
    return named


def _named(tx: Connection, environment: str, names: Sequence[str]) -> list[MailboxId]:
    wanted = sorted({name.strip().lower() for name in names})
    known: dict[str, list[str]] = {}
    for some in slices(wanted):
        address = func.lower(mailboxes.c.address)
        rows = tx.execute(
            select(mailboxes.c.id, address.label("address")).where(
                mailboxes.c.environment == environment, or_(func.lower(mailboxes.c.id).in_(some), address.in_(some))
            )
        )
        for row in rows:
            for name in (row.id.lower(), row.address):
                known.setdefault(name, []).append(row.id)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        more = f" and {len(unknown) - _NAMED_AT_MOST} more" if len(unknown) > _NAMED_AT_MOST else ""
        raise ConfigError(
            f"there is no mailbox {', '.join(unknown[:_NAMED_AT_MOST])}{more} in the environment {environment}; "
            "`fieldcal mailbox list` shows those there are"
        )
    return list(dict.fromkeys(MailboxId(mailbox) for name in wanted for mailbox in known[name]))


def some(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> list[Mailbox]:
    """These mailboxes, by address."""
    found: list[Mailbox] = []
    for part in slices(wanted):
        rows = tx.execute(select(mailboxes).where(mailboxes.c.environment == environment, mailboxes.c.id.in_(part)))
        found += [_mailbox(row) for row in rows]
    return sorted(found, key=lambda mailbox: (mailbox.address, mailbox.id))


def page(
    tx: Connection,
    environment: str,
    selection: Selection,
    *,
    sort: str = "address",
    descending: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> MailboxPage:
    """One page of what the selection holds; sorted, cut and counted by the database."""
    where = narrowed(tx, environment, selection)
    if selection.names:
        where.append(mailboxes.c.id.in_(_named(tx, environment, selection.names)))
    order = _order(sort, descending=descending)
    rows = tx.execute(select(mailboxes).where(*where).order_by(*order).offset(offset).limit(limit))
    total = tx.scalar(select(func.count()).select_from(mailboxes).where(*where))
    return MailboxPage(tuple(_mailbox(row) for row in rows), total or 0)


def in_order(tx: Connection, environment: str, selection: Selection, sort: str) -> list[MailboxId]:
    """Every mailbox that fits the selection's state and search, sorted by a column (`-column`: descending)."""
    order = _order(sort.removeprefix("-"), descending=sort.startswith("-"))
    asked = select(mailboxes.c.id).where(*narrowed(tx, environment, selection)).order_by(*order)
    return [MailboxId(found) for found in tx.scalars(asked)]


def _order(sort: str, *, descending: bool) -> tuple[ColumnElement[Any], ...]:
    if sort not in SORTS:
        raise ConfigError(f"mailboxes cannot be sorted by {sort!r}; there are: {', '.join(SORTS)}")
    column = mailboxes.c[sort]
    return (column.desc().nulls_last() if descending else column.asc().nulls_last(), mailboxes.c.id)


def _change(tx: Connection, environment: str, wanted: Sequence[MailboxId], values: dict[str, Any]) -> int:
    changed = 0
    for part in slices(wanted):
        done = tx.execute(
            update(mailboxes).where(mailboxes.c.environment == environment, mailboxes.c.id.in_(part)).values(values)
        )
        changed += done.rowcount
    return changed


def set_profile(tx: Connection, environment: str, wanted: Sequence[MailboxId], profile: str) -> None:
    """Write these mailboxes through this profile; one that had another is off until it is tested through this one."""
    for part in slices(wanted):
        tx.execute(
            update(mailboxes)
            .where(
                mailboxes.c.environment == environment, mailboxes.c.id.in_(part),
                mailboxes.c.profile.is_distinct_from(profile),
            )
            .values(
                profile=profile, enabled=False, test=TrialStatus.NOT_RUN.value, checks="[]", collection="",
                claimless=False, disabled_reason="the server profile changed: run Test & Enable",
            )
        )  # fmt: skip


def set_method(tx: Connection, environment: str, wanted: Sequence[MailboxId], method: Method) -> None:
    """Synchronize appointments of these mailboxes, or do not."""
    _change(tx, environment, wanted, {"method": method.value})


def approve(tx: Connection, environment: str, wanted: Sequence[MailboxId], by: str) -> None:
    """Remember the addresses that these mailboxes have now as approved."""
    # What switched it off was that its address was not approved; now it is the test that is missing.
    tested = (mailboxes.c.test == TrialStatus.SUCCESS.value) & not_(mailboxes.c.enabled)
    reason = case(
        (tested, "the e-mail address is approved again: run Test & Enable"), else_=mailboxes.c.disabled_reason
    )
    values = {"approval": Approval.APPROVED.value, "approved_address": mailboxes.c.address, "approved_by": by,
              "disabled_reason": reason}  # fmt: skip
    _change(tx, environment, wanted, values)


def reject(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> None:
    """Approve these addresses no more; nothing is written until they are approved and tested again."""
    values = {"approval": Approval.REJECTED.value, "approved_address": "", "approved_by": "", "enabled": False,
              "disabled_reason": "the e-mail address was rejected"}  # fmt: skip
    _change(tx, environment, wanted, values)


def disable(tx: Connection, environment: str, wanted: Sequence[MailboxId], reason: str) -> None:
    """Write nothing into these mailboxes any more; what stands in them stays, and marks wait (R13)."""
    values: dict[str, Any] = {"enabled": False, "disabled_reason": reason}
    _change(tx, environment, wanted, values)
    # A test that is under way or waits for its next try would switch it on again.
    running = [TrialStatus.SCHEDULED.value, TrialStatus.IN_PROGRESS.value]
    for part in slices(wanted):
        tx.execute(
            update(mailboxes)
            .where(
                mailboxes.c.environment == environment, mailboxes.c.id.in_(part),
                mailboxes.c.test.in_(running),
            )
            .values(test=TrialStatus.NOT_RUN.value)
        )  # fmt: skip


def schedule(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> None:
    """Have Test & Enable run for these."""
    _change(tx, environment, wanted, {"test": TrialStatus.SCHEDULED.value, "failures": 0, "refusals": 0})


def begin_test(tx: Connection, environment: str, mailbox: MailboxId, now: datetime) -> None:
    """Test & Enable is looking at this mailbox."""
    _change(tx, environment, [mailbox], {"test": TrialStatus.IN_PROGRESS.value, "tested_at": now})


def put_off(
    tx: Connection, environment: str, mailbox: MailboxId, checks: Sequence[Check], failures: int, reason: str
) -> None:
    """The test found something that time may heal: it is tried again; what was enabled stays so."""
    values = {"test": TrialStatus.SCHEDULED.value, "checks": to_json(tuple(checks)), "failures": failures,
              "trouble": reason[:500]}  # fmt: skip
    _change(tx, environment, [mailbox], values)


def fail(tx: Connection, environment: str, mailbox: MailboxId, checks: Sequence[Check], reason: str) -> None:
    """The test found something that a person has to mend: the mailbox is off until it is tested again."""
    values = {"test": TrialStatus.FAILURE.value, "checks": to_json(tuple(checks)), "enabled": False,
              "disabled_reason": reason[:500]}  # fmt: skip
    _change(tx, environment, [mailbox], values)


def enable(tx: Connection, environment: str, mailbox: MailboxId, checks: Sequence[Check]) -> None:
    """The test succeeded: write into it; a mailbox that was off is read whole before anything is written."""
    tx.execute(
        update(mailboxes)
        .where(mailboxes.c.environment == environment, mailboxes.c.id == mailbox)
        .values(
            test=TrialStatus.SUCCESS.value, checks=to_json(tuple(checks)), enabled=True, disabled_reason="", failures=0,
            refusals=0, trouble="", check_first=or_(mailboxes.c.check_first, not_(mailboxes.c.enabled)),
        )
    )  # fmt: skip


def check_first(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> None:
    """Have everything that is ours in these read before anything is written (taken over, restored)."""
    _change(tx, environment, wanted, {"check_first": True})


def checked(tx: Connection, environment: str, mailbox: MailboxId, now: datetime) -> None:
    """Everything that is ours in this mailbox was read, and the claim on it."""
    _change(tx, environment, [mailbox], {"check_first": False, "claimed_at": now})


def claim_seen(tx: Connection, environment: str, mailbox: MailboxId, at: datetime | None) -> None:
    """The claim on the calendar was ours at this instant; None: it is in doubt, and read before the next write."""
    _change(tx, environment, [mailbox], {"claimed_at": at})


def waiting_tests(tx: Connection, environment: str) -> list[Mailbox]:
    """Mailboxes whose test is scheduled, or was cut off in progress."""
    states = [TrialStatus.SCHEDULED.value, TrialStatus.IN_PROGRESS.value]
    rows = tx.execute(
        select(mailboxes)
        .where(mailboxes.c.environment == environment, mailboxes.c.test.in_(states))
        .order_by(mailboxes.c.tested_at, mailboxes.c.id)
    )
    return [_mailbox(row) for row in rows]


def enabled(tx: Connection, environment: str) -> list[MailboxId]:
    """Every mailbox that is switched on."""
    rows = tx.scalars(
        select(mailboxes.c.id)
        .where(mailboxes.c.environment == environment, mailboxes.c.enabled)
        .order_by(mailboxes.c.id)
    )
    return [MailboxId(mailbox) for mailbox in rows]


def on_through(tx: Connection, environment: str, profile: str, limit: int) -> list[Mailbox]:
    """Some mailboxes of this environment that are switched on through this profile, the first ones by address."""
    on = (mailboxes.c.environment == environment) & (mailboxes.c.profile == profile) & mailboxes.c.enabled
    return [_mailbox(row) for row in tx.execute(select(mailboxes).where(on).order_by(mailboxes.c.address).limit(limit))]


def unread(tx: Connection, environment: str) -> list[MailboxId]:
    """Mailboxes that are switched on and have to be read before they are written, whether or not a mark waits there."""
    rows = tx.scalars(
        select(mailboxes.c.id)
        .where(mailboxes.c.environment == environment, mailboxes.c.check_first, mailboxes.c.enabled)
        .order_by(mailboxes.c.id)
    )
    return [MailboxId(mailbox) for mailbox in rows]


def in_use(tx: Connection, environment: str) -> list[MailboxId]:
    """Mailboxes with events of ours, with a write that went unanswered, or switched on, and so with a claim of ours."""
    used = select(links.c.mailbox).where(
        links.c.environment == environment, or_(links.c.event.is_not(None), links.c.intent.is_not(None))
    )
    rows = tx.scalars(
        select(mailboxes.c.id)
        .where(mailboxes.c.environment == environment, or_(mailboxes.c.enabled, mailboxes.c.id.in_(used)))
        .order_by(mailboxes.c.address, mailboxes.c.id)
    )
    return [MailboxId(mailbox) for mailbox in rows]


def holder(tx: Connection, mailbox: Mailbox) -> Mailbox | None:
    """This mailbox as another environment holds it, enabled (R14); None where none does.

    Two sources may know one mailbox by its object id and by its address: either tells.
    """
    same = or_(mailboxes.c.id == mailbox.id, func.lower(mailboxes.c.address) == mailbox.address.lower())
    row = tx.execute(
        select(mailboxes)
        .where(same, mailboxes.c.environment != mailbox.environment, mailboxes.c.enabled.is_(True))
        .order_by(mailboxes.c.environment)
    ).first()
    return None if row is None else _mailbox(row)


def owned(tx: Connection, environment: str, actor: Actor) -> list[Mailbox]:
    """The mailboxes that are this person's own, as `Actor.owns` tells; none of the operator's."""
    if actor.user is None:
        return []
    names = [name.lower() for name in (actor.user.object_id, actor.user.sign_in) if name]
    rows = tx.execute(
        select(mailboxes).where(
            mailboxes.c.environment == environment,
            or_(func.lower(mailboxes.c.id).in_(names), func.lower(mailboxes.c.address).in_(names)),
        )
    )
    return [box for box in map(_mailbox, rows) if actor.owns(box)]
