"""Faults by rule: what a network, a proxy or a tired server does to a request, on purpose and countably."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal

import msgspec

JSON = b"application/json; odata.metadata=minimal"

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Kind = Literal[
    "delay",  # carried out after `seconds`
    "drop_before",  # the connection is closed before anything is done
    "drop_after",  # carried out and committed, then the connection is closed without an answer
    "status",  # answered with `status`, `code`, `message` or `body`, and `headers`; nothing is done
    "truncated",  # carried out, answered with the full Content-Length and half of the body
    "garbage",  # 200 and no JSON; nothing is done
    "empty_page",  # 200 and `{"value": []}`; nothing is done
    "short_page",  # carried out, but the second half of `value` and the nextLink are missing
    "loop_page",  # carried out, but the nextLink leads to this page again
    "stray_page",  # carried out, but the nextLink leads to another host
]

CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "ErrorAccessDenied",
    404: "ErrorItemNotFound",
    409: "Conflict",
    410: "SyncStateNotFound",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests a rule is for. `path` and `body` are regular expressions, searched for anywhere.

    `path` is looked for in the decoded path with its query. `nth` 3 lets the first two that match pass.
    `item`: the rule is for single items of a `$batch`, never for whole requests.
    """

    method: str | None = None
    path: str | None = None
    body: str | None = None
    nth: int = 1
    item: bool = False


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. It acts `times` times, then it is spent; None: until it is cleared. `seconds` are waited first."""

    kind: Kind
    match: Match = Match()
    times: int | None = 1
    seconds: float = 0.0
    status: int = 503
    code: str = ""
    message: str = "planted by the control plane"
    body: str | None = None
    headers: dict[str, str] = {}

    def error_body(self) -> bytes:
        """The body of a `status` answer, in the shape that Dataverse and Graph share."""
        if self.body is not None:
            return self.body.encode()
        code = self.code or CODES.get(self.status, "UnknownError")
        return msgspec.json.encode({"error": {"code": code, "message": self.message}})


class Rule:
    """A fault with its compiled patterns and its tally."""

    def __init__(self, number: int, fault: Fault) -> None:
        """Raise ValueError where a pattern is not a regular expression."""
        self.number = number
        self.fault = fault
        self.seen = 0
        self.used = 0
        try:
            self._path = re.compile(fault.match.path) if fault.match.path is not None else None
            self._body = re.compile(fault.match.body) if fault.match.body is not None else None
        except re.error as error:
            message = f"match.path or match.body is not a regular expression: {error}"
            raise ValueError(message) from error

    @property
    def spent(self) -> bool:
        """Whether it acts no more."""
        return self.fault.times is not None and self.used >= self.fault.times

    @property
    def reads_body(self) -> bool:
        """Whether the request's body must be read before the rule can be asked."""
        return self._body is not None and not self.spent

    def takes(self, method: str, path: str, body: bytes, *, item: bool) -> bool:
        """Whether the rule acts on this request; counts it where it matches."""
        match = self.fault.match
        if match.item != item or self.spent or (match.method is not None and match.method.upper() != method):
            return False
        if self._path is not None and not self._path.search(path):
            return False
        if self._body is not None and not self._body.search(body.decode("utf-8", "replace")):
            return False
        self.seen += 1
        if self.seen < match.nth:
            return False
        self.used += 1
        return True


async def inject(fault: Fault, app: App, scope: Scope, receive: Receive, send: Send) -> bool:
    """Do to one request what the fault says; True where its connection was closed on it."""
    if fault.seconds:
        await asyncio.sleep(fault.seconds)
    match fault.kind:
        case "delay":
            await app(scope, receive, send)
        case "status":
            await answer(send, fault.status, fault.error_body(), headers=fault.headers)
        case "garbage":
            await answer(send, 200, b"<html><body>A proxy was here</body></html>")
        case "empty_page":
            await answer(send, 200, b'{"value":[]}')
        case "short_page" | "loop_page" | "stray_page":
            await _mislead(fault.kind, app, scope, receive, send)
        case "drop_before":
            await _hang_up(scope, receive)
        case "drop_after":
            await _record(app, scope, receive)
            await _hang_up(scope, receive)
        case "truncated":
            start, body = await _record(app, scope, receive)
            await send({**start, "headers": _with_length(start["headers"], len(body))})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await _hang_up(scope, receive, flush=True)
    return fault.kind in ("drop_before", "drop_after", "truncated")


async def answer(send: Send, status: int, body: bytes, *, headers: dict[str, str] | None = None) -> None:
    """Send one whole JSON answer."""
    extra = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    start = [(b"content-type", JSON), *extra]
    await send({"type": "http.response.start", "status": status, "headers": _with_length(start, len(body))})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, then goes on as before."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def raw_url(scope: Scope) -> str:
    """Path and query as they came, percent-encoded."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
    return [*kept, (b"content-length", str(length).encode())]


async def _record(app: App, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Let the app carry the request out and keep its answer here."""
    start: Message = {"type": "http.response.start", "status": 500, "headers": []}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return start, b"".join(parts)


async def _mislead(kind: Kind, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Carry a read out, and lie about where its list goes on."""
    start, body = await _record(app, scope, receive)
    page = msgspec.json.decode(body) if body else None
    if isinstance(page, dict) and isinstance(page.get("value"), list):
        link = raw_url(scope)
        match kind:
            case "short_page":
                page["value"] = page["value"][: len(page["value"]) // 2]
                page.pop("@odata.nextLink", None)
            case "loop_page":
                page["@odata.nextLink"] = link
            case _:
                page["@odata.nextLink"] = f"https://elsewhere.invalid{link}"
        body = msgspec.json.encode(page)
    await send({**start, "headers": _with_length(start["headers"], len(body))})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Close the connection under the client, and wait until it is closed."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if flush:
        transport.close()
    else:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue
