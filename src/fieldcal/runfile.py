"""One service on one data folder: the lock that it holds, and the file that tells other commands where it is.

The lock is an exclusive transaction on a SQLite file of its own: every platform has it, and it ends with the process
whatever ends the process. A run file without a held lock is therefore a dead process's.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from fieldcal.access import obstacle, of_this_user
from fieldcal.errors import ConfigError

_LOCK, _RUN = "service.lock", "service.json"


class Ends(msgspec.Struct, frozen=True):
    """Where the embedded systems answer, and how to sign in there while this process lives."""

    fieldservice: str
    exchange: str
    tenant: str
    client_id: str
    secret: str


class Running(msgspec.Struct, frozen=True):
    """A service at work, as its run file tells it."""

    pid: int
    #: base URL of the service's own loopback end
    url: str
    #: what a command shows to be heard there
    token: str
    started_at: datetime
    ends: Ends | None = None
    #: base URL of the end that takes notifications, "" where there is none
    hooks: str = ""
    #: base URL of the end that gives metrics to this machine, "" where there is none
    metrics: str = ""


@contextmanager
def locked(folder: Path, *, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of the folder, made if missing, for the block; a `ConfigError` where it is taken.

    `seconds`: how long to wait for it.
    """
    with closing(_lock(folder, seconds)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise ConfigError(_taken(folder, str(error))) from None
        with _told_plainly(folder / _RUN):
            # Whoever held the lock before and left this behind is dead.
            (folder / _RUN).unlink(missing_ok=True)
        yield


@contextmanager
def locked_all(folders: Iterable[Path], *, seconds: float = 0.0) -> Iterator[None]:
    """Hold the locks of all these folders for the block, always taken in one order."""
    with ExitStack() as locks:
        for folder in sorted({each.resolve() for each in folders}):
            locks.enter_context(locked(folder, seconds=seconds))
        yield


def _lock(folder: Path, seconds: float) -> sqlite3.Connection:
    with _told_plainly(folder / _LOCK):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        of_this_user(folder / _LOCK)
        return sqlite3.connect(folder / _LOCK, timeout=seconds, isolation_level=None)


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(obstacle(path) or f"{path} cannot be used: {reason}; move it away, it is made anew") from None


def _taken(folder: Path, reason: str) -> str:
    if "locked" not in reason:
        broken = f"the lock {folder / _LOCK} cannot be used: {reason}; move it away while no service runs"
        return obstacle(folder / _LOCK) or broken
    there = _read(folder)
    who = f"a service is running on {folder} (process {there.pid})" if there else f"another command works on {folder}"
    return f"{who}; end it first, or wait until it is done"


@contextmanager
def announced(folder: Path, running: Running) -> Iterator[None]:
    """Tell other commands where the service is while the block runs; only this user may read it."""
    path, new = folder / _RUN, folder / f"{_RUN}.{os.getpid()}"
    with _told_plainly(path):
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(running))
        new.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find(folder: Path) -> Running | None:
    """The service that runs on this folder; None where none does, whatever a dead one has left behind."""
    with _told_plainly(folder / _LOCK):
        if not (folder / _LOCK).exists():
            return None
        with closing(sqlite3.connect(folder / _LOCK, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                return _read(folder)
    return None


def told(folder: Path) -> Ends | None:
    """Where the newest service on this folder said that its embedded systems answer; None where it left no word.

    Only a file is read, so it may be asked at every step; whether that service still lives, `find` knows.
    """
    newest = _read(folder)
    return newest.ends if newest else None


def _read(folder: Path) -> Running | None:
    try:
        return msgspec.json.decode((folder / _RUN).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
