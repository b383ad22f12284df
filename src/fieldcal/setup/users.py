"""People and their roles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.setup import vouching
from fieldcal.setup.permissions import Action, require, require_grant
from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import audit, proofs, users

_LONGEST = 200


def add(
    tx: Connection, actor: Actor, now: datetime, name: str, *, full_name: str = "", sign_in: str | None = None,
    object_id: str = "",
) -> User:  # fmt: skip
    """Make a user without a role; the sign-in name is `name` unless another is given, or "" for one without.

    The account owns the mailbox of that name only as its maker may answer for it (`setup/vouching.py`).
    """
    require(actor, Action.USERS)
    if not name or len(name) > _LONGEST or not name.isprintable() or name != name.strip() or name == "operator":
        raise ConfigError(f"{name[:80]!r} cannot name a user: at most {_LONGEST} printable characters, not `operator`")
    made = User(name, full_name or name, name if sign_in is None else sign_in, object_id, frozenset(), now,
                vouching.may_vouch(tx, actor))  # fmt: skip
    users.add(tx, made)
    audit.record(tx, actor, now, "user add", [name], "" if made.vouched else "nobody answers for the account yet")
    return made


def grant(tx: Connection, actor: Actor, now: datetime, name: str, role: Role) -> User:
    """Give a role. Exchange administrator and mailbox approver are given by an Exchange administrator only."""
    require_grant(actor, role)
    known = users.get(tx, name)
    if role not in known.roles:
        users.grant(tx, name, role, actor.name)
        audit.record(tx, actor, now, "user grant", [name], role.value)
        vouching.granted(tx, actor, now, known, role)
    return users.get(tx, name)


def revoke(tx: Connection, actor: Actor, now: datetime, name: str, role: Role) -> User:
    """Take a role, by whom it may be given."""
    require_grant(actor, role)
    known = users.get(tx, name)
    if role in known.roles:
        if role is Role.SYSTEM_ADMIN and actor.user is not None and _last(tx, name):
            raise ConfigError(
                f"{name} is the last system administrator who can sign in: make another one first; the operator may "
                f"take the role all the same (`fieldcal user revoke {name} {role.value}`)"
            )
        users.revoke(tx, name, role)
        audit.record(tx, actor, now, "user revoke", [name], role.value)
    return users.get(tx, name)


def _last(tx: Connection, name: str) -> bool:
    """This one can sign in, and no other system administrator can."""
    passwords = proofs.with_password(tx)
    able = [one.id for one in users.everyone(tx)
            if Role.SYSTEM_ADMIN in one.roles and (one.id in passwords or one.object_id)]  # fmt: skip
    return able == [name]


def everyone(tx: Connection, actor: Actor) -> list[User]:
    """Every user with the roles granted; for those who may grant any."""
    require(actor, Action.SEE_USERS)
    return users.everyone(tx)


def listed(
    tx: Connection, actor: Actor, search: str = "", *, sort: str = "id", offset: int = 0, limit: int = 100
) -> tuple[list[User], int]:
    """One page of the users whose name or sign-in name holds this text, and how many they are."""
    require(actor, Action.SEE_USERS)
    return users.page(tx, search, sort=sort, offset=offset, limit=limit)
