"""What a mailbox was sent, handed from holder to holder: never too low, and soon forgotten when it is past."""

from __future__ import annotations

import pytest

from fieldcal.state.counts import GRAIN, Count

SPAN, LIMIT = 600.0, 100
#: a whole number of grains
T = 1_800_000_000.0


def handed_on(count: Count, now: float, dead: int = 0) -> Count:
    return Count(SPAN, count.told(now)[0], dead, now)


@pytest.mark.parametrize(
    ("sent", "dead", "at", "room"),
    [
        ([], 0, T, LIMIT),
        ([(T, 30)], 0, T + 1, LIMIT - 30),
        ([(T, 30), (T + 1, 20), (T + 100, 10)], 0, T + 200, LIMIT - 60),
        # what died counts whole, and from now on
        ([(T, 30)], 10, T + 1, LIMIT - 40),
        ([], 10, T, LIMIT - 10),
        # a span after the end of its grain nothing of it counts any more, and not before the span is over
        ([(T + 1, 30)], 0, T + 1 + SPAN - 0.1, LIMIT - 30),
        ([(T + 1, 30)], 0, T + SPAN + GRAIN, LIMIT),
        ([(T, 90), (T + 300, 5)], 0, T + SPAN, LIMIT - 5),
    ],
)
def test_the_next_holder_has_what_room_there_is_and_no_more(sent, dead, at, room):
    count = Count(SPAN)
    for when, cost in sent:
        assert count.take(when, cost, LIMIT) == 0
    count = handed_on(count, sent[-1][0] if sent else at, 0)
    count = Count(SPAN, count.told(at)[0], dead, at)
    if room:
        assert count.take(at, room, LIMIT) == 0
    assert count.take(at, 1, LIMIT) > 0


def test_handing_on_again_and_again_keeps_the_time_of_what_was_sent():
    count, now = Count(SPAN), T
    assert count.take(now, LIMIT, LIMIT) == 0
    while now < T + SPAN:
        assert count.take(now, 1, LIMIT) > 0
        now += 20.0
        count = handed_on(count, now)
    assert count.take(T + SPAN + GRAIN, LIMIT, LIMIT) == 0


def test_a_days_work_is_told_in_a_line():
    count = Count(86_400.0)
    for second in range(0, 86_400, 7):
        assert count.take(T + second, 3, 10**9) == 0
    told, total = Count(SPAN, count.told(T + 86_400)[0]).told(T + 86_400)
    assert len(told) < 400
    assert total == 0
    assert Count(SPAN, told).take(T + 86_400, 1, sum(int(part.split(":")[1]) for part in told.split())) > 0


def test_what_a_clock_ahead_has_told_counts_from_now_on_and_not_for_ever():
    ahead = Count(SPAN)
    assert ahead.take(T + 7200, 60, LIMIT) == 0
    count = Count(SPAN, ahead.told(T + 7200)[0])
    assert count.take(T, 50, LIMIT) == SPAN
    assert count.take(T + SPAN, 50, LIMIT) == 0
