"""Procrastinate's tables beside ours: made, brought up from an earlier version, told by `db check`, left alone else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from tests.conftest import NewState

from fieldcal.errors import ConfigError
from fieldcal.state import beside, queue_schema, schema
from fieldcal.state.database import Database

#: what makes a schema what it is: columns, indexes and functions with their text
_SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || coalesce(column_default, '') || is_nullable
  FROM information_schema.columns WHERE table_schema = 'procrastinate'
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'procrastinate'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'procrastinate'
"""


@pytest.fixture
def state(new_postgres: NewState) -> Iterator[Database]:
    database = Database(new_postgres())
    yield database
    database.close()


def shape(tx: Connection) -> set[tuple[str, ...]]:
    return {(kind, name, " ".join(what.split())) for kind, name, what in tx.execute(text(_SHAPE))}


def test_an_upgrade_makes_the_queue_once_and_disturbs_none_of_our_tables(state: Database) -> None:
    with state.read() as tx:
        before = inspect(tx).get_table_names()
        with pytest.raises(ConfigError, match="no queue of jobs yet; run `fieldcal db upgrade`"):
            queue_schema.check(tx)
    assert queue_schema.upgrade(state) is None
    assert queue_schema.upgrade(state) == queue_schema.newest()
    with state.read() as tx:
        queue_schema.check(tx)
        schema.check(tx)
        assert inspect(tx).get_table_names() == before
        assert "procrastinate_jobs" in inspect(tx).get_table_names(schema=beside.QUEUE)


def test_a_queue_of_an_earlier_version_is_brought_up_with_the_jobs_that_wait_in_it(
    state: Database, new_postgres: NewState
) -> None:
    files = sorted(
        (file for file in (resources.files("procrastinate") / "sql" / "migrations").iterdir()
         if file.name.endswith(".sql")), key=lambda file: file.name,
    )  # fmt: skip
    older = [file for file in files if file.name < "03.02"]
    with state.write() as tx:
        tx.execute(text("CREATE SCHEMA procrastinate"))
        tx.execute(text("SET LOCAL search_path TO procrastinate"))
        for file in older:
            tx.exec_driver_sql(file.read_text(encoding="utf-8"), execution_options={"no_parameters": True})
        tx.execute(text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('a', 'kept')"))
        tx.execute(text("SET LOCAL search_path TO DEFAULT"))
        tx.execute(text("INSERT INTO meta (key, value) VALUES ('queue', :last)"), {"last": older[-1].name})
    with state.read() as tx, pytest.raises(ConfigError, match=f"as of {older[-1].name}"):
        queue_schema.check(tx)
    assert queue_schema.upgrade(state) == older[-1].name
    fresh = Database(new_postgres())
    queue_schema.upgrade(fresh)
    with state.read() as tx, fresh.read() as other:
        queue_schema.check(tx)
        assert tx.scalar(text("SELECT task_name FROM procrastinate.procrastinate_jobs")) == "kept"
        kinds = {"function", "index"}
        assert {row for row in shape(tx) if row[0] in kinds} == {row for row in shape(other) if row[0] in kinds}
    fresh.close()


def test_a_queue_that_a_newer_fieldcal_brought_up_is_left_as_it_is(state: Database) -> None:
    queue_schema.upgrade(state)
    with state.write() as tx:
        tx.execute(text("UPDATE meta SET value = '99.00.00_01_later.sql' WHERE key = 'queue'"))
    assert queue_schema.upgrade(state) == "99.00.00_01_later.sql"
    with state.read() as tx:
        queue_schema.check(tx)


def test_a_state_on_sqlite_has_no_queue_and_says_what_to_do(sqlite_database: Database) -> None:
    assert queue_schema.upgrade(sqlite_database) is None
    with sqlite_database.read() as tx, pytest.raises(ConfigError, match="FIELDCAL_DATABASE_URL=postgresql"):
        queue_schema.check(tx)


def test_who_may_not_make_the_queues_schema_is_told_what_its_owner_has_to_grant(state: Database) -> None:
    with state.write() as tx:
        tx.execute(text("CREATE ROLE guest LOGIN"))
        tx.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest"))
    guest = Database(state.url.set(username="guest", password=None).render_as_string(hide_password=False))
    with pytest.raises(ConfigError, match="GRANT CREATE ON DATABASE"):
        queue_schema.upgrade(guest)
    guest.close()
    with state.write() as tx:
        tx.execute(text("DROP OWNED BY guest"))
        tx.execute(text("DROP ROLE guest"))


def test_what_stands_beside_the_state_is_reached_at_its_address_with_another_search_path() -> None:
    plain = make_url(beside.address(make_url("postgresql://u:p%40@h/x?sslmode=require"), beside.QUEUE))
    assert plain.query["sslmode"] == "require"
    assert str(plain.query["options"]).split()[-1] == "-csearch_path=procrastinate"
    assert plain.password == "p@"
    url = make_url("postgresql+psycopg://h/x?options=-cstatement_timeout%3D5")
    both = make_url(beside.address(url, beside.FIELD_SERVICE))
    assert str(both.query["options"]).split()[-2:] == ["-cstatement_timeout=5", "-csearch_path=fieldservice"]
