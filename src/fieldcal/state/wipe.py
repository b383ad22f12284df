"""Have what was deleted be gone from the files, too: a database keeps old bytes until it writes over them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from fieldcal.errors import ConfigError, one_line
from fieldcal.state.columns import metadata
from fieldcal.state.database import Database

#: How long others are waited for that read the old bytes still, seconds.
PATIENCE = 30.0
_BREATH = 0.2


def wipe(database: Database) -> str:
    """Write every table anew, without what was deleted; returns what is left to do, "" where nothing is.

    SQLite: the file is written anew (VACUUM) with freed pages zeroed, and the write-ahead log is cut to nothing, which
    waits for every reader of its old pages. PostgreSQL: VACUUM FULL of our tables; what its write-ahead log, archives
    and standbys hold is the server's.
    """
    return _file(Path(database.url.database or ""), PATIENCE) if database.is_sqlite else _server(database)


def _file(path: Path, patience: float) -> str:
    until = time.monotonic() + patience
    try:
        with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() >= until:
                    raise sqlite3.OperationalError("another process reads it")
                time.sleep(_BREATH)
    except sqlite3.Error as error:
        return (
            f"old bytes may still lie in {path} and {path.name}-wal ({one_line(error)}); run `fieldcal db compact` "
            "when no service and no other command is at work"
        )
    return ""


def _server(database: Database) -> str:
    engine = create_engine(
        database.url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", hide_parameters=True
    )
    try:
        with engine.connect() as connection:
            for table in metadata.sorted_tables:
                connection.exec_driver_sql(f'VACUUM FULL "{table.name}"')
    except DBAPIError as error:
        raise ConfigError(
            f"the state's database does not let its tables be written anew: {one_line(error.orig)}"
        ) from None
    finally:
        engine.dispose()
    return ""
