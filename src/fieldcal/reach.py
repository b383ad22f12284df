"""Does anybody answer at this address? Asked without a sign-in, where nobody is known yet who could sign in."""

from __future__ import annotations

import ssl

import aiohttp

from fieldcal.connection import new_session
from fieldcal.errors import NOT_CONNECTED, Unreachable
from fieldcal.network import in_words

#: Seconds for the one request.
_PATIENCE = 20.0


async def answers(server: str, tls: ssl.SSLContext | None) -> None:
    """Return when the server answers, whatever it says; `Unreachable` tells in words why it does not.

    Sends one OPTIONS, which changes nothing and needs no rights (RFC 9110 9.3.7).
    """
    session = new_session(aiohttp.ClientTimeout(total=_PATIENCE), "fieldcal")
    try:
        async with session.options(server, allow_redirects=False, ssl=tls or True) as response:
            await response.release()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Unreachable(f"no answer from {server}: {in_words(error)}", code=NOT_CONNECTED) from None
    finally:
        await session.close()
