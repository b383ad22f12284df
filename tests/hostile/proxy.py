"""A bad network between a connector and a server: real sockets on loopback, HTTP/1.1, and everything that can go wrong.

It stands where proxies, gateways and load balancers stand. What is planted in it happens to requests on their way or
to answers on theirs; the server behind it is healthy and truthful. `seen` tells what was done to each request.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

HOST = "127.0.0.1"
#: set on a request that was held back and is delivered after its sender gave up
LATE = b"x-late"
#: what one trouble that never ends may send before it hangs up, so that a client without a limit fails by memory
PLENTY = 256 * 2**20
#: turns of the loop in which whoever is connected has read what was sent
TURNS = 4
#: seconds between the bytes of an answer that drips
DROP = 0.02


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong, `times` times from the `nth` matching request on; None: until it is calm again.

    `method` and `path` are regular expressions.
    """

    kind: str
    method: str = ""
    path: str = ""
    nth: int = 1
    times: int | None = 1


@dataclass(slots=True)
class _Rule:
    trouble: Trouble
    came: int = 0
    done: int = 0

    def takes(self, request: Request) -> bool:
        trouble = self.trouble
        if not re.search(trouble.method, request.method) or not re.search(trouble.path, request.target):
            return False
        self.came += 1
        if self.came < trouble.nth or (trouble.times is not None and self.done >= trouble.times):
            return False
        self.done += 1
        return True


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """As the server sent it; `whole` where as many bytes came as it had announced."""

    status: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    whole: bool

    def bytes_with(self, body: bytes | None = None, *more: tuple[bytes, bytes], length: int | None = None) -> bytes:
        """The answer with another body, more headers, another length (-1: none)."""
        content = self.body if body is None else body
        size = len(content) if length is None else length
        said = [*self.headers, *more, *([(b"content-length", b"%d" % size)] if size >= 0 else [])]
        return b"\r\n".join([self.status, *(b"%s: %s" % pair for pair in said), b"", b""]) + content


class Hangup(Exception):
    """The connection is closed on the client: with a reset, or as if all had been said."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class Line:
    """One client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause)

    async def until_it_leaves(self) -> None:
        """Say nothing more, however long the client waits."""
        while await self.reader.read(65536):
            continue
        raise Hangup(reset=False)

    def close(self, *, reset: bool) -> None:
        if reset:
            with suppress(OSError):
                plug: socket.socket = self.writer.get_extra_info("socket")
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        else:
            self.writer.close()


Deed = Callable[["Proxy", Line, Request], Awaitable[None]]
Shape = Callable[[Answer], tuple[bytes, ...]]


