"""The connections that `http.py` sends over: kept ones are used again only while nobody spoke on them unasked."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection

from fieldcal.errors import FieldcalError

#: Below the 5 s after which common servers close an idle connection, so that a write seldom meets a closing one.
KEEP_ALIVE = 4.0

#: Asked with a connection in hand, right before the first byte goes out; raises `FieldcalError` where none may (I8).
#: Connecting takes a while, and so does the loop's next turn, for which a body waits before Python 3.12.
BEFORE_SEND: ContextVar[Callable[[], None] | None] = ContextVar("BEFORE_SEND", default=None)


class SpokenUnasked(Exception):
    """On this kept connection something came that nobody had asked for; nothing was sent on it, and it is closed."""


class OnAQuietConnection(aiohttp.ClientRequest):
    """A request that is not sent where an answer waits already: it would be taken for the answer to this one."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if conn.protocol is None or conn.protocol.should_close:
            raise SpokenUnasked
        if not self.body:
            _ask()
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Send head and body together, unless `BEFORE_SEND` forbids it: the request then ends with what that raised."""
        if self.body:
            try:
                _ask()
            except FieldcalError as error:
                if conn.protocol is not None:
                    conn.protocol.set_exception(error)
                return
        await super().write_bytes(writer, conn, content_length)


def _ask() -> None:
    before_send = BEFORE_SEND.get()
    if before_send is not None:
        before_send()


def new_session(timeout: aiohttp.ClientTimeout, user_agent: str) -> aiohttp.ClientSession:
    """A session without cookies that repeats nothing by itself; a request of it may raise `SpokenUnasked`."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        headers={"User-Agent": user_agent},
        request_class=OnAQuietConnection,
    )
    # aiohttp repeats a GET or DELETE by itself when a kept connection breaks; here a lost lease must begin
    # no request and nothing repeats a write (no public switch in 3.14)
    session._retry_connection = False  # noqa: SLF001 - see above
    return session
