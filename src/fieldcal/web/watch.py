"""What load balancers and monitoring systems ask: `/health/live`, `/health/ready` and `/metrics`.

Health is told to anybody, in one word and without a reason; the log has those. Who is ready while no worker is alive
says so beside it: pages still answer, and tell more. Metrics take a token with the scope `metrics`, or are read at an
address of this machine's own that is set for it (`FIELDCAL_LISTEN_METRICS`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fieldcal import metrics
from fieldcal.clock import Clock
from fieldcal.errors import FieldcalError
from fieldcal.setup.permissions import Action, allowed
from fieldcal.setup.scopes import Scope
from fieldcal.state import living, schema
from fieldcal.state.database import Database
from fieldcal.state.living import Unworked
from fieldcal.web.api.caller import by_token
from fieldcal.web.api.problem import TooMany, Unauthorized
from fieldcal.web.house import House

log = structlog.get_logger()

#: Seconds that the state may take to answer whether we are ready, and since when the schedule has to have turned.
PATIENCE, LATE = 3.0, 60.0
_HERE = {"127.0.0.1", "::1", "localhost"}

#: the refusal of who may not read the metrics, None where they may be read
Admit = Callable[[Request], Awaitable[Response | None]]


class Watch:
    """One process, as others watch it.

    `late`: the seconds since its work last turned to the state, None before the first time.
    """

    def __init__(self, database: Database, clock: Clock, late: Callable[[], float | None]) -> None:
        self._database, self._clock, self._late = database, clock, late
        self._asking: asyncio.Task[Unworked | None] | None = None
        self._was_ready = True
        self._worked = True

    def routes(self, admit: Admit) -> list[Route]:
        """Health for anybody, metrics for whom `admit` lets in."""

        async def guarded(request: Request) -> Response:
            return await admit(request) or await self._metrics()

        return [
            Route("/health", _live),
            Route("/health/live", _live),
            Route("/health/ready", self._ready),
            Route("/metrics", guarded),
        ]

    def local(self) -> Starlette:
        """The same for an address of this machine alone: no token is asked for."""
        return Starlette(routes=list(self.routes(_of_this_machine)))

    async def _ready(self, _request: Request) -> Response:
        reason, nobody = await self._found()
        if reason:
            if self._was_ready:
                log.warning("the service is not ready", action="not_ready", reason=reason)
            self._was_ready = False
            return JSONResponse({"status": "not ready"}, HTTPStatus.SERVICE_UNAVAILABLE)
        self._was_ready = True
        if nobody is not None and self._worked:
            log.warning("nobody works on what is due", action="no_worker", reason=nobody.why)
        self._worked = nobody is None
        return JSONResponse({"status": "ready", **({"work": nobody.why} if nobody else {})})

    async def _found(self) -> tuple[str, Unworked | None]:
        """Why no work can be done now, "" where it can; and what waits while no worker is alive."""
        late = self._late()
        if late is None or late > LATE:
            return "it has not begun to work yet" if late is None else f"its schedule has stood for {late:.0f} s", None
        # A state that hangs is asked once, however often we are.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._database.reading(_look))
        asked = self._asking
        await asyncio.wait({asked}, timeout=PATIENCE)
        if not asked.done():
            return f"the state has not answered for {PATIENCE:.0f} s", None
        error = asked.exception()
        if error is not None and not isinstance(error, FieldcalError):
            raise error
        return (str(error), None) if error else ("", asked.result())

    async def _metrics(self) -> Response:
        try:
            standing = await self._database.reading(metrics.look, self._clock.now())
        except FieldcalError as error:
            # What this process counted is worth the more when the state is gone.
            log.warning("the state cannot be read for metrics", action="metrics_without_state", reason=str(error))
            standing = None
        return Response(await asyncio.to_thread(metrics.text, standing), media_type=metrics.MEDIA)


def _look(tx: Connection) -> Unworked | None:
    """Raises where this is no state of ours."""
    schema.check(tx)
    return living.unworked(tx)


async def _live(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def by_scope(house: House) -> Admit:
    """Lets in who brings a token with the scope `metrics`, of a user who may see the overview."""

    async def admit(request: Request) -> Response | None:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return _refused("bring a token with the scope metrics: `fieldcal token add` makes one", 401)
        try:
            caller = await by_token(request, house, text)
        except Unauthorized as error:
            return _refused(str(error), 401)
        except TooMany as error:
            return _refused(str(error), 429, {"Retry-After": str(error.seconds)})
        if Scope.METRICS not in (caller.scopes or ()):
            return _refused(f"the token {caller.token} has not the scope metrics", 403)
        if not allowed(caller.actor, Action.SEE_OVERVIEW):
            return _refused(f"{caller.actor.name} may not see the overview", 403)
        return None

    return admit


async def _of_this_machine(request: Request) -> Response | None:
    """Refuses a page that has a browser here ask under a name of its own."""
    return None if request.url.hostname in _HERE else _refused("this address answers to names of this machine", 421)


def _refused(why: str, status: int, headers: dict[str, str] | None = None) -> Response:
    named = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return PlainTextResponse(f"{why}\n", status, {**named, **(headers or {})})
