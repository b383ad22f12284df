"""What stands before a DAV server in the tests: it counts, signs in, goes wrong on purpose, and has odd habits.

The server behind it is a real one and truthful. Faults, the ledger and the clock are those of the embedded systems'
control plane (`fieldcal.embedded.control`), so that whatever is asked of Graph is asked of CalDAV in the same words.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
from tests.dav.servers import DavServer, User
from yarl import URL

from fieldcal.embedded.control import Control, SandboxClock
from fieldcal.embedded.faults import Message, Receive, Scope, Send, raw_url, read_body

#: headers that belong to one connection only, or would have an answer zipped, and those that the control plane writes
_OURS = {"accept-encoding", "connection", "keep-alive", "transfer-encoding", "content-length", "date", "te", "upgrade"}
NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
EMPTY = b'<?xml version="1.0"?><multistatus xmlns="DAV:"/>'
READS = frozenset({"OPTIONS", "GET", "PROPFIND", "REPORT"})
_PRIVILEGES = re.compile(rb"(<(?:\w+:)?current-user-privilege-set[^>]*>).*?(</(?:\w+:)?current-user-privilege-set>)")
_HREF = re.compile(rb"(<(?:\w+:)?href[^>]*>)([^<]+)(</)")


class Habits(msgspec.Struct, frozen=True):
    """What servers out there do, each by itself allowed or at least usual."""

    #: seconds that each request takes
    latency: float = 0.0
    #: the answer to a PUT: its etag as it is, none, or a weak one (RFC 4791 5.3.4)
    etags: str = "kept"
    #: hrefs in answers: as they are, whole URLs, or percent-encoded more, or less, than they need
    hrefs: str = "kept"
    #: properties of events that the server drops when it stores them, by a regular expression on their line
    drops: str = ""
    #: the server looks at no condition of a write
    unconditional: bool = False
    #: what a search finds: everything, or nothing (an index that lags behind)
    blind_search: bool = False
    #: how people sign in: "basic", "digest" with this algorithm ("digest MD5"), or "bearer"
    sign_in: str = "basic"
    #: gives every answer a session cookie and believes whoever brings one
    cookies: bool = False
    #: paths that have moved: each is answered by a redirect to the other
    moved: dict[str, str] = {}
    #: an answer without content says something all the same
    wordy: bool = False
    #: whoever comes may look at things, and change none
    read_only: bool = False
    #: dead properties are refused
    forgets: bool = False


class Gate:
    """An ASGI app that passes everything on to `server`. Opened and closed in the loop that serves it."""

    def __init__(self, server: DavServer, clock: SandboxClock | None = None) -> None:
        self.server = server
        self.control: Control[Habits] = Control(Habits(), sandbox=True, clock=clock)
        self.app = self.control.wrap(self._pass)
        #: requests at the server at once: now, and the most there ever were
        self.now = self.peak = 0
        #: who sent a request in, None where nobody is known; as the gate has seen it
        self.senders: list[str | None] = []
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        habits, body = self.control.settings, await read_body(receive)
        said = {key.decode().lower(): value.decode("latin-1") for key, value in scope["headers"]}
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            await asyncio.sleep(habits.latency)
            await self._answer(scope, said, body, send)
        finally:
            self.now -= 1

    async def _answer(self, scope: Scope, said: dict[str, str], body: bytes, send: Send) -> None:
        habits, method, target = self.control.settings, scope["method"], raw_url(scope)
        if (moved := habits.moved.get(unquote(target))) is not None:
            await _says(send, 301, b"", location=moved)
            return
        user = self._user(method, target, said)
        self.senders.append(user.name if user else None)
        if user is None and (habits.sign_in != "basic" or self.server.kind == "xandikos"):
            await _says(send, 401, b"", **{"www-authenticate": _challenge(habits.sign_in)})
            return
        if habits.blind_search and method == "REPORT" and b"calendar-query" in body:
            await _says(send, 207, EMPTY, **{"content-type": "application/xml; charset=utf-8"})
            return
        if (habits.forgets and method == "PROPPATCH") or (habits.read_only and method not in READS):
            await _says(send, 403, b"")
            return
        said = {name: value for name, value in said.items() if name not in _OURS}
        if habits.unconditional:
            said = {name: value for name, value in said.items() if not name.startswith("if-")}
        if user is not None:
            said = {name: value for name, value in said.items() if name not in {"authorization", "x-remote-user"}}
            said |= {name.lower(): value for name, value in self.server.signed(user).items()}
        if method == "PUT" and habits.drops:
            body = re.sub(rf"(?m)^(?:{habits.drops})[^\r\n]*\r\n(?: [^\r\n]*\r\n)*".encode(), b"", body)
        status, headers, content = await self._forward(method, target, said, body)
        await _says(send, status, *self._dressed(method, said.get("host", ""), headers, content))

    def _dressed(
        self, method: str, host: str, headers: list[tuple[str, str]], content: bytes
    ) -> tuple[bytes, list[tuple[str, str]]]:
        """The answer as a server of these habits would have given it."""
        habits = self.control.settings
        if method == "PUT" and habits.etags != "kept":
            weak = [(name, f"W/{value}") for name, value in headers if name == "etag" and habits.etags == "weak"]
            headers = [pair for pair in headers if pair[0] != "etag"] + weak
        if habits.hrefs != "kept":
            content = _HREF.sub(lambda found: found[1] + _href(found[2], habits.hrefs, host) + found[3], content)
        if habits.read_only:
            content = _PRIVILEGES.sub(rb"\1<privilege xmlns='DAV:'><read xmlns='DAV:'/></privilege>\2", content)
        if habits.wordy and not content:
            content, headers = b"done, thank you", [*headers, ("content-type", "text/plain")]
        if habits.cookies and self.senders[-1]:
            headers = [*headers, ("set-cookie", f"session={self.senders[-1].encode().hex()}; Path=/; HttpOnly")]
        return content, headers

    async def _forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(60),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                connector=aiohttp.TCPConnector(force_close=True),
            )  # fmt: skip
        url = URL(self.server.url + target, encoded=True)
        async with self._session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            content = await answer.read()
            kept = [(name.lower(), value) for name, value in answer.headers.items() if name.lower() not in _OURS]
            return answer.status, kept, content

    def _user(self, method: str, target: str, said: Mapping[str, str]) -> User | None:
        """Who has signed this request in a way that the server takes."""
        cookie = re.search(r"session=([0-9a-f]+)", said.get("cookie", ""))
        if self.control.settings.cookies and cookie:
            return self.server.users.get(bytes.fromhex(cookie[1]).decode())
        kind, _, rest = said.get("authorization", "").partition(" ")
        how = self.control.settings.sign_in.partition(" ")[0]
        if kind.lower() != how:
            return None
        if how == "basic":
            name, _, password = b64decode(rest).decode().partition(":")
            user = self.server.users.get(name)
            return user if user and user.password == password else None
        if how == "bearer":
            return next((user for user in self.server.users.values() if rest == bearer(user)), None)
        return next((user for user in self.server.users.values() if _digested(user, method, target, rest)), None)


def _href(href: bytes, how: str, host: str) -> bytes:
    """The same address, written in another way."""
    text = href.decode()
    path = urlsplit(text).path if "://" in text else text
    if how == "whole":
        return f"http://{host}{path}".encode()
    if how == "more":
        return re.sub(r"[@.\-]", lambda found: f"%{ord(found[0]):02x}", path).encode()
    return path.replace("%40", "@").replace("%3A", ":").encode()


def bearer(user: User) -> str:
    """The token with which this user signs in at a gate that wants one."""
    return f"token-of-{user.name}"


def _challenge(how: str) -> str:
    kind, _, algorithm = how.partition(" ")
    if kind == "digest":
        return f'Digest realm="calendars", nonce="{NONCE}", qop="auth", algorithm={algorithm}, opaque="o"'
    return 'Basic realm="calendars", charset="UTF-8"' if kind == "basic" else "Bearer"


def _digested(user: User, method: str, target: str, said: str) -> bool:
    """Whether this is the digest of the user's password for this very request (RFC 7616)."""
    words = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', said)}
    if words.get("uri") != target or words.get("nonce") != NONCE or words.get("username") != user.name:
        return False
    made = hashlib.sha256 if words.get("algorithm", "MD5").upper() == "SHA-256" else hashlib.md5

    def of(*texts: str) -> str:
        return made(":".join(texts).encode()).hexdigest()

    secret = of(user.name, "calendars", user.password)
    right = of(secret, NONCE, words.get("nc", ""), words.get("cnonce", ""), words.get("qop", ""), of(method, target))
    return words.get("response") == right


async def _says(
    send: Send, status: int, body: bytes, headers: list[tuple[str, str]] | None = None, **more: str
) -> None:
    pairs = [*(headers or []), *more.items()]
    start: Message = {
        "type": "http.response.start", "status": status,
        "headers": [
            *((name.encode(), value.encode("latin-1")) for name, value in pairs),
            *([] if status == 204 else [(b"content-length", str(len(body)).encode())]),
        ],
    }  # fmt: skip
    await send(start)
    await send({"type": "http.response.body", "body": b"" if status == 204 else body})
