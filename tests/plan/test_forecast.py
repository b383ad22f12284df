"""How long a backlog takes, as a table of what is seen and what is then said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fieldcal.plan.forecast import Forecast, Observed, forecast, words

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: 4,300 wait, 310 a minute were written for two minutes
BUSY = Observed(NOW, 4_300, written=620, first=NOW - 2 * MINUTE, last=NOW, since=NOW - 9 * MINUTE)


@pytest.mark.parametrize(
    ("seen", "state", "left", "text"),
    [
        (Observed(NOW, 0), "done", None, ""),
        (BUSY, "working", 832.3, "about 14 min left: 4,300 bookings wait, 310 a minute are written"),
        (replace(BUSY, first_load=True), "working", 832.3, "first load: about 14 min left"),
        # no rate yet: nothing written, too little, or too short a time
        (Observed(NOW, 4_300, since=NOW), "starting", None, "4,300 bookings wait; how long it takes is not known yet"),
        (replace(BUSY, written=3, first=NOW - MINUTE), "starting", None, "not known yet"),
        (replace(BUSY, first=NOW - timedelta(seconds=9)), "starting", None, "not known yet"),
        # a few in a long time are a rate all the same
        (replace(BUSY, waiting=10, written=5), "working", 240.0, "about 4 min left: 10 bookings wait, 2 a minute"),
        # stalled: what was written before says nothing of now
        (replace(BUSY, last=NOW - 3 * MINUTE, first=NOW - 4 * MINUTE), "still", None, "nothing was written for 3 min"),
        (Observed(NOW, 7, since=NOW - 61 * MINUTE), "still", None, "7 bookings wait; nothing was written for 61 min"),
        # paused: all of it, or a part
        (replace(BUSY, paused=4_300, paused_until=NOW + 5 * MINUTE), "paused", None, "until 08:05:00 UTC, for a server"),
        (replace(BUSY, paused=4_000, paused_until=NOW + 5 * MINUTE), "working", 832.3, "about 14 min left"),
        (replace(BUSY, paused=4_000, paused_until=NOW + 50 * MINUTE), "working", 3000.0, "about 50 min left"),
        (replace(BUSY, paused=4_300, paused_until=NOW + MINUTE, last=NOW - 9 * MINUTE), "paused", None, "until 08:01"),
        # near the end
        (replace(BUSY, waiting=1), "working", 0.2, "less than a minute left: 1 booking waits, 310 a minute"),
        (replace(BUSY, waiting=400), "working", 77.4, "about 2 min left"),
    ],
)  # fmt: skip
def test_a_backlog_is_foretold_by_the_rate_of_the_last_minutes(
    seen: Observed, state: str, left: float | None, text: str
) -> None:
    found = forecast(seen)
    assert (found.state, found.waiting, found.seconds_left) == (state, seen.waiting, left)
    assert text in found.text
    assert (found.text == "") == (state == "done")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "less than a minute"), (60, "less than a minute"), (61, "about 2 min"), (5_400, "about 90 min"),
     (5_401, "about 2 h"), (129_600, "about 36 h"), (200_000, "about 2 days")],
)  # fmt: skip
def test_a_span_is_told_in_words(seconds: float, text: str) -> None:
    assert words(seconds) == text


@pytest.mark.parametrize(("waiting", "worth"), [(100, False), (101, True)])
def test_only_a_large_backlog_is_worth_telling(waiting: int, worth: bool) -> None:
    assert Forecast("starting", waiting, None, None, "x").worth_telling is worth
