"""Working hours: what a person may write, what it means, and on both sides of a change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fieldcal.errors import ConfigError
from fieldcal.schedule.hours import STANDARD, parse

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Mon-Fri 08:00-17:00", "Mon-Fri 08:00-17:00"),
        ("mon - fri 8:00 - 17:00", "Mon-Fri 08:00-17:00"),
        ("Sat 09:00-12:00, Mon-Fri 08:00-12:00, Mon-Fri 13:00-17:00",
         "Mon-Fri 08:00-12:00, Mon-Fri 13:00-17:00, Sat 09:00-12:00"),
        ("Mon 08:00-12:00, Mon 12:00-17:00", "Mon 08:00-17:00"),
        ("Mon 08:00-13:00, Mon 09:00-10:00", "Mon 08:00-13:00"),
        ("Sat-Mon 00:00-24:00", "Mon 00:00-24:00, Sat-Sun 00:00-24:00"),
        ("", ""),
    ],
)  # fmt: skip
def test_hours_are_read_and_told_in_one_form(text: str, told: str) -> None:
    assert str(parse(text)) == told
    assert parse(told) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "Mon",
        "Mo-Fr 8-17",
        "Mon 17:00-08:00",
        "Mon 08:00-08:00",
        "Mon 08:60-09:00",
        "Mon 08:00-24:30",
        "Xyz 08:00-09:00",
    ],
)
def test_hours_that_cannot_be_are_refused_with_the_part_that_is_wrong(text: str) -> None:
    with pytest.raises(ConfigError, match="working hours '"):
        parse(f"Tue 08:00-09:00, {text}")


@pytest.mark.parametrize(
    ("begin", "end", "outside"),
    [
        ((23, 7), (23, 16), False),  # 8:00 to 17:00 in Vienna
        ((23, 6), (23, 8), True),
        ((23, 15), (23, 17), True),
        ((28, 8), (28, 9), True),  # a Saturday
        ((23, 7), (24, 16), True),  # over night
    ],
)
def test_what_lies_outside_is_told_in_the_workers_own_zone(
    begin: tuple[int, int], end: tuple[int, int], outside: bool
) -> None:
    told = [datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in (begin, end)]
    assert STANDARD.outside(*told, VIENNA) is outside


@pytest.mark.parametrize(("day", "hour"), [(26, 7), (30, 6)])
def test_eight_o_clock_is_eight_o_clock_before_and_after_the_change_of_the_clocks(day: int, hour: int) -> None:
    # 2027-03-28: from UTC+1 to UTC+2
    begin = datetime(2027, 3, day, hour, tzinfo=UTC)
    assert not STANDARD.outside(begin, begin.replace(hour=hour + 9), VIENNA)
    assert STANDARD.outside(begin, begin.replace(hour=hour + 9, minute=1), VIENNA)


def test_around_the_clock_has_no_gap_at_midnight() -> None:
    always = parse("Mon-Sun 00:00-24:00")
    assert not always.outside(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC), VIENNA)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
@pytest.mark.parametrize(("first", "last"), [(1, 9999), (9999, 9999), (9998, 9999), (26, 9999)])
def test_what_lies_at_the_ends_of_time_is_told_too(first: int, last: int, zone: str) -> None:
    begin, end = (datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC) for year in (first, last))
    assert STANDARD.outside(begin, end, ZoneInfo(zone))
    assert parse("Mon-Sun 00:00-24:00").outside(begin, end, ZoneInfo(zone)) is (first in {1, 9999})
