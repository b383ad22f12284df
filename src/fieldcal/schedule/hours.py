"""When a worker works: weekdays and times of day, in the worker's own zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from fieldcal.errors import ConfigError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RULE = re.compile(r"([A-Za-z]{3})(?:\s*-\s*([A-Za-z]{3}))?\s+(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", re.ASCII)
_DAY = 24 * 60
#: after so long each weekday has been there, though a clock was moved
_WHOLE = timedelta(days=9)

#: From and until, minutes after midnight; 1440 is the end of the day.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hours:
    """The spans of each weekday, Monday first, sorted and apart from each other."""

    days: tuple[tuple[Span, ...], ...]

    def __str__(self) -> str:
        """As `parse` reads them: `Mon-Fri 08:00-17:00, Sat 09:00-12:00`."""
        rules: list[str] = []
        for spans, group in groupby(range(len(DAYS)), key=lambda day: self.days[day]):
            days = list(group)
            name = DAYS[days[0]] if len(days) == 1 else f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
            rules += [f"{name} {_clock(begin)}-{_clock(end)}" for begin, end in spans]
        return ", ".join(rules)

    def outside(self, start: datetime, end: datetime, zone: ZoneInfo) -> bool:
        """Whether any part from `start` to `end` (aware) lies outside these hours in this zone.

        At the end of all time, and its beginning, nobody works: zones cannot be reckoned there.
        """
        if start.year in {MINYEAR, MAXYEAR}:
            return True
        # who works through a whole week never stops
        end = min(end, start + _WHOLE)
        at = start.astimezone(UTC)
        for begin, until in self._working(start, end, zone):
            if begin > at:
                break
            at = max(at, until)
        return at < end.astimezone(UTC)

    def _working(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        while day <= last:
            for begin, until in self.days[day.weekday()]:
                yield _instant(day, begin, zone), _instant(day, until, zone)
            day += timedelta(days=1)


def parse(text: str) -> Hours:
    """The hours that a person wrote, such as `Mon-Fri 08:00-17:00, Sat 09:00-12:00`; "" is never.

    Raises `ConfigError` that names the part that cannot be read.
    """
    days: list[list[Span]] = [[] for _ in DAYS]
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _RULE.fullmatch(part)
        first, last = (_day(name) for name in (match[1], match[2] or match[1])) if match else (None, None)
        if match is None or first is None or last is None:
            raise ConfigError(f"the working hours {part!r} cannot be read: write them like Mon-Fri 08:00-17:00")
        begin, until = (int(match[n]) * 60 + int(match[n + 1]) for n in (3, 5))
        if not (begin < until <= _DAY and int(match[4]) < 60 and int(match[6]) < 60):  # noqa: PLR2004 - minutes
            raise ConfigError(f"the working hours {part!r} do not end after they begin, on the same day")
        for day in range(first, last + 1) if first <= last else (*range(first, len(DAYS)), *range(last + 1)):
            days[day].append((begin, until))
    return Hours(tuple(tuple(_apart(spans)) for spans in days))


def _apart(spans: list[Span]) -> Iterator[Span]:
    """Spans that touch or overlap made one."""
    begin, end = -1, -1
    for first, last in sorted(spans):
        if first > end:
            if end >= 0:
                yield begin, end
            begin = first
        end = max(end, last)
    if end >= 0:
        yield begin, end


def _day(name: str) -> int | None:
    return DAYS.index(name.title()) if name.title() in DAYS else None


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    if minutes == _DAY:
        day, minutes = day + timedelta(days=1), 0
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).astimezone(UTC)


STANDARD = parse("Mon-Fri 08:00-17:00")
