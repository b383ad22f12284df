"""Mailboxes that somebody else had when we wanted to work in them: asked for again, but less and less often."""

from __future__ import annotations

from fieldcal.clock import Clock

#: First wait after a mailbox was another's, seconds, and the longest: one whose holder died is to be had within a
#: minute, of which its lease takes 50 s.
FIRST, LONGEST = 1.0, 5.0


class Elsewhere:
    """How long to leave each mailbox alone. Kept for the process only: it is about what others do just now.

    The schedule looks each second, and every asking is a write into the state. Nothing is lost by waiting: whoever has
    the mailbox works its marks off, what comes after is due until we do, and a pass asks for every mailbox anyway.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: times in a row, and the second of the clock that never goes back from which it may be asked for again
        self._waits: dict[tuple[str, str], tuple[int, float]] = {}

    def waits(self, environment: str, mailbox: str) -> bool:
        """It was another's a moment ago; leave it."""
        return self._clock.monotonic() < self._waits.get((environment, mailbox), (0, 0.0))[1]

    def many(self) -> int:
        """How many mailboxes were another's a moment ago."""
        return sum(self._clock.monotonic() < until for _, until in self._waits.values())

    def tell(self, environment: str, mailbox: str, *, busy: bool) -> None:
        """Whether it was another's when it was asked for: the wait doubles each time in a row, and ends otherwise."""
        key = environment, mailbox
        if not busy:
            self._waits.pop(key, None)
            return
        times = self._waits.get(key, (0, 0.0))[0] + 1
        self._waits[key] = times, self._clock.monotonic() + min(FIRST * 2.0 ** (times - 1), LONGEST)
