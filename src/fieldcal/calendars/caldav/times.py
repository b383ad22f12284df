"""Instants as iCalendar writes them, in whatever zone a worker's client has put them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal.windows_tz import win_tz

from fieldcal.calendars.caldav import lines, zones
from fieldcal.calendars.caldav.lines import Component, Line, Malformed

#: What stands for a time that cannot be read.
UNREADABLE = datetime(1970, 1, 1, tzinfo=UTC)

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z)?)?", re.ASCII)
_LENGTH = re.compile(r"\+?P(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?", re.ASCII)


def written(instant: datetime) -> str:
    """The instant as RFC 5545 3.3.5 writes UTC; what is below a second is cut off."""
    at = instant.astimezone(UTC)
    return f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"


def span(event: Component, text: str) -> tuple[datetime, datetime]:
    """Begin and end of an event, UTC; `text` is the whole calendar, which may define zones of its own."""
    begin = event.first("DTSTART")
    start = instant(begin, text)
    if begin is None or start is None:
        return UNREADABLE, UNREADABLE
    last, length = event.first("DTEND"), event.first("DURATION")
    if last is not None:
        return start, instant(last, text) or start
    if length is not None:
        return start, _later(start, _duration(length.value))
    whole_day = "T" not in begin.value
    return start, _later(start, timedelta(days=1)) if whole_day else start


def instant(one: Line | None, text: str) -> datetime | None:
    """The instant of a property, UTC; None where it is none. Without a zone it is taken for UTC."""
    match = _TIME.fullmatch(one.value.strip()) if one is not None else None
    if one is None or match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        # its zone comes below; a second 60 is a leap second
        local = datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001 - see above
        zone = UTC if match[7] else _zone(one.parameter("TZID"))
        return (
            _by_definition(local, one.parameter("TZID"), text)
            if zone is None
            else local.replace(tzinfo=zone).astimezone(UTC)
        )
    except (ValueError, OverflowError):
        return None


def _zone(name: str) -> tzinfo | None:
    """The zone of this name, UTC for none; None where the name alone does not tell it."""
    if not name:
        return UTC
    parts = name.strip("/").split("/")
    # some put their own name before it: /freeassociation.sourceforge.net/Europe/Berlin
    for candidate in (name, *("/".join(parts[-count:]) for count in (3, 2, 1)), win_tz.get(name, "")):
        try:
            return ZoneInfo(candidate)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def _by_definition(local: datetime, name: str, text: str) -> datetime | None:
    """The instant by the zone's definition that the calendar itself brings; None where it brings none that is sound."""
    try:
        for zone in lines.read(text).having("VTIMEZONE"):
            if zone.text("TZID") == name:
                return (local - zones.offset(zone, local)).replace(tzinfo=UTC)
    except Malformed:
        return None
    return None


def _duration(value: str) -> timedelta:
    match = _LENGTH.fullmatch(value.strip())
    if match is None:
        return timedelta(0)
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _later(start: datetime, by: timedelta) -> datetime:
    try:
        return start + by
    except OverflowError:
        return start
