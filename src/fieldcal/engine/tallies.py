"""What was done mailbox by mailbox, counted with its pass: what comes together is stored together.

All mailboxes of an environment count up the same few rows. A transaction for each would have them wait for each
other's commits, so that a state that answers slowly held up the calendars.
"""

from __future__ import annotations

import asyncio

import structlog

from fieldcal.clock import Clock
from fieldcal.errors import FieldcalError
from fieldcal.state import history
from fieldcal.state.database import Database
from fieldcal.state.history import Tally

log = structlog.get_logger()

#: What comes within this time after the last was stored is stored together, seconds.
SPACE = 0.2


class Tallies:
    """Counts what this process did with passes that have ended; one transaction at a time, for all that waits."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._gathered: dict[str, Tally] = {}
        self._storing: asyncio.Task[None] | None = None

    def add(self, run: str, tally: Tally) -> None:
        """Have this stored soon. Nobody waits for it: it would keep a mailbox's place, which others need."""
        self._gathered[run] = self._gathered.get(run, Tally()) + tally
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._go_on())

    async def close(self) -> None:
        """Return when all that was added is stored, or cannot be."""
        if self._storing is not None:
            self._storing.cancel()  # what is being stored is stored: a transaction is never left
            await asyncio.gather(self._storing, return_exceptions=True)
        await self._store()

    async def _go_on(self) -> None:
        while self._gathered:
            await self._store()
            await self._clock.sleep(SPACE)

    async def _store(self) -> None:
        gathered, self._gathered = self._gathered, {}
        if not gathered:
            return
        try:
            await self._database.writing(history.add, gathered, self._clock.now())
        except FieldcalError as error:
            # Stored once more they might count twice. The history has each write by itself.
            log.warning("what was done is not counted", action="not_counted", passes=len(gathered), error=str(error))