class Proxy:
    """Listens on a port of its own and passes everything on to `upstream`, as the troubles planted in it allow."""

    def __init__(self, upstream: str, *, weather: Shape | None = None) -> None:
        """`weather`: how each answer is cut into pieces on its way; the content stays what it was."""
        split = urlsplit(upstream)
        self._upstream = (split.hostname or HOST, split.port or 80)
        self._weather = weather
        self._rules: list[_Rule] = []
        self._late: list[Request] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""
        #: what is still to be done before it is calm
        self.when_calm: list[Callable[[], Awaitable[None]]] = []
        #: (method, target, what was done to it: "" nothing) of each request
        self.seen: list[tuple[str, str, str]] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._come, HOST, 0, limit=2**20)
        self.url = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self.url

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def plant(self, trouble: Trouble) -> None:
        self._rules.append(_Rule(trouble))

    @property
    def acted(self) -> int:
        """How many requests something was done to."""
        return sum(bool(kind) for *_, kind in self.seen)

    async def calms(self) -> None:
        """Nothing goes wrong from now on, and what was held back arrives."""
        self._rules.clear()
        await self._deliver()
        while self.when_calm:
            with suppress(ConnectionError):
                await self.when_calm.pop()()
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def forward(self, request: Request) -> Answer:
        """Hand the request over to the server and read its whole answer; resets where the server hung up."""
        head, _, body = request.raw.partition(b"\r\n\r\n")
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"connection: close", b"", body]))
            await writer.drain()
            with suppress(ConnectionError):
                told = bytearray()
                while piece := await reader.read(65536):
                    told += piece
        finally:
            writer.close()
        if not told:
            raise Hangup(reset=True)
        return _answer(bytes(told))

    async def hold_back(self, request: Request) -> None:
        self._late.append(request)

    async def pass_on(self, line: Line, request: Request) -> None:
        """The healthy way."""
        answer = await self.forward(request)
        if not answer.whole:
            await line.send(answer.bytes_with(length=len(answer.body) * 2 + 1))
            raise Hangup(reset=False)
        await line.send(*(self._weather(answer) if self._weather else (answer.bytes_with(),)))

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line, reset = Line(reader, writer), False
        try:
            while (request := await _request(reader)) is not None:
                await self._one(line, request)
        except Hangup as hangup:
            reset = hangup.reset
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            reset = True
        finally:
            line.close(reset=reset)
            self._tasks.discard(task)

    async def _one(self, line: Line, request: Request) -> None:
        kind = self._trouble(request)
        self.seen.append((request.method, request.target, kind))
        if kind:
            await TROUBLES[kind].deed(self, line, request)
        else:
            if self._late and request.method != "GET":
                await self._deliver()
            await self.pass_on(line, request)

    async def _deliver(self) -> None:
        while self._late:
            late = self._late.pop(0)
            head, _, body = late.raw.partition(b"\r\n\r\n")
            with suppress(Hangup):
                await self.forward(Request(late.method, late.target, b"%s\r\n%s: 1\r\n\r\n%s" % (head, LATE, body)))

    def _trouble(self, request: Request) -> str:
        """What is to go wrong with this request; "" for nothing."""
        return next((rule.trouble.kind for rule in self._rules if rule.takes(request)), "")


async def _request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    method, target, _ = head.split(b" ", 2)
    return Request(method.decode(), target.decode(), head + body)


def _answer(told: bytes) -> Answer:
    head, _, body = told.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    size = next((int(value) for name, value in pairs if name == b"content-length"), None)
    if (b"transfer-encoding", b"chunked") in pairs:
        body, size = _joined(body), None
    kept = tuple(pair for pair in pairs if pair[0] not in {b"content-length", b"connection", b"transfer-encoding"})
    return Answer(status, kept, body, whole=size is None or size == len(body))


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        body, chunks = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


@asynccontextmanager
async def through(upstream: str, weather: Shape | None = None) -> AsyncIterator[Proxy]:
    """A proxy before this server while the block runs; its address is `proxy.url`."""
    proxy = Proxy(upstream, weather=weather)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


class Road:
    """The way from a connector to its server: `kind` "" leads straight there, any other one through a proxy.

    Kinds: "proxy", or one of `WEATHERS`.
    """

    def __init__(self) -> None:
        self.kind = ""
        #: seconds that the connector waits for an answer
        self.patience = 5.0
        self.proxy: Proxy | None = None

    @asynccontextmanager
    async def to(self, url: str) -> AsyncIterator[str]:
        """The address under which the server at `url` is to be asked."""
        if not self.kind:
            yield url
            return
        async with through(url, WEATHERS.get(self.kind)) as self.proxy:
            yield self.proxy.url


# -- weathers: the content is what it was, only its way is rough


def torn(answer: Answer) -> tuple[bytes, ...]:
    """Cut where it hurts: inside the status line, between CR and LF, inside multi-byte characters."""
    raw = answer.bytes_with()
    at = [3, 9, raw.find(b"\r") + 1, raw.find(b"\r\n\r\n") + 2, *range(raw.find(b"\r\n\r\n") + 5, len(raw), 997)]
    return tuple(raw[begin:end] for begin, end in zip([0, *at], [*at, len(raw)], strict=True))


