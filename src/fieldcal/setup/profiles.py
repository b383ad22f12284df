"""Server profiles (R8): *Microsoft Exchange Online*, Active, Server-to-Server Authentication."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import Identity
from fieldcal.setup.environments import checked_name
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Endpoint, ServerProfile
from fieldcal.state import audit, profiles

#: What each kind of server is called where people choose it.
KINDS = {"exchange-online": "Microsoft Exchange Online"}
#: How every profile signs in: as the service, never as the worker.
AUTHENTICATION = "Server-to-Server Authentication"


def add(
    tx: Connection, actor: Actor, now: datetime, name: str, end: Endpoint, kind: str = "exchange-online"
) -> ServerProfile:
    """Make a profile; it is active at once."""
    require(actor, Action.PROFILES)
    checked_name(name, "a server profile")
    if kind not in KINDS:
        raise ConfigError(f"there is no kind of server profile {kind!r}; there are: {', '.join(KINDS)}")
    made = ServerProfile(name, end, now, kind)
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


def withdraw(tx: Connection, actor: Actor, now: datetime, name: str) -> None:
    """Take back a profile that no mailbox uses: one that could not be signed in to."""
    require(actor, Action.PROFILES)
    used = profiles.using(tx, name)
    if used:
        raise ConfigError(f"{used} mailboxes use the server profile {name}; deactivate it instead")
    profiles.remove(tx, name)
    audit.record(tx, actor, now, "profile withdraw", [name])


def pin(tx: Connection, name: str, identity: Identity) -> ServerProfile:
    """Remember the tenant that this profile signs in to, as it says now (R7)."""
    known = profiles.get(tx, name)
    if identity.tenant and identity.tenant != known.tenant:
        known = replace(known, tenant=identity.tenant)
        profiles.save(tx, known)
    return known
