"""The measurements' own judges: what they call shown, late or wrong."""

from __future__ import annotations

from collections import Counter

import pytest
from bench.day.end import most
from bench.day.trace import first_hour, trace, weight
from bench.day.truth import wrong
from bench.latency.changes import Change, Planner, Shown
from bench.latency.driving import share
from bench.latency.watching import Awaited, Seen

HERE, MOVED, THERE = Shown("a", "2026-11-24T08:00:00", "Scheduled"), Shown("a", "2026-11-25T09:00:00", "Scheduled"), Shown("b", "2026-11-24T08:00:00", "Scheduled")  # fmt: skip


def planner() -> Planner:
    return Planner(7, 20, {"standing": HERE})


def test_a_trace_is_the_same_for_the_same_seed_in_its_order_and_within_its_hours() -> None:
    made, again = trace(7, 20, 11, planner()), trace(7, 20, 11, planner())
    assert made == again
    assert made != trace(8, 20, 11, planner())
    assert [one.at for one in made] == sorted(one.at for one in made)
    assert made[0].at >= 0
    assert made[-1].at < 11 * 3600
    assert Counter(one.kind for one in made)["book"] == len({one.booking for one in made})


def test_a_whole_day_has_three_changes_a_booking_and_its_bursts_at_7_and_16() -> None:
    made = trace(7, 20, 24, planner())
    assert set(Counter(one.booking for one in made).values()) <= {2, 3}
    assert len(made) > 0.98 * 20 * 4 * 3
    assert first_hour(24) == 0
    hours = Counter(int(one.at // 3600) for one in made)
    assert {hour for hour, _ in hours.most_common(4)} == {6, 7, 15, 16}
    assert sum(map(weight, range(1440))) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("events", "strange", "found"),
    [
        ([HERE], 0, 0), ([], 0, 1), ([HERE, HERE], 0, 1), ([HERE, THERE], 0, 1), ([MOVED], 0, 1), ([THERE], 0, 1),
        ([HERE], 2, 1),
    ],
)  # fmt: skip
def test_only_a_booking_that_stands_once_and_true_is_not_wrong(events: list[Shown], strange: int, found: int) -> None:
    assert len(wrong({"one": HERE}, {"one": events}, strange)) == found


def test_a_deleted_booking_that_stands_and_an_event_of_no_booking_are_wrong() -> None:
    assert wrong({"one": None}, {"one": []}, 0) == []
    assert len(wrong({"one": None}, {"one": [HERE], "two": [HERE]}, 0)) == 2


def test_a_change_has_come_when_its_event_shows_it_and_one_before_it_is_overtaken() -> None:
    awaited = Awaited()
    awaited.see(Seen(1, "one", HERE), 0.0)
    awaited.expect(Change(0, "one", "move", "PATCH", {}, MOVED), 10.0).committed = 10.1
    awaited.expect(Change(0, "one", "give", "PATCH", {}, THERE), 11.0).committed = 11.1
    awaited.see(Seen(1, "one", HERE), 11.5)
    assert awaited.number == 2
    awaited.see(Seen(2, "one", THERE), 13.0)
    assert (awaited.number, [(one.change.kind, one.overtaken) for one in awaited.took]) == (0, [("move", True), ("give", False)])  # fmt: skip
    assert [one.seconds for one in awaited.took] == [3.0, 2.0]
    awaited.expect(Change(0, "one", "delete", "DELETE", {}, None), 20.0)
    awaited.see(Seen(1, "one", None), 21.0)
    assert awaited.number == 1, "another event of it stands"
    awaited.see(Seen(2, "one", None), 22.0)
    assert awaited.number == 0


def test_the_most_in_a_span_and_the_share_that_took_at_most_so_long() -> None:
    assert [most([], 10), most([0, 1, 9.9, 10, 30], 10), most([0, 10, 20], 10)] == [0, 3, 1]
    assert [share([], 0.5), share([3, 1, 2], 0.5), share(list(range(1, 101)), 0.95), share([7], 0.99)] == [0, 2, 95, 7]
