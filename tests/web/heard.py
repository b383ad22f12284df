"""A server of somebody else, which keeps what it is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response

from fieldcal.embedded.server import serving


@asynccontextmanager
async def hearing() -> AsyncIterator[tuple[str, list[str]]]:
    """Its address, and the Authorization headers that it got so far; it refuses every request."""
    got: list[str] = []

    async def hear(scope, receive, send) -> None:
        got.append(Request(scope).headers.get("authorization", ""))
        challenge = {"www-authenticate": 'Basic realm="here"'}
        await Response(status_code=401, headers=challenge)(scope, receive, send)

    async with serving(hear) as url:
        yield url, got
