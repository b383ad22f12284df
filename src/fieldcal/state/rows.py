"""Writing rows alike on SQLite and PostgreSQL, and values as JSON text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

#: How many values one IN list carries; both databases take far more, and plans stay cached by size.
SLICE = 500


def slices(values: Sequence[T], size: int = SLICE) -> Iterator[Sequence[T]]:
    """`values` in pieces of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def insert(tx: Connection, table: Table) -> Any:
    """This database's own INSERT, which knows ON CONFLICT (`Any`: the two dialects' classes share no type)."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


def together(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The rows as `Connection.execute` takes them; one by itself, for several go a longer way to PostgreSQL."""
    return dict(rows[0]) if len(rows) == 1 else list(rows)


def upsert(
    tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, keep: Sequence[str] = (), newer: str = ""
) -> None:
    """Insert these rows; where one exists, overwrite its columns but those in `keep`.

    All rows have the same columns. `newer` names a column: a stored row with a greater value there stays as it is.
    """
    if rows:
        tx.execute(_upserting(tx.dialect.name, table, tuple(rows[0]), tuple(keep), newer), together(rows))


@lru_cache(maxsize=64)  # building one costs as much as running it
def _upserting(dialect: str, table: Table, columns: tuple[str, ...], keep: tuple[str, ...], newer: str) -> Any:
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    key = [column.name for column in table.primary_key.columns]
    new = {name: statement.excluded[name] for name in columns if name not in key and name not in keep}
    where = statement.excluded[newer] >= table.c[newer] if newer else None
    return statement.on_conflict_do_update(index_elements=key, set_=new, where=where)


def add_missing(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of these rows that do not exist yet; the others stay as they are."""
    if rows:
        tx.execute(_adding(tx.dialect.name, table), together(rows))


@lru_cache(maxsize=64)
def _adding(dialect: str, table: Table) -> Any:
    return (sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)).on_conflict_do_nothing()


def to_json(value: Any) -> str:
    """A value of the model as text; datetimes as RFC 3339 in UTC."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, kind: type[T]) -> T:
    """The value that `to_json` wrote."""
    return msgspec.json.decode(text, type=kind)
