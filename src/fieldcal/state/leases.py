"""Leases with a fence: one worker at a time, and nobody who lost one may store anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fieldcal.errors import LeaseLost
from fieldcal.state.believed import at, lasts
from fieldcal.state.tables import leases

#: The longest span that a lease is taken for (Test & Enable's), and by how much two machines' clocks may differ: each
#: is refused when it is five minutes away from the source's. An end farther ahead was written by a wrong clock.
FARTHEST = timedelta(seconds=240) + timedelta(minutes=10)

_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

# Every pass of every mailbox runs these; built once, for building one costs five times as much as running it.
_named, _fenced = leases.c.name == bindparam("b_name"), leases.c.fence == bindparam("b_fence")
_RENEW = (
    update(leases).where(_named, _fenced, leases.c.owner == bindparam("b_owner")).values(until=bindparam("n_until"))
)
_HELD = select(leases.c.fence, leases.c.owner).where(_named).with_for_update()
_GIVE_BACK = update(leases).where(_named, _fenced).values(until=_LONG_AGO, owner="")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on `name` until `until`; `fence` grows with every taking."""

    name: str
    owner: str
    fence: int
    until: datetime


@cache
def _taking(dialect: str) -> Any:
    """A new row, or the one that stands where its lease is over; returns the fence, and no row while it holds."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(leases).values(
        name=bindparam("b_name"), owner=bindparam("n_owner"), fence=1, until=bindparam("n_until")
    )  # fmt: skip
    new = {"owner": statement.excluded.owner, "fence": leases.c.fence + 1, "until": statement.excluded.until}
    return statement.on_conflict_do_update(
        index_elements=["name"], set_=new, where=not_(lasts(leases.c.until))
    ).returning(leases.c.fence)


def take(tx: Connection, name: str, owner: str, now: datetime, span: timedelta) -> Lease | None:
    """The lease, or None while somebody else holds it. A lease that ends farther ahead than any may is free."""
    claim = {"b_name": name, "n_owner": owner, "n_until": now + span, **at(now, FARTHEST)}
    taken = tx.execute(_taking(tx.dialect.name), claim).first()
    return Lease(name, owner, taken.fence, now + span) if taken else None


def renew(tx: Connection, lease: Lease, now: datetime, span: timedelta) -> Lease:
    """The same lease with a later end; raises `LeaseLost` when another has taken it meanwhile."""
    ours = {"b_name": lease.name, "b_fence": lease.fence, "b_owner": lease.owner}
    renewed = tx.execute(_RENEW, {**ours, "n_until": now + span})
    if renewed.rowcount != 1:
        raise LeaseLost(f"the lease {lease.name} was taken by another worker")
    return Lease(lease.name, lease.owner, lease.fence, now + span)


def check(tx: Connection, lease: Lease) -> None:
    """Raise `LeaseLost` unless this is the last taking, not given back; holds the row until the transaction ends."""
    row = tx.execute(_HELD, {"b_name": lease.name}).first()
    if row is None or (row.fence, row.owner) != (lease.fence, lease.owner):
        raise LeaseLost(f"the lease {lease.name} was taken by another worker")


def holders(tx: Connection, now: datetime) -> set[str]:
    """Who holds a lease now, or held it when he died."""
    return set(tx.scalars(select(leases.c.owner).where(lasts(leases.c.until, now, FARTHEST), leases.c.owner != "")))


def end_all(tx: Connection) -> None:
    """End every lease: whoever held one is gone, or has this state no more. The fences stay."""
    tx.execute(update(leases).values(until=_LONG_AGO, owner=""))


def give_back(tx: Connection, lease: Lease) -> None:
    """Let the next one in at once; nothing happens if it was taken already."""
    tx.execute(_GIVE_BACK, {"b_name": lease.name, "b_fence": lease.fence})
