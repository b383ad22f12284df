"""How long a backlog will take: from what waits and what was written in the last minutes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

#: Fewer bookings than these are written before anybody has asked how long it takes.
WORTH_TELLING = 100
#: How far back writes are counted; without one for so long it is said to stand still.
SPAN, STILL = timedelta(minutes=5), timedelta(minutes=2)
#: Before so much was written, or so much time has gone by, there is no rate to speak of.
_FEW, _SOON = 20, timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is seen of one environment's backlog at an instant."""

    now: datetime
    #: bookings that wait in mailboxes that may be written to
    waiting: int
    #: of those, in mailboxes that wait because a server asked for it, and until when the last of them does
    paused: int = 0
    paused_until: datetime | None = None
    #: writes within `SPAN`, and when the first and the last of them were done
    written: int = 0
    first: datetime | None = None
    last: datetime | None = None
    #: since when the oldest of what waits does
    since: datetime | None = None
    #: most of it waits because its mailbox was just switched on
    first_load: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """What can be said of the time it takes; `text` is a sentence without its full stop, "" where nothing waits."""

    state: Literal["done", "starting", "working", "still", "paused"]
    waiting: int
    per_minute: float | None
    #: None where there is no telling
    seconds_left: float | None
    text: str

    @property
    def worth_telling(self) -> bool:
        return self.waiting > WORTH_TELLING


def forecast(seen: Observed) -> Forecast:
    """The time that is left, by the rate of the last minutes."""
    if not seen.waiting:
        return Forecast("done", 0, None, None, "")
    load = "first load: " if seen.first_load else ""
    wait = f"{seen.waiting:,} {'booking waits' if seen.waiting == 1 else 'bookings wait'}"
    if seen.paused >= seen.waiting and seen.paused_until is not None:
        text = f"{load}{wait}; nothing is written until {seen.paused_until:%H:%M:%S} UTC, for a server asked to wait"
        return Forecast("paused", seen.waiting, None, None, text)
    if _stands_still(seen):
        return Forecast("still", seen.waiting, 0.0, None, f"{load}{wait}; nothing was written for {_silence(seen)} min")
    per_minute = _rate(seen)
    if per_minute is None:
        return Forecast("starting", seen.waiting, None, None, f"{load}{wait}; how long it takes is not known yet")
    left = seen.waiting / per_minute * 60
    if seen.paused and seen.paused_until is not None:
        left = max(left, (seen.paused_until - seen.now).total_seconds())
    text = f"{load}{words(left)} left: {wait}, {per_minute:,.0f} a minute are written"
    return Forecast("working", seen.waiting, round(per_minute, 1), round(left, 1), text)


def _rate(seen: Observed) -> float | None:
    """Writes a minute; None where too little was seen."""
    if seen.first is None:
        return None
    span = seen.now - seen.first
    if span < _SOON or (seen.written < _FEW and span < STILL):
        return None
    return seen.written / span.total_seconds() * 60


def _stands_still(seen: Observed) -> bool:
    since = seen.last or seen.since
    return since is not None and seen.now - since >= STILL


def _silence(seen: Observed) -> int:
    since = seen.last or seen.since or seen.now
    return int((seen.now - since).total_seconds() // 60)


def words(seconds: float) -> str:
    """`about 14 min`."""
    minutes = ceil(seconds / 60)
    if minutes <= 1:
        return "less than a minute"
    if minutes <= 90:  # noqa: PLR2004 - up to an hour and a half people count in minutes
        return f"about {minutes} min"
    hours = round(minutes / 60)
    return f"about {hours} h" if hours <= 36 else f"about {round(hours / 24)} days"  # noqa: PLR2004 - a day and a half
