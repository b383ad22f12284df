"""Limits and pauses (`ports.Pace`): counted in the process, pauses kept in the state so that a restart knows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from fieldcal.clock import Clock
from fieldcal.errors import Throttled
from fieldcal.model import MailboxId
from fieldcal.state import pauses
from fieldcal.state.database import Database

#: Graph allows an application 10,000 requests a mailbox in 10 minutes (Microsoft Learn, throttling limits).
LIMIT, SPAN = 10_000, 600.0
#: Seconds that a request waits for its place; what takes longer is a pause, so that nobody waits behind it.
PATIENCE = 1.0
#: How old our own copy of the stored pauses may be, seconds; other commands may open the same state.
FRESH = 5.0


class StoredPace:
    """Pauses are written through; what is asked before each batch comes from memory."""

    def __init__(self, database: Database, clock: Clock, *, limit: int = LIMIT, span: float = SPAN) -> None:
        self._database, self._clock, self._limit, self._span = database, clock, limit, span
        self._taken: dict[MailboxId, deque[tuple[float, int]]] = {}
        self._sums: dict[MailboxId, int] = {}
        self._pauses: dict[str, datetime] = {}
        self._read_at = float("-inf")

    async def take(self, mailbox: MailboxId, cost: int) -> None:
        """Return when `cost` more requests on this mailbox are within its limit.

        A wait of more than `PATIENCE` becomes a pause of the mailbox and `Throttled`: a mailbox at its limit must not
        hold a place among those that are worked on at once, nor its lease.
        """
        while True:
            waiting = self._wait(mailbox, cost)
            if waiting <= 0:
                return
            if waiting > PATIENCE:
                reason = f"{self._limit:,} requests in {self._span:.0f} s are what the server allows for one mailbox"
                await self.pause(mailbox, self._clock.now() + timedelta(seconds=waiting), reason)
                raise Throttled(reason, retry_after=waiting, status=0, scope="mailbox")
            await self._clock.sleep(waiting)

    def _wait(self, mailbox: MailboxId, cost: int) -> float:
        """Take now and answer 0, or answer the seconds until the oldest requests fall out of the span."""
        now = self._clock.monotonic()
        taken = self._taken.setdefault(mailbox, deque())
        while taken and taken[0][0] <= now - self._span:
            self._sums[mailbox] -= taken.popleft()[1]
        if taken and self._sums.get(mailbox, 0) + cost > self._limit:
            return taken[0][0] + self._span - now
        taken.append((now, cost))
        self._sums[mailbox] = self._sums.get(mailbox, 0) + cost
        return 0.0

    async def pause(self, scope: str, until: datetime, reason: str) -> None:
        """Nothing of this scope before `until`; the later of two pauses holds."""
        await self._database.writing(pauses.pause, scope, until, reason)
        self._pauses[scope] = max(until, self._pauses.get(scope, until))

    async def paused(self, scopes: Sequence[str]) -> datetime | None:
        """The instant until which one of these scopes is paused, None when none is."""
        now = self._clock.now()
        if self._clock.monotonic() - self._read_at >= FRESH:
            lasting = await self._database.reading(pauses.lasting, now)
            self._pauses = {scope: until for scope, (until, _) in lasting.items()}
            self._read_at = self._clock.monotonic()
        ends = [self._pauses[scope] for scope in scopes if scope in self._pauses]
        latest = max(ends, default=now)
        return latest if latest > now else None
