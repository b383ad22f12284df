"""Tries to sign in that fail: where each is counted, what they cost, and who is told.

A stranger must not guess for long, and must not lock somebody out by guessing wrong on purpose. So tries are counted by
name and place first: each place has its own few, and makes only itself wait. What all strange places have tried
together of one name has a limit of its own, which binds strange places only: where a person has signed in of late (that
address, or that browser) it does not count.
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from sqlalchemy import Connection

from fieldcal.setup import passwords
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, User
from fieldcal.state import alerts, audit, environments, proofs, sessions, users
from fieldcal.state.proofs import Tries

log = structlog.get_logger()

ALERT = "sign-in-paused"
#: So many wrong tries at one place raise the alert; before that somebody has forgotten the password.
ALERTED = 10
_IPV6_SITE = 64


@dataclass(frozen=True, slots=True)
class Place:
    """From where somebody comes: an address, and what the browser says it is."""

    address: str
    agent: str = ""
    #: the digest of the cookie that the browser brought, whether it stands for a session or not
    browser: str = ""

    @property
    def told(self) -> str:
        """Where a line of the audit names the account that acted."""
        return f"sign-in from {self.address}"


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait that began: where the tries were counted, how many there were, and until when nothing is tried."""

    scope: str
    failures: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """One try that was counted, or that was not: a wait lasts until `until`."""

    until: datetime | None = None
    begun: tuple[Pause, ...] = ()
    #: wrong ones of this name at this place before
    before: int = 0


def site(address: str) -> str:
    """What one caller has of addresses: of IPv6 the 64 bits of the network, within which everybody has billions."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or ip_network((known, _IPV6_SITE), strict=False))
    return address


def scopes(tx: Connection, name: str, user: User | None, place: Place) -> tuple[str, ...]:
    """Where a try for this name from there counts: first the name there, last (at strange places) the name."""
    key = _key(name)
    session = sessions.find(tx, place.browser) if user is not None and place.browser else None
    if user is not None and session is not None and session.user == user.id:
        return (browser_scope(name, place.browser),)
    here = (f"{key}@{site(place.address)}", f"address:{site(place.address)}")
    return here if user is not None and _usual(tx, user, place) else (*here, key)


def browser_scope(name: str, digest: str) -> str:
    """Where a try counts from a browser in which this person was signed in."""
    return f"{_key(name)}@browser:{digest[:32]}"


def _key(name: str) -> str:
    return f"user:{hashlib.sha256(name.casefold().encode()).hexdigest()[:32]}"


def _usual(tx: Connection, user: User, place: Place) -> bool:
    """Somebody has signed in there as this user, while the session's row is kept (`sessions.KEPT`)."""
    return site(place.address) in {site(one.address) for one in sessions.of_user(tx, user.id)}


def _free(scope: str) -> int:
    if not scope.startswith("user:"):
        return passwords.FREE_OF_ADDRESS
    return passwords.FREE_OF_NAME if "@" in scope else passwords.FREE_OF_NAME_EVERYWHERE


def waiting(tx: Connection, where: tuple[str, ...], now: datetime) -> datetime | None:
    """Before when nothing is tried in one of these scopes; None where something may be."""
    known = (proofs.tries(tx, scope) for scope in where)
    return max((one.until for one in known if one is not None and one.until is not None and now < one.until),
               default=None)  # fmt: skip


def count(tx: Connection, where: tuple[str, ...], now: datetime) -> Counted:
    """Count one try in each scope, before anybody looks whether it is a good one; none where a wait lasts."""
    if (until := waiting(tx, where, now)) is not None:
        return Counted(until)
    known = {scope: proofs.tries(tx, scope) for scope in where}
    begun: list[Pause] = []
    for scope, one in known.items():
        old = one if one is not None and one.last_at > now - proofs.FORGOTTEN else Tries(0, now, None)
        failures = old.failures + 1
        pause = passwords.wait(failures, _free(scope))
        until = now + pause if pause else None
        if until is not None:
            begun.append(Pause(scope, failures, until))
        proofs.set_tries(tx, scope, replace(old, failures=failures, last_at=now, until=until))
    first = known[where[0]]
    return Counted(None, tuple(begun), first.failures if first is not None else 0)


def good(tx: Connection, where: tuple[str, ...]) -> None:
    """The last try was a good one: its place begins anew, and elsewhere it is taken back, for others are there too."""
    proofs.forget_tries(tx, where[0])
    for scope in where[1:]:
        known = proofs.tries(tx, scope)
        if known is not None:
            proofs.set_tries(tx, scope, replace(known, failures=max(known.failures - 1, 0), until=None))


def tell(tx: Connection, user: User | None, place: Place, begun: tuple[Pause, ...], now: datetime) -> None:
    """Have log and audit say that waits began, one line for each, and an alert where somebody may be locked out.

    The name that was typed is told only where it is a user's: people type passwords there.
    """
    for pause in begun:
        whose = _whose(pause.scope, place)
        # The minute after, as pages find times in a text.
        until = f"{pause.until + timedelta(seconds=59):%Y-%m-%d %H:%M} UTC"
        log.warning(
            "too many wrong sign-ins", action="sign_in_paused", failures=pause.failures, counted=whose, until=until
        )
        text = f"{pause.failures} wrong tries {whose}; nothing is tried there before {until}"
        audit.strange(tx, place.told, now, "sign-in paused", user.id if user else "", text)
        if user is not None and _locks_out(pause):
            for environment in environments.names(tx):
                alerts.raise_alert(tx, environment, "", ALERT, "warning", f"Sign-in as {user.id}: {text}", now)


def _locks_out(pause: Pause) -> bool:
    return pause.scope.startswith("user:") and ("@" not in pause.scope or pause.failures >= ALERTED)


def _whose(scope: str, place: Place) -> str:
    if scope.startswith("user:"):
        if "@" not in scope:
            return "for one name, from all strange places together"
        return f"for one name, from {place.address or 'one browser'}"
    return f"from {scope.partition(':')[2]}, whatever the name"


def strange(tx: Connection, place: Place, reason: str, now: datetime) -> None:
    """The organization's sign-in was refused before anybody was known: the audit has the 1st, 2nd, 4th of a place."""
    scope = f"organization:{site(place.address)}"
    known = proofs.tries(tx, scope)
    old = known if known is not None and known.last_at > now - proofs.FORGOTTEN else Tries(0, now, None)
    times = old.failures + 1
    proofs.set_tries(tx, scope, replace(old, failures=times, last_at=now))
    if times & (times - 1) == 0:
        audit.strange(tx, place.told, now, "sign-in refused", "", f"{reason} (number {times} of this address)")


def waits(tx: Connection, user: User, now: datetime) -> datetime | None:
    """Until when somewhere nothing is tried for this person; None: nowhere."""
    found = [one.until for key in _keys(user) for one in proofs.tries_of(tx, key) if one.until is not None]
    return max((until for until in found if until > now), default=None)


def unlock(tx: Connection, actor: Actor, now: datetime, name: str) -> int:
    """Forget the wrong tries for this person, from everywhere; returns in how many places there were some."""
    require(actor, Action.USERS)
    user = users.get(tx, name)
    ended = sum(proofs.forget_tries_of(tx, key) for key in _keys(user))
    audit.record(tx, actor, now, "user unlock", [user.id])
    return ended


def _keys(user: User) -> set[str]:
    return {_key(name) for name in (user.id, user.sign_in) if name}
