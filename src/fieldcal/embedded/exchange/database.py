"""One SQLite file, one connection, one lock: short transactions that other processes can share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.pool import StaticPool

from fieldcal.embedded.exchange.tables import metadata
from fieldcal.embedded.sqlite_script import make_tables

#: seconds to wait for another process that writes
PATIENCE = 5


class Database:
    """The connection to the file. All use of `connection` stands inside `reading` or `transaction`."""

    def __init__(self, path: Path | str) -> None:
        """`path` may be `:memory:`; a missing file is made."""
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",  # transactions are begun by hand, as IMMEDIATE
            connect_args={"check_same_thread": False, "timeout": PATIENCE},
        )
        self.connection: Connection = self._engine.connect()
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "temp_store = MEMORY", "cache_size = -32000"):
            self.connection.exec_driver_sql(f"PRAGMA {pragma}")
        if inspect(self.connection).get_table_names():
            metadata.create_all(self.connection)
        else:
            make_tables(self.connection, metadata)
        #: called before each commit, to write what was gathered
        self.before_commit: list[Callable[[], None]] = []
        #: called after each transaction, however it ended
        self.after: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._open = False

    @property
    def in_transaction(self) -> bool:
        return self._open

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection for this thread alone; inside a transaction: that transaction's view."""
        with self._lock:
            yield self.connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing, committed when the block ends; a transaction inside another one joins it."""
        with self._lock:
            if self._open:
                yield self.connection
                return
            self.connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._open = True
            try:
                yield self.connection
                for write in self.before_commit:
                    write()
                self.connection.exec_driver_sql("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._open = False
                for forget in self.after:
                    forget()

    def _roll_back(self) -> None:
        # SQLite ends a transaction by itself where the disk is full.
        if self.connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr] # sqlite3's own
            self.connection.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        """Give the file back. Twice does no harm."""
        with self._lock:
            self.connection.close()
            self._engine.dispose()
