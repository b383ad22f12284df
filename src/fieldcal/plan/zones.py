"""Dates and times as a worker reads them: local, with the zone named (D14). English words, whatever the locale."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TO = "\N{EN DASH}"


@lru_cache(maxsize=512)
def zone(name: str) -> tuple[tzinfo, str]:
    """The zone of this IANA name with the name to show; a name that nobody knows is UTC, and says so."""
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):  # "../x" is a ValueError, "Europe" a folder
        return UTC, "UTC"


def local(instant: datetime, place: tzinfo) -> datetime:
    """The same instant on the clocks of the place; at the ends of the calendar, where there is none, in UTC."""
    try:
        return instant.astimezone(place)
    except OverflowError:
        return instant.astimezone(UTC)


def date_text(instant: datetime, name: str) -> str:
    """`Mon 23 Nov 2026`: the local date of this instant."""
    return _date(local(instant, zone(name)[0]))


def span_text(start: datetime, end: datetime, name: str) -> str:
    """`Mon 23 Nov 2026, 09:00-11:30 (Europe/Berlin, CET)`, with an en dash; both dates where it spans days.

    Where the clocks change in between, each time carries its own abbreviation: `01:00 CEST-04:00 CET (Europe/Berlin)`.
    """
    place, shown = zone(name)
    first, last = local(start, place), local(end, place)
    begins, ends = _abbreviation(first), _abbreviation(last)
    same = begins == ends
    left = f"{_date(first)}, {_clock(first)}" + ("" if same else f" {begins}")
    right = _clock(last) + ("" if same else f" {ends}")
    joined = f"{left}{_TO}{right}" if first.date() == last.date() else f"{left} {_TO} {_date(last)}, {right}"
    return f"{joined} ({_named(shown, begins) if same else shown})"


def instant_text(instant: datetime, name: str) -> str:
    """`Mon 23 Nov 2026, 09:00 (Europe/Berlin, CET)`."""
    place, shown = zone(name)
    there = local(instant, place)
    return f"{_date(there)}, {_clock(there)} ({_named(shown, _abbreviation(there))})"


def _named(shown: str, abbreviation: str) -> str:
    return shown if abbreviation == shown else f"{shown}, {abbreviation}"


def _date(there: datetime) -> str:
    return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]} {there.year}"


def _clock(there: datetime) -> str:
    return f"{there.hour:02}:{there.minute:02}"


def _abbreviation(there: datetime) -> str:
    """`CET`; zones whose abbreviation is only digits get a readable offset: `+1030` is `UTC+10:30`."""
    text = there.tzname() or "UTC"
    if text[0] not in "+-":
        return text
    return f"UTC{text[:3]}:{text[3:]}" if len(text) > 3 else f"UTC{text}"  # noqa: PLR2004 - a sign and two digits
