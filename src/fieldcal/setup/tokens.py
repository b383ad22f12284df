"""Tokens with which scripts act as a user at the REST API: made, shown once, looked up, and taken back.

A token never has more than its user has at that moment, and of that only its scopes.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.setup import directory, passwords
from fieldcal.setup.environments import name_mistakes, refuse
from fieldcal.setup.permissions import Action, allowed, require
from fieldcal.setup.scopes import LASTS, LONGEST, SCOPES, Scope
from fieldcal.setup.sign_in import digest, reach
from fieldcal.setup.tries import site
from fieldcal.setup_model import Actor, User
from fieldcal.state import audit, proofs, tokens, users
from fieldcal.state.proofs import Tries
from fieldcal.state.tokens import Token

log = structlog.get_logger()

#: So that a token is known for one wherever it is found.
PREFIX = "fieldcal_"
#: A token's last use is written no more often.
SEEN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who brings a token that holds."""

    token: Token
    user: User
    scopes: frozenset[Scope]


def add(
    tx: Connection, actor: Actor, now: datetime, name: str, user: str, scopes: Iterable[Scope], days: int = LASTS
) -> tuple[Token, str]:
    """Make a token that acts as this user; returns it and its text, which is nowhere kept.

    Everybody makes the own ones; for somebody else it takes the right to set that person's password, which is as much.
    """
    person, wanted = users.get(tx, user), sorted(set(scopes))
    mistakes = name_mistakes(name, "a token")
    mistakes += [] if wanted else [f"a token needs at least one scope: {', '.join(Scope)}"]
    mistakes += [] if 1 <= days <= LONGEST else [f"a token holds for 1 to {LONGEST} days"]
    refuse(mistakes)
    if not _is(actor, person):
        reach(tx, actor, now, person)
    text = PREFIX + secrets.token_urlsafe(32)
    made = Token(name, digest(text), person.id, " ".join(wanted), actor.name, now, now + timedelta(days=days))
    tokens.keep(tx, made)
    audit.record(tx, actor, now, "token add", [name], f"for {person.id}: {made.scopes}, until {made.ends_at:%Y-%m-%d}")
    return made, text


def listed(tx: Connection, actor: Actor) -> list[Token]:
    """The tokens that this person may know of: all, or the own ones."""
    if allowed(actor, Action.SEE_USERS):
        return tokens.everyone(tx)
    return tokens.everyone(tx, actor.name)


def revoke(tx: Connection, actor: Actor, now: datetime, name: str) -> Token:
    """Have this token hold no more, at once; the own one, or by whom users are added."""
    known = tokens.find(tx, name)
    own = known is not None and actor.user is not None and actor.user.id == known.user
    if not own:
        require(actor, Action.USERS)
    if known is None:
        raise ConfigError(f"there is no token {name!r}; `fieldcal token list` shows those there are")
    tokens.remove(tx, name)
    audit.record(tx, actor, now, "token revoke", [name], f"of {known.user}")
    return known


def bearer(tx: Connection, text: str, now: datetime) -> Bearer | None:
    """Whose token this is, with the roles that the user has now; None where it does not hold.

    Roles of groups lapse when their person has not signed in at the directory for long, and with the last the token.
    """
    token = tokens.by_digest(tx, digest(text))
    user = users.find(tx, token.user) if token is not None and now < token.ends_at else None
    if token is None or user is None:
        return None
    if user.roles and not (user := directory.still(tx, user, now)).roles:
        return None
    return Bearer(token, user, frozenset(Scope(word) for word in token.scopes.split() if word in set(Scope)))


def lets(scopes: Collection[Scope], action: Action) -> bool:
    """Whether one of these scopes lets this action through."""
    return any(action in SCOPES[scope] for scope in scopes)


def waiting(tx: Connection, address: str, now: datetime) -> datetime | None:
    """Until when this address has to wait after wrong tokens; None where it has not to."""
    known = proofs.tries(tx, f"token:{site(address)}")
    return known.until if known is not None and known.until is not None and now < known.until else None


def count_wrong(tx: Connection, address: str, now: datetime) -> datetime | None:
    """Count a token that does not hold; until when this address has to wait, None where it had not to.

    A right token is taken all the same: several scripts may come from one address.
    """
    if (until := waiting(tx, address, now)) is not None:
        return until
    scope = f"token:{site(address)}"
    known = proofs.tries(tx, scope)
    old = known if known is not None and known.last_at > now - proofs.FORGOTTEN else Tries(0, now, None)
    pause = passwords.wait(old.failures + 1, passwords.FREE_OF_ADDRESS)
    until = now + pause if pause else None
    proofs.set_tries(tx, scope, replace(old, failures=old.failures + 1, last_at=now, until=until))
    if until is not None:
        failures, place = old.failures + 1, site(address)
        log.warning("too many wrong tokens", action="tokens_paused", failures=failures, address=place)
        audit.strange(tx, f"call from {address}", now, "token paused", "", f"{failures} wrong tokens from {place}")
    return None


def _is(actor: Actor, user: User) -> bool:
    return actor.user is not None and actor.user.id == user.id
