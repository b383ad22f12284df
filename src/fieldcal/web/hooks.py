"""Takes notifications of sources: `POST /hooks/{environment}`. The only end of the service that is meant to be public.

Nothing is said to who lacks the secret, not even whether there is such an environment. Of what is said here only a
table's name and an id are used, and only to read that booking sooner (`engine/hints.py`); the answer goes out before
anything is read. The caller is described in https://learn.microsoft.com/en-us/power-apps/developer/data-platform/use-webhooks
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct, field
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fieldcal.clock import Clock
from fieldcal.errors import StateAway
from fieldcal.hooks import PATH
from fieldcal.model import BookingId
from fieldcal.ports import SECRET_HEADER
from fieldcal.state import webhooks
from fieldcal.state.database import Database
from fieldcal.state.webhooks import Webhook
from fieldcal.web import away

log = structlog.get_logger()

#: The longest body: above it Dataverse leaves out what may be long.
LARGEST = 256 * 1024
#: Bodies that are read at once; more are told to come again, which Dataverse does once.
AT_ONCE = 32
#: Seconds that a body may take to come in.
READING = 10.0
#: Seconds for which what is known of the webhooks may be old; what is refused is logged no more often than the second.
FRESH, LOGGED = 1.0, 60.0

_BOOKING, _FOLLOWED = "bookableresourcebooking", "msdyn_workorder"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_Name = Annotated[str, Meta(max_length=200)]

#: told the environment, and the booking by id, or None where a pass has to find it
Hint = Callable[[str, BookingId | None], None]


class _Context(Struct, frozen=True):
    """What is used of a RemoteExecutionContext."""

    message: _Name = field(name="MessageName")
    table: _Name = field(name="PrimaryEntityName")
    id: _Name = field(name="PrimaryEntityId")


class HooksEnd:
    """Checks who calls, and hands the hint on."""

    def __init__(self, database: Database, clock: Clock, hint: Hint) -> None:
        self._database, self._clock, self._hint = database, clock, hint
        self._known: Mapping[str, Webhook] = {}
        self._read_at = self._logged_at = float("-inf")
        #: compared with where there is no webhook, so that this takes as long
        self._nobody = Webhook("", clock.now(), "")
        self._reading = 0
        self._refreshing = asyncio.Lock()

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route(f"{PATH}{{environment}}", self._receive, methods=["POST"])],
            exception_handlers={StateAway: _away},
        )

    async def _receive(self, request: Request) -> Response:
        environment = request.path_params["environment"]
        known = (await self._webhooks()).get(environment, self._nobody)
        secret, now = request.headers.get(SECRET_HEADER, "").encode(), self._clock.now()
        good, tried = known.knows(secret, now), known.is_probe(secret, now)
        if tried:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        if not good:
            self._refused(environment if known is not self._nobody else "unknown")
            return Response(status_code=HTTPStatus.NOT_FOUND)
        if self._reading >= AT_ONCE:
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        self._reading += 1
        try:
            return self._take(environment, await _body(request))
        finally:
            self._reading -= 1

    def _take(self, environment: str, body: bytes | HTTPStatus) -> Response:
        if isinstance(body, HTTPStatus):
            return Response(status_code=body)
        try:
            told = msgspec.json.decode(body, type=_Context)
        except (msgspec.DecodeError, RecursionError):
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        booking = told.id.lower()
        if not _GUID.fullmatch(booking):
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        if told.table == _BOOKING and told.message in {"Create", "Update"}:
            self._hint(environment, BookingId(booking))
        elif told.table in {_BOOKING, _FOLLOWED}:
            self._hint(environment, None)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def _webhooks(self) -> Mapping[str, Webhook]:
        """Every webhook, as it stood a moment ago: whoever calls in vain causes no more reads than that."""
        async with self._refreshing:
            if self._clock.monotonic() - self._read_at >= FRESH:
                self._known = await self._database.reading(webhooks.everyone)
                self._read_at = self._clock.monotonic()
            return self._known

    def _refused(self, environment: str) -> None:
        if self._clock.monotonic() - self._logged_at >= LOGGED:
            self._logged_at = self._clock.monotonic()
            log.warning("a notification without the secret was refused", action="hook_refused", environment=environment)


async def _away(request: Request, error: Exception) -> Response:
    away.noted(request.url.path, error)
    return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=away.HEADERS)


async def _body(request: Request) -> bytes | HTTPStatus:
    """The body, or the status that says why it is not taken."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:12]) > LARGEST:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    parts, size = [], 0
    try:
        async with asyncio.timeout(READING):
            async for part in request.stream():
                size += len(part)
                if size > LARGEST:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                parts.append(part)
    except (TimeoutError, ClientDisconnect):
        return HTTPStatus.REQUEST_TIMEOUT
    return b"".join(parts)
