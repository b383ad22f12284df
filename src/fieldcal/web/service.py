"""The running service's own end on loopback: commands ask it to synchronize, sources announce their changes.

`POST /sync` answers with JSON lines: progress while it lasts, then the report. All of it takes the token
of the run file.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from fieldcal.engine.service import Service
from fieldcal.errors import FieldcalError, StateAway
from fieldcal.model import MailboxId
from fieldcal.sync.passes import Report
from fieldcal.web import away


class SyncWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /sync` is asked: the environment, and which of its mailboxes (None: all)."""

    environment: str
    mailboxes: list[str] | None = None


class SyncLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the answer: how far it is, or how it ended."""

    done: int = 0
    of: int = 0
    report: Report | None = None
    #: how long the pass took, its wait in the queue included
    seconds: float = 0.0
    #: sent to each side meanwhile, sign-in aside
    requests: dict[str, int] = {}
    #: why there is no report
    error: str = ""


class ServiceEnd:
    """Requests on loopback, turned into wishes of the service."""

    def __init__(self, service: Service, token: str, requests: Counter[str]) -> None:
        """`requests`: those sent so far to each side, counted while the service works."""
        self._service, self._token, self._requests = service, token.encode(), requests

    def app(self, pages: ASGIApp | None = None, watch: Sequence[BaseRoute] = ()) -> Starlette:
        """The end, with the admin centre behind it: what commands ask for takes no cookie, and answers to any name.

        `watch`: what monitoring systems ask, who come under any name as well.
        """
        routes: list[BaseRoute] = [
            *watch,
            Route("/sync", self._sync, methods=["POST"]),
            Route("/announce/{environment}", self._announce, methods=["POST"]),
        ]
        return Starlette(
            routes=routes if pages is None else [*routes, Mount("/", pages)],
            exception_handlers={StateAway: away.told},
        )

    def _refused(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token):
            return None
        return JSONResponse({"error": "the token of the run file is missing or wrong"}, 401)

    async def _announce(self, request: Request) -> Response:
        if (refusal := self._refused(request)) is not None:
            return refusal
        self._service.announce(request.path_params["environment"])
        return Response(status_code=202)

    async def _sync(self, request: Request) -> Response:
        if (refusal := self._refused(request)) is not None:
            return refusal
        try:
            wish = msgspec.json.decode(await request.body(), type=SyncWish)
        except msgspec.MsgspecError as error:
            return JSONResponse({"error": f"this is not a wish to synchronize: {error}"}, 400)
        return StreamingResponse(self._lines(wish), media_type="application/x-ndjson")

    async def _lines(self, wish: SyncWish) -> AsyncIterator[bytes]:
        news: asyncio.Queue[SyncLine] = asyncio.Queue()
        only = None if wish.mailboxes is None else frozenset(MailboxId(box) for box in wish.mailboxes)

        def progress(done: int, of: int) -> None:
            news.put_nowait(SyncLine(done, of))

        async def ask() -> None:
            began, before = time.monotonic(), Counter(self._requests)
            try:
                report = await self._service.ask(wish.environment, only, progress)
                line = SyncLine(report=report, seconds=time.monotonic() - began, requests=dict(self._requests - before))
            except FieldcalError as error:
                line = SyncLine(error=str(error))
            except Exception as error:
                news.put_nowait(SyncLine(error=f"the service failed ({type(error).__name__}); its log says more"))
                raise
            news.put_nowait(line)

        asked = asyncio.create_task(ask())
        try:
            while True:
                line = await news.get()
                yield msgspec.json.encode(line) + b"\n"
                if line.report is not None or line.error:
                    return
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
