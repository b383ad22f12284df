"""The `$` options of a request, read and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from fieldcal.embedded.exchange.errors import bad_request
from fieldcal.embedded.exchange.filters import EXTENDED, ids_of_expansion
from fieldcal.embedded.exchange.tables import events

PAGE = 10
LARGEST_PAGE = 1000
_EXPANSION = re.compile(r"(\w+)\s*(?:\((.*)\))?", re.DOTALL)
_INNER_FILTER = re.compile(r"\s*\$filter\s*=\s*(.+)", re.DOTALL)
_EXPANDABLE = frozenset(
    {EXTENDED, "multivalueextendedproperties", "extensions", "attachments", "instances", "calendar"}
)
_ORDER = {
    "start/dateTime": events.c.start,
    "end/dateTime": events.c.end,
    "createdDateTime": events.c.created,
    "lastModifiedDateTime": events.c.modified,
    "subject": events.c.subject.collate("NOCASE"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What `$select`, `$expand`, `$filter`, `$orderby`, `$top`, `$skip` and `$count` ask for."""

    select: frozenset[str] = frozenset()
    #: kept ids of the extended properties to show
    expand: frozenset[str] = frozenset()
    filter: str = ""
    order: tuple[ColumnElement[Any], ...] = ()
    top: int = PAGE
    skip: int = 0
    count: bool = False


def read_options(query: Mapping[str, str], known: frozenset[str], *, max_page: int | None = None) -> Options:
    """The options of one request; `known` are the names that may be selected. Raises 400 naming what is wrong."""
    top = _number("$top", query.get("$top"), max_page or PAGE)
    if not 1 <= top <= LARGEST_PAGE:
        raise bad_request(f"Invalid value '{top}' for $top query option found. It must be between 1 and 1000.")
    return Options(
        _selected(query.get("$select", ""), known),
        _expanded(query.get("$expand", "")),
        query.get("$filter", "").strip(),
        _ordered(query.get("$orderby", "")),
        top,
        _number("$skip", query.get("$skip"), 0),
        query.get("$count", "").casefold() == "true",
    )


def _number(name: str, text: str | None, default: int) -> int:
    if text is None or text == "":
        return default
    if not re.fullmatch(r"\d{1,9}", text):
        raise bad_request(f"Invalid value '{text[:40]}' for {name} query option found.")
    return int(text)


def _selected(text: str, known: frozenset[str]) -> frozenset[str]:
    names = frozenset(name.strip().split("/")[0] for name in text.split(",") if name.strip())
    for name in names - known - {"*"}:
        raise bad_request(f"Could not find a property named '{name[:60]}'.")
    return frozenset() if "*" in names else names


def _ordered(text: str) -> tuple[ColumnElement[Any], ...]:
    order = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, direction = part.partition(" ")
        direction = direction.strip().casefold()
        if name not in _ORDER or direction not in {"", "asc", "desc"}:
            raise bad_request(f"The $orderby '{part[:60]}' is not supported.")
        column = _ORDER[name]
        order.append(column.desc() if direction == "desc" else column.asc())
    return tuple(order)


def _expanded(text: str) -> frozenset[str]:
    named: set[str] = set()
    for part in _outer_parts(text):
        found = _EXPANSION.fullmatch(part.strip())
        if found is None or found[1].casefold() not in _EXPANDABLE:
            raise bad_request(f"Could not find a property named '{part.strip()[:60]}' to expand.")
        if found[1].casefold() == EXTENDED and found[2] and (inner := _INNER_FILTER.fullmatch(found[2])):
            named |= ids_of_expansion(inner[1].strip())
    return frozenset(named)


def _outer_parts(text: str) -> list[str]:
    """The text cut at commas that stand outside brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == "(" else -1
        elif not quoted and char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]
