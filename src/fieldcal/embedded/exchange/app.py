"""The embedded Exchange over HTTP: sign-in, Graph under /v1.0, calendar feeds under /feeds."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fieldcal.embedded.control import Control
from fieldcal.embedded.exchange.batch import JSON_TYPE, Batches
from fieldcal.embedded.exchange.call import WRITES, Answer, make_call
from fieldcal.embedded.exchange.errors import GraphError, bad_request, error_body, method_not_allowed, no_such_resource
from fieldcal.embedded.exchange.feed import Feeds, served
from fieldcal.embedded.exchange.graph import Graph
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.throttle import Throttle
from fieldcal.embedded.tokens import TokenIssuer, TokenRefused, origin_of

#: what a token for the real Graph names as its audience; one for our own address is taken as well
AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
LARGEST_BODY = 4 * 1024 * 1024
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


class Front:
    """Takes requests apart and writes answers; what they mean is Graph's."""

    def __init__(
        self, graph: Graph, store: Store, throttle: Throttle, control: Control[Settings], issuer: TokenIssuer
    ) -> None:
        self._graph = graph
        self._store = store
        self._throttle = throttle
        self._control = control
        self._issuer = issuer
        self._batches = Batches(graph, store, throttle, control)
        self._feeds = Feeds(store)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1.0/{path:path}", self._serve, methods=_METHODS),
                Route("/feeds/{token}.ics", self._feed, methods=["GET", "HEAD"]),
                *self._issuer.routes(),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        request_id = str(uuid.uuid4())
        asked = request.headers.get("client-request-id", "")
        try:
            answer = await self._answer(request, request_id)
        except GraphError as refusal:
            body = error_body(refusal, now=self._store.now(), request_id=request_id, client_request_id=asked)
            answer = Answer(refusal.status, body, refusal.headers)
        except OperationalError as error:
            busy = GraphError(503, "serviceNotAvailable", f"The store cannot be used now: {error.orig}")
            body = error_body(busy, now=self._store.now(), request_id=request_id, client_request_id=asked)
            answer = Answer(busy.status, body, {"Retry-After": "5"})
        headers = {"request-id": request_id, "Cache-Control": "private", **answer.headers}
        if asked:
            headers["client-request-id"] = asked
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        headers["OData-Version"] = "4.0"
        headers["Content-Type"] = JSON_TYPE
        return Response(msgspec.json.encode(answer.body), answer.status, headers)

    async def _answer(self, request: Request, request_id: str) -> Answer:
        self._check_token(request)
        raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        path = raw.decode("latin-1").removeprefix("/v1.0")
        body = await _json(request)
        base = f"{origin_of(request)}/v1.0"
        if path.strip("/").casefold() in {"$batch", "%24batch"}:
            if request.method != "POST":
                raise method_not_allowed(request.method)
            return Answer(200, await self._batches.answer(body, base, request.scope, request_id))
        if not path.strip("/"):
            raise no_such_resource(path)
        headers = _headers(request)
        url = f"{path}?{request.scope['query_string'].decode('latin-1')}"
        call = make_call(request.method, url, headers, body, base)
        mailbox = self._graph.mailbox_of(call)
        place = mailbox.row if mailbox else None
        self._throttle.enter(place)
        try:
            if self._control.settings.latency > 0:
                await asyncio.sleep(self._control.settings.latency)
            return self._graph.answer(call, mailbox)
        finally:
            self._throttle.leave(place)

    def _check_token(self, request: Request) -> None:
        try:
            self._issuer.check_request(request, *AUDIENCES)
        except TokenRefused as refused:
            headers = {"WWW-Authenticate": 'Bearer realm="", authorization_uri="/common/oauth2/authorize"'}
            raise GraphError(401, "InvalidAuthenticationToken", f"{refused}.", headers=headers) from refused

    async def _feed(self, request: Request) -> Response:
        return served(self._feeds.find(request.path_params["token"]), request)


async def _json(request: Request) -> Any:
    if request.method not in WRITES:
        return None
    raw = await request.body()
    if len(raw) > LARGEST_BODY:
        raise GraphError(413, "RequestEntityTooLarge", "The size of the request is over 4 MB.")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid "
            "JSON format."
        ) from None


def _headers(request: Request) -> dict[str, str]:
    """Lower-case names; a header that came several times is joined by commas."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
