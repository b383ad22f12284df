"""Rows carried from one database to another, SQLite or PostgreSQL, and compared there before anything is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import BigInteger, Connection, Table, TableClause, column, func, insert, inspect, select, table
from sqlalchemy.exc import DBAPIError

from fieldcal.errors import ConfigError
from fieldcal.state.columns import Instant

#: Rows that are read, and written to SQLite, at once.
_AT_ONCE = 2_000
_WIDTH = 16

#: told the table and how many of its rows are carried
Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds: how many rows, and a digest of them in whatever order."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Place:
    """One end: its connection, in a transaction, and the schema of the tables there (None: the usual one)."""

    tx: Connection
    schema: str | None = None


def carry(source: Place, target: Place, what: Table, tell: Tell, *, without: Sequence[str] = ()) -> Content:
    """Carry every row of a table over and see that the target gives the same back; a `ConfigError` where it does not.

    `without`: rows whose first column has one of these values stay behind.
    """
    sums = _Sums()
    rows = sums.counting(_rows(source, what, without), lambda number: tell(what.name, number))
    try:
        _write(target, what, rows)
    except DBAPIError as error:
        raise ConfigError(_refused(what, error.orig)) from error
    sent, there = sums.content(), content(target, what)
    if sent != there:
        raise ConfigError(
            f"the table {what.name} is not the same in the target: {sent.rows} rows ({sent.digest}) were sent and "
            f"{there.rows} ({there.digest}) stand there; nothing was kept, report this as a fault"
        )
    return sent


def content(place: Place, what: Table) -> Content:
    """What this table holds."""
    sums = _Sums()
    for _ in sums.counting(_rows(place, what, ()), lambda _number: None):
        pass
    return sums.content()


def go_on_counting(place: Place, what: Table) -> None:
    """Have PostgreSQL number the next row after those that were carried over; SQLite does so by itself."""
    serial = what.autoincrement_column
    if place.tx.dialect.name == "sqlite" or serial is None:
        return
    name = place.tx.dialect.identifier_preparer.format_table(_plain(place, what))
    sequence = place.tx.scalar(select(func.pg_get_serial_sequence(name, serial.name)))
    if sequence is not None:
        most = place.tx.scalar(select(func.max(_plain(place, what).c[serial.name])))
        place.tx.execute(select(func.setval(sequence, most or 1, most is not None)))


def unknown(place: Place, known: Iterable[str]) -> list[str]:
    """Tables that stand there beside those that are known: they would be left behind."""
    return sorted(set(inspect(place.tx).get_table_names(schema=place.schema)) - set(known))


class _Sums:
    """Counts rows that pass, and adds up their digests, so that their order is of no matter."""

    def __init__(self) -> None:
        self._rows = self._sum = 0

    def counting(self, rows: Iterable[tuple[Any, ...]], tell: Callable[[int], None]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            digest = blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=_WIDTH).digest()
            self._rows, self._sum = self._rows + 1, (self._sum + int.from_bytes(digest)) % 2 ** (8 * _WIDTH)
            if self._rows % _AT_ONCE == 0:
                tell(self._rows)
            yield row
        tell(self._rows)

    def content(self) -> Content:
        return Content(self._rows, f"{self._sum:0{2 * _WIDTH}x}")


def _plain(place: Place, what: Table) -> TableClause:
    """The table without what we make of its values: instants stay the numbers that are stored."""
    columns = (column(c.name, BigInteger() if isinstance(c.type, Instant) else c.type) for c in what.columns)
    return table(what.name, *columns, schema=place.schema)


def _rows(place: Place, what: Table, without: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    here = _plain(place, what)
    asked = select(here)
    if without:
        asked = asked.where(next(iter(here.c)).not_in(without))
    for some in place.tx.execute(asked.execution_options(yield_per=_AT_ONCE)).partitions():
        yield from map(tuple, some)


def _write(place: Place, what: Table, rows: Iterator[tuple[Any, ...]]) -> None:
    here = _plain(place, what)
    if place.tx.dialect.name == "sqlite":
        names = [one.name for one in here.c]
        some: list[dict[str, Any]] = []
        for row in rows:
            some.append(dict(zip(names, row, strict=True)))
            if len(some) == _AT_ONCE:
                place.tx.execute(insert(here), some)
                some = []
        if some:
            place.tx.execute(insert(here), some)
        return
    _stream(place, what, here, rows)


def _stream(place: Place, what: Table, here: TableClause, rows: Iterator[tuple[Any, ...]]) -> None:
    """By `COPY`, which takes a tenth of the time of inserts."""
    from psycopg import Error

    preparer, raw = place.tx.dialect.identifier_preparer, place.tx.connection.driver_connection
    names = ", ".join(preparer.quote(one.name) for one in here.c)
    assert raw is not None
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {preparer.format_table(here)} ({names}) FROM STDIN") as stream:
            for row in rows:
                stream.write_row(row)
    except Error as error:
        raise ConfigError(_refused(what, error)) from error


def _refused(what: Table, error: BaseException | None) -> str:
    # Its first line alone: the others name the row, customers' texts too.
    said = (str(error).splitlines() or ["no reason given"])[0]
    return f"the table {what.name} cannot be copied: {said}; nothing was kept in the target"
