"""What cannot be kept: two jobs at once, or one outside the worker's hours."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.schedule.shop import at, slot

from fieldcal.schedule.conflicts import double, outside_hours
from fieldcal.schedule.hours import STANDARD
from fieldcal.schedule.values import Lane, Slot, Step

A = slot("a", at(23, 8), at(23, 12))


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([slot("b", at(23, 12), at(23, 13))], ""),  # one after the other
        ([slot("b", at(23, 11), at(23, 13))], "ab"),
        ([slot("b", at(23, 9), at(23, 10)), slot("c", at(23, 11), at(23, 12))], "abc"),
        ([slot("b", at(23, 9), at(23, 10), worker="ben")], ""),
        ([slot("b", at(23, 9), at(23, 10), step=Step.CANCELED)], ""),
        ([slot("b", at(23, 9), at(23, 9))], ""),  # takes no time
        ([slot("b", at(23, 8), at(23, 12))], "ab"),
    ],
)
def test_two_at_once_are_found(others: list[Slot], found: str) -> None:
    assert double([A, *others]) == frozenset(found)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6), st.sampled_from(["ana", "ben"])), max_size=12))
def test_the_sweep_finds_what_comparing_each_with_each_finds(drawn: list[tuple[int, int, str]]) -> None:
    slots = [
        slot(str(n), at(23, begin), at(23, begin + length), worker=who) for n, (begin, length, who) in enumerate(drawn)
    ]
    pairs = [(x, y) for x, y in combinations(slots, 2) if x.worker == y.worker and x.start < y.end and y.start < x.end]
    assert double(slots) == {one.id for pair in pairs for one in pair}


def test_a_job_outside_the_hours_is_found_in_the_lanes_own_zone() -> None:
    lanes = {
        name: Lane(name, name, "User", zone, STANDARD) for name, zone in (("ana", "Europe/Vienna"), ("ben", "UTC"))
    }
    early = [slot(who, at(23, 7), at(23, 9), worker=who) for who in ("ana", "ben", "nobody")]
    assert outside_hours(early, lanes) == {"ben"}
    assert outside_hours([slot("x", at(28, 7), at(28, 8), step=Step.CANCELED)], lanes) == frozenset()
