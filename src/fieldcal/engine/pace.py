"""Limits and pauses (`ports.Pace`): counted in memory, and known to all workers without a round trip for each request.

What a mailbox was sent goes with its lease from holder to holder (`state/counts.py`); a limit that is wider than a
mailbox is handed out in portions (`engine/portions.py`); pauses are stored, and read again every few seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from fieldcal.clock import Clock
from fieldcal.engine.portions import Portions
from fieldcal.errors import Throttled
from fieldcal.model import MailboxId
from fieldcal.ports import Holding
from fieldcal.state import believed, pauses
from fieldcal.state.counts import Count
from fieldcal.state.database import Database

#: Graph allows an application 10,000 requests a mailbox in 10 minutes (Microsoft Learn, throttling limits).
LIMIT, SPAN = 10_000, 600.0
#: Which part of a mailbox's limit its holder may send between two tellings, and is taken for sent where he died.
PORTION = 10
#: And 130,000 in 10 seconds over all mailboxes and tenants.
TOGETHER, TEN_SECONDS = 130_000, 10.0
#: How often a request waits for the application's next portion, about a second each time; and how long its mailbox is
#: left alone then, seconds.
TRIES, AGAIN = 3, 5.0
#: Seconds that a request waits for its place; what takes longer is a pause, so that nobody waits behind it.
PATIENCE = 1.0
#: How old our own copy of the stored pauses may be, seconds; other commands may open the same state.
FRESH = 5.0


class StoredPace:
    """Pauses are written through; what is asked before each request comes from memory."""

    def __init__(
        self, database: Database, clock: Clock, *, limit: int = LIMIT, span: float = SPAN, together: int = TOGETHER
    ) -> None:
        """`limit` requests in `span` seconds a mailbox; `together`: in ten seconds in an application's name."""
        self._portions = Portions(database, clock, together, TEN_SECONDS)
        self._database, self._clock, self._limit, self._span = database, clock, limit, span
        self._portion = max(limit // PORTION, 1)
        self._counts: dict[MailboxId, Count] = {}
        self._held: dict[MailboxId, Holding] = {}
        self._pauses: dict[str, datetime] = {}
        #: when the stored pauses were last read (asked for), on the monotonic clock; how many read them just now, and
        #: what was stored from here since the first of these began: what they bring may be older
        self._read_at = float("-inf")
        self._readers, self._meanwhile = 0, dict[str, datetime]()

    def enter(self, holding: Holding) -> None:
        """Go on counting what this mailbox is sent, and keep its lease alive while it is."""
        mailbox = holding.mailbox
        if mailbox is None:
            return
        told, silent = holding.before
        # However many died: together they were sent no more than the limit, for each has counted what was before it.
        counted = Count(self._span, told, min(silent * self._portion, self._limit), self._seconds())
        holding.counts(lambda: counted.told(self._seconds()))
        self._held[mailbox], self._counts[mailbox] = holding, counted
        now = self._clock.now()
        if holding.paused is not None and now < holding.paused <= now + believed.FARTHEST:
            self._remember(mailbox, holding.paused)

    def leave(self, holding: Holding) -> None:
        """Count no more for this mailbox: its lease is given back."""
        mailbox = holding.mailbox
        if mailbox is not None and self._held.get(mailbox) is holding:
            del self._held[mailbox], self._counts[mailbox]

    async def take(self, mailbox: MailboxId, cost: int, application: str = "") -> None:
        """Return when `cost` more requests on this mailbox are within the limits, and its lease has time for them.

        A wait of more than `PATIENCE` becomes a pause of the mailbox and `Throttled`: a mailbox at its limit must not
        hold a place among those that are worked on at once, nor its lease.
        """
        if application:
            await self._all_of(mailbox, cost, application)
        counted = self._counts.setdefault(mailbox, Count(self._span))
        while (waiting := counted.take(self._seconds(), cost, self._limit)) > 0:
            if waiting > PATIENCE:
                reason = f"{self._limit:,} requests in {self._span:.0f} s are what the server allows for one mailbox"
                await self._leave_alone(mailbox, waiting, reason)
            await self._clock.sleep(waiting)
        holding = self._held.get(mailbox)
        if holding is not None:
            await holding.ready(anew=counted.total > holding.told + self._portion)

    async def _all_of(self, mailbox: MailboxId, cost: int, application: str) -> None:
        """Return when the application, in whichever workers, may send so many more."""
        for _ in range(TRIES):
            waiting = await self._portions.take(application, cost)
            if waiting <= 0:
                return
            await self._clock.sleep(waiting)
        await self._leave_alone(mailbox, AGAIN, "all workers together send as much as the server allows an application")

    async def _leave_alone(self, mailbox: MailboxId, seconds: float, reason: str) -> NoReturn:
        await self.pause(mailbox, self._clock.now() + timedelta(seconds=seconds), reason)
        raise Throttled(reason, retry_after=seconds, status=0, scope="mailbox")

    def _seconds(self) -> float:
        return self._clock.now().timestamp()

    async def pause(self, scope: str, until: datetime, reason: str) -> None:
        """Nothing of this scope before `until`; the later of two pauses holds."""
        await self._database.writing(pauses.pause, scope, until, reason)
        self._remember(scope, until)

    def _remember(self, scope: str, until: datetime) -> None:
        for known in (self._pauses, self._meanwhile):
            known[scope] = max(until, known.get(scope, until))

    async def paused(self, scopes: Sequence[str]) -> datetime | None:
        """The instant until which one of these scopes is paused, None when none is."""
        now = self._clock.now()
        if self._clock.monotonic() - self._read_at >= FRESH:
            await self._read(now)
        ends = [self._pauses[scope] for scope in scopes if scope in self._pauses]
        latest = max(ends, default=now)
        return latest if latest > now else None

    async def _read(self, now: datetime) -> None:
        """Take the stored pauses over. Whoever asks while another reads has our own copy, unless there is none yet."""
        if self._readers and self._read_at > float("-inf"):
            return
        if not self._readers:
            self._meanwhile = {}
        began, self._readers = self._clock.monotonic(), self._readers + 1
        try:
            self._pauses = await self._database.reading(pauses.ends, now)
        finally:
            self._readers -= 1
        for scope, until in self._meanwhile.items():
            self._pauses[scope] = max(until, self._pauses.get(scope, until))
        self._read_at = began
