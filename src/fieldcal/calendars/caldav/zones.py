"""Time zones that only a calendar itself defines (RFC 5545 3.6.5): how far a local time is from UTC. Pure.

Whoever may write into a calendar may define one. So no rule is expanded: the change before a local time is worked out,
whatever the rule says that began it, and a rule of another form than zones have is not read at all.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from fieldcal.calendars.caldav.lines import Component, Malformed

#: Changes that one zone may name; a zone of the tz database has under three hundred.
MOST = 1000

_TIME = re.compile(r"(\d{8}T\d{6})Z?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?", re.ASCII)
_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: What a rule of a zone says: "the last Sunday of March", "the Sunday from the 8th to the 14th", "the 1st of April".
_SAYS = frozenset({"FREQ", "BYMONTH", "BYDAY", "BYMONTHDAY", "UNTIL", "INTERVAL", "WKST"})


def offset(zone: Component, local: datetime) -> timedelta:
    """How far `local`, which has no zone, is ahead of UTC there; `Malformed` for a zone that cannot be read."""
    began: tuple[datetime, timedelta] | None = None
    for number, (change, after) in enumerate(_changes(zone, local), 1):
        if number > MOST:
            raise Malformed("a time zone with too many changes")
        if change <= local and (began is None or change > began[0]):
            began = change, after
    if began is None:
        raise Malformed("a time zone that has not begun")
    return began[1]


def _changes(zone: Component, local: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """When each part begins to hold, by the clocks that it ends, and what is ahead of UTC from then on.

    All that are named, and of a rule the last ones before `local` or in its year.
    """
    for part in [*zone.having("STANDARD"), *zone.having("DAYLIGHT")]:
        before, after = _offset(part, "TZOFFSETFROM"), _offset(part, "TZOFFSETTO")
        start = _time(_said(part, "DTSTART"))
        yield start, after
        for one in part.lines:
            if one.name == "RDATE":
                yield from ((_time(told), after) for told in one.value.split(","))
            elif one.name == "RRULE":
                yield from ((change, after) for change in _last(one.value, local, start, before))


def _last(rule: str, local: datetime, start: datetime, before: timedelta) -> list[datetime]:
    """When a rule that comes once a year has done so at last: in the year of `local` or where it ends, and before."""
    told = dict(part.partition("=")[::2] for part in rule.upper().strip().split(";"))
    month = told.get("BYMONTH", str(start.month))
    sound = told.get("FREQ") == "YEARLY" and told.get("INTERVAL", "1") == "1" and told.keys() <= _SAYS
    if not sound or not _number(month, 12):
        raise Malformed("a time zone whose rule is none of a time zone")
    end, until = local, told.get("UNTIL", "")
    if until:  # RFC 5545 3.3.10: of a zone it is told in UTC
        end = _time(until if "T" in until else f"{until}T235959") + before
    last = min(local.year, end.year)
    changes = []
    for year in (last - 1, last):
        days = _days(told.get("BYDAY", ""), told.get("BYMONTHDAY", ""), year, int(month), start.day)
        changes += [start.replace(year=year, month=int(month), day=day) for day in days[:1]]
    return [change for change in changes if start <= change <= end]


def _days(by_day: str, by_month_day: str, year: int, month: int, first: int) -> list[int]:
    """The days of that month that the rule means; the day of its start where it names none."""
    days = list(range(1, calendar.monthrange(year, month)[1] + 1))
    if by_month_day or not by_day:
        named = (by_month_day or str(first)).split(",")
        if not all(_number(day.removeprefix("-"), 31) for day in named):
            raise Malformed("a time zone whose rule names no day")
        days = [day for day in days if str(day) in named or str(day - len(days) - 1) in named]
    if not by_day:
        return days
    match = _DAY.fullmatch(by_day)
    if match is None:
        raise Malformed("a time zone whose rule names no day")
    weekday = _WEEKDAYS.index(match[2])
    days = [day for day in days if calendar.weekday(year, month, day) == weekday]
    if not match[1]:
        return days
    place = int(match[1]) - 1 if int(match[1]) > 0 else len(days) + int(match[1])
    return days[place : place + 1] if place >= 0 else []


def _number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= most  # noqa: PLR2004 - two digits


def _said(part: Component, name: str) -> str:
    line = part.first(name)
    if line is None:
        raise Malformed(f"a time zone without {name}")
    return line.value.strip()


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise Malformed("a time zone with a time that is none")
    try:
        return datetime.fromisoformat(match[1])
    except ValueError:
        raise Malformed("a time zone with a time that is none") from None


def _offset(part: Component, name: str) -> timedelta:
    match = _OFFSET.fullmatch(_said(part, name))
    if match is None:
        raise Malformed("a time zone with an offset that is none")
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if length >= timedelta(days=1):
        raise Malformed("a time zone with an offset that is none")
    return -length if match[1] == "-" else length
