"""Attaching sources of bookings, setting their rules, and letting them go again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, Stranger, one_line
from fieldcal.model import Identity
from fieldcal.plan.render import check_templates
from fieldcal.plan.settings import Settings, read
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Endpoint, Environment
from fieldcal.state import audit, environments, webhooks

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,58}[A-Za-z0-9])?")


def name_mistakes(name: str, what: str) -> list[str]:
    """Why `name` cannot stand in a command, a path and a log; nothing where it can."""
    if _NAME.fullmatch(name):
        return []
    how = "use letters, digits, dots, dashes, underscores and spaces, at most 60"
    return [f"{one_line(name, 80)!r} cannot name {what}: {how}"]


def setting_mistakes(given: dict[str, Any], base: Settings | None = None) -> list[str]:
    """Everything that is wrong with these settings, a phrase each: names, values, templates, addresses."""
    settings, mistakes = read(given, base)
    return mistakes + check_templates(settings)


def checked_settings(given: dict[str, Any], base: Settings | None = None) -> Settings:
    """`base` with these settings changed; one `ConfigError` names every mistake in them."""
    refuse(setting_mistakes(given, base))
    return read(given, base)[0]


def refuse(mistakes: Sequence[str]) -> None:
    """Return when there is no mistake; else raise one `ConfigError` that names them all."""
    if mistakes:
        raise ConfigError("; ".join(dict.fromkeys(mistakes)))


def add(
    tx: Connection, actor: Actor, now: datetime, name: str, end: Endpoint, settings: dict[str, Any] | None = None
) -> Environment:
    """Attach a source of bookings under this name. Nothing is read from it and nobody is written to by this."""
    require(actor, Action.ENVIRONMENTS)
    refuse(name_mistakes(name, "an environment"))
    made = Environment(name, end, now, settings=checked_settings(settings or {}))
    environments.add(tx, made)
    audit.record(tx, actor, now, "environment add", [name], f"{end.url}, credential {end.credential}")
    return made


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change of an environment; None and nothing named: stays as it is."""

    settings: dict[str, Any]
    url: str | None = None
    authority: str | None = None
    tenant: str | None = None
    credential: str | None = None
    client_id: str | None = None
    secret: str | None = None
    enabled: bool | None = None

    def end(self, before: Endpoint) -> Endpoint:
        """The end as it is after these changes."""
        fields = ("url", "authority", "tenant", "credential", "client_id", "secret")
        return replace(before, **{field: value for field in fields if (value := getattr(self, field)) is not None})


def change(tx: Connection, actor: Actor, now: datetime, name: str, changes: Changes) -> Environment:
    """Change settings or the way to sign in. Switching off removes nothing and sends nothing (R13).

    A setting alone rewrites no event: it takes hold of a booking at its next change (design §4).
    """
    require(actor, Action.ENVIRONMENTS)
    before = environments.get(tx, name)
    after = replace(
        before,
        end=changes.end(before.end),
        settings=checked_settings(changes.settings, before.settings),
        enabled=before.enabled if changes.enabled is None else changes.enabled,
    )
    if after == before:
        return before
    environments.save(tx, after)
    audit.record(tx, actor, now, "environment set", [name], "; ".join(_differences(before, after)))
    return after


def _differences(before: Environment, after: Environment) -> list[str]:
    told = [
        f"{field}: {getattr(before.settings, field)} -> {getattr(after.settings, field)}"
        for field in Settings.__slots__
        if getattr(before.settings, field) != getattr(after.settings, field)
    ]
    if before.end != after.end:
        # a reference may be long, an encrypted secret too; that it changed is what matters
        names = [field for field in Endpoint.__slots__ if getattr(before.end, field) != getattr(after.end, field)]
        told.append("changed " + ", ".join(names))
    if before.enabled != after.enabled:
        told.append("switched on" if after.enabled else "switched off")
    return told


def pin(tx: Connection, name: str, identity: Identity) -> Environment:
    """Hold the environment to the organization and tenant that it said at its first sign-in.

    Another answer later is a `Stranger`: nothing may be planned, for absence in another organization would read
    like deletion. Two environments never share one organization.
    """
    known = environments.get(tx, name)
    if not identity.organization:
        raise Stranger(f"the source of the environment {name} does not say which organization it is")
    if not known.organization:
        for other in environments.everyone(tx):
            if other.organization == identity.organization:
                raise Stranger(
                    f"the environment {name} is the organization {identity.organization}, "
                    f"which the environment {other.id} serves already"
                )
        known = replace(known, organization=identity.organization, tenant=identity.tenant)
        environments.save(tx, known)
        return known
    for what, before, now in (
        ("organization", known.organization, identity.organization),
        ("tenant", known.tenant, identity.tenant),
    ):
        if before and now and before != now:
            raise Stranger(
                f"the environment {name} is held to the {what} {before}, but its source now says {now}: "
                "nothing is planned; correct its address, or add the other one as an environment of its own"
            )
    return known


def removable(tx: Connection, actor: Actor, name: str, *, keep_events: bool = False) -> int:
    """How many events would be left standing; raises where this environment may not be forgotten."""
    require(actor, Action.ENVIRONMENTS)
    environments.get(tx, name)
    if webhooks.find(tx, name) is not None:
        raise ConfigError(
            f"the webhook of the environment {name} is registered at its source; first "
            f"`fieldcal environment webhook remove {name}`"
        )
    standing = environments.live_links(tx, name)
    if standing and not keep_events:
        raise ConfigError(
            f"{standing} events of the environment {name} stand in calendars; remove them with "
            "--events clean, or leave them standing with --events keep"
        )
    return standing


def remove(tx: Connection, actor: Actor, now: datetime, name: str, *, keep_events: bool = False) -> int:
    """Forget an environment; refused while events of ours stand, unless they are to be kept as they are.

    Returns how many events are left standing, known to nobody any more.
    """
    standing = removable(tx, actor, name, keep_events=keep_events)
    environments.remove(tx, name)
    audit.record(tx, actor, now, "environment remove", [name], f"{standing} events left standing")
    return standing
