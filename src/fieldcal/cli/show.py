"""What commands print: lines, pairs and tables for people, JSON for programs, a bar for long work on a terminal.

Texts are wrapped where the width is known: on a terminal, or as COLUMNS says. Elsewhere a row is one line, so that it
can be searched.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from fieldcal.errors import one_line

#: A text column narrower than this is not worth a table: each row is then told as a little list.
_NARROW = 28
_GAP = 2
#: What is not torn apart at the end of a line: a word, or a command in backticks.
_WORD = re.compile(r"\S*`[^`]*`\S*|\S+")


def _width() -> int | None:
    """How wide the reader's screen is; None where nobody looks at one."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return max(40, shutil.get_terminal_size().columns)
    return None


def as_json(value: Any) -> None:
    """Print values of the model as JSON; instants as RFC 3339 in UTC."""
    # Not rich: it would wrap and colour what a program reads.
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


def line(text: str) -> None:
    """Print one line for people, wrapped at the screen's edge; spaces at its beginning stay."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    first, *rest = _wrapped(one_line(text, 1000), len(indent))
    print(indent + first)
    for more in rest:
        print(f"{indent}  {more}")


def pairs(rows: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    """Print texts, each behind its label, the texts one below the other."""
    wide = max((cell_len(label) for label, _ in rows), default=0)
    for label, text in rows:
        first, *rest = _wrapped(one_line(text, 8000), len(indent) + wide + _GAP)
        print(f"{indent}{_padded(label, wide + _GAP)}{first}".rstrip())
        for more in rest:
            print(f"{indent}{' ' * (wide + _GAP)}{more}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings, what came from outside as it is; without rows nothing.

    Where they are too wide for the screen the longest column is wrapped, or each row is told as a list.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        return
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    room, longest = _width(), widths.index(max(widths))
    if room is not None and (over := sum(widths) + _GAP * (len(widths) - 1) - room) > 0:
        words = (cell_len(word) for row in cells for word in _WORD.findall(row[longest]))
        if widths[longest] - over < max(_NARROW, *words):
            _as_lists(columns, cells)
            return
        widths[longest] -= over
    head = "".join(_padded(name, wide + _GAP) for name, wide in zip(columns, widths, strict=True)).rstrip()
    Console(highlight=False, emoji=False, soft_wrap=True).print(Text(head, style="bold"))
    for row in cells:
        parts = [_wrapped_to(text, wide) for text, wide in zip(row, widths, strict=True)]
        for texts in zip_longest(*parts, fillvalue=""):
            print("".join(_padded(text, wide + _GAP) for text, wide in zip(texts, widths, strict=True)).rstrip())


def _as_lists(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    for row in cells:
        first, *rest = [(name, text) for name, text in zip(columns, row, strict=True) if text] or [("", "-")]
        line(f"{first[0]} {first[1]}")
        pairs(rest)


def _wrapped(text: str, taken: int) -> list[str]:
    """The text in lines for a screen of which `taken` columns are in use already."""
    room = _width()
    # Two columns for the indentation of what follows.
    return [text] if room is None else _wrapped_to(text, max(_NARROW, room - taken - _GAP))


def _wrapped_to(text: str, wide: int) -> list[str]:
    if cell_len(text) <= wide:
        return [text]
    found = [""]
    for word in _WORD.findall(text):
        longer = f"{found[-1]} {word}" if found[-1] else word
        if found[-1] and cell_len(longer) > wide:
            found.append(word)
        else:
            found[-1] = longer
    return found


def _padded(text: str, wide: int) -> str:
    return text + " " * (wide - cell_len(text))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return one_line(value, 300)


class Tick:
    """Shows how far long work is: a bar on a terminal, a line for each piece elsewhere, or nothing."""

    def __init__(self, title: str, console: Console | None, bar: Progress | None = None) -> None:
        self._title, self._console, self._bar = title, console, bar
        self._task: TaskID | None = bar.add_task(title, total=None, note="") if bar is not None else None

    def __call__(self, done: int, of: int, text: str) -> None:
        """Told after each piece of work."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=of)
        elif self._console is not None:
            self._console.print(Text(f"{self._title} {done}/{of}{': ' if text else ''}{one_line(text)}"))

    def note(self, text: str) -> None:
        """What else is known of it just now, how long it will take say; "" takes the last note away."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, note=text)
        elif self._console is not None and text:
            self._console.print(Text(one_line(text)))


@contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Tick]:
    """A bar on a terminal, a line for each piece elsewhere; nothing where `quiet`. All on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    if quiet and not console.is_terminal:
        yield Tick(title, None)
        return
    if not console.is_terminal:
        yield Tick(title, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        yield Tick(title, None, bar)
