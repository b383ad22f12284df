"""What a CSV file means: every mistake named by its line, and what would be new or changed without one. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from fieldcal.schedule import cells, inheriting
from fieldcal.schedule.cells import Names
from fieldcal.schedule.inheriting import Addresses
from fieldcal.schedule.sheets import ORDERS, Cell, Sheet
from fieldcal.spreadsheet import plain

#: Rows of one file.
MOST_ROWS = 50_000
#: As spreadsheets on Windows name the mark between cells in a line before all others.
_MARK = re.compile(r"sep=([;,\t|:])(?=\r?\n)", re.IGNORECASE)
#: As spreadsheets on Windows write a file that is not called CSV UTF-8.
_WINDOWS = "cp1252"
#: How a file begins that a spreadsheet keeps as its own: .xlsx and .ods are archives.
_WORKBOOK = b"PK\x03\x04"

#: The values of the cells that tell a row apart, texts in small letters.
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What stands in the field service of one kind."""

    #: by id
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: for each way in which rows are told apart (`Sheet.by`): key -> id; None where several have it
    found: Sequence[Mapping[Key, str | None]] = ()
    names: Names = field(default_factory=Names)
    #: of accounts, which work orders take
    places: Addresses = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in which line of the file, and under which heading; the first line is 1."""

    line: int
    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One row that would be written. `row`: the id of the one that is changed, "" for a new one."""

    line: int
    key: str
    row: str
    values: Mapping[str, Any]
    #: columns whose values are its account's and stand not in the file
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file comes to. Nothing may be written while there are mistakes."""

    new: tuple[Change, ...]
    changed: tuple[Change, ...]
    same: int
    mistakes: tuple[Mistake, ...]

    @property
    def unnumbered(self) -> int:
        """How many new rows have no number of their own, and would be made again by the same file."""
        return sum(1 for one in self.new if not one.key)

    @property
    def taking(self) -> int:
        """How many rows take their account's address."""
        return sum(1 for one in (*self.new, *self.changed) if one.taken)


def keys(sheet: Sheet, row: Mapping[str, Any]) -> list[Key]:
    """What tells this row apart, in each of the sheet's ways; one with an empty first part tells nothing."""
    return [tuple(_part(row.get(sheet.cell(heading).column)) for heading in way) for way in sheet.by]


