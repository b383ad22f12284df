"""The state's version: made from nothing, the same as the tables say, refused when it is newer."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Connection, Integer, MetaData, Table, insert, inspect, select, text

from fieldcal.errors import ConfigError
from fieldcal.setup_model import Method
from fieldcal.state import schema
from fieldcal.state.columns import metadata
from fieldcal.state.database import Database


def test_the_migrated_schema_is_what_the_tables_say(database: Database) -> None:
    with database.read() as tx:
        # Alembic reads SQLite's defaults wrongly; the next test compares those.
        options = {"compare_type": True, "compare_server_default": not database.is_sqlite}
        assert compare_metadata(MigrationContext.configure(tx, opts=options), metadata) == []


def test_the_migrated_defaults_on_sqlite_are_what_the_tables_say(sqlite_database: Database, tmp_path: Path) -> None:
    made = Database(f"sqlite:///{tmp_path / 'made.sqlite3'}")
    with made.write() as tx:
        metadata.create_all(tx)
        expected = _columns(tx)
    with sqlite_database.read() as tx:
        assert {name: row for name, row in _columns(tx).items() if name != "alembic_version"} == expected
    made.close()


def test_the_list_of_revisions_names_every_migration_in_order() -> None:
    scripts = ScriptDirectory.from_config(_config())
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == schema.REVISIONS


def test_an_empty_file_that_gets_its_head_meanwhile_is_another_processs_new_state(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite3"
    path.touch()
    database = Database(f"sqlite:///{path}")

    def other() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    late = threading.Timer(0.1, other)
    late.start()
    assert schema.upgrade(database) is None
    late.join()
    database.close()


def test_a_look_at_a_state_that_is_not_there_leaves_none_that_is_refused(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
        with database.read() as tx:
            assert schema.revision(tx) is None
        database.close()
    assert (tmp_path / "new.sqlite3").stat().st_size > 0


def test_two_processes_that_make_the_state_at_once_make_one(tmp_path: Path) -> None:
    made = [Database(f"sqlite:///{tmp_path / 'new.sqlite3'}") for _ in range(4)]
    with ThreadPoolExecutor(len(made)) as threads:
        assert list(threads.map(schema.upgrade, made)).count(None) >= 1
    found = set()
    for database in made:
        with database.read() as tx:
            found.add(schema.installation(tx))
        database.close()
    assert len(found) == 1


def test_an_upgrade_makes_the_state_from_nothing_and_a_second_one_does_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert schema.upgrade(database) is None
    assert schema.upgrade(database) == schema.HEAD
    with database.read() as tx:
        schema.check(tx)
        assert len(schema.installation(tx)) == 36
    database.close()


def test_an_upgrade_makes_the_state_from_an_empty_postgresql_database(empty_postgres: str) -> None:
    database = Database(empty_postgres)
    assert schema.upgrade(database) is None
    with database.read() as tx:
        schema.check(tx)
    database.close()


@pytest.mark.parametrize("older", schema.REVISIONS[:-1])
def test_a_state_of_each_earlier_revision_is_brought_up_with_what_it_holds(
    older: str, tmp_path: Path, empty_postgres: str
) -> None:
    for url in (f"sqlite:///{tmp_path / 'old.sqlite3'}", empty_postgres):
        database = Database(url)
        with database.write() as tx:
            command.upgrade(_config(tx), older)
            tx.execute(text("INSERT INTO meta (key, value) VALUES ('installation', 'kept')"))
            tx.execute(
                text("INSERT INTO passes (id, environment, kind, started_at, updated) VALUES ('1', 'a', '', 0, 7)")
            )
            # the word of the command line since 0002
            method = "server_side_sync" if older == "0001" else Method.SERVER_SIDE_SYNC.value
            insert = text("INSERT INTO mailboxes (environment, id, method) VALUES ('a', 'b', :method)")
            tx.execute(insert, {"method": method})
        with database.read() as tx, pytest.raises(ConfigError, match=f"revision {older}.*fieldcal db upgrade"):
            schema.check(tx)
        assert schema.upgrade(database) == older
        with database.read() as tx:
            schema.check(tx)
            assert schema.installation(tx) == "kept"
            assert tx.execute(text("SELECT updated, churn FROM passes")).one() == (7, 0)
            assert tx.execute(text("SELECT method FROM mailboxes")).scalar_one() == Method.SERVER_SIDE_SYNC
        database.close()


@pytest.mark.parametrize("older", schema.REVISIONS[:-1])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_row_of_every_table_of_each_earlier_revision_comes_up_with_all_its_values(
    older: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    database = Database(path if kind == "sqlite" else request.getfixturevalue("empty_postgres"))
    with database.write() as tx:
        command.upgrade(_config(tx), older)
        tables = _reflected(tx)
        for table in tables.values():
            tx.execute(insert(table), [_row(table, n) for n in range(_ROWS)])
        before = _contents(tx, tables)
    assert schema.upgrade(database) == older
    with database.write() as tx:
        schema.check(tx)
        now = _reflected(tx)
        assert set(tables) <= set(now)
        after = _contents(tx, {name: (now[name], list(tables[name].c.keys())) for name in tables})
        if older == "0001":  # the one word that was changed
            before["mailboxes"] = [{**row, "method": Method.SERVER_SIDE_SYNC.value} for row in before["mailboxes"]]
        assert after == before
        assert {len(rows) for rows in before.values()} == {_ROWS}
        for row in tx.execute(select(now["bookings"].c["name", "number", "account"])):
            # filled when they came, and kept where they were
            found = ("wo-7", "acme gmbh") if older < "0003" else (f"number {row.name[-1]}", f"account {row.name[-1]}")
            assert (row.number, row.account) == found
        last = max(row["id"] for row in after["history"])
        line = {key: value for key, value in _row(now["history"], 0).items() if key != "id"}
        assert tx.execute(insert(now["history"]).values(line).returning(now["history"].c.id)).scalar_one() > last
    database.close()


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("v0001_first.py", "c0efa6cde28a6c81de01d431ee28b364fd49d7cdd18f036ac89fc8b270495c51"),
        ("v0002_real_clouds.py", "752097704a4960bf69e00c120f14e58e02122de4f3c831533ae5481fc69c00e5"),
        ("v0003_any_calendar.py", "aee13db6fe954ef807287c0764eb2b7e1edab40900d6d06f94833b3784b566b4"),
        ("v0004_centre.py", "9203c9783799da4110398a0b555d48d927f24ace1fa76c7b94a0ded012366c68"),
    ],
)
def test_an_earlier_revision_is_as_it_was_when_states_were_made_by_it(name: str, digest: str) -> None:
    path = Path(str(schema.__file__)).parent / "migrations" / "versions" / name
    code = path.read_text().partition("from __future__")[2]
    assert hashlib.sha256(code.encode()).hexdigest() == digest


def test_the_installation_keeps_its_id_over_upgrades(database: Database) -> None:
    with database.write() as tx:
        before = schema.installation(tx)
        tx.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": schema.HEAD})
    schema.upgrade(database)
    with database.read() as tx:
        assert schema.installation(tx) == before


def test_a_state_of_a_newer_version_is_refused_in_one_line(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=r"revision 9999.*newer version") as refused:
        schema.upgrade(database)
    assert "\n" not in str(refused.value)
    with database.read() as tx, pytest.raises(ConfigError, match="newer version"):
        schema.check(tx)


def test_an_empty_state_is_told_to_be_upgraded(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with database.read() as tx, pytest.raises(ConfigError, match="fieldcal db upgrade"):
        schema.check(tx)
    database.close()


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    connection.close()
    database = Database(f"sqlite:///{path}")
    with pytest.raises(ConfigError, match="something else"):
        schema.upgrade(database)
    database.close()


def test_a_failed_migration_leaves_no_half_made_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_postgres: str
) -> None:
    def broken(tx: object) -> None:
        raise ConfigError("stopped on purpose")

    monkeypatch.setattr(schema, "_name_installation", broken)
    for url in (f"sqlite:///{tmp_path / 'new.sqlite3'}", empty_postgres):
        database = Database(url)
        with pytest.raises(ConfigError, match="stopped on purpose"):
            schema.upgrade(database)
        with database.read() as tx:
            assert schema.revision(tx) is None
        database.close()


_ROWS = 3
#: What a migration reads, or the database counts, is of its own form.
_FORMED = {
    "snapshot": '{"number": " WO-7 ", "service_account": "ACME  GmbH"}',
    "method": "server_side_sync",
}


def _reflected(tx: Connection) -> dict[str, Table]:
    """The tables as the database has them, whatever this version's say."""
    there = MetaData()
    there.reflect(tx)
    return {name: table for name, table in there.tables.items() if name != "alembic_version"}


