"""The field service's database: its SQL tables, made from the schema, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Table as SqlTable
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeEngine

from fieldcal.embedded.fieldservice.schema import Column, Table
from fieldcal.embedded.fieldservice.tables import SCHEMA

ID_CHUNK = 500  # ids in one IN (...)
LAYOUT = 5  # raised with every change of the SQL tables, which may only add columns, tables and indexes

#: Instants are kept as `2026-11-23T10:00:00Z`: as wide as they are sortable, and sent as they are.
INSTANT = String(20)
GUID = String(36)

metadata = MetaData()


def _sql_type(column: Column) -> TypeEngine[Any]:
    match column.type:
        case "guid" | "lookup":
            return GUID
        case "datetime":
            return INSTANT
        case "date":
            return String(10)
        case "integer" | "option":
            return Integer()
        case "bigint":
            return BigInteger()
        case "double":
            return Float()
        case "boolean":
            return Boolean()
        case "memo":
            return Text()
        case "string":
            return String(column.length)


def _sql_table(table: Table) -> SqlTable:
    columns = [
        SqlColumn(column.name, _sql_type(column), primary_key=column.name == table.id, index=column.indexed)
        for column in table.columns
    ]
    indexes = [Index(f"ix_{table.name}_{names[0]}_list", *names) for names in table.indexes]
    return SqlTable(table.name, metadata, *columns, Index(f"ix_{table.name}_version", "versionnumber"), *indexes)


TABLES = {table.name: _sql_table(table) for table in SCHEMA.tables}

#: What change tracking reports as deleted. Old rows go when their tokens have expired.
deletions = SqlTable(
    "deletions",
    metadata,
    SqlColumn("version", BigInteger, primary_key=True),
    SqlColumn("table_name", String(100), nullable=False),
    SqlColumn("row_id", GUID, nullable=False),
    SqlColumn("at", INSTANT, nullable=False, index=True),
    Index("ix_deletions_table", "table_name", "version"),
    Index("ix_deletions_row", "row_id"),
)

#: `version`: the last one given out. `order`: the last work order number. `valid_from`: older tokens have expired.
counters = SqlTable(
    "counters",
    metadata,
    SqlColumn("name", String(20), primary_key=True),
    SqlColumn("value", BigInteger, nullable=False),
)

#: The object id that belonged to an address, in small letters, when its user left it.
former_addresses = SqlTable(
    "former_addresses",
    metadata,
    SqlColumn("address", String(320), primary_key=True),
    SqlColumn("object_id", GUID, nullable=False),
)

FIRST_COUNTERS = {"version": 1000, "order": 0, "valid_from": 0, "layout": LAYOUT}


class WrongLayout(Exception):
    """The database was written by another version of this program."""


def open_database(path_or_url: str | Path) -> Engine:
    """Open a file (made if missing), a URL of SQLAlchemy, or `:memory:`, with all tables there."""
    text = str(path_or_url)
    if text == ":memory:":
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(text if "://" in text else f"sqlite:///{text}")
    if engine.dialect.name == "sqlite":
        _tame_sqlite(engine)
    try:
        _prepare(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _tame_sqlite(engine: Engine) -> None:
    """Real transactions: a write takes its lock at once and waits for it, readers are never in the way."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA cache_size = -65536")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare(engine: Engine) -> None:
    fresh = not inspect(engine).has_table(counters.name)
    metadata.create_all(engine)
    with engine.execution_options(writing=True).begin() as connection:
        known = dict(connection.execute(select(counters.c.name, counters.c.value)).all())
        missing = [{"name": name, "value": value} for name, value in FIRST_COUNTERS.items() if name not in known]
        if missing:
            connection.execute(insert(counters), missing)
        if not fresh and known.get("layout", LAYOUT + 1) > LAYOUT:
            message = f"the field service's database has layout {known.get('layout')}; this program knows {LAYOUT}"
            raise WrongLayout(message)
        if not fresh and known["layout"] < LAYOUT:
            _extend(connection)


def _extend(connection: Connection) -> None:
    """Add the columns and indexes that an earlier layout did not have; tables are made already."""
    there = inspect(connection)
    for table in metadata.tables.values():
        known = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')
        indexed = {index["name"] for index in there.get_indexes(table.name)}
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            if index.name not in indexed:
                index.create(connection)
    connection.execute(update(counters).where(counters.c.name == "layout").values(value=LAYOUT))


def take_counter(connection: Any, name: str, count: int = 1) -> int:
    """Raise a counter within the caller's transaction; gives the last value taken. Writers wait here for each other."""
    statement = update(counters).where(counters.c.name == name).values(value=counters.c.value + count)
    value: int = connection.execute(statement.returning(counters.c.value)).scalar_one()
    return value


def read_counter(connection: Any, name: str) -> int:
    """A counter's value as the caller's transaction sees it."""
    value: int = connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one()
    return value
