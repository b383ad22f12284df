"""What a server answered over HTTP, and how its times are read. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import msgspec

#: A server that asks for a longer pause than a day is not believed.
LONGEST_PAUSE = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: seconds from handing the request over to the last byte
    took: float
    #: the values of `WWW-Authenticate`, one a header
    challenges: tuple[str, ...] = ()

    @property
    def date(self) -> datetime | None:
        """The server's clock, whole seconds; None where it did not tell."""
        return http_date(self.headers.get("Date", ""))

    def json(self) -> object:
        """The decoded body; None for one that is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return None

    def retry_after(self) -> float | None:
        """Seconds to wait as the server asks, None where it names none that make sense."""
        return retry_after(self.headers.get("Retry-After", ""), self.date)


@lru_cache(maxsize=64)  # a batch's twenty items ask for the same header
def http_date(text: str) -> datetime | None:
    """The instant of an HTTP date, UTC; None for anything else."""
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after(text: str, now: datetime | None) -> float | None:
    """`Retry-After` in seconds: whole, decimal, or an HTTP date counted from the server's own `now`."""
    try:
        seconds = float(text)
    except ValueError:
        instant = http_date(text)
        if instant is None or now is None:
            return None
        seconds = max((instant - now).total_seconds(), 0.0)
    return min(seconds, LONGEST_PAUSE) if math.isfinite(seconds) and seconds >= 0 else None
