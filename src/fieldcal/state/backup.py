"""A backup of a state on SQLite, taken while the service works, and its way back.

A state on PostgreSQL is backed up by `pg_dump` and put back by `pg_restore`; `restored` then does what is left to do.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import DBAPIError

from fieldcal.access import obstacle
from fieldcal.errors import ConfigError, Damaged, one_line
from fieldcal.setup_model import Actor
from fieldcal.state import audit, environments, leases, links, mailboxes, marks, pauses, schema
from fieldcal.state.database import Database
from fieldcal.state.rows import upsert
from fieldcal.state.tables import feeds, meta
from fieldcal.state.tables import mailboxes as mailbox_table

_TAKEN_AT = "backed_up_at"
#: What SQLite leaves beside a file in use.
_SIDES = ("-wal", "-shm", "-journal")
#: How every SQLite file begins.
_MAGIC = b"SQLite format 3\x00"
#: How long a restore waits for others to let go of the state, seconds.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a state says of itself."""

    installation: str
    #: when the backup was taken; None for a state that is no backup
    taken_at: datetime | None
    environments: int
    enabled_mailboxes: int


def facts(tx: Connection) -> Facts:
    """What this state says of itself."""
    taken = tx.scalar(select(meta.c.value).where(meta.c.key == _TAKEN_AT))
    enabled = tx.scalar(select(func.count()).select_from(mailbox_table).where(mailbox_table.c.enabled)) or 0
    return Facts(
        schema.installation(tx), datetime.fromisoformat(taken) if taken else None, len(environments.names(tx)), enabled
    )


def path_of(database: Database) -> Path:
    """The file of a state on SQLite; a `ConfigError` that names the tool for PostgreSQL."""
    if not database.is_sqlite:
        raise ConfigError(
            "the state is in PostgreSQL: back it up with `pg_dump --format=custom`, put it back with `pg_restore "
            "--clean`, then run `fieldcal db restore --in-place`"
        )
    return Path(database.url.database or "")


def take(database: Database, file: Path, now: datetime) -> Facts:
    """Write one consistent moment of the state to `file`, which must not exist; writers go on meanwhile.

    The file appears whole or not at all. It holds the installation's id, and no secret in the clear.
    """
    source = path_of(database)
    if file.exists():
        raise ConfigError(f"{file} exists already; name another file")
    part = file.with_name(f"{file.name}.part")
    try:
        copy(source, part)
        made = Database(f"sqlite:///{part}")
        try:
            with made.write() as tx:
                schema.check(tx)
                schema.check_file(tx)
                upsert(tx, meta, [{"key": _TAKEN_AT, "value": now.isoformat()}])
            with made.read() as tx:
                found = facts(tx)
        finally:
            made.close()
        settle(part)
        _name(part, file)
    except FileExistsError:
        raise ConfigError(f"{file} exists already; name another file") from None
    except Damaged:
        raise Damaged(f"the state at {source} is damaged, so no backup of it was made; put an older one back") from None
    except (OSError, sqlite3.Error, DBAPIError) as error:
        raise ConfigError(f"the backup {file} cannot be written: {_why(file, error)}") from None
    finally:
        remove(part)
    return found


def _why(file: Path, error: Exception) -> str:
    """What stood in the way of a file, without the system's own numbers, and what helps where that is seen."""
    told = error.strerror if isinstance(error, OSError) else None
    return obstacle(file) or one_line(told or error)


