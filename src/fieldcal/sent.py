"""What a pass sends: requests to the source and to calendars, and how they were answered. Sign-ins are not among them.

Clients are shared by all that is under way, so the book that a request is written into goes with the task: whatever a
task begins, in tasks of its own too, is written into the book that it opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

import structlog

from fieldcal import counted

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")

#: How a request may be answered, in the order in which it is told; `none`: not at all.
ANSWERS = ("2xx", "3xx", "4xx", "429", "5xx", "none")


@dataclass(frozen=True, slots=True)
class Side:
    """Requests to one side, and answers by their kind. Refusals inside of a batch count as answers, too."""

    requests: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent to the source of bookings and to calendars."""

    source: Side = field(default_factory=Side)
    calendars: Side = field(default_factory=Side)


class _Book:
    def __init__(self) -> None:
        #: the id of the pass or other work, "" before it has one
        self.run = ""
        self.requests: Counter[str] = Counter()
        self.answers: dict[str, Counter[str]] = {"source": Counter(), "calendars": Counter()}


_open: ContextVar[_Book | None] = ContextVar("requests of this pass", default=None)


def recorded(work: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Have all that `work` sends, in tasks of its own too, written into a book of its own: one for each call."""

    @wraps(work)
    async def written_down(*given: P.args, **named: P.kwargs) -> R:
        before = _open.set(_Book())
        try:
            return await work(*given, **named)
        finally:
            _open.reset(before)

    return written_down


def under(run: str) -> str:
    """Have the open book be that of this run: its log lines and requests carry the id. Returns the id."""
    if (book := _open.get()) is not None:
        book.run = run
    return run


def run() -> str:
    """The id of the work that is under way here, "" where none is."""
    book = _open.get()
    return book.run if book is not None else ""


def traced() -> dict[str, str]:
    """The headers by which both ends' own logs name this work; none where none is under way.

    Graph keeps `client-request-id` (learn.microsoft.com/graph/best-practices-concept). Microsoft's client of Dataverse
    sends `x-ms-correlation-id` with all requests of one call (PowerPlatform-Dataverse-Client 1.1.0, `_odata_base.py`).
    Both want a GUID, for which an id of ours has the 32 digits.
    """
    try:
        name = str(UUID(run()))
    except ValueError:
        return {}
    return {"client-request-id": name, "x-ms-correlation-id": name}


def so_far() -> Sent:
    """What the open book holds; nothing where none is open."""
    book = _open.get()
    if book is None:
        return Sent()
    sides = (Side(book.requests[system], dict(book.answers[system])) for system in ("source", "calendars"))
    return Sent(*sides)


def request(system: str, status: int) -> None:
    """A request to `source` or `calendars` was sent, and answered with this status (0: not at all)."""
    counted.add("requests", system, _kind(status))
    counted.add("throttle", system, number=0)
    log.debug("a request was answered", action="request", end=system, status=status)
    if (book := _open.get()) is not None:
        book.requests[system] += 1
        book.answers[system][_kind(status)] += 1


def inside(status: int) -> None:
    """A calendar's answer to several requests in one holds this one; what is no refusal stands in the whole's own."""
    if _kind(status) not in {"429", "5xx"}:
        return
    counted.add("inside", _kind(status))
    if (book := _open.get()) is not None:
        book.answers["calendars"][_kind(status)] += 1


def asked_to_wait(system: str, seconds: float) -> None:
    """`source` or `calendars` asked to be left alone for so many seconds."""
    counted.add("throttle", system, number=max(seconds, 0.0))


def _kind(status: int) -> str:
    if status <= 0:
        return "none"
    return "429" if status == 429 else f"{status // 100}xx"  # noqa: PLR2004 - too many requests
