"""Instants as Dataverse writes them: UTC, whole seconds, `2026-11-23T10:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime

#: Dataverse keeps no earlier date, nor time
#: (https://learn.microsoft.com/en-us/power-apps/developer/data-platform/behavior-format-date-time-attribute).
EARLIEST = "1753-01-01"
_LATEST = "9998-12-31"


def instant_text(instant: datetime) -> str:
    """The stored and sent form of an aware instant; fractions of a second are cut, as Dataverse does."""
    # not strftime, which writes years before 1000 with fewer digits
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_instant(text: str) -> datetime:
    """The aware instant of a text with `Z` or an offset, or without (UTC); ValueError where it is none."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def legible(text: str | None) -> datetime | None:
    """The instant of what a row has, None where it has none or one that no zone's clock can show."""
    try:
        return parse_instant(text) if text and EARLIEST <= text <= _LATEST else None
    except (ValueError, OverflowError):
        return None
