"""How mailboxes sign in where each does so by itself (CalDAV), and which calendar was found for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, update

from fieldcal.model import MailboxId
from fieldcal.setup_model import Account, TrialStatus
from fieldcal.state.rows import slices
from fieldcal.state.tables import links, mailboxes, profiles

_COLUMNS = (mailboxes.c.user_name, mailboxes.c.secret, mailboxes.c.collection)
_ELSEWHERE = "its own secret was given for another server and is forgotten: give it anew, then run Test & Enable"
#: a write of ours stands, or may stand, in this mailbox
_standing = exists().where(
    links.c.environment == mailboxes.c.environment,
    links.c.mailbox == mailboxes.c.id,
    or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
)


def _one(environment: str, mailbox: str) -> ColumnElement[bool]:
    return and_(mailboxes.c.environment == environment, mailboxes.c.id == mailbox)


def of(tx: Connection, environment: str, mailbox: str) -> Account:
    """What is set and remembered of this mailbox; nothing for one that is not known."""
    row = tx.execute(select(*_COLUMNS).where(_one(environment, mailbox))).first()
    return Account() if row is None else Account(row.user_name, row.secret, row.collection)


def some(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> Mapping[MailboxId, Account]:
    """The same of several."""
    found: dict[MailboxId, Account] = {}
    for part in slices(wanted):
        rows = tx.execute(
            select(mailboxes.c.id, *_COLUMNS).where(mailboxes.c.environment == environment, mailboxes.c.id.in_(part))
        )
        found |= {MailboxId(row.id): Account(row.user_name, row.secret, row.collection) for row in rows}
    return found


def through(tx: Connection, profile: str, mailbox: str) -> tuple[str, str, Account] | None:
    """Environment, address and account of a mailbox as it is written through this profile; None where it is not.

    Where several environments know it, the one that serves it counts, else the one that tests it (R14).
    """
    busy = case((mailboxes.c.enabled, 0), (mailboxes.c.test == TrialStatus.IN_PROGRESS.value, 1), else_=2)
    row = tx.execute(
        select(mailboxes.c.environment, mailboxes.c.address, *_COLUMNS)
        .where(mailboxes.c.profile == profile, mailboxes.c.id == mailbox)
        .order_by(busy, mailboxes.c.environment)
    ).first()
    return None if row is None else (row.environment, row.address, Account(row.user_name, row.secret, row.collection))


def sample(tx: Connection, profile: str) -> MailboxId | None:
    """A mailbox of this profile by which its server can be asked, one that is switched on before others."""
    row = tx.execute(
        select(mailboxes.c.id)
        .where(mailboxes.c.profile == profile, mailboxes.c.address != "")
        .order_by(mailboxes.c.enabled.desc(), (mailboxes.c.secret != "").desc(), mailboxes.c.address)
    ).first()
    return None if row is None else MailboxId(row.id)


def with_secret(tx: Connection, profile: str) -> int:
    """How many mailboxes of this profile, of all environments, have a secret of their own."""
    own = (mailboxes.c.profile == profile) & (mailboxes.c.secret != "")
    return tx.scalar(select(func.count()).select_from(mailboxes).where(own)) or 0


def forget_through(tx: Connection, profile: str) -> int:
    """Forget the own secrets of the mailboxes of this profile: they were given for another server. How many."""
    return _forget(tx, mailboxes.c.profile == profile)


def forget(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> int:
    """Forget the own secrets of these mailboxes: they were given for another server. How many."""
    places = (and_(mailboxes.c.environment == environment, mailboxes.c.id.in_(part)) for part in slices(wanted))
    return sum(_forget(tx, place) for place in places)


def _forget(tx: Connection, where: ColumnElement[bool]) -> int:
    own = and_(where, mailboxes.c.secret != "")
    return tx.execute(update(mailboxes).where(own).values(secret="", disabled_reason=_ELSEWHERE)).rowcount


def change(tx: Connection, environment: str, mailbox: str, **values: Any) -> None:
    """Set columns of this mailbox's account: `user_name`, `secret`."""
    tx.execute(update(mailboxes).where(_one(environment, mailbox)).values(**values))


def switch_off(tx: Connection, environment: str, mailbox: str, reason: str) -> None:
    """Write nothing until it was tested anew: somebody else signs in, or nobody can."""
    values = {"enabled": False, "test": TrialStatus.NOT_RUN.value, "checks": "[]", "disabled_reason": reason}
    change(tx, environment, mailbox, **values)


def remember(tx: Connection, profile: str, mailbox: str, collection: str) -> None:
    """Keep the path of this mailbox's calendar at the profile's server; "" forgets it."""
    where = (mailboxes.c.profile == profile) & (mailboxes.c.id == mailbox)
    tx.execute(update(mailboxes).where(where).values(collection=collection))


def keeps_claim(tx: Connection, environment: str, mailbox: str, *, kept: bool) -> None:
    """Whether its server keeps a claim on the calendar."""
    change(tx, environment, mailbox, claimless=not kept)


def at(tx: Connection, mailbox: str, address: str, collection: str) -> list[tuple[str, str]]:
    """The address and the server's URL of every other mailbox that is, or may be, written into a calendar of this path.

    One that is switched off and holds nothing of ours is in nobody's way. The same address in two environments is
    the same mailbox.
    """
    used = or_(mailboxes.c.enabled, mailboxes.c.test == TrialStatus.IN_PROGRESS.value, _standing)
    rows = tx.execute(
        select(mailboxes.c.address, profiles.c.url)
        .select_from(mailboxes.join(profiles, profiles.c.id == mailboxes.c.profile))
        .where(
            mailboxes.c.collection == collection, mailboxes.c.id != mailbox,
            func.lower(mailboxes.c.address) != address.lower(), used,
        )
        .order_by(mailboxes.c.address)
    )  # fmt: skip
    return [(row.address, row.url) for row in rows]


def stands(tx: Connection, environment: str, mailbox: str) -> bool:
    """Events of ours stand, or may stand, in this mailbox."""
    return bool(tx.scalar(select(_standing).where(_one(environment, mailbox))))


def elsewhere(tx: Connection, environment: str, mailbox: str, collection: str) -> int:
    """How many events of ours stand in this mailbox outside the calendar of this path."""
    here = links.c.event.startswith(collection, autoescape=True)
    return tx.scalar(
        select(func.count())
        .select_from(links)
        .where(links.c.environment == environment, links.c.mailbox == mailbox, links.c.event.is_not(None), ~here)
    ) or 0  # fmt: skip
