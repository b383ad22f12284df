"""One environment at work: its two ends, its settings and its state, handed to every step of the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from fieldcal.clock import Clock
from fieldcal.errors import LeaseLost
from fieldcal.model import Window
from fieldcal.plan.decide import Render
from fieldcal.plan.rules import Moment
from fieldcal.plan.settings import Settings
from fieldcal.ports import BookingSource, Calendars, Pace
from fieldcal.state import leases
from fieldcal.state.database import Database
from fieldcal.state.leases import Lease

#: How long a lease is taken for; each step that stores something renews it.
LEASE = timedelta(seconds=120)
#: No request begins with less than this left: more than the longest that a request may take.
REQUEST = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Site:
    """One environment at work. Values and ends only; whatever is remembered is in `database`."""

    environment: str
    #: the Dataverse OrganizationId that the environment is pinned to; keys and marks are made of it
    organization: str
    settings: Settings
    database: Database
    clock: Clock
    pace: Pace
    source: BookingSource
    #: a server profile's end, by the profile's name
    calendars: Callable[[str], Calendars]
    render: Render
    #: numbers in [0, 1) that part the crowd of retries
    spread: Callable[[], float]
    #: who we are among the workers; in every lease
    worker: str

    def moment(self, far_edge: datetime | None) -> Moment:
        """This instant and its window, the far edge being at least the one that was reached already (D3)."""
        now = self.clock.now()
        window = self.settings.window(now)
        return Moment(now, Window(window.near, max(window.far, far_edge or window.far)))


class Held:
    """A lease that we hold: asked before each request, renewed with each transaction."""

    def __init__(self, site: Site, lease: Lease) -> None:
        self._clock = site.clock
        self.lease = lease

    def may_begin(self) -> None:
        """Return if a request may begin now; raises `LeaseLost` when its answer could come after the lease's end."""
        if self._clock.now() + REQUEST > self.lease.until:
            raise LeaseLost(f"the time of the lease {self.lease.name} is nearly up; no request is begun")

    async def renew(self, site: Site) -> None:
        """Have the whole span before us again."""
        self.lease = await site.database.writing(leases.renew, self.lease, site.clock.now(), LEASE)


@asynccontextmanager
async def holding(site: Site, name: str) -> AsyncIterator[Held | None]:
    """Hold the lease `name` for the block; None while another worker has it."""
    lease = await site.database.writing(leases.take, name, site.worker, site.clock.now(), LEASE)
    if lease is None:
        yield None
        return
    held = Held(site, lease)
    try:
        yield held
    finally:
        await site.database.writing(leases.give_back, held.lease)
