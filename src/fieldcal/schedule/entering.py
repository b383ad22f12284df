"""One row as a form shows and changes it: texts by heading, its version, each mistake by its heading. Blocking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.errors import Refused
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.errors import ConfigError, Overtaken
from fieldcal.schedule import cells, crews, inheriting, keeping
from fieldcal.schedule.importing import keys, spans_wrong
from fieldcal.schedule.loading import tables_named, with_members
from fieldcal.schedule.names import by_name
from fieldcal.schedule.sheets import ORDERS, Sheet

_MISMATCH = 412


class Wrong(ConfigError):
    """What was written cannot be kept; nothing was. `mistakes`: by heading, "" for those of no field."""

    def __init__(self, mistakes: Mapping[str, list[str]]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(words for some in mistakes.values() for words in some))


@dataclass(frozen=True, slots=True)
class Opened:
    """One row as it stands."""

    id: str
    version: int
    #: by heading
    texts: Mapping[str, str]
    row: Mapping[str, Any]


def plain(text: str) -> str:
    """The text as forms are compared: browsers send lines with other ends."""
    return text.replace("\r\n", "\n").strip()


def blank(sheet: Sheet) -> dict[str, str]:
    """The texts of a form that nobody has written into yet."""
    return {one.heading: one.first for one in sheet.cells}


def opened(tx: Connection, sheet: Sheet, row: str, zone: ZoneInfo) -> Opened | None:
    """The row of this id, None where there is none of this kind."""
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    found = tx.execute(select(sql).where(sql.c[table.id] == row)).mappings().one_or_none()
    if found is None or (sheet.only and found[sheet.only[0]] not in sheet.only[1]):
        return None
    _, labels = by_name(tx, tables_named(sheet))
    (kept,) = with_members(tx, sheet, [dict(found)], table.id)
    texts = {
        one.heading: plain(cells.told(one, kept[one.column], labels.get(one.names, {}), zone, form=True))
        for one in sheet.cells
    }
    return Opened(row, found["versionnumber"], texts, kept)


def add(store: Store, sheet: Sheet, texts: Mapping[str, str], zone: ZoneInfo) -> str:
    """Make a row of what was written, and give its id; `Wrong` where it cannot be kept."""
    with store.writing() as tx:
        values = _values(tx, sheet, texts, None, zone)
        made: str = keeping.add(store, tx, sheet, [values])[0]
        return made


def change(store: Store, sheet: Sheet, row: str, version: int, texts: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """Write what differs, and give its headings; nothing where this raises.

    `Wrong` where it cannot be kept, `Overtaken` where the row has another version by now.
    """
    with store.writing() as tx:
        before = opened(tx, sheet, row, zone)
        if before is None or before.version != version:
            raise Overtaken(f"this one of the {sheet.name} was changed meanwhile")
        values = _values(tx, sheet, texts, before, zone)
        changed = {name: value for name, value in values.items() if before.row[name] != value}
        if changed:
            try:
                keeping.change(store, tx, sheet, row, changed, version)
            except Refused as error:
                raise _plain(error, sheet) from error
        return [one.heading for one in sheet.cells if one.column in changed]


def _plain(error: Refused, sheet: Sheet) -> ConfigError:
    if error.status == _MISMATCH:
        return Overtaken(f"this one of the {sheet.name} was changed meanwhile")
    return ConfigError(f"nothing was written: {error.message}")


def _values(
    tx: Connection, sheet: Sheet, texts: Mapping[str, str], before: Opened | None, zone: ZoneInfo
) -> dict[str, Any]:
    names, _ = by_name(tx, tables_named(sheet))
    mistakes: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for one in sheet.cells:
        text = texts.get(one.heading, "")
        if before is not None and text == before.texts[one.heading]:
            values[one.column] = before.row[one.column]  # as it is, even where it could not be written so
            continue
        if not text and before is None and sheet.numbered and one.heading == sheet.by[0][0]:
            continue  # it gets the next number
        values[one.column], wrong = cells.read(one, text, names, zone)
        if wrong:
            mistakes[one.heading] = wrong
    for begin, end in spans_wrong(sheet, values):
        mistakes.setdefault(end, []).append(f"{end!r} is not after {begin!r}")
    for words in crews.wrong(tx, values.get("members") or ()):
        mistakes.setdefault("members", []).append(words)
    if not mistakes and (twin := _twin(tx, sheet, values, before)):
        mistakes.setdefault(twin, []).append(f"another one of the {sheet.name} has this {twin} already")
    if mistakes:
        raise Wrong(mistakes)
    if sheet is ORDERS:
        account = {values["msdyn_serviceaccount"]} - {None}
        values |= inheriting.taken(before.row if before else {}, values, inheriting.addresses(tx, account))
    return values


def _twin(tx: Connection, sheet: Sheet, values: Mapping[str, Any], before: Opened | None) -> str:
    """The heading by which another row could not be told apart from this one, "" where it can."""
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    told = keys(sheet, values)
    n = next((n for n, key in enumerate(told) if key[0]), None)
    if n is None or (before is not None and keys(sheet, before.row)[n] == told[n]):
        return ""
    asked = select(sql.c[table.id], *(sql.c[one.column] for one in sheet.stored))
    first = sql.c[sheet.cell(sheet.by[n][0]).column]
    # an index finds a number as it is written, and in the other ways of writing it
    text = str(values[first.name])
    asked = asked.where(first.in_({text, text.upper(), text.lower(), text.title()}))
    if sheet.only:
        asked = asked.where(sql.c[sheet.only[0]].in_(sheet.only[1]))
    for row in map(dict, tx.execute(asked).mappings()):
        if row[table.id] != (before.id if before else "") and keys(sheet, row)[n] == told[n]:
            return sheet.by[n][0]
    return ""
