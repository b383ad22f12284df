"""Rows of the field service: made, changed and deleted in transactions, each with a version of its own.

Values are Python's JSON values under logical column names; a lookup's value is the id of its target. Blocking.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.fieldservice.database import (
    TABLES,
    TAKEN,
    counters,
    deletions,
    open_database,
    read_counter,
    take_counter,
)
from fieldcal.embedded.fieldservice.errors import (
    ASSOCIATED,
    INVALID_ARGUMENT,
    TOO_EARLY,
    VERSION_MISMATCH,
    Refused,
    does_not_exist,
)
from fieldcal.embedded.fieldservice.outbox import Outbox
from fieldcal.embedded.fieldservice.schema import Column, Table
from fieldcal.embedded.fieldservice.tables import (
    ADDRESS_PARTS,
    BOOKING,
    CONTACT,
    ORGANIZATION,
    SCHEMA,
    USER,
    WORK_ORDER,
)
from fieldcal.embedded.fieldservice.times import EARLIEST, instant_text, parse_instant

Values = Mapping[str, Any]
LOAD_CHUNK = 20_000
DEFAULT_EXPIRY = 7  # days


class Store:
    """The database of one organization. Its methods may be called from any thread."""

    def __init__(self, path_or_url: str | Path, clock: SandboxClock | None = None) -> None:
        """Open or make the database; see `open_database`."""
        self.clock = clock or SandboxClock()
        self.engine = open_database(path_or_url)
        self._writing = self.engine.execution_options(writing=True)
        #: what registered webhooks are to be told of
        self.outbox = Outbox(self.engine, self.clock)
        #: versions that were taken through this store, from just before their commit on
        self._ours, self._counting = 0, Lock()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state and changes nothing."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed when the block ends well."""
        taken = 0
        try:
            with self._writing.begin() as connection:
                noted = self.outbox.open(connection)
                connection.info[TAKEN] = 0
                yield connection
                taken = connection.info[TAKEN]
                self._count(taken)
        except BaseException:
            self._count(-taken)
            raise
        self.outbox.publish(noted)

    def _count(self, taken: int) -> None:
        with self._counting:
            self._ours += taken

    def create(self, table: str, values: Values, row_id: str | None = None) -> str:
        """Make a row, in a transaction of its own; gives its id."""
        with self.writing() as connection:
            return self.insert(connection, SCHEMA.by_name[table], values, row_id)

    def change(self, table: str, row_id: str, values: Values) -> None:
        """Change a row, in a transaction of its own; Refused (404) where it is not."""
        with self.writing() as connection:
            self.update(connection, SCHEMA.by_name[table], row_id, values)

    def remove(self, table: str, row_id: str) -> None:
        """Delete a row, in a transaction of its own; Refused (404) where it is not."""
        with self.writing() as connection:
            self.delete(connection, SCHEMA.by_name[table], row_id)

    def get(self, table: str, row_id: str) -> dict[str, Any] | None:
        """One row by logical column names, or None."""
        with self.reading() as connection:
            return self.find(connection, SCHEMA.by_name[table], row_id)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table, by id."""
        sql = TABLES[table]
        with self.reading() as connection:
            found = connection.execute(select(sql).order_by(sql.c[SCHEMA.by_name[table].id]))
            return [dict(row) for row in found.mappings()]

    def user(self, named: str) -> dict[str, Any] | None:
        """The enabled user with this e-mail address, in any case, or this object id of the directory."""
        users = TABLES[USER.name]
        named = named.casefold()
        own = or_(func.lower(users.c.internalemailaddress) == named, users.c.azureactivedirectoryobjectid == named)
        with self.reading() as connection:
            row = connection.execute(select(users).where(own, users.c.isdisabled.is_not(True))).mappings().first()
        return dict(row) if row is not None else None

    def version(self) -> int:
        """The last version given out."""
        with self.reading() as connection:
            return read_counter(connection, "version")

    def written_elsewhere(self) -> int:
        """A number that has grown when another process has written, and never by what was written through this store.

        While we write it may be too small for a moment, never too large: ours are counted before anybody can see them.
        """
        version = self.version()
        with self._counting:
            return version - self._ours

    def load(self, table: str, rows: Iterable[Values]) -> int:
        """Write many new rows fast; nothing is checked, what is missing gets its default. Gives their number."""
        shape, sql, now = SCHEMA.by_name[table], TABLES[table], instant_text(self.clock.now())
        defaults = {column.name: column.default for column in shape.columns}
        complete = [{**defaults, "createdon": now, "modifiedon": now, **row} for row in rows]
        with self.writing() as connection:
            version = take_counter(connection, "version", len(complete)) - len(complete)
            self._number(connection, shape, complete)
            for position, row in enumerate(complete, 1):
                row["versionnumber"] = version + position
                row[shape.id] = row[shape.id] or str(uuid.uuid4())
                _derive(shape, row, row)
            for start in range(0, len(complete), LOAD_CHUNK):
                connection.execute(insert(sql), complete[start : start + LOAD_CHUNK])
        return len(complete)

    def expire_tokens(self) -> None:
        """Let every delta link given out so far be expired."""
        with self.writing() as connection:
            valid_from = take_counter(connection, "version")
            connection.execute(update(counters).where(counters.c.name == "valid_from").values(value=valid_from))

    def find(self, connection: Connection, table: Table, row_id: str) -> dict[str, Any] | None:
        """One row as the transaction sees it."""
        sql = TABLES[table.name]
        row = connection.execute(select(sql).where(sql.c[table.id] == row_id)).mappings().one_or_none()
        return dict(row) if row is not None else None

    def insert(self, connection: Connection, table: Table, values: Values, row_id: str | None = None) -> str:
        """Make a row within a transaction; Refused where a required value or a lookup's target is missing."""
        now = instant_text(self.clock.now())
        row = {column.name: column.default for column in table.columns} | {"createdon": now, "modifiedon": now}
        row.update(values)
        row[table.id] = row_id or row[table.id] or str(uuid.uuid4())
        self._complete(connection, table, row)
        self._check(connection, table, row, row)
        _check_dates(table, row)
        row["versionnumber"] = take_counter(connection, "version")
        connection.execute(insert(TABLES[table.name]), [row])
        connection.execute(delete(deletions).where(deletions.c.row_id == row[table.id]))
        self.outbox.note(connection, "Create", table.name, str(row[table.id]), values)
        return str(row[table.id])

    def insert_many(self, connection: Connection, table: Table, rows: Sequence[Values]) -> list[str]:
        """Make many rows within a transaction, as `insert` makes one; gives their ids in the same order."""
        now = instant_text(self.clock.now())
        defaults = {column.name: column.default for column in table.columns} | {"createdon": now, "modifiedon": now}
        complete = [{**defaults, **row, table.id: str(uuid.uuid4())} for row in rows]
        self._number(connection, table, complete)
        last = take_counter(connection, "version", len(complete)) if complete else 0
        targets: set[tuple[str, str]] = set()
        for position, row in enumerate(complete, 1):
            _derive(table, row, row)
            row["versionnumber"] = last - len(complete) + position
            # each target is looked for once
            fresh = {
                column.name: row[column.name]
                for column in table.columns
                if column.target and row[column.name] and (column.target, row[column.name]) not in targets
            }
            self._check(connection, table, row, fresh)
            _check_dates(table, row)
            targets |= {(table.by_name[name].target, target) for name, target in fresh.items()}
        for start in range(0, len(complete), LOAD_CHUNK):
            connection.execute(insert(TABLES[table.name]), complete[start : start + LOAD_CHUNK])
        for row, values in zip(complete, rows, strict=True):
            self.outbox.note(connection, "Create", table.name, row[table.id], values)
        return [str(row[table.id]) for row in complete]

    def update(
        self, connection: Connection, table: Table, row_id: str, values: Values, expected: int | None = None
    ) -> None:
        """Change a row within a transaction; it gets a new version even where nothing differs, as in Dataverse.

        `expected`: the version that it must have; Refused (412) where it has another.
        """
        row = self.find(connection, table, row_id)
        if row is None:
            raise does_not_exist(table.name, row_id)
        _check_version(row, expected)
        changes = dict(values)
        if "statecode" in changes and "statuscode" not in changes:
            changes["statuscode"] = 2 if changes["statecode"] == 1 else 1
        merged = row | changes
        self._check(connection, table, merged, changes)
        _check_dates(table, changes)
        _derive(table, merged, changes)
        self._write(connection, table, [row_id], changes)
        self.outbox.note(connection, "Update", table.name, row_id, values)

    def delete(self, connection: Connection, table: Table, row_id: str, expected: int | None = None) -> None:
        """Delete a row within a transaction, and do to the rows that point at it what their lookups say."""
        row = self.find(connection, table, row_id)
        if row is None:
            raise does_not_exist(table.name, row_id)
        _check_version(row, expected)
        for other, column in SCHEMA.pointing_at(table.name):
            self._let_go(connection, other, column, row_id)
        sql, now = TABLES[table.name], self.clock.now()
        connection.execute(delete(sql).where(sql.c[table.id] == row_id))
        self.outbox.note(connection, "Delete", table.name, row_id, {})
        entry = {
            "version": take_counter(connection, "version"),
            "table_name": table.name,
            "row_id": row_id,
            "at": instant_text(now),
        }
        connection.execute(insert(deletions), [entry])
        too_old = instant_text(now - timedelta(days=self.expiry_days(connection)))
        connection.execute(delete(deletions).where(deletions.c.at < too_old))

    def expiry_days(self, connection: Connection) -> int:
        """For how many days a delta link is good: the organization's own setting."""
        days = connection.execute(select(TABLES[ORGANIZATION.name].c.expirechangetrackingindays)).scalar()
        return DEFAULT_EXPIRY if days is None else int(days)

    def _let_go(self, connection: Connection, table: Table, column: Column, target: str) -> None:
        sql = TABLES[table.name]
        pointing = select(sql.c[table.id]).where(sql.c[column.name] == target)
        ids = list(connection.execute(pointing).scalars())
        if not ids:
            return
        if column.on_delete == "refuse":
            # The status is documented for this error: 405.
            text = "The object you tried to delete is associated with another object and cannot be deleted."
            raise Refused(405, ASSOCIATED, text)
        if column.on_delete == "cascade":
            for row_id in ids:
                self.delete(connection, table, row_id)
        else:
            self._write(connection, table, ids, {column.name: None})

    def _write(self, connection: Connection, table: Table, ids: list[str], changes: dict[str, Any]) -> None:
        sql, now = TABLES[table.name], instant_text(self.clock.now())
        last = take_counter(connection, "version", len(ids))
        for position, row_id in enumerate(ids, 1):
            version = last - len(ids) + position
            values = {**changes, "modifiedon": now, "versionnumber": version}
            connection.execute(update(sql).where(sql.c[table.id] == row_id).values(values))

    def _number(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Give work orders without a number the next ones."""
        unnamed = [row for row in rows if table is WORK_ORDER and not row["msdyn_name"]]
        if unnamed:
            first = take_counter(connection, "order", len(unnamed)) - len(unnamed) + 1
            for number, row in enumerate(unnamed, first):
                row["msdyn_name"] = f"{number:05}"

    def _complete(self, connection: Connection, table: Table, row: dict[str, Any]) -> None:
        self._number(connection, table, [row])
        if table is BOOKING and not row["name"] and row["resource"]:
            resource = self.find(connection, SCHEMA.by_name["bookableresource"], row["resource"])
            row["name"] = resource["name"] if resource else None
        _derive(table, row, row)

    def _check(self, connection: Connection, table: Table, row: Values, changes: Values) -> None:
        for column in table.columns:
            if column.required and row[column.name] in (None, ""):
                text = f"Attribute '{column.name}' of '{table.name}' is required and cannot be empty."
                raise Refused(400, INVALID_ARGUMENT, text)
            target = changes.get(column.name) if column.target else None
            if target is not None and self.find(connection, SCHEMA.by_name[column.target], target) is None:
                raise does_not_exist(column.target, target)


def _check_version(row: Values, expected: int | None) -> None:
    if expected is not None and row["versionnumber"] != expected:
        text = "The version of the existing record doesn't match the RowVersion property provided."
        raise Refused(412, VERSION_MISMATCH, text)


def _check_dates(table: Table, values: Values) -> None:
    for column in table.columns:
        value = values.get(column.name) if column.type in {"date", "datetime"} else None
        if value is not None and value < EARLIEST:
            text = (
                f"DateTime is less than minimum value supported by CrmDateTime. Actual value: {value}, "
                f"Minimum value supported: {EARLIEST}"
            )
            raise Refused(400, TOO_EARLY, text)


def _derive(table: Table, row: Values, changes: dict[str, Any]) -> None:
    """Put what is computed from other columns into the changes."""
    for compute in DERIVED.get(table.name, ()):
        compute(row, changes)


def _duration(row: Values, changes: dict[str, Any]) -> None:
    """Minutes from start to end, where one of them is written and the duration is not."""
    written = changes.get("duration") is not None
    if written or not (changes.keys() & {"starttime", "endtime"}) or not (row["starttime"] and row["endtime"]):
        return
    seconds = (parse_instant(row["endtime"]) - parse_instant(row["starttime"])).total_seconds()
    changes["duration"] = max(0, round(seconds / 60))


def _display_address(row: Values, changes: dict[str, Any]) -> None:
    names = [f"msdyn_{part}" for part, _ in ADDRESS_PARTS]
    if changes.keys().isdisjoint(names):
        return
    lines = [row.get(name) for name in names[:4]]
    region = " ".join(part for part in (row.get(names[4]), row.get(names[5])) if part)
    changes["msdyn_displayaddress"] = ", ".join(part for part in (*lines, region, row.get(names[6])) if part) or None


def _full_name(row: Values, changes: dict[str, Any]) -> None:
    if changes.keys() & {"firstname", "lastname"}:
        changes["fullname"] = " ".join(part for part in (row.get("firstname"), row.get("lastname")) if part) or None


DERIVED: dict[str, tuple[Callable[[Values, dict[str, Any]], None], ...]] = {
    BOOKING.name: (_duration,),
    WORK_ORDER.name: (_display_address,),
    CONTACT.name: (_full_name,),
}
