"""How long changes took: kept with the mark while they wait, counted by the hour when they are carried."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.state.stocked import due, stock
from tests.values import BOX, ENVIRONMENT, HOUR, NOW, booking_id

from fieldcal.plan.spread import Spread
from fieldcal.state import history, latency, marks
from fieldcal.state.database import Database
from fieldcal.state.history import Tally
from fieldcal.state.marks import Later

ONE = booking_id(1)
EARLY, LATE = NOW - 2 * HOUR, NOW - HOUR


@pytest.mark.parametrize(
    ("reason", "told", "refused", "waits_since"),
    [
        ("changed", LATE, False, EARLY),  # the earlier change is not in the calendar either
        ("changed", None, False, EARLY),  # read once more, with nothing new
        ("changed", LATE, True, LATE),  # what was refused for good waits no more
        ("enabled", None, False, None),  # switched off until now: nobody was kept waiting
    ],
)
def test_a_mark_that_is_made_again_keeps_since_when_the_source_waits(
    database: Database, reason: str, told: datetime | None, refused: bool, waits_since: datetime | None
) -> None:
    with database.write() as tx:
        stock(tx)
        marks.mark(tx, ENVIRONMENT, [(BOX, ONE)], NOW, "changed", {ONE: EARLY})
        if refused:
            marks.postpone(tx, ENVIRONMENT, BOX, [Later(due(tx)[0], None, "refused")])
        marks.mark(tx, ENVIRONMENT, [(BOX, ONE)], NOW, reason, {ONE: told} if told else {})
        assert [one.changed_at for one in due(tx)] == [waits_since]


def test_passes_of_one_hour_add_up_and_old_hours_are_forgotten(database: Database) -> None:
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    with database.write() as tx:
        stock(tx)
        for number, seconds in enumerate((2.0, 2.0, 300.0)):
            history.begin(tx, ENVIRONMENT, f"run {number}", "scheduled", NOW)
            history.end(tx, f"run {number}", Tally(took=Spread.of(seconds)), "", NOW)
        history.begin(tx, ENVIRONMENT, "later", "scheduled", NOW)
        history.end(tx, "later", Tally(took=Spread.of(50.0)), "", NOW + HOUR)
        found = latency.by_hour(tx, ENVIRONMENT, NOW - timedelta(minutes=1))
        assert {at: (one.number, one.share(0.5), one.share(0.95)) for at, one in found.items()} == {
            hour: (3, 2.512, 316.228), hour + HOUR: (1, 50.119, 50.119)
        }  # fmt: skip
        assert latency.since(tx, ENVIRONMENT, NOW).number == 4
        latency.forget(tx, hour + HOUR)
        assert set(latency.by_hour(tx, ENVIRONMENT, NOW)) == {hour + HOUR}
