"""Tokens of scripts for the REST API. Of a token only the digest is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from fieldcal.errors import ConfigError
from fieldcal.state.people_tables import tokens


@dataclass(frozen=True, slots=True)
class Token:
    """One token: as whom it acts, what of that person's rights it has, and how long it holds."""

    name: str
    digest: str
    user: str
    scopes: str
    made_by: str
    made_at: datetime
    ends_at: datetime
    #: when it was last used, about
    seen_at: datetime | None = None


def keep(tx: Connection, token: Token) -> None:
    """Keep a new token; its name must be free."""
    if find(tx, token.name) is not None:
        raise ConfigError(f"there is a token {token.name!r} already")
    tx.execute(
        insert(tokens).values(
            name=token.name, digest=token.digest, user=token.user, scopes=token.scopes, made_by=token.made_by,
            made_at=token.made_at, ends_at=token.ends_at,
        )
    )  # fmt: skip


def find(tx: Connection, name: str) -> Token | None:
    """The token of this name, whether it holds or not."""
    row = tx.execute(select(tokens).where(tokens.c.name == name)).first()
    return None if row is None else Token(*row)


def by_digest(tx: Connection, digest: str) -> Token | None:
    """The token of this digest, whether it holds or not."""
    row = tx.execute(select(tokens).where(tokens.c.digest == digest)).first()
    return None if row is None else Token(*row)


def everyone(tx: Connection, user: str = "") -> list[Token]:
    """Every token, or those of one user, by name."""
    where = [tokens.c.user == user] if user else []
    return [Token(*row) for row in tx.execute(select(tokens).where(*where).order_by(tokens.c.name))]


def seen(tx: Connection, name: str, now: datetime) -> None:
    """It was used just now."""
    tx.execute(update(tokens).where(tokens.c.name == name).values(seen_at=now))


def remove(tx: Connection, name: str) -> None:
    """It holds no more."""
    tx.execute(delete(tokens).where(tokens.c.name == name))
