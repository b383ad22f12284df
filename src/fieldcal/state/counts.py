"""How many requests a mailbox was sent within a span, as its lease carries it from one holder to the next.

The holder counts in memory and tells with each renewal. What he sends between two of them is his portion: whoever finds
that a holder before him gave nothing back takes his whole portion for sent. So the count is never too low, whoever died
when, and costs no statement of its own.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

#: Seconds: the grain in which a count is handed on. Each request counts as sent at the end of its grain.
GRAIN = 30
#: Requests of one second stand as one entry in memory.
_TOGETHER = 1.0


class Count:
    """Requests in the last `span` seconds, by the clock `now` that each call is given (seconds since 1970).

    Asked in the loop and told in the threads that store.
    """

    def __init__(self, span: float, told: str = "", more: int = 0, now: float = 0.0) -> None:
        """`told`: by the holder before; `more`: requests of holders who died, which may have been sent just now."""
        self._span, self._lock = span, Lock()
        self._taken = deque(_read(told))
        if more:
            self._taken.append((now, more))
        self._sum = sum(cost for _, cost in self._taken)
        #: requests of this holder
        self.total = 0

    def take(self, now: float, cost: int, limit: int) -> float:
        """Count these and answer 0, or answer the seconds until there is room for them.

        More than the whole limit goes when nothing else was sent.
        """
        with self._lock:
            self._forget(now)
            if self._taken and self._sum + cost > limit:
                return self._taken[0][0] + self._span - now
            if self._taken and 0 <= now - self._taken[-1][0] < _TOGETHER:
                self._taken[-1] = now, self._taken[-1][1] + cost
            else:
                self._taken.append((now, cost))
            self._sum += cost
            self.total += cost
            return 0.0

    def told(self, now: float) -> tuple[str, int]:
        """As the next holder reads it, and `total` as it was told."""
        with self._lock:
            self._forget(now)
            grains: dict[int, int] = {}
            for at, cost in self._taken:
                grain = int(-(-at // GRAIN))
                grains[grain] = grains.get(grain, 0) + cost
            return " ".join(f"{grain}:{cost}" for grain, cost in grains.items()), self.total

    def _forget(self, now: float) -> None:
        if self._taken and self._taken[-1][0] > now + GRAIN:
            # The clock was set back, or another's goes ahead: nothing is in the future.
            self._taken = deque([(now, self._sum)])
        while self._taken and self._taken[0][0] <= now - self._span:
            self._sum -= self._taken.popleft()[1]


def _read(told: str) -> list[tuple[float, int]]:
    pairs = (part.split(":") for part in told.split())
    return [(float(int(grain) * GRAIN), int(cost)) for grain, cost in pairs]
