"""Server profiles (R8): *Microsoft Exchange Online*, Active, Server-to-Server Authentication; or CalDAV."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, one_line
from fieldcal.model import Identity
from fieldcal.setup import addresses
from fieldcal.setup.environments import name_mistakes, refuse
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import CALDAV, EXCHANGE, Actor, Endpoint, ServerProfile
from fieldcal.state import accounts, audit, profiles

#: What each kind of server is called where people choose it.
KINDS = {EXCHANGE: "Microsoft Exchange Online", CALDAV: "CalDAV"}
#: Requests to a CalDAV server at once, if nothing else is said.
DAV_AT_ONCE = 8


def authentication(profile: ServerProfile) -> str:
    """How this profile signs in, in R8's words; on CalDAV each mailbox may do so itself."""
    if profile.kind != CALDAV:
        return "Server-to-Server Authentication"
    if not profile.end.secret:
        return "each mailbox signs in by itself"
    return f"signs in as {profile.end.client_id} for all" if profile.end.client_id else "signs in by one token for all"


def mistakes(name: str, kind: str) -> list[str]:
    """What is wrong with this name and kind of a profile."""
    there = ", ".join(KINDS)
    unknown = (
        [] if kind in KINDS else [f"there is no kind of server profile {one_line(kind, 60)!r}; there are: {there}"]
    )
    return [*name_mistakes(name, "a server profile"), *unknown]


def add(
    tx: Connection, actor: Actor, now: datetime, name: str, end: Endpoint, kind: str = EXCHANGE, *,
    calendar: str = "", at_once: int = 0,
) -> ServerProfile:  # fmt: skip
    """Make a profile; it is active at once."""
    require(actor, Action.PROFILES)
    refuse(mistakes(name, kind))
    made = ServerProfile(name, end, now, kind, calendar=calendar, at_once=at_once)
    profiles.add(tx, made)
    audit.record(tx, actor, now, "profile add", [name], f"{KINDS[kind]}, {end.url}, credential {end.credential}")
    return made


def ensure(tx: Connection, actor: Actor, now: datetime, name: str, end: Endpoint) -> ServerProfile:
    """The *Microsoft Exchange Online* profile of this name: made if missing, activated if not active (R8)."""
    known = profiles.find(tx, name)
    if known is None:
        return add(tx, actor, now, name, end)
    if known.end.url != end.url:
        raise ConfigError(f"the server profile {name} stands for {known.end.url} already")
    return known if known.active else set_active(tx, actor, now, name, active=True)


def change(
    tx: Connection, actor: Actor, now: datetime, name: str, end: Endpoint, identity: Identity | None, *,
    calendar: str | None = None, at_once: int | None = None,
) -> ServerProfile:  # fmt: skip
    """Have this profile stand at another address or calendar, or sign in otherwise.

    `identity`: what the end says it is; None: it was not asked. What we remember of a mailbox's events are ids at one
    server. So another server is taken only where no event of ours stands, and then each mailbox is off until it was
    tested there. The mailboxes' own secrets were given for one server, and are forgotten at another.
    """
    require(actor, Action.PROFILES)
    known = profiles.get(tx, name)
    wanted = replace(
        known, end=end, tenant=identity.tenant if identity else "",
        calendar=known.calendar if calendar is None else calendar,
        at_once=known.at_once if at_once is None else at_once,
    )  # fmt: skip
    if replace(wanted, tenant=wanted.tenant or known.tenant) == known:
        return known
    same = same_server(known, wanted)
    if not same:
        standing = profiles.standing(tx, name)
        if standing:
            raise ConfigError(
                f"{standing} events of ours stand in mailboxes of the server profile {name}, and it is not sure that "
                "they are at the new end too: take them out first (`fieldcal mailbox clean`); what is due is written "
                "anew at the new end, after Test & Enable"
            )
        profiles.test_anew(tx, name)
    changed = replace(wanted, tenant=wanted.tenant or (known.tenant if same else ""))
    lost = accounts.forget_through(tx, name) if losing(tx, known, end) else 0
    profiles.save(tx, changed)
    names = [field for field in Endpoint.__slots__ if getattr(known.end, field) != getattr(end, field)]
    names += [field for field in ("calendar", "at_once") if getattr(known, field) != getattr(wanted, field)]
    told = f"; the own secrets of {lost} mailboxes are forgotten" if lost else ""
    audit.record(tx, actor, now, "profile set", [name], f"changed {', '.join(names) or 'tenant'}{told}")
    return changed


def losing(tx: Connection, known: ServerProfile, end: Endpoint) -> int:
    """How many mailboxes lose a secret of their own when this profile goes to this end: none goes to another server."""
    if addresses.origin(known.end.url) == addresses.origin(end.url):
        return 0
    return accounts.with_secret(tx, known.id)


def same_server(known: ServerProfile, new: ServerProfile) -> bool:
    """The new one certainly leads to the calendars that the known one led to: the same address, in the same tenant.

    A tenant alone proves nothing: it is the token's word, and any server may be shown the same token. Of CalDAV the
    whole template of addresses counts, and which calendar is taken.
    """
    if known.kind != new.kind:
        return False
    if known.kind == CALDAV:
        calendars = [(one.end.url.rstrip("/"), one.calendar) for one in (known, new)]
        return calendars[0] == calendars[1]
    places = [addresses.origin(one.end.url) for one in (known, new)]
    if places[0] != places[1]:
        return False
    if new.tenant and known.tenant:
        return new.tenant.casefold() == known.tenant.casefold()
    return (known.end.authority, known.end.tenant) == (new.end.authority, new.end.tenant)


def set_active(tx: Connection, actor: Actor, now: datetime, name: str, *, active: bool) -> ServerProfile:
    """Activate or deactivate; deactivating removes nothing and sends nothing (R13), marks wait."""
    require(actor, Action.PROFILES)
    known = profiles.get(tx, name)
    if known.active == active:
        return known
    changed = replace(known, active=active)
    profiles.save(tx, changed)
    audit.record(tx, actor, now, "profile activate" if active else "profile deactivate", [name])
    return changed


def remove(tx: Connection, actor: Actor, now: datetime, name: str) -> None:
    """Forget a profile that no mailbox uses."""
    require(actor, Action.PROFILES)
    profiles.get(tx, name)
    used = profiles.using(tx, name)
    if used:
        raise ConfigError(
            f"{used} mailboxes use the server profile {name}: choose another for them first, or deactivate it instead"
        )
    profiles.remove(tx, name)
    audit.record(tx, actor, now, "profile remove", [name])


def pin(tx: Connection, name: str, identity: Identity) -> ServerProfile:
    """Remember the tenant that this profile signs in to, as it says now (R7)."""
    known = profiles.get(tx, name)
    if identity.tenant and identity.tenant != known.tenant:
        known = replace(known, tenant=identity.tenant)
        profiles.save(tx, known)
    return known
