"""The state's version: made from nothing, brought up to date, or refused when a newer Fieldcal wrote it."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, insert, inspect, select, text

from fieldcal.errors import ConfigError, Damaged, one_line
from fieldcal.state import aside_tables as _aside  # noqa: F401 - its table belongs to the state too
from fieldcal.state import pace_tables as _pace  # noqa: F401 - its tables belong to the state too
from fieldcal.state import pass_tables as _pass  # noqa: F401 - its tables belong to the state too
from fieldcal.state import people_tables as _people  # noqa: F401 - its tables belong to the state too
from fieldcal.state.database import Database, take_time
from fieldcal.state.tables import meta

#: Every revision, oldest first. Kept here so that asking an up-to-date state loads no migration code.
REVISIONS = ("0001", "0002", "0003", "0004", "0005")
HEAD = REVISIONS[-1]
# Any number that no other program takes on this database: one upgrade at a time on PostgreSQL.
_UPGRADE_LOCK = 7_041_776


def revision(tx: Connection) -> str | None:
    """The revision this state stands at; None for an empty database. Raises where a stranger's tables stand."""
    if is_strange(tx):
        raise ConfigError(
            "this database holds tables of something else; "
            "set FIELDCAL_DATABASE_URL to an empty one or to Fieldcal's own"
        )
    return _stamp(tx) if inspect(tx).get_table_names() else None


def is_strange(tx: Connection) -> bool:
    """This database holds tables, and they are not Fieldcal's."""
    names = set(inspect(tx).get_table_names())
    return bool(names) and not {"alembic_version", meta.name} <= names


def check(tx: Connection) -> None:
    """Return when this state is at this Fieldcal's revision; raise one line that says what to do when it is not."""
    found = revision(tx)
    if found == HEAD:
        return
    _refuse_newer(found)
    if found is None:
        raise ConfigError("the state is empty; run `fieldcal db upgrade`")
    raise ConfigError(f"the state is at revision {found}, this Fieldcal asks for {HEAD}; run `fieldcal db upgrade`")


def upgrade(database: Database) -> str | None:
    """Bring the state to this Fieldcal's revision in one transaction; returns the revision it was at before."""
    with database.read() as tx:
        found = revision(tx)
    if found == HEAD:
        return found
    with database.write() as tx:
        take_time(tx)
        if not database.is_sqlite:
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        found = revision(tx)  # another process may have been quicker
        _refuse_newer(found)
        if found != HEAD:
            _run(tx)
            _name_installation(tx)
    return found


def make(tx: Connection) -> None:
    """Make an empty database a state of this revision that is nobody's yet: whoever fills it brings the installation.

    Raises where anything stands there.
    """
    if tx.dialect.name != "sqlite":
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    if is_strange(tx):
        raise ConfigError("the target holds tables of something else; name an empty database")
    if revision(tx) is not None:
        raise ConfigError("the target holds a state of Fieldcal already; name an empty database")
    _run(tx)


def check_file(tx: Connection, *, whole: bool = False) -> None:
    """Return when SQLite finds its file sound; nothing is asked of PostgreSQL, which looks after itself.

    `whole`: every index is compared with its table too, which takes longer.
    """
    if tx.dialect.name != "sqlite":
        return
    found = str(tx.execute(text(f"PRAGMA {'integrity_check' if whole else 'quick_check'}(1)")).scalar())
    if found != "ok":
        raise Damaged(
            f"the state's file is damaged ({one_line(found)}); put a backup back with `fieldcal db restore FILE`"
        )


def installation(tx: Connection) -> str:
    """This installation's id: made once, part of every backup, written into claims (R14)."""
    return str(tx.execute(select(meta.c.value).where(meta.c.key == "installation")).scalar_one())


def _stamp(tx: Connection) -> str | None:
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in REVISIONS:
        raise ConfigError(
            f"the state is at revision {found}, which this Fieldcal (revision {HEAD}) does not know: "
            "a newer version wrote it; install that version or restore a backup made before"
        )


def _run(tx: Connection) -> None:
    # Loading Alembic takes longer than all our migrations; only a state that needs it pays.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "fieldcal.state:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    command.upgrade(config, "head")


def _name_installation(tx: Connection) -> None:
    known = tx.execute(select(meta.c.value).where(meta.c.key == "installation")).scalar()
    if known is None:
        tx.execute(insert(meta).values(key="installation", value=str(uuid.uuid4())))
