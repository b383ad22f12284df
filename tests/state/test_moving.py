"""An installation that is copied to the other database is there whole or not at all, and its source is as it was."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Boolean, Connection, Float, Integer, Table, create_engine, insert, inspect, select, text, update
from sqlalchemy.engine import make_url
from tests.conftest import NewState, new_database
from tests.values import NOW

from fieldcal import moving
from fieldcal.app import open_state
from fieldcal.config import Config
from fieldcal.embedded.fieldservice.database import counters, open_database
from fieldcal.embedded.fieldservice.database import metadata as booked
from fieldcal.ends import field_service_at
from fieldcal.errors import ConfigError
from fieldcal.moving import Moved
from fieldcal.secrets import Secrets
from fieldcal.setup_model import Actor
from fieldcal.state import beside, copying, leases, present, queue_schema, schema
from fieldcal.state.columns import Instant, metadata
from fieldcal.state.database import Database
from fieldcal.state.people_tables import audit
from fieldcal.state.tables import bookings, environments, history, meta, profiles


@contextmanager
def living(url: str) -> Iterator[psycopg.Connection]:
    """Another machine's process of Fieldcal, which has just asked its state something."""
    with psycopg.connect(url, autocommit=True, application_name="fieldcal:elsewhere:7:0a1b2c3d") as session:
        session.execute("SELECT 1")
        yield session


KEY = Fernet.generate_key().decode()
OPERATOR = Actor(getpass.getuser())
#: what is hard to carry: quotes, tabs, backslashes, line ends, letters beyond the plane, what COPY takes for NULL
HARD = '\\N\t"it\'s"\\\r\n{ü} 🗓 \\.'


def rows_of(table: Table, number: int) -> list[dict[str, Any]]:
    """Rows with a value of its kind in every column, apart from each other; every second one NULL where that may be."""

    def value(column: Any, n: int) -> Any:
        if column.nullable and n % 2:
            return None
        if isinstance(column.type, Instant):
            return NOW + timedelta(microseconds=n)
        if isinstance(column.type, Boolean):
            return bool(n % 2)
        if isinstance(column.type, Float):
            return n + 0.1
        if isinstance(column.type, Integer):
            return n + 1
        length = getattr(column.type, "length", None) or 99
        return (f"{n} {HARD}" if length > 40 else f"{n}")[:length]

    return [{column.name: value(column, n) for column in table.columns} for n in range(number)]


def stocked(url: str) -> str:
    """A state with rows in every table, and a secret."""
    database = Database(url)
    with database.write() as tx:
        for table in metadata.sorted_tables:
            if table is not meta:
                tx.execute(insert(table), rows_of(table, 5))
        leases.end_all(tx)  # whoever held one is gone
        sealed = Secrets((KEY,)).seal("the secret")
        tx.execute(update(profiles).values(secret=sealed))
        tx.execute(update(environments).values(organization="kept"))
    database.close()
    return url


def scheduled(folder: Path) -> Path:
    """The file of an embedded Field Service with rows in every table."""
    folder.mkdir()
    engine = open_database(folder / "fieldservice.sqlite3")
    with engine.begin() as tx:
        for table in booked.sorted_tables:
            if table is not counters:
                tx.execute(insert(table), rows_of(table, 3))
    engine.dispose()
    return folder / "fieldservice.sqlite3"


def everything(url: str, tables: Any, schema_name: str | None = None) -> dict[str, list[str]]:
    """All rows, table by table, read another way than the copy reads them."""
    plain = make_url(url)
    engine = create_engine(
        plain if plain.get_backend_name() == "sqlite" else plain.set(drivername="postgresql+psycopg")
    )
    with engine.connect() as tx:
        mapped = tx.execution_options(schema_translate_map={None: schema_name})
        found = {table.name: sorted(repr(tuple(row)) for row in mapped.execute(select(table))) for table in tables}
    engine.dispose()
    return found


def state_of(url: str) -> dict[str, list[str]]:
    """The state without what is each database's own: the queue's version, the audit's line of the copy."""
    found = everything(url, metadata.sorted_tables)
    found["meta"] = [row for row in found["meta"] if "queue" not in row]
    found["audit"] = [row for row in found["audit"] if "db copy" not in row]
    return found


def config_of(folder: Path, url: str) -> Config:
    return Config(data=folder, database_url=url, secret_keys=(KEY,))


def copied(config: Config, target: str) -> Moved:
    told: list[tuple[str, int]] = []
    done = moving.move(
        config, moving.target_of(config, target), OPERATOR, NOW, lambda table, rows: told.append((table, rows))
    )
    assert ("bookings", 5) in told
    return done


