"""The loopback server: in the loop, in a thread, over TLS; started and stopped without a trace."""

import asyncio
import socket
import ssl
import urllib.request

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fieldcal.embedded.server import LocalServer, make_certificates, serving, serving_in_thread


def hello(begun=None, gate=None):
    async def answer(request):
        if begun is not None:
            begun.set()
            await gate.wait()
        return PlainTextResponse("hello")

    return Starlette(routes=[Route("/", answer)])


async def fetch(url, **more):
    async with aiohttp.ClientSession() as session, session.get(url, **more) as answer:
        return await answer.text()


def test_it_serves_in_the_running_loop_and_is_gone_afterwards():
    async def go():
        async with serving(hello()) as url:
            assert await fetch(url) == "hello"
        with pytest.raises(aiohttp.ClientConnectorError):
            await fetch(url)

    asyncio.run(go())


def test_it_serves_in_a_thread():
    with serving_in_thread(hello()) as url, urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hello"


def test_a_request_in_flight_is_finished_before_the_server_stops():
    async def go():
        begun, gate = asyncio.Event(), asyncio.Event()
        server = LocalServer(hello(begun, gate))
        asked = asyncio.create_task(fetch(await server.start()))
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        gate.set()
        await stopping
        return await asked

    assert asyncio.run(go()) == "hello"


def test_stopping_twice_does_no_harm():
    async def go():
        server = LocalServer(hello())
        await server.start()
        await server.stop()
        await server.stop()
        return server.url

    assert asyncio.run(go()).startswith("http://127.0.0.1:")


def test_a_taken_port_is_an_error_that_can_be_caught():
    async def go():
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
            await LocalServer(hello(), port=taken.getsockname()[1]).start()

    asyncio.run(go())


def test_answers_do_not_wait_for_an_acknowledgement():
    # With Nagle's algorithm on, each answer of two packets costs 40 ms.
    async def go():
        seen = []

        async def app(scope, receive, send):
            connection = scope["state"]["transport"].get_extra_info("socket")
            seen.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            await PlainTextResponse("hello")(scope, receive, send)

        async with serving(app) as url:
            await fetch(url)
        return seen

    assert asyncio.run(go()) == [1]


def test_over_tls_the_generated_ca_is_what_a_client_needs(tmp_path):
    made = make_certificates(tmp_path)

    async def go():
        async with serving(hello(), tls=made) as url:
            assert url.startswith("https://")
            trusting = ssl.create_default_context(cafile=made.ca_file)
            text = await fetch(url, ssl=trusting)
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await fetch(url, ssl=ssl.create_default_context())
            return text

    assert asyncio.run(go()) == "hello"
    assert made.key_file.stat().st_mode & 0o077 == 0, "the key is its owner's"
