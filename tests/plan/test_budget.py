"""The budget of evidenced removals: max(50, a fifth of the links that have not ended), over a sliding hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.plan.budget import allowed, budget, worth_counting


@pytest.mark.parametrize(
    ("links", "expected"), [(0, 50), (1, 50), (250, 50), (254, 50), (255, 51), (1_000, 200), (10_000, 2_000)]
)
def test_the_budget_is_fifty_or_a_fifth_whichever_is_more(links: int, expected: int) -> None:
    assert budget(links) == expected


@pytest.mark.parametrize(
    ("wanted", "links", "already", "expected"),
    [(10, 0, 0, 10), (50, 0, 0, 50), (51, 0, 0, 50), (10, 0, 45, 5), (10, 0, 50, 0), (10, 0, 70, 0), (0, 0, 0, 0)],
)
def test_what_the_hour_has_left_may_go(wanted: int, links: int, already: int, expected: int) -> None:
    assert allowed(wanted, links, already) == expected


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_more_goes_than_is_wanted_and_never_more_in_an_hour_than_the_budget(
    wanted: int, links: int, already: int
) -> None:
    granted = allowed(wanted, links, already)
    assert 0 <= granted <= wanted
    assert granted == 0 or granted + already <= budget(links)
    assert granted == wanted or granted + already >= budget(links)


@given(st.integers(0, 10**7))
def test_a_fifth_is_exact(links: int) -> None:
    assert budget(links) == max(50, links // 5)


@given(st.integers(0, 10**6), st.integers(0, 10**7), st.integers(0, 10**6))
def test_what_is_worth_counting_decides_as_the_whole_number_does(wanted: int, links: int, already: int) -> None:
    counted = min(links, worth_counting(wanted, already))
    assert allowed(wanted, counted, already) == allowed(wanted, links, already)


@pytest.mark.parametrize(("wanted", "already", "expected"), [(50, 0, 0), (0, 50, 0), (51, 0, 256), (100, 100, 1001)])
def test_a_few_removals_have_nothing_counted_and_many_no_more_than_decides(
    wanted: int, already: int, expected: int
) -> None:
    assert worth_counting(wanted, already) == expected
