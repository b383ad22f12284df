"""The state's database is away: 503 to whoever asks, without its address, and one line in the log that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from fieldcal.errors import StateAway, one_line
from fieldcal.web.render import alone
from fieldcal.web.texts import text

log = structlog.get_logger()

#: Seconds after which to come again; a restart of PostgreSQL takes about as long.
RETRY_AFTER = 5
HEADERS = {"retry-after": str(RETRY_AFTER)}


@contextmanager
def unnamed() -> Iterator[None]:
    """What is raised of an absent state in here may be shown to anybody; `noted` finds what it said."""
    try:
        yield
    except StateAway as error:
        raise StateAway(text("refused.text.away")) from error


def noted(path: str, error: Exception) -> None:
    """One line for the operator, with what the database said."""
    told = error.__cause__ if isinstance(error.__cause__, StateAway) else error
    said = getattr(told, "said", "") or told
    log.warning(
        "a request is refused, for the state is away", action="state_away", path=path, reason=one_line(said, 1000)
    )


def page(*, live: bool) -> Response:
    """One sentence that needs no state: a page, or the part of one that htmx asked for."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if live:
        part = alone("parts/refused.html", {"key": "away", "detail": ""})
        return HTMLResponse(part, status, {**HEADERS, "hx-retarget": "#said", "hx-reswap": "innerHTML"})
    return HTMLResponse(alone("away.html", {}), status, HEADERS)


async def told(request: Request, error: Exception) -> Response:
    """The same in plain text, to other systems."""
    noted(request.url.path, error)
    return PlainTextResponse(f"{text('refused.text.away')}\n", HTTPStatus.SERVICE_UNAVAILABLE, HEADERS)
