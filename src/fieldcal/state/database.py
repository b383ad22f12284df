"""The door to the state: transactions on SQLite or PostgreSQL, and the threads they run in."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from fieldcal.access import obstacle, of_this_user
from fieldcal.errors import ConfigError, Damaged, StateAway
from fieldcal.state.present import OWN

P = ParamSpec("P")
T = TypeVar("T")

#: How long a writer waits for another process's transaction, seconds.
BUSY_TIMEOUT = 30
#: Threads that read or, on PostgreSQL, write at the same time.
_THREADS = 8
#: How long an empty file may be one that another process makes just now, seconds: it takes some milliseconds.
_BEGINS = 1.0
#: How often a transaction is run that another one stood in the way of, and PostgreSQL's words for that.
_TRIES, _TAKEN_BACK = 4, ("40001", "40P01", "55P03")
#: A worker that hangs in a transaction, or whose machine is gone, must not hold the others up: PostgreSQL ends what is
#: idle for so long, nobody waits longer for another's lock, and a peer that is silent is given up.
_OPTIONS = "-c idle_in_transaction_session_timeout=30s -c lock_timeout=15s"
_PATIENCE = {
    "connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}  # fmt: skip
#: PostgreSQL's word for what this user has no right to.
_DENIED = "42501"
#: SQLite's codes for a file that cannot be used where it is, and for one whose content is broken.
_AT_THE_PATH = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Called(NamedTuple):
    """How messages call a database, and what gave its address."""

    name: str
    given: str


STATE = Called("the state", "FIELDCAL_DATABASE_URL")


class TakenBack(StateAway):
    """PostgreSQL ended this transaction because two waited for each other; nothing of it is kept."""


class Database:
    """One state. Functions of this package take the `Connection` that `read` and `write` hand out.

    On SQLite there is one writing connection and one writing thread; readers have their own connections and see
    the last commit (WAL). On PostgreSQL all come from a pool. Any other process may open the same state beside us.
    """

    def __init__(self, url: str, *, busy_timeout: float = BUSY_TIMEOUT, called: Called = STATE) -> None:
        self._called = called
        try:
            self.url: URL = make_url(url)
        except (ArgumentError, ValueError):
            # It is not repeated: a password may stand in it.
            raise ConfigError(
                f"{called.name}'s address, {called.given}, cannot be read: write sqlite:///PATH or "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            own = _Own(self.url)
            _refuse_no_folder(self.url, called)
            self._writer = _sqlite(self.url, "BEGIN IMMEDIATE", 1, busy_timeout, own)
            self._reader = _sqlite(self.url, "BEGIN", _THREADS, busy_timeout, own)
            self._single = self._reader
        else:
            self._writer = _postgresql(self.url, called)
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._single = self._writer.execution_options(isolation_level="AUTOCOMMIT")
        self._write_lock = threading.RLock()
        self._write_threads = ThreadPoolExecutor(1 if self.is_sqlite else _THREADS, thread_name_prefix="state-write")
        self._read_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="state-read")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write: committed when the block ends, rolled back when it raises."""
        with _told_plainly(self.url, self._called):
            if not self.is_sqlite:
                with self._writer.begin() as tx:
                    yield tx
                return
            with self._write_lock, self._writer.begin() as tx:
                yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; what is written in it is refused on PostgreSQL, and not kept on SQLite."""
        with _told_plainly(self.url, self._called), self._reader.connect() as tx:
            yield tx
            if self.is_sqlite:
                tx.rollback()
            else:
                # After a rollback psycopg forgets what was prepared, and each statement is parsed and planned anew.
                tx.commit()

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """For one question, and nothing written: on PostgreSQL each statement sees the newest commit.

        For what is asked for each job: a transaction around a statement costs two more round trips.
        """
        with _told_plainly(self.url, self._called), self._single.connect() as tx:
            yield tx

    async def writing(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` with a writing transaction in the writing thread; returns when it is committed.

        `work` is run again where the database took its transaction back for the sake of another one.
        """

        def run() -> T:
            for _ in range(_TRIES - 1):
                try:
                    with self.write() as tx:
                        return work(tx, *args, **kwargs)
                except TakenBack:
                    continue
            with self.write() as tx:
                return work(tx, *args, **kwargs)

        return await _finish(self._write_threads, run)

    async def reading(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` with a reading transaction in a reading thread."""

        def run() -> T:
            with self.read() as tx:
                return work(tx, *args, **kwargs)

        return await _finish(self._read_threads, run)

    async def glancing(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work`, which asks one thing, in a reading thread (`glance`)."""

        def run() -> T:
            with self.glance() as tx:
                return work(tx, *args, **kwargs)

        return await _finish(self._read_threads, run)

    def close(self) -> None:
        """Finish what is under way and give every connection back."""
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        self._writer.dispose()
        self._reader.dispose()


async def _finish(threads: ThreadPoolExecutor, run: Callable[[], T]) -> T:
    """Wait for the thread even when we are cancelled: a transaction is never left behind half told."""
    future = asyncio.get_running_loop().run_in_executor(threads, run)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


class _Own:
    """Has the state's file made for this user alone, and refuses one that stands there empty.

    An empty file is what a full disk, a broken copy or a lost volume leaves. SQLite would take it for a new database,
    and a new state forgets every appointment and gets another installation's id (R14).
    """

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database) if url.database and url.database != ":memory:" else None
        self._sure = False

    def stands(self) -> None:
        """Return when the file may be opened; asked before each connection."""
        if self._path is None or self._sure:
            return
        if of_this_user(self._path):
            with closing(sqlite3.connect(self._path)) as made:
                made.execute("PRAGMA journal_mode=WAL")  # writes the head: what we make is never left empty
        else:
            self._wait_for_content(self._path)
        self._sure = True

    def _wait_for_content(self, path: Path) -> None:
        until = time.monotonic() + _BEGINS
        while _is_empty(path):
            if time.monotonic() > until:
                raise Damaged(
                    f"the state's file {path} is empty, and an empty file is no state: put a backup back with "
                    "`fieldcal db restore FILE`, or, to begin anew, remove the file"
                )
            time.sleep(0.05)  # another process may have made it a moment ago, and is about to write its head


def _is_empty(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size == 0
    except OSError:  # whoever opens it says why it cannot be
        return False


def _refuse_no_folder(url: URL, called: Called) -> None:
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        if not os.path.isdir(path.parent):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
            raise ConfigError(f"{called.name} {path} cannot be opened: {obstacle(path)}")


def _sqlite(url: URL, begin: str, size: int, busy_timeout: float, own: _Own) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": busy_timeout, "isolation_level": None},
        # Parameters are customers' texts; an error of the database must not carry them into a log (I10).
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def stands(_dialect: Any, _record: Any, _args: Any, _kwargs: Any) -> None:
        own.stands()

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        if begin != "BEGIN":
            # WAL with NORMAL survives the death of the process; after a power cut the last transactions may be
            # missing, and the create keys make that harmless (docs/decisions/002-sqlite-durability.md).
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def reached(url: URL) -> URL:
    """The address of a PostgreSQL with the patience that we have with it; what the address says itself counts.

    Its sessions are called after this process, whatever the address says (`present.py`).
    """
    said = url.query.get("options", ())
    options = " ".join([_OPTIONS, *([said] if isinstance(said, str) else said)])
    return url.update_query_dict({**_PATIENCE, **url.query, "options": options, "application_name": OWN})


def take_time(tx: Connection) -> None:
    """Have this transaction wait and work as long as it needs: an upgrade, a copy; nobody is at work beside it."""
    if tx.dialect.name != "sqlite":
        tx.execute(text("SET LOCAL lock_timeout = 0"))
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _postgresql(url: URL, called: Called) -> Engine:
    driver = reached(url).set(drivername="postgresql+psycopg")
    engine = create_engine(driver, pool_size=2 * _THREADS, max_overflow=4, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _record: Any, args: Any, kwargs: Any) -> Any:
        # Before SQLAlchemy asks it anything: of a database without an encoding it gets bytes where it looks for text.
        connection = dialect.connect(*args, **kwargs)
        if (found := connection.info.parameter_status("server_encoding")) not in (None, "UTF8"):
            connection.close()
            raise ConfigError(
                f"{called.name} at {url.render_as_string(hide_password=True)} is a database in the encoding {found}, "
                f"which cannot hold every name: make one with `CREATE DATABASE {url.database} ENCODING 'UTF8' TEMPLATE "
                "template0`"
            )
        return connection

    return engine


@contextmanager
def _told_plainly(url: URL, called: Called) -> Iterator[None]:
    """Turn what a database says of itself into one line for the operator; errors of our own SQL pass as they are."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) in _TAKEN_BACK:
            raise TakenBack("the state's database took a transaction back for another's sake; try again") from error
        said = str(error.orig).splitlines()[0] if str(error.orig) else "no reason given"
        where = url.render_as_string(hide_password=True)
        at_path = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _AT_THE_PATH
        seen = obstacle(Path(url.database or "")) if at_path else ""
        remedy = _sentence(seen) or _remedy(said, called)
        raise StateAway(f"{called.name} at {where} cannot be used: {said}. {remedy}") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise Damaged(
                f"the state's file {url.database} is damaged, or no database at all ({error.orig}); put a backup back "
                "with `fieldcal db restore FILE`, which keeps this file aside"
            ) from error
        if getattr(error.orig, "sqlstate", None) == _DENIED:
            raise ConfigError(
                f"{called.name} at {url.render_as_string(hide_password=True)} refuses this user: "
                f"{str(error.orig).splitlines()[0]}. Have the database's owner run `ALTER DATABASE {url.database} "
                f"OWNER TO {url.username}`, or `GRANT CREATE ON DATABASE` and `GRANT CREATE ON SCHEMA public`"
            ) from error
        if error.connection_invalidated:
            raise StateAway("the connection to the state broke; it is tried again at the next pass") from error
        raise


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _remedy(text: str, called: Called) -> str:
    """What helps against a database's complaint, in one sentence."""
    for sign, remedy in (
        ("locked", "Another process holds it; end that process or wait, then try again."),
        ("readonly", "Give this user the right to write the file and its folder."),
        ("read-only", "Give this user the right to write the file and its folder."),
        ("unable to open", "See that the path exists and may be read."),
        ("no such table", "Run `fieldcal db upgrade`."),
        ("disk is full", "Make room on the disk."),
    ):
        if sign in text:
            return remedy
    return f"See that it is running and that {called.given} is right."
