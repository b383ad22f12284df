"""What each worker did last, for as long as it can be taken back: kept here, not in the browser.

An answer that a phone loses on the way, as where the line breaks, took with it what a cookie had kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fieldcal.schedule.moves import Before

#: For how long a step can be taken back.
LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step that was taken: the booking's version that it led to, and what was before."""

    booking: str
    version: int
    before: Before
    at: datetime


class LastSteps:
    """By person the last step, as long as the service runs."""

    def __init__(self) -> None:
        self._last: dict[str, Stepped] = {}

    def took(self, who: str, step: Stepped) -> None:
        """Remember it in place of the one before."""
        self._last[who] = step

    def of(self, who: str, now: datetime) -> Stepped | None:
        """The step that can be taken back now, None where there is none."""
        step = self._last.get(who)
        return step if step is not None and now - step.at < LASTS else None

    def forget(self, who: str) -> None:
        """It was taken back."""
        self._last.pop(who, None)
