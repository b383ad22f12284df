"""Environments: where their bookings come from and what is set for them."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from fieldcal.errors import ConfigError
from fieldcal.plan.settings import Settings, parse
from fieldcal.setup_model import Endpoint, Environment
from fieldcal.state.columns import metadata
from fieldcal.state.tables import environments, links

#: Tables whose rows outlive their environment.
_KEPT = frozenset({"audit"})

# built once: building it costs more than running it
_FIND = select(environments).where(environments.c.id == bindparam("b_name"))


def end_of(row: Row[Any]) -> Endpoint:
    """The columns that every attached system has."""
    return Endpoint(row.url, row.authority, row.tenant_hint, row.credential, row.client_id, row.secret)


def end_columns(end: Endpoint) -> dict[str, str]:
    """The inverse of `end_of`."""
    return {
        "url": end.url, "authority": end.authority, "tenant_hint": end.tenant, "credential": end.credential,
        "client_id": end.client_id, "secret": end.secret,
    }  # fmt: skip


def _environment(row: Any) -> Environment:
    return Environment(
        row.id, end_of(row), row.created_at, row.source, _settings(row.settings), row.enabled, row.organization,
        row.tenant,
    )  # fmt: skip


@lru_cache(maxsize=64)  # every write of a mailbox asks for its environment, and they are few
def of_columns(values: tuple[Any, ...]) -> Environment:
    """The environment of these columns, which are the table's, in their order."""
    return _environment(SimpleNamespace(**dict(zip(environments.c.keys(), values, strict=True))))


@lru_cache(maxsize=64)  # every write of a mailbox asks for its environment, and reading these costs most of that
def _settings(stored: str) -> Settings:
    return parse(msgspec.json.decode(stored))


def _columns(environment: Environment) -> dict[str, Any]:
    standard = Settings()
    # Only what differs is kept, so that an administrator who never chose follows a better default.
    chosen = {
        field.name: value
        for field in fields(Settings)
        if (value := getattr(environment.settings, field.name)) != getattr(standard, field.name)
    }
    return {
        **end_columns(environment.end),
        "source": environment.source, "settings": msgspec.json.encode(chosen).decode(),
        "enabled": environment.enabled, "organization": environment.organization, "tenant": environment.tenant,
    }  # fmt: skip


def names(tx: Connection) -> list[str]:
    """Every environment's name."""
    return list(tx.scalars(select(environments.c.id).order_by(environments.c.id)))


def everyone(tx: Connection) -> list[Environment]:
    """Every environment, by name."""
    return [_environment(row) for row in tx.execute(select(environments).order_by(environments.c.id))]


def find(tx: Connection, name: str) -> Environment | None:
    """The environment of this name."""
    row = tx.execute(_FIND, {"b_name": name}).first()
    return None if row is None else _environment(row)


def get(tx: Connection, name: str) -> Environment:
    """The environment of this name; a `ConfigError` that names those there are."""
    found = find(tx, name)
    if found is None:
        known = ", ".join(names(tx)) or "none yet; `fieldcal environment add` makes one"
        raise ConfigError(f"there is no environment {name!r}; there are: {known}")
    return found


def add(tx: Connection, environment: Environment) -> None:
    """Keep a new environment; its name must be free."""
    if find(tx, environment.id) is not None:
        raise ConfigError(f"there is an environment {environment.id!r} already")
    tx.execute(
        insert(environments).values(id=environment.id, created_at=environment.created_at, **_columns(environment))
    )


def save(tx: Connection, environment: Environment) -> None:
    """Keep what this environment is now."""
    tx.execute(update(environments).where(environments.c.id == environment.id).values(**_columns(environment)))


def live_links(tx: Connection, name: str) -> int:
    """How many events of ours stand for this environment, as far as is known."""
    return tx.scalar(
        select(func.count()).select_from(links).where(links.c.environment == name, links.c.event.is_not(None))
    ) or 0  # fmt: skip


def remove(tx: Connection, name: str) -> None:
    """Forget this environment and everything that was remembered for it, the audit aside."""
    for table in metadata.tables.values():
        if "environment" in table.c and table.name not in _KEPT:
            tx.execute(delete(table).where(table.c.environment == name))
    tx.execute(delete(environments).where(environments.c.id == name))