def _row(table: Table, n: int) -> dict[str, Any]:
    """A row with a value of its kind in every column; numbers that the database gives are left to it."""

    def value(column: Any) -> Any:
        if column.name in _FORMED:
            return _FORMED[column.name]
        if isinstance(column.type, Boolean):
            return bool(n % 2)
        if isinstance(column.type, Integer):
            return n + 40
        return f"{column.name} {n}"

    serial = {one.name for one in table.primary_key.columns if isinstance(one.type, Integer)} & {"id"}
    return {column.name: value(column) for column in table.columns if column.name not in serial}


def _contents(tx: Connection, tables: Mapping[str, Table | tuple[Table, list[str]]]) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name, asked in tables.items():
        table, columns = asked if isinstance(asked, tuple) else (asked, list(asked.c.keys()))
        rows = tx.execute(select(*(table.c[column] for column in columns))).mappings()
        kept = [dict(row) for row in rows if row.get("key") != "installation"]  # meta's, which an upgrade makes
        found[name] = sorted(kept, key=repr)
    return found


def _columns(tx: Connection) -> dict[str, dict[str, tuple[str, object, bool]]]:
    """By name: what a later revision added stands last, wherever the tables name it."""
    seen = inspect(tx)
    return {
        name: {c["name"]: (str(c["type"]), c["default"], c["nullable"]) for c in seen.get_columns(name)}
        for name in seen.get_table_names()
    }


def _config(tx: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "fieldcal.state:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    return config
