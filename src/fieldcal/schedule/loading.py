"""CSV files in and out of the field service: everything of a file or nothing. Blocking."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.schedule import cells, crews, inheriting, keeping
from fieldcal.schedule.importing import Key, Known, Mistake, Preview, keys, read
from fieldcal.schedule.names import by_name
from fieldcal.schedule.sheets import CREWS, ORDERS, Sheet
from fieldcal.spreadsheet import cell

_ROWS_AT_ONCE = 500


def preview(tx: Connection, sheet: Sheet, data: bytes, zone: ZoneInfo) -> Preview:
    """What this file would come to now; nothing is written."""
    return _read(tx, sheet, data, zone)


def load(
    store: Store, sheet: Sheet, data: bytes, zone: ZoneInfo, *, expected: tuple[int, int] | None = None
) -> tuple[Preview, list[str]]:
    """Write what this file says, in one transaction; with a mistake in it nothing is written.

    It is read again against what stands there now. A file that was loaded before writes nothing. `expected`: how many
    new and changed rows were confirmed; where they are others by now, nothing is written. Gives what it came to, and
    the ids of the rows that were written: the new ones first, each in the order of the file.
    """
    with store.writing() as tx:
        found = _read(tx, sheet, data, zone)
        if found.mistakes or expected not in {None, (len(found.new), len(found.changed))}:
            return found, []
        made = keeping.add(store, tx, sheet, [change.values for change in found.new])
        for change in found.changed:
            keeping.change(store, tx, sheet, change.row, change.values)
        return found, [*made, *(change.row for change in found.changed)]


def _read(tx: Connection, sheet: Sheet, data: bytes, zone: ZoneInfo) -> Preview:
    found = read(data, sheet, _known(tx, sheet), zone)
    wrong = [
        Mistake(one.line, text, "members")
        for one in (*found.new, *found.changed) if "members" in one.values
        for text in crews.wrong(tx, one.values["members"])
    ]  # fmt: skip
    return replace(found, mistakes=(*found.mistakes, *wrong), same=0) if wrong else found


def tables_named(sheet: Sheet) -> set[str]:
    """The tables whose rows' names stand in this sheet's cells."""
    return {one.names for one in sheet.cells} - {""}


def _known(tx: Connection, sheet: Sheet) -> Known:
    rows: dict[str, dict[str, Any]] = {}
    found: list[dict[Key, str | None]] = [{} for _ in sheet.by]
    for row in with_members(tx, sheet, map(dict, tx.execute(_every(sheet)).mappings()), "id"):
        rows[row["id"]] = row
        for way, key in zip(found, keys(sheet, row), strict=True):
            if key[0]:
                way[key] = None if key in way else row["id"]
    places = inheriting.addresses(tx) if sheet is ORDERS else {}
    return Known(rows, found, by_name(tx, tables_named(sheet))[0], places)


def with_members(tx: Connection, sheet: Sheet, rows: Iterable[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """These rows, of crews with their members; `key`: under which name each has its id."""
    found = list(rows)
    if sheet is CREWS:
        going = crews.everyones(tx, [row[key] for row in found])
        return [{**row, "members": going[row[key]]} for row in found]
    return found


def _every(sheet: Sheet) -> Select[Any]:
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    asked = select(sql.c[table.id].label("id"), *(sql.c[one.column] for one in sheet.stored))
    return asked.where(sql.c[sheet.only[0]].in_(sheet.only[1])) if sheet.only else asked


def export(tx: Connection, sheet: Sheet, zone: ZoneInfo) -> Iterator[str]:
    """Every row as CSV, in pieces, the headings first; `load` takes it back and changes nothing."""
    first = TABLES[sheet.table].c[sheet.cells[0].column]
    _, labels = by_name(tx, tables_named(sheet))
    yield _lines([[one.heading for one in sheet.cells]])
    for some in tx.execute(_every(sheet).order_by(first, "id")).mappings().partitions(_ROWS_AT_ONCE):
        yield _lines(
            [
                [cell(cells.told(one, row[one.column], labels.get(one.names, {}), zone)) for one in sheet.cells]
                for row in with_members(tx, sheet, map(dict, some), "id")
            ]
        )


def _lines(rows: list[list[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()
