"""Dates and times as people and their spreadsheets write them. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime

#: 26.11.2026, or with a time: 26.11.2026 09:00. The dots tell that the day comes first.
_DOTS = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII)
_DOTS_SHORT = re.compile(r"\d{1,2}\.\s?\d{1,2}\.\s?\d{2}(?!\d).*", re.ASCII)
_SLASHES = re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}.*", re.ASCII)
_WRITE = "write 2026-11-26 09:00 or 26.11.2026 09:00"


def read(text: str) -> datetime | str:
    """The date and time of this text, with a zone only where it names one; else what is wrong, and what to write."""
    try:
        if found := _DOTS.fullmatch(text):
            day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the wall clock's, as it was written
        return datetime.fromisoformat(text)
    except ValueError:
        if _SLASHES.fullmatch(text):
            return f"does not tell which is the day and which the month; {_WRITE}"
        if _DOTS_SHORT.fullmatch(text):
            return f"does not have its year in four digits; {_WRITE}"
        return f"not a date and time; {_WRITE}"


def read_day(text: str) -> date | None:
    """The day of this text, 2026-11-26 or 26.11.2026; None where it is none."""
    try:
        return datetime.strptime(text, "%d.%m.%Y").date() if "." in text else date.fromisoformat(text)  # noqa: DTZ007 - a day
    except ValueError:
        return None
