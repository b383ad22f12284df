"""What SQLAlchemy has compiled for one database is there for every other one of the test process.

It keeps what it compiled with the engine, keyed by the dialect, and most tests have databases of their own: a fifth of
their processor time went into compiling the same statements anew. Statements and parameters are unchanged by this.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_compiled: LRUCache[Any, Any] = LRUCache(4000)


def _kind(dialect: Any) -> tuple[Hashable, ...]:
    """What a compiled statement depends on."""
    return (
        type(dialect),
        dialect.paramstyle,
        dialect.server_version_info,
        dialect.default_schema_name,
        dialect.max_identifier_length,
    )


def _alike(self: Any, other: object) -> bool:
    return _kind(self) == _kind(other) if type(self) is type(other) else NotImplemented


def _hash(self: object) -> int:
    return hash(type(self))


def _created(engine: Engine) -> None:
    engine._compiled_cache = _compiled


class Sqlite(SQLiteDialect_pysqlite):
    """SQLite, the same for all databases."""

    supports_statement_cache = True

    __eq__, __hash__ = _alike, _hash
    engine_created = staticmethod(_created)


class PostgreSql(PGDialect_psycopg):
    """PostgreSQL by psycopg, the same for all databases."""

    supports_statement_cache = True

    __eq__, __hash__ = _alike, _hash
    engine_created = staticmethod(_created)


def share() -> None:
    """From now on every engine that is created has what all others have compiled."""
    for name, dialect in (("sqlite", Sqlite), ("postgresql.psycopg", PostgreSql)):
        registry.register(name, __name__, dialect.__name__)
