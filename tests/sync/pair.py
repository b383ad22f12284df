"""Two workers that share each pass as the product's do: one reads, both write what it found due, in turns that are drawn.

Only one of them goes on at a time. At each transaction and each request it is drawn which, so that a history is played
again as it was. What one takes, the other may be given too; a worker that dies has its work taken over by the other.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from tests.sync.mortal import Baton
from tests.sync.world import ENVIRONMENT, Process, World

from fieldcal.engine import shared
from fieldcal.engine.errands import handed_out
from fieldcal.engine.schedule import Job, Kind, Priority
from fieldcal.engine.tallies import Tallies
from fieldcal.errors import FieldcalError
from fieldcal.model import MailboxId
from fieldcal.state import history
from fieldcal.state.held import READING
from fieldcal.sync.passes import Report, run_pass
from fieldcal.sync.site import Site

T = TypeVar("T")
PASS = Job(Priority.REGULAR, Kind.PASS, ENVIRONMENT)


class Pair:
    """The first is the stage's own process, which may be about to die; the second lives."""

    def __init__(self, world: World, site: Callable[[Process], Site], draw: random.Random) -> None:
        self._world, self._site, self._draw = world, site, draw

    async def passes(self, first: Process, second: Process) -> Report | FieldcalError | None:
        """A pass of both; None where the first died of it, and what it had in hand is done then by the second."""
        pair = [first, second]
        self._draw.shuffle(pair)
        report = await self._reads(pair[0])
        if report is None:
            await self._takes_over(second, reading=True)
            return None
        if isinstance(report, FieldcalError):
            return report
        wrong = await self._writes(pair, await self._due(second))
        if not first.life.alive:
            await self._takes_over(second, reading=False)
            return None
        return wrong or self._told(report)

    async def _reads(self, process: Process) -> Report | FieldcalError | None:
        return await _as(process, run_pass(self._site(process), only=frozenset()))

    async def _due(self, process: Process) -> list[MailboxId]:
        """As the queue gives them out; some to both, as it does when a worker was thought dead."""
        jobs = await process.database.reading(shared.hand_out, PASS, "", self._world.clock.now())
        return [MailboxId(job.mailbox) for job in jobs for _ in range(self._draw.choice((1, 1, 2)))]

    async def _writes(self, pair: list[Process], boxes: list[MailboxId]) -> FieldcalError | None:
        queue, baton = deque(boxes), Baton(self._draw, alone=len(pair) == 1)

        async def takes(process: Process) -> None:
            tallies = Tallies(process.database, self._world.clock)
            while queue:
                await handed_out(self._site(process), queue.popleft(), "", tallies)

        async def lives(process: Process) -> FieldcalError | None:
            process.life.baton = baton
            try:
                return await _as(process, takes(process))
            finally:
                process.life.baton = None
                baton.drop()

        found = await asyncio.gather(*(lives(process) for process in pair))
        return next((each for each in found if each is not None), None)

    async def _takes_over(self, heir: Process, *, reading: bool) -> None:
        """At once, when the dead one's leases hold and nothing may be sent; and again when they have ended."""
        for wait in (timedelta(0), READING + timedelta(seconds=1)):
            self._world.clock.advance(wait)
            if reading:
                await self._reads(heir)
            await self._writes([heir], await self._due(heir))

    def _told(self, report: Report) -> Report:
        """What the pass and the mailboxes that were counted with it did."""
        with self._world.database.read() as tx:
            one = history.one_pass(tx, ENVIRONMENT, report.run)
        assert one is not None
        return replace(report, tally=replace(one.tally, changes=report.tally.changes, uncalled=one.churn))


async def _as(process: Process, work: Coroutine[Any, Any, T]) -> T | FieldcalError | None:
    try:
        return await process.life.live(work)
    except FieldcalError as error:
        return error