def _name(made: Path, name: Path) -> None:
    """Give this file another name beside its own; a file of that name is never replaced."""
    try:
        os.link(made, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if name.exists():
            raise FileExistsError(name) from None
        shutil.copy2(made, name)


def copy(source: Path, target: Path) -> None:
    """Copy a SQLite file as it is at one moment, whoever writes it meanwhile; only this user may read the copy."""
    remove(target)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        # In one step: a copy in several would begin anew with each write of another process.
        old.backup(new, pages=-1)


def settle(path: Path, *, patience: float = _PATIENCE) -> None:
    """Make the file whole in itself, nothing beside it; raises `sqlite3.OperationalError` while others have it open."""
    with closing(sqlite3.connect(path, timeout=patience)) as connection:
        mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        if mode != "delete":
            raise sqlite3.OperationalError("the database is locked")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove a SQLite file with what lies beside it, if it is there."""
    for side in ("", *_SIDES):
        with suppress(FileNotFoundError):
            Path(f"{path}{side}").unlink()


def prepare(file: Path, target: Path, actor: Actor, now: datetime) -> Facts:
    """Make at `target` the state that this backup is to become: sound, at our revision, and marked as restored."""
    _refuse_other_files(file)
    try:
        copy(file, target)
        made = Database(f"sqlite:///{target}")
        try:
            with made.read() as tx:
                _refuse_other_states(tx, file)
                schema.check_file(tx, whole=True)
            schema.upgrade(made)
            with made.write() as tx:
                found = facts(tx)
                restored(tx, actor, now, str(found.taken_at or file))
        finally:
            made.close()
        settle(target)
    except Damaged:
        raise ConfigError(f"the backup {file} is damaged; nothing was put back, take another one") from None
    except (OSError, sqlite3.Error, DBAPIError) as error:
        raise ConfigError(f"the backup {file} cannot be read: {_why(file, error)}") from None
    return found


_OURS = "name a file that `fieldcal db backup` wrote"


def _refuse_other_files(file: Path) -> None:
    try:
        if not file.is_file():
            raise ConfigError(f"there is no backup {file}; {_OURS}")
        with file.open("rb") as content:
            head = content.read(len(_MAGIC))
    except OSError as error:
        raise ConfigError(f"the backup {file} cannot be read: {_why(file, error)}") from None
    if head != _MAGIC:
        what = "is no database file" if head else "is empty"
        raise ConfigError(f"{file} {what}: no backup of Fieldcal; nothing was put back, {_OURS}")


def _refuse_other_states(tx: Connection, file: Path) -> None:
    found = None if schema.is_strange(tx) else schema.revision(tx)
    if found is None:
        raise ConfigError(f"{file} holds no state of Fieldcal: no backup of it; nothing was put back, {_OURS}")
    if found not in schema.REVISIONS:
        raise ConfigError(
            f"the backup {file} is at revision {found}, which this Fieldcal (revision {schema.HEAD}) does not know: a "
            "newer version wrote it; nothing was put back, install that version or take an older backup"
        )


def put_in_place(new: Path, state: Path, aside: Path) -> None:
    """Have `new` be the state, at once or not at all; what stood there lies at `aside` afterwards."""
    if state.exists():
        if not _let_go(state):
            # Damaged: kept as it is, with what lies beside it, for whoever wants to save something from it.
            for side in _SIDES:
                with suppress(FileNotFoundError):
                    Path(f"{state}{side}").replace(f"{aside}{side}")
        _name(state, aside)
    new.replace(state)


def _let_go(state: Path) -> bool:
    """Make the state whole in its one file; False where it is damaged. Raises where another process has it open."""
    with state.open("rb") as file:
        if file.read(len(_MAGIC)) not in (_MAGIC, b""):
            return False  # SQLite would clear away what lies beside it
    try:
        settle(state)
    except sqlite3.OperationalError as error:
        raise ConfigError(
            f"another process has the state {state} open ({one_line(error)}); end it, then try again"
        ) from None
    except sqlite3.DatabaseError:
        return False
    return True


def restored(tx: Connection, actor: Actor, now: datetime, of: str) -> int:
    """Have the next pass adopt what the state does not know of: every enabled mailbox is read before it is written.

    Links are not trusted before their event was seen, for what was written after the backup is forgotten.

    Leases and pauses are those of processes that are gone. Returns how many mailboxes are to be read. A feed's cursor
    stays: it is old and still good, or expired, and then everything is read again.
    """
    leases.end_all(tx)
    pauses.lift_all(tx)
    # Who has which mailbox may have changed without a trace in the resources' own feed.
    tx.execute(update(feeds).values(workers_read_at=None, next_pull_at=None))
    tx.execute(delete(meta).where(meta.c.key == _TAKEN_AT))
    boxes = 0
    for environment in environments.everyone(tx):
        window = environment.settings.window(now)
        links.distrust(tx, environment.id)
        for mailbox in mailboxes.enabled(tx, environment.id):
            mailboxes.check_first(tx, environment.id, [mailbox])
            marks.mark_mailbox(tx, environment.id, mailbox, window, now, "restored")
            boxes += 1
    audit.record(tx, actor, now, "db restore", [of], f"{boxes} mailboxes are read before they are written")
    return boxes
