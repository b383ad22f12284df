"""Leases with a fence: one worker at a time, and nobody who lost one may store anything.

A mailbox's lease also carries what the mailbox was sent lately (`counts.py`), and brings its pause along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fieldcal.errors import LeaseLost
from fieldcal.state.believed import at, lasts
from fieldcal.state.pace_tables import pauses
from fieldcal.state.tables import leases

#: The longest span that a lease is taken for (Test & Enable's), and by how much two machines' clocks may differ: each
#: is refused when it is five minutes away from the source's. An end farther ahead was written by a wrong clock.
FARTHEST = timedelta(seconds=240) + timedelta(minutes=10)

#: How the name of a mailbox's lease begins.
MAILBOX = "mailbox:"

_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

# Every pass of every mailbox runs these; built once, for building one costs five times as much as running it.
_named, _fenced = leases.c.name == bindparam("b_name"), leases.c.fence == bindparam("b_fence")
_OURS = update(leases).where(_named, _fenced, leases.c.owner == bindparam("b_owner"))
_RENEW = _OURS.values(until=bindparam("n_until"))
_RENEW_AND_TELL = _OURS.values(until=bindparam("n_until"), sent=bindparam("n_sent"), untold=1)
_HELD = select(leases.c.fence, leases.c.owner).where(_named).with_for_update()
_GIVE_BACK = update(leases).where(_named, _fenced).values(until=_LONG_AGO, owner="", untold=leases.c.untold - 1)
_GIVE_BACK_AND_TELL = _GIVE_BACK.values(sent=bindparam("n_sent"), untold=0)
_END, _END_AND_TELL = (statement.where(leases.c.owner == bindparam("b_owner")) for statement in (
    _GIVE_BACK, _GIVE_BACK_AND_TELL
))  # fmt: skip
_PAUSE = select(pauses.c.until).where(pauses.c.scope == bindparam("b_scope")).scalar_subquery()

#: Tells what was sent by now, and up to which of the holder's own requests it is told.
Told = Callable[[], tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on `name` until `until`; `fence` grows with every taking."""

    name: str
    owner: str
    fence: int
    until: datetime
    #: what was sent, as the holder before told it, and how many takings since then told nothing, this one among them
    sent: str = field(default="", compare=False)
    untold: int = field(default=1, compare=False)
    #: the end of the mailbox's pause, as it stood when the lease was taken
    paused: datetime | None = field(default=None, compare=False)
    #: None: nothing is counted under it
    count: Told | None = field(default=None, compare=False)
    #: up to which of our requests the state knows
    told: int = field(default=0, compare=False)


@cache
def _taking(dialect: str) -> Any:
    """A new row, or the one that stands where its lease is over; returns the fence, and no row while it holds."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(leases).values(
        name=bindparam("b_name"), owner=bindparam("n_owner"), fence=1, until=bindparam("n_until"), untold=1
    )  # fmt: skip
    new = {
        "owner": statement.excluded.owner,
        "fence": leases.c.fence + 1,
        "until": statement.excluded.until,
        "untold": leases.c.untold + 1,
    }
    return statement.on_conflict_do_update(
        index_elements=["name"], set_=new, where=not_(lasts(leases.c.until))
    ).returning(leases.c.fence, leases.c.sent, leases.c.untold, _PAUSE.label("paused"))


def take(tx: Connection, name: str, owner: str, now: datetime, span: timedelta) -> Lease | None:
    """The lease, or None while somebody else holds it. A lease that ends farther ahead than any may is free."""
    scope = name.removeprefix(MAILBOX)
    claim = {"b_name": name, "b_scope": scope, "n_owner": owner, "n_until": now + span, **at(now, FARTHEST)}
    taken = tx.execute(_taking(tx.dialect.name), claim).first()
    if taken is None:
        return None
    return Lease(name, owner, taken.fence, now + span, taken.sent, taken.untold, taken.paused)


def renew(tx: Connection, lease: Lease, now: datetime, span: timedelta) -> Lease:
    """The same lease with a later end; raises `LeaseLost` when another has taken it meanwhile."""
    ours = {"b_name": lease.name, "b_fence": lease.fence, "b_owner": lease.owner}
    sent, told = lease.count() if lease.count else ("", 0)
    renewal = {**ours, "n_until": now + span}
    if lease.count is None:
        renewed = tx.execute(_RENEW, renewal)
    else:
        renewed = tx.execute(_RENEW_AND_TELL, {**renewal, "n_sent": sent})
    if renewed.rowcount != 1:
        raise LeaseLost(f"the lease {lease.name} was taken by another worker")
    return replace(lease, until=now + span, told=told)


def check(tx: Connection, lease: Lease) -> None:
    """Raise `LeaseLost` unless this is the last taking, not given back; holds the row until the transaction ends."""
    row = tx.execute(_HELD, {"b_name": lease.name}).first()
    if row is None or (row.fence, row.owner) != (lease.fence, lease.owner):
        raise LeaseLost(f"the lease {lease.name} was taken by another worker")


def holders(tx: Connection, now: datetime) -> set[str]:
    """Who holds a lease now, or held it when he died."""
    return set(tx.scalars(select(leases.c.owner).where(lasts(leases.c.until, now, FARTHEST), leases.c.owner != "")))


def takings(tx: Connection, now: datetime) -> int | None:
    """How often leases were taken so far, all together; None while one is held: then somebody may be at work."""
    held = tx.scalar(select(leases.c.name).where(lasts(leases.c.until, now, FARTHEST)).limit(1))
    return None if held is not None else tx.scalar(select(func.sum(leases.c.fence))) or 0


def end_all(tx: Connection) -> None:
    """End every lease: whoever held one is gone, or has this state no more. The fences stay."""
    tx.execute(update(leases).values(until=_LONG_AGO, owner=""))


def give_back(tx: Connection, lease: Lease) -> None:
    """Let the next one in at once, and tell him what was sent; nothing happens if it was taken already."""
    ours = {"b_name": lease.name, "b_fence": lease.fence}
    if lease.count is None:
        tx.execute(_GIVE_BACK, ours)
    else:
        tx.execute(_GIVE_BACK_AND_TELL, {**ours, "n_sent": lease.count()[0]})


def end(tx: Connection, lease: Lease) -> None:
    """Give the lease back with what else this transaction stores; raises `LeaseLost` when it was taken already.

    Nobody gets in before the transaction is committed, so it may come first.
    """
    ours = {"b_name": lease.name, "b_fence": lease.fence, "b_owner": lease.owner}
    if lease.count is None:
        ended = tx.execute(_END, ours)
    else:
        ended = tx.execute(_END_AND_TELL, {**ours, "n_sent": lease.count()[0]})
    if ended.rowcount != 1:
        raise LeaseLost(f"the lease {lease.name} was taken by another worker")