def _part(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value or ""


def read(data: bytes, sheet: Sheet, known: Known, zone: ZoneInfo) -> Preview:
    """The file read against what is known; `zone`: of dates and times that name none."""
    text, wrong = _decoded(data)
    if wrong:
        return _only(*wrong)
    head = text.partition("\n")[0]
    mark = max((";", "\t", ","), key=head.count)
    if named := _MARK.match(text):
        mark, text = named[1], text[named.end() :]  # an empty line stays, so that lines are counted as they stand
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        return _Reading(sheet, known, zone).through(reader)
    except csv.Error as error:
        return _only(reader.line_num, f"this cannot be read as CSV: {error}")


def _decoded(data: bytes) -> tuple[str, tuple[int, str] | None]:
    """UTF-8 where it is that, else as spreadsheets on Windows write it."""
    if data.startswith(_WORKBOOK):
        return "", (1, "this is a workbook and no text file; save its sheet as CSV UTF-8")
    if b"\0" in data:
        return "", (data[: data.index(b"\0")].count(b"\n") + 1, "this is no text file; save the sheet as CSV UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode(_WINDOWS)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            return "", (line, "this is neither UTF-8 nor Windows-1252; save the file as CSV UTF-8")
    return text, None


def _only(line: int, text: str) -> Preview:
    return Preview((), (), 0, (Mistake(line, text),))


class _Reading:
    """One file on its way through: what was found so far."""

    def __init__(self, sheet: Sheet, known: Known, zone: ZoneInfo) -> None:
        self._sheet, self._known, self._zone = sheet, known, zone
        self._mistakes: list[Mistake] = []
        self._cells: list[Cell] = []
        #: the ways of telling rows apart that this file has all headings for
        self._ways: list[int] = []
        #: key, or id of a row -> the line that had it first
        self._seen: dict[Any, int] = {}
        #: what rows that are there say under the file's headings, for lines without a number -> their numbers
        self._twins: dict[tuple[Any, ...], str] = {}

    def through(self, reader: Any) -> Preview:
        """Every row of it. `reader` is one of csv's, whose type has no name."""
        new: list[Change] = []
        changed: list[Change] = []
        count, before = 0, 0
        for row in reader:
            line, before = before + 1, reader.line_num
            if not any(value.strip() for value in row):
                continue
            if not self._cells:
                self._cells = self._headings(line, row)
                if self._mistakes:
                    break
                continue
            count += 1
            if count > MOST_ROWS:
                self._wrong(line, f"a file has at most {MOST_ROWS:,} rows; cut it in pieces")
                break
            change = self._row(line, row)
            if change is not None and not change.row:
                new.append(change)
            elif change is not None and change.values:
                changed.append(change)
        if not self._cells and not self._mistakes:
            self._wrong(1, f"the file is empty; its first line names {self._headings_there_are()}")
        same = max(0, count - len(new) - len(changed)) if not self._mistakes else 0
        return Preview(tuple(new), tuple(changed), same, tuple(self._mistakes))

    def _headings(self, line: int, row: Sequence[str]) -> list[Cell]:
        known = {cell.heading: cell for cell in self._sheet.cells}
        labels = {cell.label: cell.heading for cell in self._sheet.cells if cell.label}
        names = [" ".join(name.lower().split()) for name in row]
        names = [labels.get(name, name) for name in names]
        while names and not names[-1]:
            names.pop()
        for at, name in enumerate(names):
            if name not in known:
                near = get_close_matches(name, known, 1)
                meant = f"; is {near[0]!r} meant?" if near else f"; there are {self._headings_there_are()}"
                self._wrong(line, f"there is no heading {name[:40]!r} in a file of {self._sheet.name}{meant}")
            elif name in names[:at]:
                self._wrong(line, f"the heading {name!r} stands there twice")
        self._ways = [n for n, way in enumerate(self._sheet.by) if set(way) <= set(names)]
        for cell in self._sheet.cells:
            if (
                not self._ways
                and not self._sheet.numbered
                and cell.heading in self._sheet.by[-1]
                and cell.heading not in names
            ):
                self._wrong(line, f"the heading {cell.heading!r} is missing, by which rows are told apart")
        return [] if self._mistakes else [known[name] for name in names]

    def _headings_there_are(self) -> str:
        return ", ".join(cell.heading for cell in self._sheet.cells)

    def _wrong(self, line: int, text: str, heading: str = "") -> None:
        self._mistakes.append(Mistake(line, text, heading))

    def _row(self, line: int, row: Sequence[str]) -> Change | None:
        if len(row) > len(self._cells) and any(value.strip() for value in row[len(self._cells) :]):
            self._wrong(line, f"the line has {len(row)} cells, and there are {len(self._cells)} headings")
            return None
        padded = [*row, *[""] * len(self._cells)]
        texts = {cell: plain(value.strip()) for cell, value in zip(self._cells, padded, strict=False)}
        count = len(self._mistakes)
        values = self._values(line, texts)
        there = self._same_row(line, values, texts)
        self._complete(line, values, texts, there)
        known = self._known.rows.get(there, {})
        taken = inheriting.taken(known, values, self._known.places) if self._sheet is ORDERS else {}
        values.update(taken)
        for begin, end in spans_wrong(self._sheet, {**known, **values}):
            self._wrong(line, f"{end!r} is not after {begin!r}", end)
        key = " ".join(texts[cell] for cell in texts if cell.heading in self._sheet.by[-1])
        if self._sheet.numbered and not key:
            self._not_again(line, values)
        if len(self._mistakes) > count:
            return None
        if not there:
            return Change(line, key, "", values, frozenset(taken))
        changed = {name: value for name, value in values.items() if known[name] != value}
        return Change(line, key, there, changed, frozenset(taken.keys() & changed.keys()))

    def _values(self, line: int, texts: Mapping[Cell, str]) -> dict[str, Any]:
        """What the cells are kept as, by column."""
        values: dict[str, Any] = {}
        for cell, text in texts.items():
            if not text and self._is_number(cell):
                values[cell.column] = None  # it gets the next one
                continue
            values[cell.column], problems = cells.read(cell, text or cell.first, self._known.names, self._zone)
            for problem in problems:
                self._wrong(line, problem, cell.heading)
        return values

    def _complete(self, line: int, values: dict[str, Any], texts: Mapping[Cell, str], there: str) -> None:
        """Have a row that is there keep what an empty cell makes nothing else of, and a new one all that it needs."""
        for cell in self._sheet.cells:
            if there and cell.first and not texts.get(cell):
                values.pop(cell.column, None)
            elif not there and cell.required and not cell.first and cell not in texts and not self._is_number(cell):
                self._wrong(line, f"this one is new, and {cell.heading!r} is missing", cell.heading)

    def _is_number(self, cell: Cell) -> bool:
        return self._sheet.numbered and cell.heading == self._sheet.by[0][0]

    def _not_again(self, line: int, values: Mapping[str, Any]) -> None:
        """A line without a number that says just what a row says that is there is not made a second time."""
        said = [cell.column for cell in self._cells if not self._is_number(cell)]
        if not self._twins:
            number = self._sheet.cell(self._sheet.by[0][0]).column
            self._twins = {tuple(row[name] for name in said): row[number] for row in self._known.rows.values()}
        if twin := self._twins.get(tuple(values[name] for name in said)):
            words = f"{self._sheet.one} {twin} says just this already; write its number, or take the line out"
            self._wrong(line, words, self._sheet.by[0][0])

    def _same_row(self, line: int, values: Mapping[str, Any], texts: Mapping[Cell, str]) -> str:
        """The id of the row that this line is about, "" where it is a new one; a line that another was is a mistake."""
        told = keys(self._sheet, values)
        ways = [n for n in self._ways if told[n][0]]
        if not ways:
            return ""
        self._twice(line, (ways[0], told[ways[0]]), ways[0], texts)
        for n in ways:
            row = self._known.found[n].get(told[n], "")
            if row is None:
                named = ", ".join(self._sheet.by[n])
                more = next((way for way in self._sheet.by if way != self._sheet.by[n]), ())
                helps = f"; tell them apart by {', '.join(more)}" if more else ""
                self._wrong(line, f"several {self._sheet.name} have this {named}{helps}")
                return ""
            if row and not self._differs(row, told, ways[: ways.index(n)]):
                self._twice(line, row, n, texts)
                return row
        return ""

    def _differs(self, row: str, told: Sequence[Key], surer: Sequence[int]) -> bool:
        """A surer way tells that this row is another one: both have it, and not the same."""
        there = keys(self._sheet, self._known.rows[row])
        return any(all(there[n]) and all(told[n]) and there[n] != told[n] for n in surer)

    def _twice(self, line: int, what: Any, way: int, texts: Mapping[Cell, str]) -> None:
        first = self._seen.setdefault(what, line)
        if first != line and not (self._mistakes and self._mistakes[-1].line == line):
            cell = self._sheet.cell(self._sheet.by[way][0])
            self._wrong(line, f"{cell.heading} {texts[cell][:60]!r} stands in line {first} already", cell.heading)


def spans_wrong(sheet: Sheet, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The beginnings and ends, by their headings, where the end is not after the beginning."""
    columns = {cell.heading: cell.column for cell in sheet.cells}
    found = []
    for begin, end in sheet.spans:
        first, last = values.get(columns[begin]), values.get(columns[end])
        if first and last and last <= first:
            found.append((begin, end))
    return found
