"""An installation moved from SQLite to PostgreSQL or back: all of it, compared row by row, or nothing.

What moves is the state and the embedded Field Service's rows, where it is one. The source is only read. The embedded
Exchange stays a file of the data folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, delete, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from fieldcal.access import obstacle
from fieldcal.config import Config
from fieldcal.ends import field_service_at, refuse_two
from fieldcal.errors import ConfigError, one_line
from fieldcal.secrets import Secrets
from fieldcal.setup_model import Actor
from fieldcal.standing import alive
from fieldcal.state import audit, backup, beside, copying, leases, present, queue_schema, schema
from fieldcal.state.columns import metadata as state_tables
from fieldcal.state.copying import Content, Place, Tell
from fieldcal.state.database import Called, Database, take_time
from fieldcal.state.tables import meta

_FILE = "fieldservice.sqlite3"
_TARGET = Called("the target", "TARGET")
_REFERENCES = ("env:", "file:", "encrypted:")


@dataclass(frozen=True, slots=True)
class Moved:
    """What stands in the target now, by table; the embedded Field Service's apart, empty where there is none."""

    #: without its password
    target: str
    state: Mapping[str, Content]
    field_service: Mapping[str, Content]
    #: the file of the embedded Field Service that is to be put aside, None where none is
    aside: Path | None
    #: the file that the embedded Field Service was copied to, None where it was copied to none
    file: Path | None = None

    @property
    def rows(self) -> int:
        """How many rows were carried."""
        return sum(one.rows for part in (self.state, self.field_service) for one in part.values())


def target_of(config: Config, given: str) -> URL:
    """The address that is meant, `postgresql://...` or `sqlite:///PATH`, or a reference to it."""
    text_of = Secrets(config.secret_keys).resolve(given).strip() if given.startswith(_REFERENCES) else given
    if not text_of.startswith(("sqlite:///", "postgresql://")):
        raise ConfigError("the target is no address of a database: write postgresql://..., sqlite:///PATH, env:NAME or "
                          "file:PATH")  # fmt: skip
    try:
        url = make_url(text_of)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "the target is no address of a database that can be read: postgresql://USER@HOST/DATABASE"
        ) from None
    source = make_url(config.state_url)
    if url.get_backend_name() == source.get_backend_name():
        how = "`fieldcal db backup FILE`" if url.get_backend_name() == "sqlite" else "`pg_dump` and `pg_restore`"
        raise ConfigError(f"the state is in {source.get_backend_name()} already; to copy it within that use {how}")
    if url.get_backend_name() == "sqlite" and not url.database:
        raise ConfigError("the target names no file: write sqlite:///PATH")
    return url


def move(config: Config, url: URL, actor: Actor, now: datetime, tell: Tell) -> Moved:
    """Copy the installation into the empty database at `url`; the installation's folders must be locked.

    Raises a `ConfigError`, and leaves nothing in the target, where anything is not as it has to be.
    """
    to_sqlite = url.get_backend_name() == "sqlite"
    with ExitStack() as stack:
        source = Database(config.state_url)
        stack.callback(source.close)
        here = stack.enter_context(source.read())
        take_time(here)
        _refuse_source(here, now)
        booked = stack.enter_context(_field_service(config, here, to_sqlite=to_sqlite))
        into = _into_sqlite(config, url, booked is not None) if to_sqlite else _into_postgresql(url, booked is not None)
        target = stack.enter_context(into)
        state = _carried(Place(here), target.state, _state_tables(), tell)
        field_service: Mapping[str, Content] = {}
        if booked is not None and target.field_service is not None:
            field_service = _carried(booked, target.field_service, _field_service_tables(), tell)
        audit.record(target.state.tx, actor, now, "db copy", [url.get_backend_name()], "the whole installation")
        if not to_sqlite:
            queue_schema.bring_up(target.state.tx, None)
    file = config.data / _FILE
    aside, made = (None, file) if to_sqlite else (file, None)
    if not field_service:
        aside = made = None
    return Moved(url.render_as_string(hide_password=True), state, field_service, aside, made)


@dataclass(frozen=True, slots=True)
class _Target:
    """Empty tables that are filled within transactions of theirs."""

    state: Place
    field_service: Place | None


def _carried(source: Place, target: Place, tables: Sequence[Table], tell: Tell) -> dict[str, Content]:
    if left := copying.unknown(source, [*(one.name for one in tables), "alembic_version"]):
        raise ConfigError(f"the source holds tables that are not Fieldcal's and would be lost: {', '.join(left)}")
    done = {}
    for each in tables:
        # The queue is made anew in the target: its jobs follow from the state.
        without = (queue_schema.KEY,) if each is meta else ()
        done[each.name] = copying.carry(source, target, each, tell, without=without)
        copying.go_on_counting(target, each)
    return done


