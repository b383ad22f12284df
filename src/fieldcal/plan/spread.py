"""How spans of time are spread: counted in fixed steps, so that those of many passes add up. Pure.

A step is a tenth of a decade: each reaches 26 % farther than the one before. Step 0 ends at one second, 10 at ten
seconds, 20 at a hundred. So small a table tells medians to a quarter, however many spans there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log10

#: A tenth of a second and less, and about 116 days and more: nobody asks for finer ends.
FIRST, LAST = -10, 70


@dataclass(frozen=True, slots=True)
class Spread:
    """How many spans ended in each step, by the step's number, in order. Adding two gives what both saw."""

    counts: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, seconds: float) -> Spread:
        """One span. A negative one, as two clocks that differ tell it, counts as the shortest."""
        return cls(((step(seconds), 1),))

    @classmethod
    def together(cls, counted: Iterable[tuple[int, int]]) -> Spread:
        """Step and number, in any order, a step as often as it comes."""
        total: Counter[int] = Counter()
        for at, number in counted:
            total[at] += number
        return cls(tuple(sorted(total.items())))

    def __add__(self, other: Spread) -> Spread:
        if not self.counts or not other.counts:
            return self if self.counts else other
        return Spread.together((*self.counts, *other.counts))

    @property
    def number(self) -> int:
        """How many spans there were."""
        return sum(number for _, number in self.counts)

    def share(self, part: float) -> float | None:
        """Seconds: so large a part of the spans took at most this (the end of their step); None of none."""
        rank, passed = max(ceil(part * self.number), 1), 0
        for at, number in self.counts:
            passed += number
            if passed >= rank:
                return float(round(10.0 ** (at / 10), 3))
        return None


def step(seconds: float) -> int:
    """The number of the step in which a span of so many seconds ends."""
    if seconds <= 10.0 ** (FIRST / 10):
        return FIRST
    return min(ceil(round(10 * log10(seconds), 6)), LAST)
