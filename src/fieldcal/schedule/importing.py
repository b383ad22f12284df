"""What a CSV file means: every mistake named by its line, and what would be new or changed without one. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.schedule.sheets import Cell, Holds, Sheet

#: Rows of one file.
MOST_ROWS = 50_000
#: The longest that a job is estimated at: a month.
_MOST_MINUTES = 31 * 24 * 60
#: what `fieldcal.spreadsheet` puts an apostrophe before
_GUARDED = ("'=", "'+", "'-", "'@")


@dataclass(frozen=True, slots=True)
class Known:
    """What stands in the field service: rows by their key, and ids by the names that cells may hold; all lowered."""

    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: table -> name -> id; None where several have that name
    names: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in which line of the file; the first line is 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One row that would be written. `row`: the id of the one that is changed, "" for a new one."""

    line: int
    key: str
    row: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file comes to. Nothing may be written while there are mistakes."""

    new: tuple[Change, ...]
    changed: tuple[Change, ...]
    same: int
    mistakes: tuple[Mistake, ...]


def read(data: bytes, sheet: Sheet, known: Known, zone: ZoneInfo) -> Preview:
    """The file read against what is known; `zone`: of dates and times that name none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _only(line, "this is not UTF-8; save the file as CSV UTF-8")
    if "\0" in text:
        return _only(text[: text.index("\0")].count("\n") + 1, "this is no text")
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        return _Reading(sheet, known, zone).through(reader)
    except csv.Error as error:
        return _only(reader.line_num, f"this cannot be read as CSV: {error}")


def _only(line: int, text: str) -> Preview:
    return Preview((), (), 0, (Mistake(line, text),))


class _Reading:
    """One file on its way through: what was found so far."""

    def __init__(self, sheet: Sheet, known: Known, zone: ZoneInfo) -> None:
        self._sheet, self._known, self._zone = sheet, known, zone
        self._mistakes: list[Mistake] = []
        #: key -> the line that had it first
        self._seen: dict[str, int] = {}

    def through(self, reader: Any) -> Preview:
        """Every row of it. `reader` is one of csv's, whose type has no name."""
        new: list[Change] = []
        changed: list[Change] = []
        same = 0
        cells: list[Cell] = []
        before = 0
        for row in reader:
            line, before = before + 1, reader.line_num
            if not any(value.strip() for value in row):
                continue
            if not cells:
                cells = self._headings(line, row)
                if self._mistakes:
                    break
                continue
            if len(new) + len(changed) + same >= MOST_ROWS:
                self._mistakes.append(Mistake(line, f"a file has at most {MOST_ROWS:,} rows; cut it in pieces"))
                break
            change = self._row(line, row, cells)
            if change is None:
                continue
            if not change.row:
                new.append(change)
            elif change.values:
                changed.append(change)
            else:
                same += 1
        if not cells and not self._mistakes:
            self._mistakes.append(Mistake(1, f"the file is empty; its first line names {self._headings_there_are()}"))
        return Preview(tuple(new), tuple(changed), same, tuple(self._mistakes))

    def _headings(self, line: int, row: Sequence[str]) -> list[Cell]:
        known = {cell.heading: cell for cell in self._sheet.cells}
        names = [" ".join(name.lower().split()) for name in row]
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, 1)
                meant = f"; is {near[0]!r} meant?" if near else f"; there are {self._headings_there_are()}"
                self._wrong(line, f"there is no heading {name[:40]!r} in a file of {self._sheet.name}{meant}")
            elif names.count(name) > 1:
                self._wrong(line, f"the heading {name!r} stands there twice")
                break
        if self._sheet.key.heading not in names:
            self._wrong(line, f"the heading {self._sheet.key.heading!r} is missing, by which rows are told apart")
        return [] if self._mistakes else [known[name] for name in names]

    def _headings_there_are(self) -> str:
        return ", ".join(cell.heading for cell in self._sheet.cells)

    def _wrong(self, line: int, text: str) -> None:
        self._mistakes.append(Mistake(line, text))

    def _row(self, line: int, row: Sequence[str], cells: Sequence[Cell]) -> Change | None:
        if len(row) > len(cells) and any(value.strip() for value in row[len(cells) :]):
            self._wrong(line, f"the line has {len(row)} cells, and there are {len(cells)} headings")
            return None
        texts = {cell: _plain(value) for cell, value in zip(cells, [*row, *[""] * len(cells)], strict=False)}
        key = texts[self._sheet.key]
        first = self._seen.setdefault(key.lower(), line)
        count = len(self._mistakes)
        if key and first != line:
            self._wrong(line, f"{self._sheet.key.heading} {key[:60]!r} stands in line {first} already")
        values: dict[str, Any] = {}
        for cell, text in texts.items():
            told = list(self._value(cell, text))
            for problem in told[1:]:
                self._wrong(line, problem)
            values[cell.column] = told[0]
        there = self._known.rows.get(key.lower())
        self._spans(line, values, there or {})
        if len(self._mistakes) > count:
            return None
        if there is None:
            return Change(line, key, "", values)
        return Change(line, key, there["id"], {name: value for name, value in values.items() if there[name] != value})

    def _spans(self, line: int, values: Mapping[str, Any], there: Mapping[str, Any]) -> None:
        columns = {cell.heading: cell.column for cell in self._sheet.cells}
        for begin, end in self._sheet.spans:
            first, last = (values.get(columns[one], there.get(columns[one])) for one in (begin, end))
            if first and last and last <= first:
                self._wrong(line, f"{end!r} is not after {begin!r}")

    def _value(self, cell: Cell, text: str) -> Iterator[Any]:
        """The value, then what is wrong with it."""
        if not text:
            yield None
            if cell.required:
                yield f"{cell.heading!r} is empty"
            return
        if cell.holds is Holds.NAME:
            yield from self._named(cell, text)
        elif cell.holds is Holds.MINUTES:
            good = text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _MOST_MINUTES and len(text) < 9  # noqa: PLR2004
            yield int(text) if good else None
            if not good:
                yield f"{cell.heading!r} is {text[:40]!r}, and not a number of minutes up to {_MOST_MINUTES:,}"
        elif cell.holds is Holds.INSTANT:
            instant = self._instant(text)
            yield instant_text(instant) if instant else None
            if instant is None:
                yield f"{cell.heading!r} is {text[:40]!r}, and not a date and time such as 2026-11-24 09:00"
        else:
            yield text
            if len(text) > cell.longest:
                yield f"{cell.heading!r} has {len(text):,} characters; at most {cell.longest:,} are kept"

    def _named(self, cell: Cell, text: str) -> Iterator[Any]:
        names = self._known.names.get(cell.names, {})
        found = names.get(text.lower())
        yield found
        if found is None:
            near = get_close_matches(text.lower(), names, 1)
            meant = f"; is {near[0]!r} meant?" if near else "; import or add it first"
            several = text.lower() in names
            yield (
                f"several have the {cell.heading} {text[:60]!r}"
                if several
                else (f"there is no {cell.heading} {text[:60]!r}{meant}")
            )

    def _instant(self, text: str) -> datetime | None:
        try:
            told = datetime.fromisoformat(text)
            return (told if told.tzinfo else told.replace(tzinfo=self._zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def _plain(value: str) -> str:
    text = value.strip()
    return text[1:] if text.startswith(_GUARDED) else text