def wrapped(answer: Answer) -> tuple[bytes, ...]:
    """Early hints first, then a hundred headers nobody asked for, the content zipped and in small chunks."""
    head = answer.bytes_with(
        b"", *[(b"x-via-%d" % n, b"gateway") for n in range(100)],
        *([(b"content-encoding", b"gzip"), (b"transfer-encoding", b"chunked")] if answer.body else []),
        length=-1 if answer.body else None,
    )  # fmt: skip
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"
    zipped = gzip.compress(answer.body, 1)
    chunks = [zipped[at : at + 1009] for at in range(0, len(zipped), 1009)] if answer.body else []
    body = b"".join(b"%x;why=because\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return early, head, body + (b"0\r\nx-trailer: 1\r\n\r\n" if answer.body else b"")


WEATHERS: dict[str, Shape] = {"torn": torn, "wrapped": wrapped}


# -- troubles


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done, and whether the server has carried the request out by then (None: later)."""

    deed: Deed
    carried_out: bool | None


async def _reset(proxy: Proxy, line: Line, request: Request) -> None:
    raise Hangup(reset=True)


async def _reset_after(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    raise Hangup(reset=True)


async def _late(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.hold_back(request)
    raise Hangup(reset=True)


async def _stall(proxy: Proxy, line: Line, request: Request) -> None:
    await line.until_it_leaves()


async def _stall_after(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    await line.until_it_leaves()


async def _stall_inside(proxy: Proxy, line: Line, request: Request) -> None:
    raw = (await proxy.forward(request)).bytes_with()
    await line.send(raw[: len(raw) - 1])
    await line.until_it_leaves()


async def _drip(proxy: Proxy, line: Line, request: Request) -> None:
    raw = (await proxy.forward(request)).bytes_with()
    await line.send(*(raw[at : at + 1] for at in range(len(raw) - 1)), pause=DROP)
    await line.until_it_leaves()


async def _half_body(proxy: Proxy, line: Line, request: Request) -> None:
    raw = (await proxy.forward(request)).bytes_with()
    await line.send(raw[: len(raw) - 1])
    raise Hangup(reset=False)


async def _half_head(proxy: Proxy, line: Line, request: Request) -> None:
    raw = (await proxy.forward(request)).bytes_with()
    await line.send(raw[:25])
    raise Hangup(reset=False)


async def _too_long(proxy: Proxy, line: Line, request: Request) -> None:
    answer = _as_200(await proxy.forward(request))
    await line.send(answer.bytes_with(length=len(answer.body) + 10))
    raise Hangup(reset=False)


async def _too_short(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await line.send(_as_200(answer).bytes_with(answer.body or b"{}", length=len(answer.body) // 2 + 1))


async def _cut_json(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await line.send(_as_200(answer).bytes_with(answer.body[: len(answer.body) // 2]))


async def _no_length(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await line.send(_as_200(answer).bytes_with(answer.body[: len(answer.body) // 2], length=-1))
    raise Hangup(reset=False)


async def _garbage(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    await line.send(bytes(range(256)) * 8)


async def _garbage_json(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await line.send(_as_200(answer).bytes_with(b"\xff\xfe{\x00" + bytes(range(128, 256))))


async def _page(proxy: Proxy, line: Line, request: Request) -> None:
    page = b"<html><body>Please accept our terms.</body></html>"
    await line.send(Answer(b"HTTP/1.1 200 OK", ((b"content-type", b"text/html"),), page, whole=True).bytes_with())


async def _empty(proxy: Proxy, line: Line, request: Request) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def _empty_object(proxy: Proxy, line: Line, request: Request) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")


async def _storm_429(proxy: Proxy, line: Line, request: Request) -> None:
    await line.send(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n")


async def _storm_503(proxy: Proxy, line: Line, request: Request) -> None:
    await line.send(b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>")


async def _gateway(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    await line.send(b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n")


async def _odd_status(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    await line.send(b"HTTP/1.1 299 Almost\r\ncontent-length: 0\r\n\r\n")


async def _long_header(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await line.send(answer.bytes_with(None, (b"x-long", b"a" * 2**20)))
    raise Hangup(reset=False)


async def _header_flood(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await _without_end(line, answer.status + b"\r\n", b"".join(b"x-flood-%d: again\r\n" % n for n in range(5000)))


async def _interim_flood(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    await _without_end(line, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)


async def _endless_body(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    await _without_end(line, head, b"10000\r\n" + b" " * 65536 + b"\r\n")


async def _zip_bomb(proxy: Proxy, line: Line, request: Request) -> None:
    await proxy.forward(request)
    bomb = _bomb()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    await line.send(head % len(bomb), bomb)
    raise Hangup(reset=False)


async def _zip_lie(proxy: Proxy, line: Line, request: Request) -> None:
    answer = await proxy.forward(request)
    await line.send(_as_200(answer).bytes_with(answer.body or b"{}", (b"content-encoding", b"gzip")))


async def _foreign_answer(proxy: Proxy, line: Line, request: Request) -> None:
    """An answer nobody asked for follows the right one, at once, on a connection that is kept."""
    answer = await proxy.forward(request)
    stray = Answer(b"HTTP/1.1 200 OK", ((b"content-type", b"application/json"),), STRAY, whole=True)
    await line.send(answer.bytes_with() + stray.bytes_with())


async def _foreign_answer_later(proxy: Proxy, line: Line, request: Request) -> None:
    """An answer nobody asked for comes while the connection is idle, before the proxy is calm."""
    answer = await proxy.forward(request)
    stray = Answer(b"HTTP/1.1 200 OK", ((b"content-type", b"application/json"),), STRAY, whole=True)
    await line.send(answer.bytes_with())
    proxy.when_calm.append(lambda: line.send(stray.bytes_with()))


#: Looks like a sound answer to nearly everything, and is none.
STRAY = b'{"@odata.context":"c","@odata.count":0,"value":[],"responses":[],"id":"STRAY=","@odata.etag":"W/\\"stray\\""}'


async def _without_end(line: Line, first: bytes, again: bytes) -> None:
    await line.send(first)
    for _ in range(PLENTY // len(again)):
        await line.send(again)
    await line.until_it_leaves()


def _as_200(answer: Answer) -> Answer:
    """As it is, or as an empty success where it had no content to break."""
    return answer if answer.body else Answer(b"HTTP/1.1 200 OK", answer.headers, b"", whole=True)


@cache
def _bomb() -> bytes:
    """128 MB of blanks, zipped to an eighth of one; more than any answer of ours has."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(b" " * 2**20) for _ in range(128)), packer.flush()])


TROUBLES: dict[str, Kind] = {
    "reset": Kind(_reset, carried_out=False),
    "reset after": Kind(_reset_after, carried_out=True),
    "late": Kind(_late, carried_out=None),
    "stall": Kind(_stall, carried_out=False),
    "stall after": Kind(_stall_after, carried_out=True),
    "stall inside": Kind(_stall_inside, carried_out=True),
    "drip": Kind(_drip, carried_out=True),
    "half body": Kind(_half_body, carried_out=True),
    "half head": Kind(_half_head, carried_out=True),
    "length too long": Kind(_too_long, carried_out=True),
    "length too short": Kind(_too_short, carried_out=True),
    "cut json": Kind(_cut_json, carried_out=True),
    "no length": Kind(_no_length, carried_out=True),
    "garbage": Kind(_garbage, carried_out=True),
    "garbage json": Kind(_garbage_json, carried_out=True),
    "a portal's page": Kind(_page, carried_out=False),
    "empty": Kind(_empty, carried_out=False),
    "empty object": Kind(_empty_object, carried_out=False),
    "429": Kind(_storm_429, carried_out=False),
    "503": Kind(_storm_503, carried_out=False),
    "504 after": Kind(_gateway, carried_out=True),
    "299 after": Kind(_odd_status, carried_out=True),
    "long header": Kind(_long_header, carried_out=True),
    "header flood": Kind(_header_flood, carried_out=True),
    "interim flood": Kind(_interim_flood, carried_out=True),
    "endless body": Kind(_endless_body, carried_out=True),
    "zip bomb": Kind(_zip_bomb, carried_out=True),
    "zip lie": Kind(_zip_lie, carried_out=True),
    "a stranger's answer": Kind(_foreign_answer, carried_out=True),
    "a stranger's answer later": Kind(_foreign_answer_later, carried_out=True),
}