def next_number(url: str, table: Table) -> int:
    database = Database(url)
    with database.write() as tx:
        row = {name: value for name, value in rows_of(table, 1)[0].items() if name != "id"}
        number: int = tx.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
    database.close()
    return number


def test_an_installation_goes_to_postgresql_and_back_with_all_that_it_holds(
    new_sqlite: NewState, empty_postgres: str, tmp_path: Path
) -> None:
    source, file, data = stocked(new_sqlite()), scheduled(tmp_path / "data"), tmp_path / "data"
    before, of_file = state_of(source), everything(f"sqlite:///{file}", booked.sorted_tables)

    done = copied(config_of(data, source), empty_postgres)
    assert state_of(empty_postgres) == before == state_of(source)
    assert everything(empty_postgres, booked.sorted_tables, beside.FIELD_SERVICE) == of_file
    assert {name: one.rows for name, one in done.state.items()} == {name: len(rows) for name, rows in before.items()}
    assert (done.aside, done.rows) == (file, sum(map(len, before.values())) + sum(map(len, of_file.values())))
    assert "nobody:" not in done.target
    for table in (history, audit):
        assert next_number(empty_postgres, table) > 5
    there = config_of(data, empty_postgres)
    database = Database(empty_postgres)
    with database.read() as tx:
        schema.check(tx)
        queue_schema.check(tx)  # workers may begin
        secret = tx.execute(select(profiles.c.secret)).scalars().first()
        assert Secrets((KEY,)).resolve(secret) == "the secret"
        assert tx.scalar(select(audit.c.operator).where(audit.c.action == "db copy")) == OPERATOR.operator
    database.close()

    file.rename(tmp_path / "put-aside.sqlite3")
    assert not isinstance(field_service_at(there), Path)
    now = state_of(empty_postgres)
    back = copied(there, f"sqlite:///{tmp_path / 'back.sqlite3'}")
    assert state_of(f"sqlite:///{tmp_path / 'back.sqlite3'}") == now
    assert everything(f"sqlite:///{file}", booked.sorted_tables) == of_file
    assert back.aside is None
    assert next_number(f"sqlite:///{tmp_path / 'back.sqlite3'}", history) > 6
    assert sorted(path.name for path in tmp_path.glob("*.part*")) == []


def _nul(tx: Connection) -> None:
    tx.execute(update(bookings).values(name="a\x00b"))


def _led(tx: Connection) -> None:
    assert leases.take(tx, "pull:main", "elsewhere:1:x", NOW, timedelta(seconds=60))


def _older(tx: Connection) -> None:
    tx.execute(text("UPDATE alembic_version SET version_num = '0003'"))


def _strange(tx: Connection) -> None:
    tx.execute(text("CREATE TABLE notes (id INTEGER)"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_nul, r"the table bookings cannot be copied: .*NUL"),
        (_led, r"somebody is at work on the source \(elsewhere\).*end every service and worker"),
        (_older, r"revision 0003.*fieldcal db upgrade"),
        (_strange, r"tables that are not Fieldcal's.*notes"),
    ],
)
def test_what_cannot_be_copied_whole_leaves_the_target_empty_and_is_told_in_one_line(
    spoil: Callable[[Connection], None], says: str, new_sqlite: NewState, empty_postgres: str, tmp_path: Path
) -> None:
    source = stocked(new_sqlite())
    database = Database(source)
    with database.write() as tx:
        spoil(tx)
    database.close()
    with pytest.raises(ConfigError, match=says) as refused:
        copied(config_of(tmp_path / "data", source), empty_postgres)
    assert "\n" not in str(refused.value)
    there = Database(empty_postgres)
    with there.read() as tx:
        assert inspect(tx).get_table_names() == []
        assert inspect(tx).get_table_names(schema=beside.QUEUE) == []
    there.close()


