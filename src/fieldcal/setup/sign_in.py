"""Signing in: with a password, and with a one-time link that lets a person choose one.

Nothing told here lets a stranger learn which users there are: a wrong name and a wrong password take as long, are told
alike, and are counted alike. A try is counted before its password is looked at, so many at once gain nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.errors import ConfigError, FieldcalError, NotAllowed
from fieldcal.setup import passwords, tries, vouching
from fieldcal.setup.permissions import Action, may_grant, require
from fieldcal.setup.tries import Counted, Place
from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import audit, proofs, sessions, tokens, users
from fieldcal.state.database import Database
from fieldcal.state.proofs import Invitation
from fieldcal.state.sessions import Session

T = TypeVar("T")

#: A session ends after this long without a request, and after this long in any case.
IDLE, LASTS = timedelta(hours=1), timedelta(hours=12)
#: How long links hold: one for a person, and the one that a service prints while nobody can sign in.
INVITED, FIRST = timedelta(days=3), timedelta(hours=1)
#: Hashing takes 64 MiB each; more at once wait.
_hashing = ThreadPoolExecutor(2, thread_name_prefix="argon2")


class Refused(FieldcalError):
    """The name or the password is wrong, whichever; or too much was tried: nothing more before `until`."""

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session with its secret, which is nowhere kept: the cookie's value."""

    secret: str
    session: Session
    user: User


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def by_password(database: Database, clock: Clock, name: str, password: str, place: Place) -> Opened:
    """Open a session for who knows this password; raises `Refused`."""
    name = name.strip()[:200]

    def begin(tx: Connection) -> tuple[User | None, str, tuple[str, ...], Counted]:
        user = users.by_sign_in(tx, name)
        where = tries.scopes(tx, name, user, place)
        told = proofs.password_hash(tx, user.id) if user else ""
        return user, told, where, tries.count(tx, where, clock.now())

    # Who has to wait costs a read: there is one writer, and the synchronization needs it.
    until = await database.reading(
        lambda tx: tries.waiting(tx, tries.scopes(tx, name, users.by_sign_in(tx, name), place), clock.now())
    )
    if until is not None:
        raise Refused("too many wrong tries", until)
    user, told, where, counted = await database.writing(begin)
    if counted.until is not None:
        raise Refused("too many wrong tries", counted.until)
    if not await _in_thread(passwords.fits, password, told) or user is None:
        if counted.begun:
            await database.writing(tries.tell, user, place, counted.begun, clock.now())
        raise Refused("wrong name or password")
    better = await _in_thread(passwords.rehashed, password, told)

    def succeed(tx: Connection) -> Opened:
        tries.good(tx, where)
        if better and proofs.password_hash(tx, user.id) == told:
            proofs.set_password_hash(tx, user.id, better, clock.now())
        after = f", after {counted.before} wrong tries" if counted.before else ""
        return open_session(tx, user, clock.now(), place, "password", after)

    return await database.writing(succeed)


def open_session(tx: Connection, user: User, now: datetime, place: Place, means: str, after: str = "") -> Opened:
    """A session for this person, who has proven it; `after`: what the audit says beside the means."""
    secret = secrets.token_urlsafe(32)
    session = Session(digest(secret), user.id, means, place.address, place.agent, now, now, now + LASTS)
    sessions.keep(tx, session)
    audit.record(tx, Actor(place.told, user), now, "sign in", [user.id], means + after)
    return Opened(secret, session, user)


def lasts(session: Session, now: datetime) -> bool:
    """Whether its person is still signed in."""
    return session.ended_at is None and now < min(session.ends_at, session.seen_at + IDLE)


def invite(tx: Connection, actor: Actor, now: datetime, name: str) -> str:
    """The token of a one-time link with which this person chooses a password; it ends the ones made before."""
    user = users.get(tx, name)
    reach(tx, actor, now, user)
    token = secrets.token_urlsafe(32)
    proofs.invite(tx, Invitation(digest(token), user.id, actor.name, now, now + INVITED))
    audit.record(tx, actor, now, "user invite", [user.id])
    return token


def invite_first(tx: Connection, now: datetime) -> str | None:
    """The token of the link that makes the first administrator; None where somebody can sign in already."""
    if not proofs.nobody_signs_in(tx):
        return None
    token = secrets.token_urlsafe(32)
    proofs.invite(tx, Invitation(digest(token), "", "operator", now, now + FIRST))
    return token


def invited(tx: Connection, token: str, now: datetime) -> Invitation | None:
    """What this link is for, while it holds. The first administrator's ends when somebody can sign in."""
    found = proofs.invitation(tx, digest(token), now)
    return None if found is not None and not found.user and not proofs.nobody_signs_in(tx) else found


async def accept(database: Database, clock: Clock, token: str, name: str, password: str, place: Place) -> Opened:
    """Use the link: set the password, make the first administrator where it is for that one, and sign in.

    Raises `Refused` where the link does not hold, `ConfigError` where the name or the password will not do.
    """
    found = await database.reading(invited, token, clock.now())
    if found is None:
        raise Refused("this link does not hold any more")
    wanted = (found.user or name).strip()
    told = await _in_thread(passwords.hashed, password, wanted)

    def use(tx: Connection) -> Opened:
        now = clock.now()
        standing = invited(tx, token, now)
        if standing is None:
            raise Refused("this link does not hold any more")
        user = users.get(tx, standing.user) if standing.user else _first(tx, wanted, now)
        proofs.drop_invitations(tx, standing.user)
        _set(tx, Actor(f"link of {standing.made_by}", user), now, user, told)
        return open_session(tx, user, now, place, "password")

    return await database.writing(use)


