"""The admin centre: one app made of every section there is, each route behind its gate, all else refused."""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from fieldcal.errors import ConfigError, FieldcalError, NotAllowed, StateAway
from fieldcal.setup.sign_in import digest, lasts
from fieldcal.setup_model import Actor, Environment, User
from fieldcal.state import environments, sessions, users
from fieldcal.state.sessions import Session
from fieldcal.web import assets, away, kept
from fieldcal.web.account import operator
from fieldcal.web.api.app import mounted
from fieldcal.web.gates import Gate
from fieldcal.web.headers import LARGER, Guarded
from fieldcal.web.house import House
from fieldcal.web.render import first_page
from fieldcal.web.section import SAFE, Section, sections
from fieldcal.web.visit import COOKIE, TOKEN_FIELD, TOKEN_HEADER, Signed, Visit, proves, shown_in

Handler = Callable[[Request, Exception], Awaitable[Response]]

log = structlog.get_logger()

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_LINK = re.compile(r"(/invitation/|/feeds/).+", re.DOTALL)
#: A session's last sign of life is written no more often.
_SEEN = timedelta(minutes=1)


class Forged(FieldcalError):
    """A request that changes something came without the token of our own page."""


class SignInNeeded(FieldcalError):
    """Nobody is signed in who may pass."""


@dataclass(frozen=True, slots=True)
class _Known:
    session: Session | None
    user: User | None
    environments: tuple[Environment, ...]


def centre(house: House, found: list[Section] | None = None) -> ASGIApp:
    """The whole of it, to be served. Fails at once where a route is registered without what it takes."""
    app = FastAPI(title="Fieldcal", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.house = house
    app.router.routes.extend(_every_route() if found is None else _routes(found))
    app.router.routes.append(mounted(house, receive))
    app.router.routes.append(Route("/static/{name:path}", assets.serve))
    _handle_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=800, compresslevel=6)
    return Guarded(app, house.hosts(), https=house.https)


@functools.cache
def _every_route() -> tuple[BaseRoute, ...]:
    # Once for a process: routes know no house, and making them takes long.
    return _routes(sections())


def _routes(found: list[Section]) -> tuple[BaseRoute, ...]:
    router = APIRouter(redirect_slashes=False)
    for section in found:
        for page in section.pages:
            router.add_api_route(
                page.path, page.handler, methods=[page.method], dependencies=[Depends(_guard(page.gate))],
                response_model=None, include_in_schema=False, name=f"{section.name} {page.method} {page.path}",
            )  # fmt: skip
    return tuple(router.routes)


def _guard(gate: Gate) -> Callable[[Request], AsyncIterator[None]]:
    async def guard(request: Request) -> AsyncIterator[None]:
        try:
            await _let_in(request, gate)
            yield
        finally:
            await request.close()  # with the files that were sent

    return guard


async def _let_in(request: Request, gate: Gate) -> None:
    visit = await receive(request)
    if visit.signed is None and request.url.path in LARGER:
        raise SignInNeeded("sign in first")
    if request.method not in SAFE:
        form = await visit.form() if "form" in request.headers.get("content-type", "") else {}
        given = request.headers.get(TOKEN_HEADER) or form.get(TOKEN_FIELD)
        if not isinstance(given, str) or not proves(given, visit.browser):
            raise Forged("the form's token is missing or not this browser's")
        visit.shown = shown_in(given)
    if visit.passes(gate):
        if visit.signed is not None and visit.lost:
            raise ConfigError(f"there is no environment {visit.lost!r}")
        return
    if visit.signed is None:
        raise SignInNeeded("sign in first")
    raise NotAllowed(f"{visit.actor.name} may not open this page")


async def receive(request: Request) -> Visit:
    """Who asks; kept with the request, and asked once."""
    known: Visit | None = getattr(request.state, "visit", None)
    if known is not None:
        return known
    house: House = request.app.state.house
    cookie = request.cookies.get(COOKIE, "")
    brought = bool(_SECRET.fullmatch(cookie))
    found = await house.read(lambda tx: _look(tx, digest(cookie) if brought else ""))
    now = house.app.clock.now()
    signed = None
    if found.session is not None and found.user is not None and lasts(found.session, now):
        signed = Signed(found.session, Actor(operator(), found.user))
        if now - found.session.seen_at > _SEEN:
            await house.write(lambda tx: sessions.seen(tx, digest(cookie), now))
    browser = cookie if brought else secrets.token_urlsafe(32)
    visit = Visit(request, house, browser, signed, found.environments)
    request.state.visit = visit
    request.state.before = found.session.user if found.session else ""
    return visit


