"""Procrastinate's tables on PostgreSQL: in a schema of their own, made and brought up beside ours.

Procrastinate ships its schema whole and as one file a migration, and remembers nowhere which of them a database has
seen; so the last one's name is kept with our state (`meta`), written in the transaction that runs it.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from sqlalchemy import Connection, delete, insert, select, text

from fieldcal.errors import ConfigError
from fieldcal.state import beside
from fieldcal.state.database import Database, take_time
from fieldcal.state.tables import meta

#: What the state remembers of it (`meta`).
KEY = "queue"
# Any number that no other program takes on this database: one upgrade at a time.
_LOCK = 7_041_777


@cache
def newest() -> str:
    """The last migration of the Procrastinate that is installed here."""
    return _migrations()[-1]


def standing(tx: Connection) -> str | None:
    """The last migration that this state's queue has seen; None where there is no queue."""
    found: str | None = tx.execute(select(meta.c.value).where(meta.c.key == KEY)).scalar()
    return found


def check(tx: Connection) -> None:
    """Return when several machines may work on this state; raise one line that says what to do when not."""
    if tx.dialect.name == "sqlite":
        raise ConfigError(
            "the state is a SQLite file, which one process works on; several machines need it in PostgreSQL: "
            "set FIELDCAL_DATABASE_URL=postgresql://..."
        )
    found = standing(tx)
    if found is None or found < newest():
        what = "has no queue of jobs yet" if found is None else f"has a queue of jobs as of {found}, not {newest()}"
        raise ConfigError(f"the state {what}; run `fieldcal db upgrade`")


def upgrade(database: Database) -> str | None:
    """Bring the queue to what is installed here, in one transaction; returns what it had seen before.

    Nothing on SQLite. A queue that a newer Fieldcal has brought up is left as it is: Procrastinate's migrations let
    the version before go on working.
    """
    if database.is_sqlite:
        return None
    with database.read() as tx:
        found = standing(tx)
    if found is not None and found >= newest():
        return found
    with database.write() as tx:
        take_time(tx)
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = standing(tx)  # another process may have been quicker
        if found is None or found < newest():
            bring_up(tx, found)
    return found


def bring_up(tx: Connection, found: str | None) -> None:
    """Run what this queue has not seen yet, of which `found` was the last; nobody else may do so meanwhile."""
    beside.make(tx, beside.QUEUE)
    tx.execute(text(f"SET LOCAL search_path TO {beside.QUEUE}"))
    sql = resources.files("procrastinate") / "sql"
    files = [sql / "schema.sql"]
    if found is not None:
        files = [sql / "migrations" / name for name in _migrations() if name > found]
    for file in files:
        tx.exec_driver_sql(file.read_text(encoding="utf-8"), execution_options={"no_parameters": True})
    tx.execute(text("SET LOCAL search_path TO DEFAULT"))
    tx.execute(delete(meta).where(meta.c.key == KEY))
    tx.execute(insert(meta).values(key=KEY, value=newest()))


def _migrations() -> list[str]:
    files = (resources.files("procrastinate") / "sql" / "migrations").iterdir()
    return sorted(file.name for file in files if file.name.endswith(".sql"))
