"""The connections that `http.py` sends over: kept ones are used again only while nobody spoke on them unasked."""

from __future__ import annotations

import aiohttp
from aiohttp.connector import Connection

#: Below the 5 s after which common servers close an idle connection, so that a write seldom meets a closing one.
KEEP_ALIVE = 4.0


class SpokenUnasked(Exception):
    """On this kept connection something came that nobody had asked for; nothing was sent on it, and it is closed."""


class OnAQuietConnection(aiohttp.ClientRequest):
    """A request that is not sent where an answer waits already: it would be taken for the answer to this one."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if conn.protocol is None or conn.protocol.should_close:
            raise SpokenUnasked
        return await super().send(conn)


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