def test_a_target_that_holds_anything_is_left_as_it_is(
    new_sqlite: NewState, new_postgres: NewState, empty_postgres: str, tmp_path: Path
) -> None:
    source, full = stocked(new_sqlite()), new_postgres()
    config, before = config_of(tmp_path / "data", source), state_of(full)
    with pytest.raises(ConfigError, match="holds a state of Fieldcal already; name an empty database"):
        copied(config, full)
    assert state_of(full) == before
    other = Database(empty_postgres)
    with other.write() as tx:
        tx.execute(text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(ConfigError, match="the target holds tables of something else"):
        copied(config, empty_postgres)
    with other.write() as tx:
        tx.execute(text("DROP TABLE invoices"))
        beside.make(tx, beside.FIELD_SERVICE)
        tx.execute(text("CREATE TABLE fieldservice.accounts (id INTEGER)"))
    with pytest.raises(ConfigError, match="schema fieldservice holds tables already"):
        copied(config, empty_postgres)
    other.close()
    taken = tmp_path / "taken.sqlite3"
    taken.write_text("precious")
    with pytest.raises(ConfigError, match="exists already"):
        copied(config_of(tmp_path / "data", full), f"sqlite:///{taken}")
    assert taken.read_text() == "precious"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("mysql://x", "write postgresql://"),
        ("env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
        ("sqlite:///other.sqlite3", "`fieldcal db backup FILE`"),
        ("postgresql://host:port/x", "no address of a database that can be read"),
    ],
)
def test_a_target_that_is_none_is_told_in_one_line(given: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        moving.target_of(config_of(tmp_path, f"sqlite:///{tmp_path / 'state.sqlite3'}"), given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("postgresql://u:geheim@127.0.0.1:1/x", "See that it is running and that TARGET is right"),
        ("sqlite:////no/such/folder/state.sqlite3", "there is no folder /no"),
    ],
)
def test_a_target_that_cannot_be_reached_is_not_called_the_state(
    given: str, says: str, new_sqlite: NewState, new_postgres: NewState, tmp_path: Path
) -> None:
    source = new_sqlite() if given.startswith("postgresql") else new_postgres()
    with pytest.raises(ConfigError, match=r"^the target .* cannot be (used|opened|written)") as refused:
        copied(config_of(tmp_path / "data", source), given)
    assert says in str(refused.value)
    assert not re.search("geheim|FIELDCAL_DATABASE_URL|the state", str(refused.value))


@pytest.fixture
def in_ascii(postgres: str) -> Iterator[str]:
    """The address of an empty database that knows no letters beyond ASCII."""
    with new_database(postgres, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0") as address:
        yield address


def test_a_database_in_another_encoding_is_refused_with_the_command_that_makes_a_right_one(
    in_ascii: str, new_sqlite: NewState, tmp_path: Path
) -> None:
    says = "in the encoding SQL_ASCII, .*ENCODING 'UTF8' TEMPLATE template0"
    with pytest.raises(ConfigError, match=f"^the target at .*{says}"):
        copied(config_of(tmp_path / "data", new_sqlite()), in_ascii)
    with pytest.raises(ConfigError, match=f"^the state at .*{says}"):
        open_state(config_of(tmp_path / "data", in_ascii))


def test_nobody_copies_from_or_into_a_postgresql_on_which_another_process_lives(
    new_sqlite: NewState, new_postgres: NewState, empty_postgres: str, tmp_path: Path
) -> None:
    full, target = new_postgres(), tmp_path / "back.sqlite3"
    for url, config, given, where in (
        (full, config_of(tmp_path, full), f"sqlite:///{target}", "source"),
        (empty_postgres, config_of(tmp_path, new_sqlite()), empty_postgres, "target"),
    ):
        says = rf"^somebody is at work on the {where} \(process 7 on elsewhere\); end every service, worker and command"
        with living(url), pytest.raises(ConfigError, match=says) as refused:
            moving.move(config, moving.target_of(config, given), OPERATOR, NOW, lambda *_: None)
        assert "\n" not in str(refused.value)
    assert not target.exists()


def test_a_session_counts_for_the_seconds_in_which_a_living_process_asks_again(
    new_postgres: NewState, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_postgres()
    database = Database(url)

    def found() -> list[str]:
        with database.read() as tx:
            return present.others(tx)

    with database.read(), living(url) as session:
        assert found() == ["process 7 on elsewhere"]
        monkeypatch.setattr(present, "SILENT", 0)
        assert found() == []
        session.execute("BEGIN")
        assert found() == ["process 7 on elsewhere"]
    assert found() == []
    database.close()


def test_a_field_service_of_an_earlier_layout_is_not_copied(
    new_sqlite: NewState, empty_postgres: str, tmp_path: Path
) -> None:
    file = scheduled(tmp_path / "data")
    engine = open_database(file)
    with engine.begin() as tx:
        tx.execute(update(counters).where(counters.c.name == "layout").values(value=1))
    engine.dispose()
    with pytest.raises(ConfigError, match=r"layout 1.*start `fieldcal serve` once"):
        copied(config_of(tmp_path / "data", new_sqlite()), empty_postgres)


def test_the_digest_tells_one_changed_value(new_sqlite: NewState) -> None:
    database = Database(stocked(new_sqlite()))
    with database.write() as tx:
        before = copying.content(copying.Place(tx), bookings)
        tx.execute(update(bookings).where(bookings.c.id == tx.scalar(select(bookings.c.id))).values(version=99))
        after = copying.content(copying.Place(tx), bookings)
    database.close()
    assert before.rows == after.rows
    assert replace(before, digest="") == replace(after, digest="")
    assert before.digest != after.digest
