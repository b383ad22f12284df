"""The API's app: every resource there is, each route behind its gate, and what it all is as OpenAPI."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, params
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.params import Query
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount

from fieldcal import __version__
from fieldcal.errors import FieldcalError
from fieldcal.setup.permissions import Action
from fieldcal.web.api import problem
from fieldcal.web.api.caller import Receive, guard
from fieldcal.web.api.problem import KINDS, Missing, Problem, documented
from fieldcal.web.api.resource import Operation, Resource, found
from fieldcal.web.gates import Open
from fieldcal.web.house import House
from fieldcal.web.section import SAFE

#: Where it stands below the service's address.
AT = "/api/v1"
_TITLE = "Fieldcal"
_ABOUT = """
What the pages and the command line do, for scripts. Scripts bring a token (`fieldcal token add`); it acts as a user,
with that user's roles as they are at each call, within the token's scopes. A browser that is signed in to the admin
centre may call it too, and needs the page's token in `X-CSRF-Token` for whatever changes something.

Times are ISO 8601 in UTC. Fields and parameters that are not known are refused. Lists come a page at a time: `limit`,
`cursor`, and a `Link` header that leads to the next page. Problems are `application/problem+json` (RFC 9457).
"""
_READS = ("malformed", "unauthorized", "denied", "missing", "invalid", "too-many", "away")
_ASKS = ("not-done", "other-end")
_CHANGES = ("forged", *_ASKS)
_Made = tuple[tuple[BaseRoute, ...], Callable[[], dict[str, Any]]]


def mounted(house: House, receive: Receive) -> Mount:
    """The API below `AT`, whatever else the address holds: a line's end in it is the API's to refuse, too."""
    made = Mount(AT, rest(house, receive))
    made.path_regex = re.compile(made.path_regex.pattern, re.DOTALL)
    return made


def rest(house: House, receive: Receive, resources: list[Resource] | None = None) -> FastAPI:
    """The API, to be mounted at `AT`. Fails at once where a route is registered without what it takes."""
    app = FastAPI(
        title=_TITLE, version=__version__, description=_ABOUT, openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.house = house
    routes, described = _everything(receive) if resources is None else _made(resources, receive)
    app.router.routes.extend(routes)

    async def text() -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(described))

    app.add_api_route("/openapi.json", text, include_in_schema=False)
    app.add_api_route("/problems/{name}", _kind, include_in_schema=False)
    for kind in (FieldcalError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, problem.told)
    app.add_exception_handler(Exception, problem.failed)
    return app


@functools.cache
def _everything(receive: Receive) -> _Made:
    # Once for a process: routes know no house, and making them takes longer than all else of a start.
    return _made(found(), receive)


def _made(resources: list[Resource], receive: Receive) -> _Made:
    """The routes, and what writes the OpenAPI text of them: when first asked, and not again."""
    router = APIRouter(redirect_slashes=False)
    for resource in resources:
        for operation in resource.operations:
            _add(router, resource, operation, receive)
    routes = tuple(router.routes)
    return routes, functools.cache(functools.partial(_described, routes, resources))


def _add(router: APIRouter, resource: Resource, operation: Operation, receive: Receive) -> None:
    handler = operation.handler
    gate = guard(operation, _parameters(handler), receive)
    kinds = [*_READS, *(() if operation.method in SAFE else _CHANGES)]
    kinds += ["stale"] if operation.method == "PATCH" else []
    kinds += _ASKS if operation.asks else []
    title = (inspect.getdoc(handler) or "").partition("\n")[0].rstrip(".")
    answers: dict[int | str, dict[str, Any]] = documented(kinds)
    extra: dict[str, Any] = {}
    if operation.also:
        answers[operation.also] = {"model": inspect.signature(handler, eval_str=True).return_annotation,
                                   "description": "It goes on after this answer."}  # fmt: skip
    if operation.media:
        answers[200] = {"content": {operation.media: {"schema": {"type": "string"}}}}
        extra = {"response_model": None, "response_class": Response}
    router.add_api_route(
        operation.path, handler, methods=[operation.method], dependencies=[Depends(gate)],
        status_code=operation.status, responses=answers, tags=[resource.name], summary=title,
        operation_id=f"{resource.name}_{handler.__name__}", openapi_extra=_needs(operation), **extra,
    )  # fmt: skip


def _parameters(handler: Callable[..., Any]) -> frozenset[str]:
    """The query parameters that a handler takes, by itself or through what it depends on."""
    found: set[str] = set()
    for one in inspect.signature(handler, eval_str=True).parameters.values():
        for each in getattr(one.annotation, "__metadata__", ()):
            if isinstance(each, Query):
                found.add(one.name)
            elif isinstance(each, params.Depends) and each.dependency is not None:
                found |= _parameters(each.dependency)
    return frozenset(found)


def _needs(operation: Operation) -> dict[str, Any]:
    """What a call takes, told with the operation."""
    needs = operation.gate.needs
    if needs is Open.PUBLIC:
        return {"security": []}
    told: dict[str, Any] = {"x-fieldcal-needs": "a token or a session, whatever the roles"}
    if isinstance(needs, Action):
        told["x-fieldcal-needs"] = needs.value
    if operation.scopes is not None:
        told["x-fieldcal-scopes"] = sorted(scope.value for scope in operation.scopes)
    return told


def _described(routes: Sequence[BaseRoute], resources: list[Resource]) -> dict[str, Any]:
    """The OpenAPI text; everything that may be sent is described in it."""
    tags = [{"name": one.name, "description": one.about} for one in resources]
    text = get_openapi(
        title=_TITLE, version=__version__, description=_ABOUT, routes=routes, tags=tags,
        servers=[{"url": AT}], openapi_version="3.1.0",
    )  # fmt: skip
    parts = text.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    problem_schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem_schema.pop("$defs", {}) | {"Problem": problem_schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token of `fieldcal token add`."},
        "session": {"type": "apiKey", "in": "cookie", "name": "fieldcal",
                    "description": "A browser's session of the admin centre."},
    }  # fmt: skip
    text["security"] = [{"token": []}, {"session": []}]
    return text


async def _kind(name: str) -> JSONResponse:
    kind = KINDS.get(name)
    if kind is None:
        raise Missing(f"there is no such problem; there are: {', '.join(KINDS)}")
    about = {"type": f"{problem.KINDS_AT}/{name}", "title": kind.title, "status": kind.status.value}
    return JSONResponse({**about, "description": kind.about})
