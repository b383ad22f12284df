"""People and their roles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from fieldcal.errors import ConfigError
from fieldcal.setup_model import Role, User
from fieldcal.state.people_tables import grants, users
from fieldcal.state.rows import add_missing, slices

#: What a listing is sorted by.
SORTS = ("id", "name", "sign_in", "created_at")


def everyone(tx: Connection) -> list[User]:
    """Every user with the roles granted, by name."""
    return _with_roles(tx, tx.execute(select(users).order_by(users.c.id)).all())


def page(tx: Connection, search: str, *, sort: str, offset: int, limit: int) -> tuple[list[User], int]:
    """One page of those whose name or sign-in name holds this text, sorted (`-name`: descending), and their number."""
    if sort.removeprefix("-") not in SORTS:
        raise ConfigError(f"users cannot be sorted by {sort!r}; there are: {', '.join(SORTS)}")
    part = search.lower()
    columns = (users.c.id, users.c.name, users.c.sign_in)
    where = [or_(*(func.lower(column).contains(part, autoescape=True) for column in columns))] if part else []
    column = users.c[sort.removeprefix("-")]
    order = column.desc() if sort.startswith("-") else column
    rows = tx.execute(select(users).where(*where).order_by(order, users.c.id).offset(offset).limit(limit)).all()
    return _with_roles(tx, rows), tx.scalar(select(func.count()).select_from(users).where(*where)) or 0


def _with_roles(tx: Connection, rows: Sequence[Row[Any]]) -> list[User]:
    roles: dict[str, set[Role]] = defaultdict(set)
    for some in slices([row.id for row in rows]):
        for grant_row in tx.execute(select(grants).where(grants.c.user.in_(some))):
            roles[grant_row.user].add(Role(grant_row.role))
    return [_user(row, roles[row.id]) for row in rows]


def _user(row: Row[Any], roles: Iterable[Role]) -> User:
    return User(row.id, row.name, row.sign_in, row.object_id, frozenset(roles), row.created_at, row.vouched)


def granted_by(tx: Connection, user: str) -> dict[Role, str]:
    """This person's roles, each with who gave it."""
    return {Role(row.role): row.granted_by for row in tx.execute(select(grants).where(grants.c.user == user))}


def find(tx: Connection, name: str) -> User | None:
    """The user of this name."""
    row = tx.execute(select(users).where(users.c.id == name)).first()
    if row is None:
        return None
    return _user(row, map(Role, tx.scalars(select(grants.c.role).where(grants.c.user == name))))


def by_sign_in(tx: Connection, name: str) -> User | None:
    """The user of this name, else the only one with this sign-in name."""
    known = find(tx, name)
    if known is not None or not name:
        return known
    found = list(tx.scalars(select(users.c.id).where(users.c.sign_in.in_([name, name.lower()])).limit(2)))
    return find(tx, found[0]) if len(found) == 1 else None


def by_object_id(tx: Connection, object_id: str) -> User | None:
    """The user tied to this account of the directory; never one of several."""
    found = list(tx.scalars(select(users.c.id).where(users.c.object_id == object_id).limit(2))) if object_id else []
    return find(tx, found[0]) if len(found) == 1 else None


def owners(tx: Connection, mailbox: str, address: str) -> list[User]:
    """Whose this mailbox is, as `Actor.owns` tells: by its object id, or by the sign-in name."""
    found = or_(func.lower(users.c.object_id) == mailbox.lower(), func.lower(users.c.sign_in) == address.lower())
    return _with_roles(tx, tx.execute(select(users).where(found)).all())


def tie(tx: Connection, name: str, object_id: str) -> None:
    """From now on this account of the directory is this user's."""
    tx.execute(update(users).where(users.c.id == name).values(object_id=object_id))


def vouch(tx: Connection, name: str, *, good: bool) -> None:
    """From now on somebody answers for this account being that person's, or nobody does."""
    tx.execute(update(users).where(users.c.id == name).values(vouched=good))


def entered(tx: Connection, name: str, now: datetime) -> None:
    """The directory has told the groups of this person just now."""
    tx.execute(update(users).where(users.c.id == name).values(entered_at=now))


def entered_at(tx: Connection, name: str) -> datetime | None:
    """When the directory last told the groups of this person; None: never."""
    return tx.scalar(select(users.c.entered_at).where(users.c.id == name))


def get(tx: Connection, name: str) -> User:
    """The user of this name; a `ConfigError` where there is none."""
    found = find(tx, name)
    if found is None:
        raise ConfigError(f"there is no user {name!r}; `fieldcal user add` makes one")
    return found


def add(tx: Connection, user: User) -> None:
    """Keep a new user, without a role; the name must be free."""
    if find(tx, user.id) is not None:
        raise ConfigError(f"there is a user {user.id!r} already")
    tx.execute(
        insert(users).values(
            id=user.id, name=user.name, sign_in=user.sign_in, object_id=user.object_id, created_at=user.created_at,
            vouched=user.vouched,
        )
    )  # fmt: skip


def grant(tx: Connection, user: str, role: Role, by: str) -> None:
    """Give the user this role; nothing changes where it was given already."""
    add_missing(tx, grants, [{"user": user, "role": role.value, "granted_by": by}])


def revoke(tx: Connection, user: str, role: Role) -> None:
    """Take this role from the user."""
    tx.execute(delete(grants).where(grants.c.user == user, grants.c.role == role.value))
