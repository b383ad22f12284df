"""The tables of a new SQLite file as one script: SQLAlchemy asks about each table and compiles each anew."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, MetaData
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable


def make_tables(connection: Connection, metadata: MetaData) -> None:
    """Make all tables and indexes in one transaction, where none is open; those that are there stay as they are.

    Two processes may find the same file empty at once: the second one waits for the first and changes nothing.
    """
    raw: Any = connection.connection.driver_connection
    raw.executescript(_script(metadata))


@cache
def _script(metadata: MetaData) -> str:
    dialect = sqlite.dialect()
    made: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        made += [CreateTable(table, if_not_exists=True), *(CreateIndex(one, if_not_exists=True) for one in indexes)]
    return ";\n".join(["BEGIN IMMEDIATE", *(str(one.compile(dialect=dialect)) for one in made), "COMMIT;"])
