"""What is set aside is kept by id, told by one alert that names it, and gone when it can be read (I7)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection
from tests.values import ENVIRONMENT, NOW, booking_id

from fieldcal.source_model import Unreadable
from fieldcal.state import alerts, aside
from fieldcal.state.aside import Kind
from fieldcal.state.database import Database

LATER = NOW + timedelta(hours=1)


def bad(number: int, reason: str = "it has no start", version: int | None = 7) -> Unreadable:
    return Unreadable(booking_id(number), version, reason)


def told(tx: Connection) -> dict[str, tuple[str, int]]:
    return {each.code: (each.message, each.times) for each in alerts.standing(tx, ENVIRONMENT)}


def test_what_is_set_aside_is_kept_told_and_taken_back(database: Database) -> None:
    with database.write() as tx:
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [bad(1), bad(2, version=None)], [], NOW)
        assert aside.count(tx, ENVIRONMENT, Kind.BOOKING) == 2
        text, times = told(tx)[aside.BOOKINGS]
        assert f"{booking_id(1)}: it has no start" in text
        assert times == 1
        # told again: nothing new
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [bad(1)], [booking_id(3)], LATER)
        assert told(tx)[aside.BOOKINGS] == (text, 1)
        # another reason: since when it is set aside stays
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [bad(1, "it has no end", 8)], [], LATER)
        found = aside.load(tx, ENVIRONMENT, Kind.BOOKING, [booking_id(1), booking_id(9)])
        assert found == {booking_id(1): aside.Aside(booking_id(1), 8, "it has no end", NOW)}
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [], [booking_id(1), booking_id(2)], LATER)
        assert (aside.count(tx, ENVIRONMENT, Kind.BOOKING), told(tx)) == (0, {})


def test_a_row_told_bad_and_sound_at_once_stays_set_aside(database: Database) -> None:
    with database.write() as tx:
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [bad(1)], [booking_id(1)], NOW)
        assert aside.count(tx, ENVIRONMENT, Kind.BOOKING) == 1


def test_kinds_and_environments_are_kept_apart(database: Database) -> None:
    with database.write() as tx:
        aside.store(tx, ENVIRONMENT, Kind.WORKER, [bad(1)], [], NOW)
        aside.store(tx, "other", Kind.BOOKING, [bad(1)], [], NOW)
        assert aside.load(tx, ENVIRONMENT, Kind.BOOKING, [booking_id(1)]) == {}
        assert told(tx).keys() == {aside.WORKERS}


def test_those_are_asked_for_first_that_were_not_for_the_longest(database: Database) -> None:
    with database.write() as tx:
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [bad(1), bad(2), bad(3)], [], NOW)
        first = aside.longest_unread(tx, ENVIRONMENT, Kind.BOOKING, 2)
        aside.asked(tx, ENVIRONMENT, Kind.BOOKING, first, LATER)
        assert aside.longest_unread(tx, ENVIRONMENT, Kind.BOOKING, 1) == sorted(
            {booking_id(number) for number in (1, 2, 3)} - set(first)
        )


def test_many_are_counted_and_a_few_are_named(database: Database) -> None:
    with database.write() as tx:
        aside.store(tx, ENVIRONMENT, Kind.BOOKING, [bad(number) for number in range(1, 9)], [], NOW)
        text, _ = told(tx)[aside.BOOKINGS]
        assert text.startswith("the rows of 8 bookings cannot be read")
        assert "and 3 more" in text
