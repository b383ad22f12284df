"""Server profiles: the calendar servers that mailboxes are written through (R8)."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from fieldcal.errors import ConfigError
from fieldcal.setup_model import ServerProfile, TrialStatus
from fieldcal.state.environments import end_columns, end_of
from fieldcal.state.tables import links, mailboxes, profiles

# built once: building it costs more than running it
_FIND = select(profiles).where(profiles.c.id == bindparam("b_name"))


def _profile(row: Any) -> ServerProfile:
    return ServerProfile(
        row.id, end_of(row), row.created_at, row.kind, row.active, row.tenant, row.calendar, row.at_once
    )


@lru_cache(maxsize=64)  # every write of a mailbox asks for its profile, and they are few
def of_columns(values: tuple[Any, ...]) -> ServerProfile:
    """The profile of these columns, which are the table's, in their order."""
    return _profile(SimpleNamespace(**dict(zip(profiles.c.keys(), values, strict=True))))


def _columns(profile: ServerProfile) -> dict[str, Any]:
    return {
        **end_columns(profile.end), "kind": profile.kind, "active": profile.active, "tenant": profile.tenant,
        "calendar": profile.calendar, "at_once": profile.at_once,
    }  # fmt: skip


def everyone(tx: Connection) -> list[ServerProfile]:
    """Every profile, by name."""
    return [_profile(row) for row in tx.execute(select(profiles).order_by(profiles.c.id))]


def find(tx: Connection, name: str) -> ServerProfile | None:
    """The profile of this name."""
    row = tx.execute(_FIND, {"b_name": name}).first()
    return None if row is None else _profile(row)


def get(tx: Connection, name: str) -> ServerProfile:
    """The profile of this name; a `ConfigError` that names those there are."""
    found = find(tx, name)
    if found is None:
        known = ", ".join(profile.id for profile in everyone(tx)) or "none yet; `fieldcal profile add` makes one"
        raise ConfigError(f"there is no server profile {name!r}; there are: {known}")
    return found


def add(tx: Connection, profile: ServerProfile) -> None:
    """Keep a new profile; its name must be free."""
    if find(tx, profile.id) is not None:
        raise ConfigError(f"there is a server profile {profile.id!r} already")
    tx.execute(insert(profiles).values(id=profile.id, created_at=profile.created_at, **_columns(profile)))


def save(tx: Connection, profile: ServerProfile) -> None:
    """Keep what this profile is now."""
    tx.execute(update(profiles).where(profiles.c.id == profile.id).values(**_columns(profile)))


def remove(tx: Connection, name: str) -> None:
    """Forget this profile."""
    tx.execute(delete(profiles).where(profiles.c.id == name))


def enabled_through(tx: Connection, name: str) -> int:
    """How many mailboxes, of all environments, are switched on through this profile."""
    on = (mailboxes.c.profile == name) & mailboxes.c.enabled
    return tx.scalar(select(func.count()).select_from(mailboxes).where(on)) or 0


def serving(tx: Connection, name: str) -> list[str]:
    """The environments with mailboxes that are written through this profile, by name."""
    used = select(mailboxes.c.environment).where(mailboxes.c.profile == name).distinct()
    return list(tx.scalars(used.order_by(mailboxes.c.environment)))


def standing(tx: Connection, name: str) -> int:
    """How many events of ours stand, or may stand, in the mailboxes of this profile."""
    here = (mailboxes.c.environment == links.c.environment) & (mailboxes.c.id == links.c.mailbox)
    there = or_(links.c.event.is_not(None), links.c.intent.is_not(None))
    return tx.scalar(
        select(func.count()).select_from(links.join(mailboxes, here)).where(mailboxes.c.profile == name, there)
    ) or 0  # fmt: skip


def test_anew(tx: Connection, name: str) -> None:
    """Switch the mailboxes of this profile off until Test & Enable has passed at its new end."""
    tx.execute(
        update(mailboxes)
        .where(mailboxes.c.profile == name)
        .values(
            enabled=False, test=TrialStatus.NOT_RUN.value, checks="[]", collection="", claimless=False,
            disabled_reason="the server profile changed: run Test & Enable",
        )
    )  # fmt: skip


def using(tx: Connection, name: str) -> int:
    """How many mailboxes, of all environments, are written through this profile."""
    return tx.scalar(select(func.count()).select_from(mailboxes).where(mailboxes.c.profile == name)) or 0
