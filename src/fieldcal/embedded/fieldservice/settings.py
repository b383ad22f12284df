"""What the control plane can set: what is tracked, what may be read, and the service protection limits."""

from __future__ import annotations

import time
from collections import deque
from typing import Literal

import msgspec

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.fieldservice.errors import NO_PRIVILEGE, Refused
from fieldcal.embedded.fieldservice.odata import Expand, Query


class FieldServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All off by default. Tables are named by their logical names.

    The limits are per caller and `window` seconds, as https://learn.microsoft.com/en-us/power-apps/developer/data-platform/api-limits
    describes them: 6000 requests, 1200 seconds of work, 52 at once, in 300 seconds.
    """

    untracked: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    expired_status: int = 400
    #: how webhooks are sent: each once, not at all, each twice, or when the action `release-webhooks` lets them go,
    #: the last first; and the seconds that each is late
    webhooks: Literal["send", "lose", "double", "hold"] = "send"
    webhook_delay: float = 0.0
    max_requests: int | None = None
    max_seconds: float | None = None
    max_concurrent: int | None = None
    window: float = 300.0

    def check_read(self, query: Query) -> None:
        """Refused (403) where the caller has no privilege to read one of the query's tables."""
        for name in (query.table.name, *_tables(query.expand)):
            if name in self.unreadable:
                text = f"Principal user is missing prvRead{name} privilege on entity '{name}'."
                raise Refused(403, NO_PRIVILEGE, text)


def _tables(expand: tuple[Expand, ...]) -> list[str]:
    return [name for each in expand for name in (each.target.name, *_tables(each.expand))]


class Limits:
    """Counts what each caller did in the window, and says when it was too much."""

    def __init__(self, clock: SandboxClock) -> None:
        """The window is measured by the clock, the work by the machine."""
        self._clock = clock
        self._done: dict[str, deque[tuple[float, float]]] = {}
        self._running: dict[str, int] = {}

    def enter(self, settings: FieldServiceSettings, caller: str) -> float:
        """Begin a request; Refused (429) with `Retry-After` where a limit is reached. Give the result to `leave`."""
        now = self._clock.now().timestamp()
        done = self._done.setdefault(caller, deque())
        while done and done[0][0] <= now - settings.window:
            done.popleft()
        running = self._running.get(caller, 0)
        if settings.max_concurrent is not None and running >= settings.max_concurrent:
            raise _too_many("0x80072326", f"Number of concurrent requests exceeded the limit of {running}.", 1)
        wait = max(1, round(done[0][0] + settings.window - now)) if done else 1
        if settings.max_requests is not None and len(done) >= settings.max_requests:
            text = f"Number of requests exceeded the limit of {settings.max_requests} over time window of "
            raise _too_many("0x80072322", text + f"{settings.window:g} seconds.", wait)
        if settings.max_seconds is not None and sum(work for _, work in done) >= settings.max_seconds:
            text = f"Combined execution time of incoming requests exceeded limit of {settings.max_seconds:g} seconds "
            raise _too_many("0x80072321", text + f"over time window of {settings.window:g} seconds.", wait)
        self._running[caller] = running + 1
        return time.perf_counter()

    def leave(self, caller: str, began: float) -> None:
        """End a request that `enter` let in."""
        self._running[caller] -= 1
        self._done[caller].append((self._clock.now().timestamp(), time.perf_counter() - began))


def _too_many(code: str, text: str, wait: int) -> Refused:
    return Refused(429, code, text, {"retry-after": str(wait)})
