"""A lease in our hands: asked right before each request, and kept alive by nothing but its holder's own steps.

A holder may die at any moment, and until its lease is over nobody can know that it does not wake up and send. So the
lease of a mailbox is short. Whatever takes longer renews it: each transaction that stores something does, and where the
last one is some seconds past, so does the next request, before it begins. A holder that hangs renews nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from fieldcal.clock import Clock
from fieldcal.errors import FieldcalError, LeaseLost
from fieldcal.model import MailboxId
from fieldcal.ports import Pace
from fieldcal.state import leases
from fieldcal.state.database import Database
from fieldcal.state.leases import MAILBOX, Lease, Told

#: How long the lease of a mailbox is taken for: a worker that is killed keeps it from the others so long at most.
LEASE = timedelta(seconds=50)
#: How long the lease of an environment's reader is taken for: one question to a source, tried twice, and to spare.
READING = timedelta(seconds=120)
#: No request begins with less than this left: more than the longest that a request may take.
REQUEST = timedelta(seconds=35)
#: A lease renewed within this time is not renewed for a request; what then is left has room for connecting.
YOUNG = timedelta(seconds=4)


T = TypeVar("T")


class Place(Protocol):
    """Where a lease is held: the state, the time, and the limits."""

    @property
    def database(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def pace(self) -> Pace: ...
    @property
    def worker(self) -> str: ...


class Held:
    """A lease that we hold: asked before each request, renewed with each transaction and before a late request."""

    def __init__(self, place: Place, lease: Lease, span: timedelta = LEASE) -> None:
        self._clock, self._database, self._pace, self._span = place.clock, place.database, place.pace, span
        self.lease = lease
        #: held by whoever renews the lease while requests are on their way: the later end is the one that stands
        self.turn = asyncio.Lock()
        #: nothing is sent under it any more; whoever says so gives it back, too
        self.left = False
        if self.mailbox is not None:
            self._pace.enter(self)

    @property
    def mailbox(self) -> MailboxId | None:
        """The mailbox that it is the lease of; None: of something else."""
        name = self.lease.name
        return MailboxId(name.removeprefix(MAILBOX)) if name.startswith(MAILBOX) else None

    @property
    def before(self) -> tuple[str, int]:
        """What was sent, as the holder before told it, and how many holders have told nothing since."""
        return self.lease.sent, max(self.lease.untold - 1, 0)

    @property
    def paused(self) -> datetime | None:
        """The end of the mailbox's pause, as it stood when the lease was taken."""
        return self.lease.paused

    @property
    def told(self) -> int:
        """Up to which of our requests the state knows what was sent."""
        return self.lease.told

    def counts(self, told: Told) -> None:
        """Have each renewal tell what was sent."""
        self.lease = replace(self.lease, count=told)

    def may_begin(self) -> None:
        """Return if a request may begin now; raises `LeaseLost` when its answer could come after the lease's end."""
        if self._clock.now() + REQUEST > self.lease.until:
            raise LeaseLost(f"the time of the lease {self.lease.name} is nearly up; no request is begun")

    async def ready(self, *, anew: bool = False) -> None:
        """Have time for a request, renewing where that is some seconds past, or `anew`. Raises `LeaseLost`.

        A lease that ended is not renewed: whoever slept so long begins nothing, even if nobody took it. Where the state
        cannot be written, what is left of the lease counts.
        """
        if self._is_young() and not anew:
            return
        before = self.lease
        async with self.turn:
            if self._is_young() and (self.lease is not before or not anew):
                return
            if self._clock.now() >= self.lease.until:
                raise LeaseLost(f"the lease {self.lease.name} is over; no request is begun")
            try:
                await self.renew()
            except LeaseLost:
                raise
            except FieldcalError:
                if anew:
                    raise LeaseLost(f"what is sent under the lease {self.lease.name} cannot be stored") from None
                self.may_begin()

    def _is_young(self) -> bool:
        return self.lease.until - self._clock.now() >= self._span - YOUNG

    async def renew(self) -> None:
        """Have the whole span before us again."""
        self.lease = await self._database.writing(leases.renew, self.lease, self._clock.now(), self._span)

    def leave(self) -> None:
        """Nothing is sent under this lease any more."""
        self.left = True
        if self.mailbox is not None:
            self._pace.leave(self)

    async def give_back(self) -> None:
        """Let the next one in at once; nothing happens if it was taken already."""
        self.leave()
        await self._database.writing(leases.give_back, self.lease)


async def kept(database: Database, taking: Coroutine[Any, Any, T], lease_of: Callable[[T], Lease | None]) -> T:
    """What `taking` returns; where we are cancelled meanwhile, the lease that it took is given back.

    The transaction goes on in its thread, whoever waits for it; only its answer tells whether the lease is ours.
    """
    task = asyncio.ensure_future(taking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        lease = lease_of(task.result()) if not task.cancelled() and task.exception() is None else None
        if lease is not None:
            await database.writing(leases.give_back, lease)
        raise


@asynccontextmanager
async def holding(place: Place, name: str, span: timedelta = LEASE) -> AsyncIterator[Held | None]:
    """Hold the lease `name` for the block; None while another worker has it."""
    taking = place.database.writing(leases.take, name, place.worker, place.clock.now(), span)
    lease = await kept(place.database, taking, lambda lease: lease)
    if lease is None:
        yield None
        return
    held = Held(place, lease, span)
    try:
        yield held
    finally:
        await held.give_back()
