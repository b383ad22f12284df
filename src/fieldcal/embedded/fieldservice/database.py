"""The field service's database: its SQL tables, made from the schema, and how it is opened."""

from __future__ import annotations

import sqlite3
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
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool
from sqlalchemy.types import TypeEngine

from fieldcal.embedded.fieldservice.schema import Column, Table
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.embedded.sqlite_script import make_tables
from fieldcal.errors import StateAway

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

#: Under it a connection's `info` tells how many versions its transaction has taken.
TAKEN = "versions taken"
FIRST_COUNTERS = {"version": 1000, "order": 0, "valid_from": 0, "layout": LAYOUT}


_AWAY = "the embedded Field Service's database cannot be used at this moment"


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
    if text != ":memory:":
        _tell_when_away(engine)
    if engine.dialect.name == "sqlite" and engine.url.database:
        _hold_to_its_file(engine, Path(engine.url.database))
    return engine


def _tell_when_away(engine: Engine) -> None:
    """From now on a database that does not answer, or ended a transaction, raises `StateAway`.

    In PostgreSQL it is the state's; a file may have been moved, damaged or closed to this user, or its disk is full.
    """

    @event.listens_for(engine, "handle_error")
    def tell(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if not context.is_disconnect and not (isinstance(error, DBAPIError) and _of_the_database(error)):
            return
        said = str(context.original_exception).partition("\n")[0]
        place = f"{engine.url.database}: " if engine.dialect.name == "sqlite" else ""
        # Pages show what they catch: the message names no address.
        raise StateAway(_AWAY, place + said)


def _of_the_database(error: DBAPIError) -> bool:
    """It is the database's trouble, not our SQL's; for that SQLite has the code of an error and nothing else."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, OperationalError)
    return code != sqlite3.SQLITE_ERROR and not isinstance(error, IntegrityError | ProgrammingError)


def _hold_to_its_file(engine: Engine, path: Path) -> None:
    """Have each transaction be one on the file that stands under this name.

    Without this a file that is moved is written on where it went, and a connection made after that makes an empty one.
    """

    def identity() -> tuple[int, int]:
        try:
            found = path.stat()
        except OSError as error:
            raise StateAway(_AWAY, f"{path}: {error.strerror}; put it back") from error
        return found.st_dev, found.st_ino

    @event.listens_for(engine, "do_connect")
    def before(*_: object) -> None:
        identity()

    @event.listens_for(engine, "connect")
    def made(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = identity()

    @event.listens_for(engine, "checkout")
    def taken(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        now = identity()
        if record.info.setdefault("file", now) != now:
            raise DisconnectionError("another file stands there")


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
    if fresh and engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            make_tables(connection, metadata)
    else:
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


def take_counter(connection: Connection, name: str, count: int = 1) -> int:
    """Raise a counter within the caller's transaction; gives the last value taken. Writers wait here for each other."""
    statement = update(counters).where(counters.c.name == name).values(value=counters.c.value + count)
    value: int = connection.execute(statement.returning(counters.c.value)).scalar_one()
    if name == "version":
        connection.info[TAKEN] = connection.info.get(TAKEN, 0) + count
    return value


def read_counter(connection: Any, name: str) -> int:
    """A counter's value as the caller's transaction sees it."""
    value: int = connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one()
    return value
