"""The one HTTP client: what it repeats and what it never repeats, where it never goes, what it never tells."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.hostile.proxy import Trouble, through

from fieldcal import http as http_module
from fieldcal.answer import http_date, retry_after
from fieldcal.clock import SystemClock
from fieldcal.embedded.control import Control
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import make_certificates, serving
from fieldcal.errors import ConfigError, LeaseLost, SignInFailed, Throttled, Unreachable
from fieldcal.http import (
    NO_ANSWER,
    NOT_CONNECTED,
    ClientSecretCredential,
    Http,
    TokenCredential,
)

SECRET = "correct-horse-battery-staple"


class Nothing(msgspec.Struct, frozen=True):
    pass


class Server:
    """Answers with what it was asked; `tokens` are accepted, sign-ins are counted."""

    def __init__(self):
        self.control = Control(Nothing(), sandbox=True)
        self.tokens = {"first"}
        self.sign_ins = 0
        self.expires_in = 3600
        routes = [
            Route("/t/oauth2/v2.0/token", self.sign_in, methods=["POST"]),
            Route("/{path:path}", self.echo, methods=["GET", "POST", "PATCH", "DELETE"]),
        ]
        self.app = self.control.wrap(Starlette(routes=routes))

    async def sign_in(self, request: Request) -> Response:
        self.sign_ins += 1
        form = (await request.body()).decode()
        if SECRET not in form:
            return JSONResponse({"error": "invalid_client", "error_description": f"not {form}"}, 401)
        token = f"token-{self.sign_ins}"
        self.tokens = {token}
        return JSONResponse({"token_type": "Bearer", "access_token": token, "expires_in": self.expires_in})

    async def echo(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return JSONResponse({"error": {"code": "InvalidAuthenticationToken"}}, 401)
        if request.url.path == "/moved":
            return Response(status_code=302, headers={"Location": "/elsewhere"})
        told = {"path": request.scope["raw_path"].decode(), "query": request.scope["query_string"].decode()}
        return JSONResponse({**told, "agent": request.headers["user-agent"]})

    def received(self, method: str) -> int:
        return sum(entry.method == method for entry in self.control.ledger() if "oauth2" not in entry.url)


@asynccontextmanager
async def client(server: Server, *, credential=None, **options):
    async with serving(server.app) as url:
        http = Http(url, credential or TokenCredential(lambda: "first"), SystemClock(), **options)
        try:
            yield http
        finally:
            await http.close()


def run(server: Server, body, **options):
    async def go():
        async with client(server, **options) as http:
            return await body(http)

    return asyncio.run(go())


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated"])
def test_a_write_without_an_answer_is_sent_once_and_its_outcome_is_left_open(method, kind):
    server = Server()

    async def body(http):
        await http.request("GET", "/warm")  # a kept connection, which aiohttp would otherwise retry on by itself
        server.control.add_fault(Fault(kind=kind, match=Match(method=method), times=None))
        with pytest.raises(Unreachable) as lost:
            await http.request(method, "/thing", body=b"{}")
        return lost.value

    assert run(server, body).code == NO_ANSWER
    assert server.received(method) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_write_that_is_refused_is_sent_once(status):
    server = Server()
    server.control.add_fault(Fault(kind="status", status=status, times=None))
    answer = run(server, lambda http: http.request("POST", "/thing", body=b"{}"))
    assert answer.status == status
    assert server.received("POST") == 1


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (Fault(kind="drop_before"), 2),
        (Fault(kind="drop_after"), 2),
        (Fault(kind="truncated"), 2),
        (Fault(kind="status", status=502), 2),
        (Fault(kind="status", status=503), 2),
        (Fault(kind="status", status=504), 2),
        (Fault(kind="delay"), 1),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else str(value),
)
def test_a_read_is_tried_a_second_time_where_nothing_came_back(fault, sent):
    server = Server()
    server.control.add_fault(fault)
    answer = run(server, lambda http: http.request("GET", "/thing"))
    assert answer.status == 200
    assert server.received("GET") == sent


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500])
def test_other_refusals_of_a_read_come_back_at_once(status):
    server = Server()
    server.control.add_fault(Fault(kind="status", status=status, times=None))
    assert run(server, lambda http: http.request("GET", "/thing")).status == status
    assert server.received("GET") == 1


def test_a_read_is_given_up_after_the_second_try():
    server = Server()
    server.control.add_fault(Fault(kind="status", status=503, times=None))
    assert run(server, lambda http: http.request("GET", "/thing")).status == 503
    assert server.received("GET") == 2


def test_a_server_that_is_not_there_says_that_nothing_was_sent():
    async def go():
        async with serving(Server().app) as url:
            pass
        http = Http(url, TokenCredential(lambda: "first"), SystemClock())
        with pytest.raises(Unreachable) as refused:
            await http.request("POST", "/thing", body=b"{}")
        await http.close()
        return refused.value

    assert asyncio.run(go()).code == NOT_CONNECTED


def test_a_slow_answer_is_not_waited_for_longer_than_the_timeout():
    server = Server()
    server.control.add_fault(Fault(kind="delay", seconds=30, times=None))

    async def body(http):
        with pytest.raises(Unreachable) as late:
            await http.request("POST", "/thing", body=b"{}")
        return late.value

    assert run(server, body, timeout=0.2).code == NO_ANSWER


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_401_signs_in_anew_and_repeats_once(method):
    server = Server()

    async def go():
        async with serving(server.app) as url:
            credential = ClientSecretCredential(url, "t", "client", lambda: SECRET, "scope", SystemClock())
            http = Http(url, credential, SystemClock())
            await http.request("GET", "/warm")
            server.tokens = {"none"}
            answer = await http.request(method, "/thing")
            await http.close()
            return answer

    assert asyncio.run(go()).status == 200
    assert server.sign_ins == 2


def test_a_second_401_is_a_failed_sign_in():
    server = Server()
    server.control.add_fault(Fault(kind="status", status=401, times=None))

    async def body(http):
        with pytest.raises(SignInFailed):
            await http.request("POST", "/thing", body=b"{}")

    run(server, body)
    assert server.received("POST") == 2


def test_many_requests_that_meet_an_expired_token_sign_in_once():
    server = Server()

    async def go():
        async with serving(server.app) as url:
            credential = ClientSecretCredential(url, "t", "client", lambda: SECRET, "scope", SystemClock())
            http = Http(url, credential, SystemClock())
            await http.request("GET", "/warm")
            server.tokens = {"none"}
            answers = await asyncio.gather(*(http.request("GET", f"/{n}") for n in range(20)))
            await http.close()
            return answers

    assert {answer.status for answer in asyncio.run(go())} == {200}
    assert server.sign_ins == 2


def test_a_token_file_that_was_renewed_is_read_again_after_a_401():
    server = Server()
    tokens = iter(["stale", "first"])
    answer = run(server, lambda http: http.request("GET", "/x"), credential=TokenCredential(lambda: next(tokens)))
    assert answer.status == 200


def test_a_short_lived_token_is_kept_for_half_its_life_at_least():
    server = Server()
    server.expires_in = 60

    async def go():
        async with serving(server.app) as url:
            credential = ClientSecretCredential(url, "t", "client", lambda: SECRET, "scope", SystemClock())
            return {await credential.token() for _ in range(3)}

    assert len(asyncio.run(go())) == 1


@pytest.mark.parametrize(
    ("secret", "fault", "error"),
    [
        ("wrong-secret-value", None, SignInFailed),
        (SECRET, Fault(kind="status", status=503), Unreachable),
        (SECRET, Fault(kind="garbage"), Unreachable),
        (SECRET, Fault(kind="drop_after"), Unreachable),
        (SECRET, Fault(kind="status", status=429, headers={"Retry-After": "7"}), Throttled),
    ],
)
def test_a_sign_in_that_fails_says_who_must_act_and_never_tells_the_secret(secret, fault, error):
    server = Server()
    if fault:
        server.control.add_fault(fault)

    async def go():
        async with serving(server.app) as url:
            credential = ClientSecretCredential(url, "t", "client", lambda: secret, "scope", SystemClock())
            with pytest.raises(error) as failed:
                await credential.token()
            return failed.value

    told = asyncio.run(go())
    assert secret not in str(told)
    assert secret not in repr(told.__cause__)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "ümlaut"])
def test_a_token_that_cannot_be_one_is_refused_without_being_told(token):
    with pytest.raises(SignInFailed) as refused:
        asyncio.run(TokenCredential(lambda: token).token())
    assert not token.strip() or token not in str(refused.value)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/next",
        "http://127.0.0.1:1/next",
        "//evil.test/next",
        "http://user:pw@{host}/next",
        "http://{host}@evil.test/next",
        "http://{host}\\@evil.test/",
        "file:///etc/passwd",
        "next?$skiptoken=1",
        "http://{host}/a b",
        "http://{host}/\r\nX: y",
        "",
    ],
)
def test_a_link_that_leaves_the_server_is_never_followed(link):
    server = Server()

    async def body(http):
        with pytest.raises(Unreachable):
            http.within(link.format(host=http.origin.removeprefix("http://")))

    run(server, body)
    assert server.control.count() == 0


def test_a_link_of_the_server_is_followed_as_it_was_given():
    server = Server()

    async def body(http):
        return await http.request("GET", f"{http.origin}/data/rows(1)?$deltatoken=919042%2108%2f22&a='b'")

    told = run(server, body).json()
    assert (told["path"], told["query"]) == ("/data/rows(1)", "$deltatoken=919042%2108%2f22&a='b'")


def test_a_redirect_is_not_followed():
    server = Server()
    assert run(server, lambda http: http.request("GET", "/moved")).status == 302
    assert server.received("GET") == 1


def test_before_send_is_asked_before_each_sending_and_may_forbid_it():
    server = Server()
    server.control.add_fault(Fault(kind="status", status=401))
    asked = []

    def lost():
        asked.append(server.received("POST"))
        if len(asked) == 2:
            raise LeaseLost("taken over")

    async def body(http):
        with pytest.raises(LeaseLost):
            await http.request("POST", "/thing", body=b"{}", before_send=lost)

    run(server, body)
    assert asked == [0, 1]
    assert server.received("POST") == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_before_send_is_asked_when_connected_and_no_byte_goes_out_that_it_forbids(method):
    came = []
    ended = asyncio.Event()

    async def swallow(reader, writer):
        came.append(await reader.read())
        writer.close()
        ended.set()

    def forbidden():
        asked.append(True)
        raise LeaseLost("taken over")

    async def go():
        seen = []
        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        http = Http(url, TokenCredential(lambda: "first"), SystemClock(), observe=lambda *told: seen.append(told))
        with pytest.raises(LeaseLost):
            await http.request(method, "/thing", body=b"{}" if method == "POST" else None, before_send=forbidden)
        await asyncio.wait_for(ended.wait(), 10)
        server.close()
        await server.wait_closed()
        with pytest.raises(Unreachable):
            await http.request("DELETE", "/thing", before_send=forbidden)
        await http.close()
        return http.sent, [status for *_, status in seen]

    asked: list[bool] = []
    assert asyncio.run(go()) == (1, [0]), "what was forbidden is not counted; what met no server is"
    assert (asked, came) == ([True], [b""])


def test_before_send_is_asked_after_waiting_for_a_slot():
    server = Server()
    server.control.add_fault(Fault(kind="delay", seconds=0.05, match=Match(path="/first")))

    async def body(http):
        first = asyncio.create_task(http.request("GET", "/first"))
        await asyncio.sleep(0)
        answered = []
        await http.request("GET", "/second", before_send=lambda: answered.append(server.control.ledger()[0].status))
        await first
        return answered

    assert run(server, body, slots=1) == [200]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_nobody_asked_for_is_never_taken_for_that_to_the_next_request(method):
    server = Server()

    async def go():
        async with serving(server.app) as straight, through(straight) as proxy:
            http = Http(proxy.url, TokenCredential(lambda: "first"), SystemClock())
            proxy.plant(Trouble("a stranger's answer later", times=2))
            told = [(await http.request(method, "/first")).json()]
            await proxy.calms()
            told.append((await http.request(method, "/second")).json())
            await http.close()
            return told

    assert [answer["path"] for answer in asyncio.run(go())] == ["/first", "/second"]
    assert server.received(method) == 2


def test_an_answer_above_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(http_module, "MAX_BODY", 10)

    async def body(http):
        with pytest.raises(Unreachable):
            await http.request("POST", "/thing")

    run(Server(), body)


def test_every_request_is_told_to_the_observer_with_its_status():
    server = Server()
    seen = []

    async def body(http):
        await http.request("GET", "/a?$filter=secret")
        server.control.add_fault(Fault(kind="drop_before"))
        with pytest.raises(Unreachable):
            await http.request("POST", "/b")
        return http.sent

    assert run(server, body, observe=lambda *told: seen.append(told)) == 2
    assert seen == [("GET", "/a", 200), ("POST", "/b", 0)]


def test_a_certificate_of_an_unknown_authority_is_refused_and_of_a_known_one_taken(tmp_path):
    made = make_certificates(tmp_path)

    async def go():
        async with serving(Server().app, tls=made) as url:
            stranger = Http(url, TokenCredential(lambda: "first"), SystemClock())
            with pytest.raises(Unreachable) as refused:
                await stranger.request("POST", "/x")
            await stranger.close()
            trusted = ssl.create_default_context(cafile=made.ca_file)
            friend = Http(url, TokenCredential(lambda: "first"), SystemClock(), tls=trusted)
            answer = await friend.request("POST", "/x")
            await friend.close()
            return refused.value.code, answer.status

    assert asyncio.run(go()) == (NOT_CONNECTED, 200)


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "https://", "https://u:p@host", "https://host?x=1", "host", "http://a b"]
)
def test_a_base_url_that_is_none_is_a_configuration_error(url):
    with pytest.raises(ConfigError):
        Http(url, TokenCredential(lambda: "x"), SystemClock())


NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        ("2.128", 2.128),
        ("0.249", 0.249),
        ("0", 0.0),
        ("1e99", 86_400.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:59:30 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_read_in_every_form_it_comes_in(text, seconds):
    assert retry_after(text, NOW) == seconds


def test_retry_after_as_a_date_means_nothing_without_the_servers_own_clock():
    assert retry_after("Mon, 23 Nov 2026 10:00:30 GMT", None) is None


@pytest.mark.parametrize("text", ["", "yesterday", "Mon, 99 Nov 2026 10:00:00 GMT"])
def test_a_date_that_is_none_is_none(text):
    assert http_date(text) is None
