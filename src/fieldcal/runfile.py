"""One service on one data folder: the lock that it holds, and the file that tells other commands where it is.

The lock is an exclusive transaction on a SQLite file of its own: every platform has it, and it ends with the process
whatever ends the process. A run file without a held lock is therefore a dead process's.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

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


@contextmanager
def locked(folder: Path, *, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of the folder, made if missing, for the block; a `ConfigError` where it is taken.

    `seconds`: how long to wait for it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / _LOCK, timeout=seconds, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"the folder {folder} cannot be used: {error}") from None
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise ConfigError(_taken(folder, str(error))) from None
        # Whoever held the lock before and left this behind is dead.
        (folder / _RUN).unlink(missing_ok=True)
        yield
    finally:
        connection.close()


def _taken(folder: Path, reason: str) -> str:
    if "locked" not in reason:
        return f"the lock {folder / _LOCK} cannot be used: {reason}"
    there = _read(folder)
    who = f"a service is running on {folder} (process {there.pid})" if there else f"another command works on {folder}"
    return f"{who}; end it first, or wait until it is done"


@contextmanager
def announced(folder: Path, running: Running) -> Iterator[None]:
    """Tell other commands where the service is while the block runs; only this user may read it."""
    path, new = folder / _RUN, folder / f"{_RUN}.{os.getpid()}"
    with suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(running))
    new.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find(folder: Path) -> Running | None:
    """The service that runs on this folder; None where none does, whatever a dead one has left behind."""
    if not (folder / _LOCK).exists():
        return None
    connection = sqlite3.connect(folder / _LOCK, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return _read(folder)
    else:
        return None
    finally:
        connection.close()


def _read(folder: Path) -> Running | None:
    try:
        return msgspec.json.decode((folder / _RUN).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