def _state_tables() -> list[Table]:
    return state_tables.sorted_tables


def _field_service_tables() -> list[Table]:
    # Only who moves such a system loads it.
    from fieldcal.embedded.fieldservice.database import metadata

    return metadata.sorted_tables


def _refuse_source(tx: Connection, now: datetime) -> None:
    schema.check(tx)
    schema.check_file(tx)
    present.refuse_others(tx, "the source")
    at_work = sorted(one_line(owner.partition(":")[0], 60) for owner in leases.holders(tx, now) if alive(owner))
    if at_work:
        raise ConfigError(
            f"somebody is at work on the source ({', '.join(at_work)}); end every service and worker first. One that "
            "was killed holds its place for four minutes"
        )


@contextmanager
def _field_service(config: Config, here: Connection, *, to_sqlite: bool) -> Iterator[Place | None]:
    """The embedded Field Service's rows as they are, None where there are none, or where they stay in their file."""
    at = field_service_at(config)
    refuse_two(config, at)
    if isinstance(at, URL):
        place = Place(here, beside.FIELD_SERVICE)
        yield _known(place) if inspect(here).has_table("counters", schema=beside.FIELD_SERVICE) else None
        return
    if to_sqlite or not at.exists():
        yield None
        return
    database = Database(f"sqlite:///{at}")
    try:
        with database.read() as tx:
            yield _known(Place(tx))
    finally:
        database.close()


def _known(place: Place) -> Place:
    from fieldcal.embedded.fieldservice.database import LAYOUT, counters

    named = f"{place.schema}." if place.schema else ""
    # The name is one of ours; a counter of another layout would be read with other columns.
    found = place.tx.scalar(text(f"SELECT value FROM {named}{counters.name} WHERE name = 'layout'"))  # noqa: S608
    if found != LAYOUT:
        raise ConfigError(
            f"the embedded Field Service's rows are of layout {found}, this Fieldcal's of {LAYOUT}; start "
            "`fieldcal serve` once, which brings them up, end it, and copy then"
        )
    return place


@contextmanager
def _into_postgresql(url: URL, with_field_service: bool) -> Iterator[_Target]:
    database = Database(url.render_as_string(hide_password=False), called=_TARGET)
    try:
        with database.write() as tx:
            present.refuse_others(tx, "the target")
            for each in (beside.QUEUE, beside.FIELD_SERVICE):
                if inspect(tx).get_table_names(schema=each):
                    raise ConfigError(f"the target's schema {each} holds tables already; name an empty database")
            take_time(tx)
            schema.make(tx)
            tx.execute(delete(meta))
            booked = None
            if with_field_service:
                beside.make(tx, beside.FIELD_SERVICE)
                tx.execute(text(f"SET LOCAL search_path TO {beside.FIELD_SERVICE}"))
                for table in _field_service_tables():
                    table.create(tx)
                tx.execute(text("SET LOCAL search_path TO DEFAULT"))
                booked = Place(tx, beside.FIELD_SERVICE)
            yield _Target(Place(tx), booked)
    finally:
        database.close()


@contextmanager
def _into_sqlite(config: Config, url: URL, with_field_service: bool) -> Iterator[_Target]:
    """Files that appear under their names when all is in them."""
    files = [Path(url.database or ""), *([config.data / _FILE] if with_field_service else [])]
    for file in files:
        if file.exists():
            remedy = "move it out of the data folder" if file.name == _FILE else "name a file that does not"
            raise ConfigError(f"{file} exists already; {remedy}")
    parts = [file.with_name(f"{file.name}.part") for file in files]
    for part in parts:
        backup.remove(part)
    try:
        with ExitStack() as stack:
            opened = [Database(f"sqlite:///{part}", called=_TARGET) for part in parts]
            for each in opened:
                stack.callback(each.close)
            schema.upgrade(opened[0])
            places = [Place(stack.enter_context(each.write())) for each in opened]
            places[0].tx.execute(delete(meta))
            for table in _field_service_tables() if with_field_service else ():
                table.create(places[1].tx)
            yield _Target(places[0], places[1] if with_field_service else None)
        for part in parts:
            backup.settle(part)
        for part, file in reversed([*zip(parts, files, strict=True)]):  # the state last: it makes the rest count
            part.replace(file)
    except OSError as error:
        raise ConfigError(f"the target cannot be written: {obstacle(files[0]) or error.strerror}") from None
    finally:
        for part in parts:
            backup.remove(part)
