"""What is said of a server that cannot be reached: what happened and what helps, never the name of a class."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from fieldcal.clock import SystemClock
from fieldcal.embedded.server import make_certificates, serving
from fieldcal.errors import Unreachable
from fieldcal.http import ClientSecretCredential, Http, TokenCredential
from fieldcal.network import in_words


async def said(url: str, patience: float = 5.0) -> str:
    """What the client says of this address, when it is asked to write there."""
    client = Http(url, TokenCredential(lambda: "a-token"), SystemClock(), timeout=patience)
    try:
        with pytest.raises(Unreachable) as told:
            await client.request("POST", "/x", body=b"{}")
    finally:
        await client.close()
    return str(told.value)


@asynccontextmanager
async def behaving(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A server that takes a connection and does this with it; its port."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await answer(writer)
        writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def hangs_up(_writer: asyncio.StreamWriter) -> None:
    return


async def greets(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("answer", "scheme", "says"),
    [
        (hangs_up, "http", "the connection broke off"), (greets, "http", "no server of the kind that is asked for"),
        (greets, "https", "it does not speak TLS"),
    ],
)  # fmt: skip
def test_a_server_of_another_kind_is_told_as_what_it_does(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]], scheme: str, says: str
) -> None:
    async def go() -> str:
        async with behaving(answer) as port:
            return await said(f"{scheme}://127.0.0.1:{port}")

    text = asyncio.run(go())
    assert says in text
    assert "Error" not in text


def test_a_silent_server_is_told_as_slow() -> None:
    async def go() -> str:
        done = asyncio.Event()

        async def waits(_writer: asyncio.StreamWriter) -> None:
            await done.wait()

        async with behaving(waits) as port:
            text = await said(f"http://127.0.0.1:{port}", patience=0.2)
            done.set()
            return text

    assert "it did not answer in time" in asyncio.run(go())


def test_an_address_where_nobody_listens_is_told_with_what_helps() -> None:
    text = asyncio.run(said("http://127.0.0.1:1"))
    assert text == (
        "no answer from http://127.0.0.1:1 to POST /x: nobody listens at that address; see that the server runs and "
        "the port is right"
    )


def test_a_name_that_nobody_has_is_told() -> None:
    assert "its name cannot be found" in asyncio.run(said("http://no-such-host.invalid"))


def test_a_certificate_is_told_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)

    async def go() -> str:
        async with serving(PlainTextResponse("hello"), tls=made) as url:
            return await said(url)

    untrusted = asyncio.run(go())
    assert "its certificate is not trusted" in untrusted
    assert "FIELDCAL_CA_FILE" in untrusted


def test_a_sign_in_says_the_same_and_no_secret() -> None:
    credential = ClientSecretCredential(
        "http://127.0.0.1:1", "t", "app", lambda: "hunter2", "scope", SystemClock()
    )  # fmt: skip
    with pytest.raises(Unreachable, match="to the sign-in: nobody listens at that address") as told:
        asyncio.run(credential.token())
    assert "hunter2" not in str(told.value)


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("hunter2")
    error.verify_code, error.verify_message = code, "a reason"
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (certificate(10), "has expired"), (certificate(9), "not good yet"), (certificate(62), "for another name"),
        (certificate(18), "not trusted (a reason)"), (socket.gaierror(-2, "hunter2"), "name cannot be found"),
        (OSError(errno.EHOSTUNREACH, "hunter2"), "no way there"), (ConnectionResetError("hunter2"), "broke off"),
        (TimeoutError(), "in time"), (ValueError("hunter2"), "no server of the kind"), (OSError(), "broke off"),
    ],
)  # fmt: skip
def test_every_kind_of_trouble_has_words_and_quotes_nothing(error: Exception, says: str) -> None:
    text = in_words(error)
    assert says in text
    assert "hunter2" not in text
    assert type(error).__name__ not in text