def _first(tx: Connection, name: str, now: datetime) -> User:
    """The first administrator, who may do and grant everything, as the operator may who gave the link away."""
    from fieldcal.setup import users as people

    operator = Actor("operator")
    if users.find(tx, name) is None:
        people.add(tx, operator, now, name)
    for role in (Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN):
        people.grant(tx, operator, now, name, role)
    return users.get(tx, name)


def set_password(tx: Connection, actor: Actor, now: datetime, name: str, told: str) -> None:
    """Set somebody's password, by its hash; whoever was signed in with the old one is signed out everywhere."""
    user = users.get(tx, name)
    reach(tx, actor, now, user)
    proofs.drop_invitations(tx, user.id)
    _set(tx, actor, now, user, told)


async def change_password(database: Database, clock: Clock, actor: Actor, old: str, new: str, session: Session) -> None:
    """Change the own password, which takes the old one; every other session of this person ends.

    Wrong old ones count as wrong sign-ins do. Raises `Refused` and `ConfigError` as `accept` does.
    """
    user = actor.user
    if user is None:
        raise NotAllowed("the operator has no password")
    scope = tries.browser_scope(user.id, session.digest)
    counted = await database.writing(tries.count, (scope,), clock.now())
    if counted.until is not None:
        raise Refused("too many wrong tries", counted.until)
    if not await _in_thread(passwords.fits, old, await database.reading(proofs.password_hash, user.id)):
        if counted.begun:
            await database.writing(tries.tell, user, Place(session.address), counted.begun, clock.now())
        raise Refused("the old password is wrong")
    told = await _in_thread(passwords.hashed, new, user.id)

    def change(tx: Connection) -> None:
        proofs.forget_tries(tx, scope)
        _set(tx, actor, clock.now(), user, told, but=session.digest)

    await database.writing(change)


def tie(tx: Connection, actor: Actor, now: datetime, name: str, object_id: str) -> User:
    """Have this account of the organization's directory be this user's, who may then sign in with it."""
    user = users.get(tx, name)
    reach(tx, actor, now, user)
    if not object_id.strip() or not object_id.isprintable():
        raise ConfigError("name the account by the directory's object id")
    taken = users.by_object_id(tx, object_id.strip())
    if taken is not None and taken.id != user.id:
        raise ConfigError(f"this account is the user {taken.id}'s already")
    users.tie(tx, user.id, object_id.strip())
    audit.record(tx, actor, now, "user tie", [user.id], object_id.strip())
    return users.get(tx, name)


def sign_out(tx: Connection, actor: Actor, now: datetime, session: Session) -> None:
    """End this session of the actor's own."""
    sessions.end(tx, session.digest, now)
    audit.record(tx, actor, now, "sign out", [session.user])


def sign_out_everywhere(tx: Connection, actor: Actor, now: datetime, name: str, but: str = "") -> int:
    """End all of this person's sessions, but for the one of this digest; returns how many ended."""
    user = users.get(tx, name)
    if actor.user is None or actor.user.id != user.id:
        require(actor, Action.USERS)
    ended = sessions.end_all(tx, user.id, now, but)
    audit.record(tx, actor, now, "user sign-out", [user.id], f"{ended} sessions")
    return ended


def disable(tx: Connection, actor: Actor, now: datetime, name: str) -> User:
    """Have this person be able to do nothing here any more: no role, session, token, password or link is left.

    Nobody answers for the account either. The name stays, for the audit tells of it. Who comes from the organization's
    directory gets the roles of its groups again at the next sign-in, so whoever leaves is taken out of them there.
    """
    user = users.get(tx, name)
    _require_over(actor, user)
    if actor.user is not None and actor.user.id == user.id:
        raise ConfigError("nobody takes everything from themselves; another administrator does that")
    for role in user.roles:
        users.revoke(tx, user.id, role)
    ended, made = sessions.end_all(tx, user.id, now), tokens.everyone(tx, user.id)
    for token in made:
        tokens.remove(tx, token.name)
    proofs.drop_invitations(tx, user.id)
    proofs.drop_password(tx, user.id)
    users.vouch(tx, user.id, good=False)
    gone = f"{len(user.roles)} roles, {ended} sessions, {len(made)} tokens"
    audit.record(tx, actor, now, "user disable", [user.id], gone)
    return users.get(tx, user.id)


def _set(tx: Connection, actor: Actor, now: datetime, user: User, told: str, but: str = "") -> None:
    proofs.set_password_hash(tx, user.id, told, now)
    sessions.end_all(tx, user.id, now, but)
    audit.record(tx, actor, now, "user password", [user.id])


def reach(tx: Connection, actor: Actor, now: datetime, user: User) -> None:
    """Return when this actor may set how that user signs in, and so become that user.

    It takes the right to grant all those roles; and who may not approve mailboxes ends that anybody answers for it.
    """
    _require_over(actor, user)
    vouching.doubt(tx, actor, now, user)


def _require_over(actor: Actor, user: User) -> None:
    require(actor, Action.USERS)
    beyond = sorted(role.value for role in user.roles if not may_grant(actor, role))
    if beyond:
        raise NotAllowed(
            f"{actor.name} may not set the password of {user.id}, who has {', '.join(beyond)}; that takes a person who "
            "may grant every one of these roles"
        )


async def _in_thread(work: Callable[..., T], *args: str) -> T:
    return await asyncio.get_running_loop().run_in_executor(_hashing, work, *args)
