"""How people prove who they are: password hashes, one-time links, and failed tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select

from fieldcal.state.people_tables import attempts, invitations, passwords
from fieldcal.state.rows import upsert

#: Failed tries are forgotten after this time without another.
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link, as it is remembered."""

    digest: str
    user: str
    made_by: str
    made_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed tries of one scope in a row, and before when nothing more is tried."""

    failures: int
    last_at: datetime
    until: datetime | None


def password_hash(tx: Connection, user: str) -> str:
    """The hash of this person's password, "" where there is none."""
    return tx.scalar(select(passwords.c.hash).where(passwords.c.user == user)) or ""


def set_password_hash(tx: Connection, user: str, told: str, now: datetime) -> None:
    """From now on this hash counts."""
    upsert(tx, passwords, [{"user": user, "hash": told, "changed_at": now}])


def drop_password(tx: Connection, user: str) -> None:
    """This person has no password any more."""
    tx.execute(delete(passwords).where(passwords.c.user == user))


def with_password(tx: Connection) -> set[str]:
    """Everyone who has a password."""
    return set(tx.scalars(select(passwords.c.user)))


def nobody_signs_in(tx: Connection) -> bool:
    """Nobody has a password yet."""
    return not tx.scalar(select(func.count()).select_from(passwords))


def invite(tx: Connection, invitation: Invitation) -> None:
    """Keep this link; those made for the same person before hold no more."""
    drop_invitations(tx, invitation.user)
    tx.execute(delete(invitations).where(invitations.c.ends_at <= invitation.made_at))
    tx.execute(
        insert(invitations).values(
            digest=invitation.digest, user=invitation.user, made_by=invitation.made_by,
            made_at=invitation.made_at, ends_at=invitation.ends_at,
        )
    )  # fmt: skip


def invitation(tx: Connection, digest: str, now: datetime) -> Invitation | None:
    """The link of this digest, while it holds."""
    row = tx.execute(select(invitations).where(invitations.c.digest == digest, invitations.c.ends_at > now)).first()
    return None if row is None else Invitation(*row)


def invited(tx: Connection, now: datetime) -> dict[str, Invitation]:
    """The links that hold, by person."""
    rows = tx.execute(select(invitations).where(invitations.c.ends_at > now))
    return {row.user: Invitation(*row) for row in rows}


def drop_invitations(tx: Connection, user: str) -> None:
    """No link of this person holds any more."""
    tx.execute(delete(invitations).where(invitations.c.user == user))


def forget_old(tx: Connection, now: datetime) -> None:
    """Forget the links that hold no more, and tries of long ago, which stand with an address."""
    tx.execute(delete(invitations).where(invitations.c.ends_at <= now))
    tx.execute(delete(attempts).where(attempts.c.last_at < now - FORGOTTEN))


def tries(tx: Connection, scope: str) -> Tries | None:
    """The failed tries of this scope, None where there were none."""
    row = tx.execute(select(attempts.c.failures, attempts.c.last_at, attempts.c.until).where(attempts.c.scope == scope))
    found = row.first()
    return None if found is None else Tries(*found)


def set_tries(tx: Connection, scope: str, now: Tries) -> None:
    """Remember them; what is long over is forgotten."""
    tx.execute(delete(attempts).where(attempts.c.last_at < now.last_at - FORGOTTEN))
    upsert(tx, attempts, [{"scope": scope, "failures": now.failures, "last_at": now.last_at, "until": now.until}])


def forget_tries(tx: Connection, scope: str) -> None:
    """Signed in: the count begins anew."""
    tx.execute(delete(attempts).where(attempts.c.scope == scope))


def tries_of(tx: Connection, key: str) -> list[Tries]:
    """The failed tries of this scope and of those that it is parted into: `key@…`."""
    rows = tx.execute(select(attempts.c.failures, attempts.c.last_at, attempts.c.until).where(_parts(key)))
    return [Tries(*row) for row in rows]


def forget_tries_of(tx: Connection, key: str) -> int:
    """Forget them; returns how many scopes there were."""
    return tx.execute(delete(attempts).where(_parts(key))).rowcount


def _parts(key: str) -> ColumnElement[bool]:
    return or_(attempts.c.scope == key, attempts.c.scope.startswith(f"{key}@", autoescape=True))
