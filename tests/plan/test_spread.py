"""Spans counted in fixed steps: they add up, and tell shares to a step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.plan.spread import FIRST, LAST, Spread, step


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(-5.0, FIRST), (0.0, FIRST), (0.1, FIRST), (0.11, -9), (1.0, 0), (1.01, 1), (10.0, 10), (100.0, 20), (1e12, LAST)],
)
def test_a_step_ends_a_tenth_of_a_decade_after_the_one_before(seconds: float, number: int) -> None:
    assert step(seconds) == number


def test_of_none_no_share_is_told() -> None:
    assert (Spread().share(0.5), Spread().number, Spread() + Spread()) == (None, 0, Spread())


@given(st.lists(st.floats(0.2, 1e6), min_size=1, max_size=40), st.sampled_from([0.5, 0.95]))
def test_so_large_a_part_took_at_most_what_is_told_and_that_is_at_most_a_step_too_much(
    spans: list[float], part: float
) -> None:
    total = sum(map(Spread.of, spans), Spread())
    told, enough = total.share(part), part * len(spans) - 1e-9
    assert told is not None
    assert total.number == len(spans)
    assert sum(span <= told * 1.001 for span in spans) >= enough
    assert sum(span <= told / 1.26 for span in spans) < enough + 1e-6 or min(spans) <= told / 1.25


@given(st.lists(st.integers(FIRST, LAST)), st.lists(st.integers(FIRST, LAST)))
def test_two_spreads_added_are_what_one_would_have_counted(one: list[int], two: list[int]) -> None:
    def counted(steps: list[int]) -> Spread:
        return Spread.together((each, 1) for each in steps)

    assert counted(one) + counted(two) == counted(one + two)
