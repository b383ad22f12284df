"""What commands print: a table for people, JSON for programs, a bar for long work on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from fieldcal.errors import one_line

_PLAIN_WIDTH = 200


def _console(*, err: bool = False) -> Console:
    console = Console(stderr=err, highlight=False, soft_wrap=True, emoji=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


def as_json(value: Any) -> None:
    """Print values of the model as JSON; instants as RFC 3339 in UTC."""
    # Not rich: it would wrap and colour what a program reads.
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


def line(text: str) -> None:
    """Print one line for people; spaces at its beginning stay."""
    print(" " * (len(text) - len(text.lstrip(" "))) + one_line(text, 1000))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings; what came from outside is shown as it is, never as markup."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(_cell(value)) for value in row))
    _console().print(shown)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return one_line(value, 300)


class Tick(Protocol):
    """Told after each piece of work."""

    def __call__(self, done: int, of: int, text: str) -> None: ...


@contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Tick]:
    """A bar on a terminal, a line for each piece elsewhere; nothing where `quiet`. All on standard error."""
    console = _console(err=True)
    if quiet and not console.is_terminal:
        yield lambda _done, _of, _text: None
        return
    if not console.is_terminal:
        yield lambda done, of, text: console.print(Text(f"{title} {done}/{of}{': ' if text else ''}{one_line(text)}"))
        return
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True)
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of, _text: bar.update(task, completed=done, total=of)
