"""What every answer of the admin centre carries, and which Host headers are heard. Pure ASGI, around all pages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing of another host, nothing written into a page: no script, style or frame but our own files.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # with a one-time link in the address, nothing of it goes anywhere
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_HEARD = {b"host", b"content-length", b"content-type"}
#: Bytes of the largest form that is taken.
LARGEST = 1024 * 1024
#: Where files are taken that hold more; only of who is signed in (`centre`).
LARGER = {"/sheets/preview": 8 * 1024 * 1024}
#: Seconds that a body may take to come in; then it is as if the line had been cut.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Guarded:
    """An app whose answers carry `HEADERS`, which hears no strange Host and takes no huge body."""

    app: ASGIApp
    #: names and addresses without a port, in small letters; a request to another one is refused (DNS rebinding)
    hosts: Collection[str]
    #: where the centre is reached over https: browsers are told to come over https only
    https: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        given = {name: value for name, value in scope["headers"] if name in _HEARD}
        if _host(given.get(b"host", b"").decode("latin-1")) not in self.hosts:
            await _refuse(
                scope, send, 421, "Fieldcal is not known by this address; its operator sets FIELDCAL_WEB_URL."
            )
            return
        if b"\0" in unquote_to_bytes(scope["query_string"]) or not storable(scope["path"]):
            await _refuse(scope, send, 400, "This address holds a character that is no text.")
            return
        if not _utf_8(given.get(b"content-type", b"").decode("latin-1")):
            await _refuse(scope, send, 415, "Write in UTF-8.")
            return
        length = given.get(b"content-length", b"0").decode("latin-1")
        largest = LARGER.get(scope["path"], LARGEST)
        if not length.isdigit() or int(length[:12]) > largest:
            await _refuse(scope, send, 413, "This is more than a form holds.")
            return
        await self.app(scope, _bounded(receive, largest), self._marked(send))

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if self.https:
                    own.append((b"strict-transport-security", b"max-age=31536000"))
                there = {name.lower() for name, _ in message["headers"]}
                if b"cache-control" not in there:
                    own.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *own]
            await send(message)

        return marked


def storable(words: str) -> bool:
    """It is text that every database keeps: no NUL, and no half of a character."""
    return _NO_TEXT.search(words) is None


def _utf_8(kind: str) -> bool:
    """A content type that names no other charset: in some of them plain bytes stand for what is no text."""
    _, mark, charset = kind.lower().partition("charset")
    return not mark or charset.strip(' ="').partition(";")[0].strip(' "') in {"utf-8", "utf8", "us-ascii"}


def _bounded(receive: Receive, largest: int) -> Receive:
    taken, whole, ends_at = 0, False, asyncio.get_running_loop().time() + PATIENCE

    async def bounded() -> Message:
        nonlocal taken, whole
        try:
            async with asyncio.timeout_at(None if whole else ends_at):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        taken += len(message.get("body", b""))
        whole = whole or not message.get("more_body", False)
        # a body without a length that grows too large: as if the line had been cut
        return message if taken <= largest else {"type": "http.disconnect"}

    return bounded


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    """One line, to a script as RFC 9457 has it."""
    media, body = b"text/plain; charset=utf-8", f"{text}\n".encode()
    if scope["path"].startswith("/api/"):
        media, title = b"application/problem+json", HTTPStatus(status).phrase
        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": text}).encode()
    headers = [(b"content-type", media), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _host(given: str) -> str:
    """The name of a Host header without its port, in small letters."""
    name = given.rpartition("]")[0] + "]" if given.startswith("[") else given.partition(":")[0]
    return name.lower().rstrip(".")
