"""One environment at work: its two ends, its settings and its state, handed to every step of the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fieldcal.clock import Clock
from fieldcal.model import Window
from fieldcal.plan.decide import Render
from fieldcal.plan.rules import Moment
from fieldcal.plan.settings import Settings
from fieldcal.ports import BookingSource, Calendars, Pace
from fieldcal.setup_model import ServerProfile
from fieldcal.state.database import Database


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
    #: the end of a server profile, as it is set now
    calendars: Callable[[ServerProfile], Calendars]
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
