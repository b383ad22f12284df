"""What notifications come to: a few bookings to be looked at by id, or a pass; never more than a set rate of either.

A hint is a word from outside. It is worth a read and proves nothing, so that lost, doubled, reordered and forged ones
differ in what they cost only, and that is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from fieldcal.clock import Clock
from fieldcal.model import BookingId

#: What is hinted at within this many seconds is looked at together.
GATHER = 0.2

#: Bookings that one look reads by id. More of them at once are the work of a pass, which reads them by the hundred.
NAMED = 20
#: Requests of looks, and passes, on account of hints: so many at once, and then so many a minute. A look is one
#: request, and one more for each booking that the source does not give.
LOOKS, PASSES = (30, 240), (5, 20)


@dataclass(frozen=True, slots=True)
class Taken:
    """What was hinted at since the last taking."""

    bookings: tuple[BookingId, ...]
    #: a pass is needed: something was deleted, or too much was named
    anything: bool
    #: notifications that this stands for
    heard: int
    #: the id under which the first of them was told, and all that follows is
    run: str = ""


@dataclass(slots=True)
class Hints:
    """The hints of one environment that wait; holds no more than `NAMED` ids, whatever comes."""

    _bookings: dict[BookingId, None] = field(default_factory=dict)
    _anything: bool = False
    _heard: int = 0
    _run: str = ""

    def add(self, booking: BookingId | None, run: str = "") -> str:
        """Remember a notification; None where a pass has to find what it is about.

        `run`: an id for what follows; returned is that of the first that waits, for all are looked at together.
        """
        self._heard += 1
        self._run = self._run or run
        if booking is None or (booking not in self._bookings and len(self._bookings) >= NAMED):
            self.need_pass()
        elif not self._anything:
            self._bookings[booking] = None
        return self._run

    def put_back(self, taken: Taken) -> None:
        """Have what could not be looked at wait again; it was counted already."""
        self._run = taken.run or self._run
        if taken.anything or len({*self._bookings, *taken.bookings}) > NAMED:
            self.need_pass()
        elif not self._anything:
            self._bookings.update(dict.fromkeys(taken.bookings))

    def need_pass(self) -> None:
        """A pass will look at everything, these bookings too."""
        self._anything = True
        self._bookings.clear()

    def take(self) -> Taken:
        """Everything that waits; nothing does then."""
        taken = Taken(tuple(self._bookings), self._anything, self._heard, self._run)
        self._bookings.clear()
        self._anything, self._heard, self._run = False, 0, ""
        return taken


class Allowance:
    """How soon the next one may begin: `burst` at once, then `a_minute` evenly spread."""

    def __init__(self, burst: int, a_minute: int) -> None:
        self._spacing, self._slack = 60.0 / a_minute, (burst - 1) * 60.0 / a_minute
        self._full_at = float("-inf")

    def wait(self, now: float) -> float:
        """Take one; the seconds until it may begin. `now`: seconds of a clock that never goes back."""
        due = max(now, self._full_at - self._slack)
        self._full_at = max(due, self._full_at) + self._spacing
        return due - now


class Hinted:
    """One environment's hints, and when a look or a pass on their account may begin."""

    def __init__(self, clock: Clock, look: Callable[[], None], run_pass: Callable[[], None]) -> None:
        """`look` and `run_pass` are called when their time has come, in the loop."""
        self.hints = Hints()
        self._clock, self._look, self._run_pass = clock, look, run_pass
        self._looks, self._passes = Allowance(*LOOKS), Allowance(*PASSES)
        self._looking: asyncio.Task[None] | None = None
        self._passing: asyncio.Task[None] | None = None
        #: the id of the notification for which the next pass is, "" where it is for none
        self._run = ""

    def look_soon(self) -> None:
        """Have what waits looked at, as soon as the rate allows."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._later(self._looks, GATHER, self._look))

    def charge(self, requests: int) -> None:
        """The last look took so many more requests than one: the next has to wait for them."""
        for _ in range(requests):
            self._looks.wait(self._clock.monotonic())

    def run_of_pass(self) -> str:
        """The id that the pass which begins now is to have, "" where no notification gave it one; taken once."""
        run, self._run = self._run, ""
        return run

    def pass_soon(self, run: str = "") -> None:
        """Have a pass run, as soon as the rate allows, under this id."""
        self._run = self._run or run
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._later(self._passes, 0.0, self._run_pass))

    async def stop(self) -> None:
        """Begin nothing more."""
        tasks = [task for task in (self._looking, self._passing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _later(self, allowance: Allowance, least: float, begin: Callable[[], None]) -> None:
        await self._clock.sleep(max(least, allowance.wait(self._clock.monotonic())))
        begin()
