"""What a person writes into one cell of a sheet or one field of a form, and what it is kept as. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

from fieldcal.embedded.fieldservice.times import instant_text, legible
from fieldcal.embedded.fieldservice.zones import ZONE_CODES
from fieldcal.errors import ConfigError
from fieldcal.schedule import hours, membership, moments
from fieldcal.schedule.sheets import Cell, Holds

_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", re.ASCII)
_DIGITS = 9
#: of a date and time that a person writes; another one is a slip of the finger
YEARS = range(1990, 2101)


@dataclass(frozen=True, slots=True)
class Names:
    """What rows of other tables are called: by table, then by the name in small letters."""

    #: None where several have that name
    ids: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    #: as it is written there
    written: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read(cell: Cell, text: str, names: Names, zone: ZoneInfo) -> tuple[Any, list[str]]:
    """What this text is kept as, and what is wrong with it; `zone`: of a date and time that names none."""
    if cell.holds is Holds.MEMBERS:
        return membership.read(text, names.ids.get(cell.names, {}))
    if not text:
        return None, [f"{cell.heading!r} is empty"] if cell.required else []
    match cell.holds:
        case Holds.NAME:
            return _named(cell, text, names)
        case Holds.MINUTES | Holds.NUMBER:
            return _number(cell, text)
        case Holds.INSTANT:
            return _instant(cell, text, zone)
        case Holds.ADDRESS:
            return _address(cell, text)
        case Holds.ZONE:
            return _zone(cell, text)
        case Holds.CHOICE:
            return _choice(cell, text)
        case Holds.HOURS:
            return _hours(cell, text)
    return text, _too_long(cell, text)


def _address(cell: Cell, text: str) -> tuple[str, list[str]]:
    good = _ADDRESS.fullmatch(text) and len(text) <= cell.longest
    return text.lower(), [] if good else [f"{cell.heading!r} is {text[:60]!r}, and not an e-mail address"]


def _zone(cell: Cell, text: str) -> tuple[int | None, list[str]]:
    code = _zone_code(text)
    wrong = f"{cell.heading!r} is {text[:40]!r}, and not a time zone such as Europe/Berlin"
    return code, [] if code is not None else [wrong]


def _choice(cell: Cell, text: str) -> tuple[int | None, list[str]]:
    found = {name.lower(): value for name, value in cell.choices.items()}.get(text.lower())
    wrong = f"{cell.heading!r} is {text[:40]!r}, and not one of {', '.join(cell.choices)}"
    return found, [] if found is not None else [wrong]


def told(cell: Cell, value: Any, labels: Mapping[str, str], zone: ZoneInfo, *, form: bool = False) -> str:
    """The text that `read` keeps as this value; `labels`: of ids. `form`: an instant as a browser's field has it."""
    if value is None:
        return ""
    match cell.holds:
        case Holds.NAME:
            return labels.get(value, "")
        case Holds.MEMBERS:
            return membership.told(value, labels)
        case Holds.INSTANT:
            instant = legible(value)
            if instant is None:
                return str(value)  # as it stands there, for somebody to mend
            local = instant.astimezone(zone)
            return f"{local:%Y-%m-%dT%H:%M}" if form else local.isoformat(sep=" ", timespec="seconds")
        case Holds.ZONE:
            return zone_name(value)
        case Holds.CHOICE:
            return next((name for name, code in cell.choices.items() if code == value), "")
    return str(value)


def zone_name(code: int | None) -> str:
    """The IANA name of Dataverse's time zone code; UTC where it has none."""
    name = win_tz.get(ZONE_CODES.get(code if code is not None else -1, ""), "UTC")
    return "UTC" if name == "Etc/UTC" else name


@cache
def zone_names() -> tuple[str, ...]:
    """Every zone that a worker may have, in the order of the letters."""
    return tuple(sorted({zone_name(code) for code in ZONE_CODES}))


def _zone_code(text: str) -> int | None:
    for code in ZONE_CODES:
        if zone_name(code).lower() == text.lower():
            return code
    windows = next((name for iana, name in tz_win.items() if iana.lower() == text.lower()), "")
    return next((code for code, name in ZONE_CODES.items() if name == windows), None)


def _named(cell: Cell, text: str, names: Names) -> tuple[str | None, list[str]]:
    ids = names.ids.get(cell.names, {})
    found = ids.get(text.lower())
    if found is not None:
        return found, []
    if text.lower() in ids:
        return None, [f"several have the {cell.heading} {text[:60]!r}"]
    near = get_close_matches(text.lower(), ids, 1)
    meant = f"; is {names.written[cell.names][near[0]]!r} meant?" if near else "; import or add it first"
    return None, [f"there is no {cell.heading} {text[:60]!r}{meant}"]


def _number(cell: Cell, text: str) -> tuple[int | None, list[str]]:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else 0
    if 0 < number <= cell.most:
        return number, []
    kind = "number of minutes" if cell.holds is Holds.MINUTES else "whole number"
    return None, [f"{cell.heading!r} is {text[:40]!r}, and not a {kind} up to {cell.most:,}"]


def _instant(cell: Cell, text: str, zone: ZoneInfo) -> tuple[str | None, list[str]]:
    """Of a wall clock that shows a time twice the first is meant; the second is written with its offset."""
    told = f"{cell.heading!r} is {text[:40]!r}"
    found = moments.read(text)
    if isinstance(found, str):
        return None, [f"{told}, and {found}"]
    if found.year not in YEARS:
        return None, [f"{told}, and its year is not one from {YEARS[0]} to {YEARS[-1]}"]
    if found.tzinfo is not None:
        return instant_text(found), []
    instant = found.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != found:
        # the offset before the gap leads to what the clock, put on, shows in its place
        meant = f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
        return None, [f"{told}, when the clocks of {zone.key} are put on: there is no such time; is {meant} meant?"]
    return instant_text(instant), []


def _hours(cell: Cell, text: str) -> tuple[str | None, list[str]]:
    try:
        kept = str(hours.parse(text))
    except ConfigError as error:
        return None, [str(error)]
    return kept, _too_long(cell, kept)


def _too_long(cell: Cell, text: str) -> list[str]:
    if len(text) <= cell.longest:
        return []
    return [f"{cell.heading!r} has {len(text):,} characters; at most {cell.longest:,} are kept"]
