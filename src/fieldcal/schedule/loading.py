"""CSV files in and out of the field service: everything of a file or nothing. Blocking."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.embedded.fieldservice.times import parse_instant
from fieldcal.schedule.importing import Known, Preview, read
from fieldcal.schedule.sheets import Holds, Sheet
from fieldcal.spreadsheet import cell

_ROWS_AT_ONCE = 500


def preview(store: Store, sheet: Sheet, data: bytes, zone: ZoneInfo) -> Preview:
    """What this file would come to now; nothing is written."""
    with store.reading() as tx:
        return read(data, sheet, _known(tx, sheet), zone)


def load(store: Store, sheet: Sheet, data: bytes, zone: ZoneInfo) -> Preview:
    """Write what this file says, in one transaction, and say what it came to; with a mistake in it nothing is written.

    It is read again against what stands there now. A file that was loaded before writes nothing.
    """
    table = SCHEMA.by_name[sheet.table]
    with store.writing() as tx:
        found = read(data, sheet, _known(tx, sheet), zone)
        if not found.mistakes:
            for change in found.new:
                store.insert(tx, table, change.values)
            for change in found.changed:
                store.update(tx, table, change.row, change.values)
        return found


def _known(tx: Connection, sheet: Sheet) -> Known:
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    columns = [sql.c[one.column] for one in sheet.cells]
    rows: dict[str, dict[str, Any]] = {}
    for row in tx.execute(select(sql.c[table.id].label("id"), *columns)).mappings():
        key = str(row[sheet.key.column] or "").lower()
        rows.setdefault(key, dict(row))
    names: dict[str, dict[str, str | None]] = {}
    for name in {one.names for one in sheet.cells if one.names}:
        names[name] = {}
        for told, row_id in _labels(tx, name):
            key = told.lower()
            names[name][key] = None if key in names[name] else row_id
    return Known(rows, names)


def _labels(tx: Connection, name: str) -> Iterator[tuple[str, str]]:
    table, sql = SCHEMA.by_name[name], TABLES[name].c
    for row in tx.execute(select(sql[table.primary], sql[table.id])):
        yield str(row[0] or ""), str(row[1])


def export(store: Store, sheet: Sheet, zone: ZoneInfo) -> Iterator[str]:
    """Every row as CSV, in pieces, the headings first; `load` takes it back and changes nothing."""
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    with store.reading() as tx:
        labels = {
            name: {i: told for told, i in _labels(tx, name)} for name in {one.names for one in sheet.cells} - {""}
        }
        yield _lines([[one.heading for one in sheet.cells]])
        asked = select(*(sql.c[one.column] for one in sheet.cells)).where(sql.c.statecode == 0)
        for some in tx.execute(asked.order_by(sql.c[sheet.key.column], sql.c[table.id])).partitions(_ROWS_AT_ONCE):
            yield _lines(
                [
                    [_told(one.holds, value, labels.get(one.names, {}), zone)
                     for one, value in zip(sheet.cells, row, strict=True)]
                    for row in some
                ]
            )  # fmt: skip


def _told(holds: Holds, value: Any, labels: dict[str, str], zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if holds is Holds.NAME:
        return cell(labels.get(value, ""))
    if holds is Holds.INSTANT:
        return parse_instant(value).astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return cell(value)


def _lines(rows: list[list[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()
