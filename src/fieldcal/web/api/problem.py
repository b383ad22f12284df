"""What goes wrong, told as RFC 9457 has it: `application/problem+json`, one line each, never a traceback."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fieldcal.errors import ConfigError, FieldcalError, NotAllowed, StateAway, one_line
from fieldcal.web import away
from fieldcal.web.texts import text

log = structlog.get_logger()

MEDIA = "application/problem+json"
#: Where the kinds of problems are described; a problem's `type` is one of its pages.
KINDS_AT = "/api/v1/problems"
#: Problems in the fields of one request that are told.
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem."""

    name: str
    status: HTTPStatus
    title: str
    about: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("malformed", HTTPStatus.BAD_REQUEST, "Malformed request",
             "The body is not the JSON it has to be, or the address holds a character that is no text."),
        Kind("unauthorized", HTTPStatus.UNAUTHORIZED, "Not signed in",
             "No token, or one that does not hold: unknown, taken back, over, or its user is gone."),
        Kind("denied", HTTPStatus.FORBIDDEN, "Not allowed",
             "The user's roles, or the token's scopes, do not let this through."),
        Kind("forged", HTTPStatus.FORBIDDEN, "Forgery check failed",
             "A browser's session takes the page's token in X-CSRF-Token for whatever changes something."),
        Kind("missing", HTTPStatus.NOT_FOUND, "Not found", "There is nothing of that name."),
        Kind("method", HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", "`Allow` names the methods there are."),
        Kind("not-done", HTTPStatus.CONFLICT, "Not done",
             "What is asked for does not go with how things stand; nothing was changed."),
        Kind("stale", HTTPStatus.PRECONDITION_FAILED, "Changed meanwhile",
             "It is not the version that `If-Match` names; nothing was changed."),
        Kind("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid values",
             "Values that cannot be, fields that are not known; `errors` points at each."),
        Kind("too-many", HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong tokens",
             "Too many tokens that do not hold came from this address; `Retry-After` tells the seconds to wait."),
        Kind("failed", HTTPStatus.INTERNAL_SERVER_ERROR, "Fieldcal failed",
             "A fault of Fieldcal itself; its log says more under the number that is told."),
        Kind("other-end", HTTPStatus.BAD_GATEWAY, "Another system did not do it",
             "The source of bookings or a calendar server refused, or did not answer; nothing is lost."),
        Kind("away", HTTPStatus.SERVICE_UNAVAILABLE, "Not at this moment",
             "Fieldcal's database does not answer, or gave the call up; `Retry-After` tells the seconds to wait."),
    )
}  # fmt: skip


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(
        description="JSON pointer into the body, or `query/NAME`, `path/NAME`.", examples=["/settings/interval"]
    )
    detail: str = Field(description="What is wrong with it.", examples=["write a whole number from 1 to 1440"])


class Problem(BaseModel):
    """A problem as RFC 9457 has it."""

    type: str = Field(description="The kind of problem: an address that describes it.")
    title: str = Field(description="The kind of problem in words, the same for all of its kind.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What was not done, and why, in one line.")
    errors: list[FieldError] = Field(default=[], description="The fields that are wrong, where it is about fields.")


class Missing(ConfigError):
    """There is nothing of that name; `str()` says what there is."""


class Stale(FieldcalError):
    """It was changed since the caller has read it."""


class Unauthorized(FieldcalError):
    """Nobody is signed in who may call this."""


class TooMany(FieldcalError):
    """Too many wrong tokens; `seconds` to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong tokens came from this address; wait {seconds} seconds")
        self.seconds = seconds


class Forged(FieldcalError):
    """A browser's request that changes something came without the token of our own page."""


class Invalid(FieldcalError):
    """Values that cannot be, by the pointer of each."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(detail for _, detail in errors))
        self.errors = errors


def documented(kinds: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    """These problems as an operation's answers in the OpenAPI text."""
    told: dict[int | str, dict[str, Any]] = {}
    for name in kinds:
        kind = KINDS[name]
        about = told.get(kind.status.value, {}).get("description", "")
        example = _body(kind, kind.about)
        told[kind.status.value] = {
            "description": f"{about} {kind.title}: {kind.about}".strip(),
            "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
        }
    return told


def answer(kind: Kind, detail: str, errors: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None,
           ) -> Response:  # fmt: skip
    """The problem, to be sent."""
    body = _body(kind, one_line(detail, 2000))
    if errors:
        body["errors"] = [{"pointer": at, "detail": one_line(said, 500)} for at, said in errors[:_TOLD]]
    return JSONResponse(body, kind.status, dict(headers or {}), media_type=MEDIA)


def _body(kind: Kind, detail: str) -> dict[str, Any]:
    return {"type": f"{KINDS_AT}/{kind.name}", "title": kind.title, "status": kind.status.value, "detail": detail}


async def told(request: Request, error: Exception) -> Response:
    """Whatever was raised on purpose."""
    if isinstance(error, StateAway):
        away.noted(request.url.path, error)
        return answer(KINDS["away"], text("refused.text.away"), headers=away.HEADERS)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        known = {400: "malformed", 404: "missing", 405: "method"}
        kind = KINDS[known.get(error.status_code, "malformed")]
        return answer(kind, str(error.detail), headers=error.headers)
    if isinstance(error, Invalid):
        return answer(KINDS["invalid"], str(error), error.errors)
    if isinstance(error, TooMany):
        return answer(KINDS["too-many"], str(error), headers={"retry-after": str(error.seconds)})
    if isinstance(error, Unauthorized):
        return answer(KINDS["unauthorized"], str(error), headers={"www-authenticate": 'Bearer realm="Fieldcal"'})
    kinds: list[tuple[type[Exception], str]] = [
        (Forged, "forged"), (NotAllowed, "denied"), (Stale, "stale"), (Missing, "missing"), (ConfigError, "not-done"),
    ]  # fmt: skip
    name = next((name for kind, name in kinds if isinstance(error, kind)), "other-end")
    return answer(KINDS[name], str(error))


def _invalid(error: RequestValidationError) -> Response:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return answer(KINDS["malformed"], "the body is no JSON")
    errors = [(_pointer(one["loc"]), str(one["msg"])) for one in found]
    return answer(KINDS["invalid"], "; ".join(f"{at}: {said}" for at, said in errors[:_TOLD]), errors)


def _pointer(place: Sequence[Any]) -> str:
    where, *parts = place or ["body"]
    if where != "body":
        return "/".join(str(part) for part in place)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def failed(request: Request, error: Exception) -> Response:
    """What was not: a number here, and all of it in the log."""
    number = secrets.token_hex(4)
    log.error("an API call failed", action="api_failed", path=request.url.path, number=number, exc_info=error)
    return answer(KINDS["failed"], f"Fieldcal failed; its log says more under the number {number}")
