"""Exchange's limits: requests in flight on a mailbox, requests on a mailbox in ten minutes, requests of the app.

https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from fieldcal.embedded.control import Control
from fieldcal.embedded.exchange.errors import app_rate_exceeded, mailbox_busy, mailbox_rate_exceeded
from fieldcal.embedded.exchange.settings import Settings

_MAILBOX_SPAN = 600.0
_APP_SPAN = 10.0


class Throttle:
    """Counts what is in flight and what came. `enter` before a request is carried out, `leave` after it."""

    def __init__(self, control: Control[Settings]) -> None:
        self._control = control
        self._in_flight: dict[Hashable, int] = {}
        #: start of the span (POSIX seconds) and requests in it
        self._spans: dict[Hashable, tuple[float, int]] = {}
        #: the most that was ever in flight on one mailbox
        self.peak = 0

    def enter(self, mailbox: Hashable) -> None:
        """Take a place on the mailbox (None: only the app's limit counts). Raises 429 with Retry-After."""
        settings = self._control.settings
        now = self._control.clock.now().timestamp()
        wait = self._count("app", now, settings.app_rate, _APP_SPAN)
        if wait is not None:
            raise app_rate_exceeded(self._written(wait))
        if mailbox is None:
            return
        wait = self._count(("mailbox", mailbox), now, settings.mailbox_rate, _MAILBOX_SPAN)
        if wait is not None:
            raise mailbox_rate_exceeded(self._written(wait))
        flying = self._in_flight.get(mailbox, 0)
        if flying >= settings.mailbox_concurrency:
            raise mailbox_busy(self._written(settings.retry_after))
        self._in_flight[mailbox] = flying + 1
        self.peak = max(self.peak, flying + 1)

    def leave(self, mailbox: Hashable) -> None:
        """Give the place back."""
        if mailbox is None:
            return
        flying = self._in_flight.get(mailbox, 0) - 1
        if flying > 0:
            self._in_flight[mailbox] = flying
        else:
            self._in_flight.pop(mailbox, None)

    def _count(self, what: Hashable, now: float, limit: int, span: float) -> float | None:
        """Seconds to wait where the limit is reached; else None, and one more is counted."""
        began, seen = self._spans.get(what, (now, 0))
        if not began <= now < began + span:
            began, seen = now, 0
        if seen >= limit:
            return began + span - now
        self._spans[what] = (began, seen + 1)
        return None

    def _written(self, seconds: float) -> str:
        if self._control.settings.decimal_retry_after:
            return f"{seconds:.3f}"
        return str(max(1, math.ceil(seconds)))