def _look(tx: Connection, wanted: str) -> _Known:
    session = sessions.find(tx, wanted) if wanted else None
    user = users.find(tx, session.user) if session else None
    places = tuple(sorted(environments.everyone(tx), key=lambda place: place.id))
    return _Known(session, user, places)


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(StateAway, _away)
    app.add_exception_handler(SignInNeeded, _unless_away(_to_sign_in))
    for kind in (FieldcalError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _unless_away(_told))
    app.add_exception_handler(Exception, _failed)


def _unless_away(handler: Handler) -> Handler:
    # Who asks is read from the state: where that is away by now, there is no more to say.
    async def told(request: Request, error: Exception) -> Response:
        try:
            return await handler(request, error)
        except StateAway as gone:
            return await _away(request, gone)

    return told


async def _away(request: Request, error: Exception) -> Response:
    away.noted(_told_path(request), error)
    return away.page(live=request.headers.get("hx-request") == "true")


async def _to_sign_in(request: Request, _error: Exception) -> Response:
    """The sign-in page, which keeps what was asked for: the address, or the form that was sent."""
    visit = await receive(request)
    if request.method in SAFE:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return visit.go("/sign-in", {"next": path} if path != "/" else None)
    # Who was never signed in here has nothing that could be taken up again.
    before = request.state.before if request.url.path not in LARGER else ""
    sealed = visit.seal(kept.PURPOSE, await kept.take(visit, before)) if before else ""
    sealed = sealed if len(sealed) <= kept.LARGEST else ""
    answer = visit.page("sign_in.html", {"next": "", "kept": sealed, "name": before, "wrong": ""}, 401)
    if visit.live:
        answer.headers["hx-retarget"], answer.headers["hx-reswap"] = "body", "innerHTML"
    return answer


async def _told(request: Request, error: Exception) -> Response:
    """A page, or the part of one that htmx asked for, which says what was not done and why."""
    visit = await receive(request)
    status, key, detail = _meaning(error)
    values = {"key": key, "detail": detail, "home": first_page(visit)}
    if visit.live:
        answer = visit.page("parts/refused.html", values, status)
        answer.headers["hx-retarget"], answer.headers["hx-reswap"] = "#said", "innerHTML"
        return answer
    return visit.page("refused.html", values, status)


def _meaning(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, HTTPException):
        known = {404: "missing", 405: "missing"}
        return error.status_code, known.get(error.status_code, "wrong"), ""
    if isinstance(error, RequestValidationError):
        wrong = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
        return HTTPStatus.UNPROCESSABLE_ENTITY, "wrong", wrong
    kinds: list[tuple[type[Exception], int, str]] = [
        (Forged, HTTPStatus.FORBIDDEN, "forged"), (NotAllowed, HTTPStatus.FORBIDDEN, "denied"),
        (ConfigError, HTTPStatus.CONFLICT, "not_done"),
    ]  # fmt: skip
    for kind, status, key in kinds:
        if isinstance(error, kind):
            return status, key, str(error)
    return HTTPStatus.BAD_GATEWAY, "not_done", str(error)


def _told_path(request: Request) -> str:
    """The path as the log may hold it: a link's token is as good as a password."""
    return _LINK.sub(r"\1...", request.url.path)


async def _failed(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    log.error("a page failed", action="page_failed", path=_told_path(request), number=number, exc_info=error)
    try:
        visit = await receive(request)
        return visit.page("refused.html", {"key": "failed", "detail": number, "home": first_page(visit)}, 500)
    except StateAway as gone:
        return await _away(request, gone)
    except Exception:
        log.exception("the page of a failure failed too", action="page_failed", number=number)
        return Response(f"Fieldcal failed; its log says more under the number {number}.\n", 500)
