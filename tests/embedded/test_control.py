"""The control plane, over HTTP, before a small app that counts what it carries out."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fieldcal.embedded.control import Control, Item, SandboxClock, Sandboxed
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Settings(msgspec.Struct, frozen=True):
    pages: int = 1
    name: str = "plain"


class Shop:
    """An app behind a control plane. `done` counts what was carried out."""

    def __init__(self, *, sandbox=True, ledger_size=100):
        self.done = 0
        self.control = Control(Settings(), sandbox=sandbox, ledger_size=ledger_size)
        routes = [
            Route("/rows", self._rows, methods=["GET", "POST"]),
            Route("/$batch", self._batch, methods=["POST"]),
            Route("/t/oauth2/v2.0/token", self._rows, methods=["POST"]),
        ]
        self.app = self.control.wrap(Starlette(routes=routes))

    async def _rows(self, request):
        self.done += 1
        body = await request.body()
        return JSONResponse({"value": [1, 2, 3, 4], "@odata.nextLink": "more", "got": body.decode()})

    async def _batch(self, request):
        for url in ("/a", "/b"):
            fault = self.control.item_fault("GET", url)
            status = fault.status if fault else 200
            self.control.item(request.scope, Item("GET", url, status, fault.kind if fault else None))
        return Response(status_code=200)

    @asynccontextmanager
    async def open(self):
        async with serving(self.app) as url, aiohttp.ClientSession(url) as session:
            yield session


async def ask(session, path="/rows", method="GET", **more):
    """Status, body and headers of one request; what broke is raised."""
    async with session.request(method, path, **more) as answer:
        return answer.status, await answer.text(), answer.headers


def test_without_a_fault_every_answer_has_the_date_of_the_played_clock():
    async def go():
        shop = Shop()
        shop.control.clock.set(NOON, held=True)
        async with shop.open() as session:
            return await ask(session)

    status, _, headers = asyncio.run(go())
    assert (status, headers["date"]) == (200, "Mon, 23 Nov 2026 12:00:00 GMT")


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        ("drop_before", aiohttp.ClientConnectionError, 0),
        ("drop_after", aiohttp.ClientConnectionError, 1),
        ("truncated", aiohttp.ClientPayloadError, 1),
    ],
)
def test_a_broken_answer_breaks_the_connection(kind, error, done):
    async def go():
        shop = Shop()
        shop.control.add_fault(Fault(kind=kind, times=None))
        async with shop.open() as session:
            with pytest.raises(error):
                await ask(session, method="POST", data=b"x")
        return shop

    shop = asyncio.run(go())
    assert shop.done == done
    entry = shop.control.ledger()[-1]
    assert (entry.fault, entry.dropped) == (kind, True)


@pytest.mark.parametrize(
    ("fault", "status", "body", "done"),
    [
        (Fault(kind="status", status=503), 503, '"ServiceUnavailable"', 0),
        (Fault(kind="status", status=429, code="0x80072322", message="Slow down"), 429, '"0x80072322"', 0),
        (Fault(kind="status", status=500, body="oops"), 500, "oops", 0),
        (Fault(kind="garbage"), 200, "<html>", 0),
        (Fault(kind="empty_page"), 200, '{"value":[]}', 0),
        (Fault(kind="short_page"), 200, '"value":[1,2]', 1),
        (Fault(kind="delay", seconds=0.01), 200, '"value":[1,2,3,4]', 1),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_a_planted_answer_takes_the_place_of_the_real_one_once(fault, status, body, done):
    async def go():
        shop = Shop()
        shop.control.add_fault(fault)
        async with shop.open() as session:
            first = await ask(session)
            done = shop.done
            return first, done, await ask(session)

    first, carried_out, second = asyncio.run(go())
    assert first[0] == status
    assert body in first[1]
    assert carried_out == done
    assert second[0] == 200
    assert "nextLink" in second[1]


def test_a_short_page_lacks_the_next_link():
    async def go():
        shop = Shop()
        shop.control.add_fault(Fault(kind="short_page"))
        async with shop.open() as session:
            return await ask(session)

    assert "nextLink" not in asyncio.run(go())[1]


def test_headers_go_with_a_planted_status():
    async def go():
        shop = Shop()
        shop.control.add_fault(Fault(kind="status", status=429, headers={"Retry-After": "7"}))
        async with shop.open() as session:
            return await ask(session)

    assert asyncio.run(go())[2]["retry-after"] == "7"


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (Match(), True),
        (Match(method="GET"), False),
        (Match(method="post"), True),
        (Match(path=r"^/rows"), True),
        (Match(path=r"page=2"), True),
        (Match(path=r"other"), False),
        (Match(body="needle"), True),
        (Match(body="thread"), False),
        (Match(nth=2), False),
        (Match(item=True), False),
    ],
)
def test_a_rule_matches_method_path_query_body_and_count(match, hit):
    async def go():
        shop = Shop()
        shop.control.add_fault(Fault(kind="status", status=502, match=match))
        async with shop.open() as session:
            return await ask(session, "/rows?page=2", "POST", data=b"hay needle hay"), shop

    (status, body, _), shop = asyncio.run(go())
    assert (status == 502) is hit
    if not hit:
        assert "hay needle hay" in body, "the body that a rule looked at still reaches the app"
        assert shop.done == 1


def test_times_says_how_often_and_nth_says_from_when():
    async def go():
        shop = Shop()
        shop.control.add_fault(Fault(kind="status", match=Match(nth=2), times=2))
        async with shop.open() as session:
            return [(await ask(session))[0] for _ in range(5)]

    assert asyncio.run(go()) == [200, 503, 503, 200, 200]


def test_a_cleared_fault_acts_no_more_and_the_others_stay():
    shop = Shop()
    first, second = (shop.control.add_fault(Fault(kind="garbage", times=None)) for _ in range(2))
    shop.control.clear_faults(first)
    assert [rule.number for rule in shop.control.faults()] == [second]
    shop.control.clear_faults()
    assert shop.control.faults() == []


def test_an_item_fault_acts_on_a_batch_item_and_both_stand_in_the_ledger():
    async def go():
        shop = Shop()
        shop.control.add_fault(Fault(kind="status", status=500, match=Match(path="/b", item=True)))
        async with shop.open() as session:
            await ask(session, "/$batch", "POST")
        return shop.control

    control = asyncio.run(go())
    assert control.ledger()[0].items == [Item("GET", "/a", 200), Item("GET", "/b", 500, "status")]
    assert control.counts() == {"item": {"GET": 2}, "request": {"POST": 1}}


def test_the_ledger_is_bounded_and_the_counters_are_not():
    async def go():
        shop = Shop(ledger_size=3)
        async with shop.open() as session:
            for number in range(5):
                await ask(session, f"/rows?n={number}", headers={"client-request-id": f"id-{number}"})
            await ask(session, "/t/oauth2/v2.0/token", "POST")
        return shop.control

    control = asyncio.run(go())
    assert [entry.number for entry in control.ledger()] == [4, 5, 6]
    assert [entry.url for entry in control.ledger(since=4)] == ["/rows?n=4", "/t/oauth2/v2.0/token"]
    assert control.ledger()[0].request_id == "id-3"
    assert (control.count(), control.count("sign-in"), control.count(method="POST")) == (5, 1, 0)
    control.clear_ledger()
    assert (control.ledger(), control.count()) == ([], 0)


class TestClock:
    def test_it_follows_its_source(self):
        assert SandboxClock(lambda: NOON).now() == NOON

    def test_set_it_runs_on_and_held_it_stands(self):
        ticking = iter(NOON + timedelta(seconds=n) for n in range(10))
        clock = SandboxClock(lambda: next(ticking))
        clock.set(datetime(2030, 1, 1, tzinfo=UTC))
        assert [clock.now().second, clock.now().second] == [1, 2]
        clock.set(datetime(2030, 1, 1, tzinfo=UTC), held=True)
        assert clock.now() == clock.now() == datetime(2030, 1, 1, tzinfo=UTC)

    def test_advanced_it_keeps_what_it_had(self):
        clock = SandboxClock(lambda: NOON)
        clock.advance(timedelta(days=8))
        clock.set(clock.now(), held=True)
        clock.advance(timedelta(hours=1))
        assert clock.now() == NOON + timedelta(days=8, hours=1)
        clock.reset()
        assert clock.now() == NOON

    def test_an_instant_without_a_zone_is_refused(self):
        with pytest.raises(ValueError, match="zone"):
            SandboxClock().set(datetime(2030, 1, 1))  # noqa: DTZ001 - the case


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "answer"),
        [
            ("POST", "faults", {"kind": "status", "status": 502, "match": {"path": "/x"}}, 201, {"number": 1}),
            ("POST", "faults", {"kind": "nope"}, 400, None),
            ("POST", "faults", {"kind": "status", "match": {"path": "("}}, 400, None),
            ("POST", "faults", {"kind": "status", "mtch": {}}, 400, None),
            ("GET", "faults", None, 200, []),
            ("DELETE", "faults", None, 204, None),
            ("DELETE", "faults/1", None, 204, None),
            ("PUT", "clock", {"instant": "2026-11-23T12:00:00Z", "held": True}, 200, {"now": "2026-11-23T12:00:00Z"}),
            ("PUT", "clock", {"instant": "yesterday"}, 400, None),
            ("PUT", "clock", {"real": True, "advance": 60}, 200, None),
            ("GET", "ledger?since=0", None, 200, []),
            ("DELETE", "ledger", None, 204, None),
            ("GET", "counts", None, 200, {}),
            ("GET", "settings", None, 200, {"pages": 1, "name": "plain"}),
            ("PATCH", "settings", {"pages": 9}, 200, {"pages": 9, "name": "plain"}),
            ("PATCH", "settings", {"pages": "many"}, 400, None),
            ("PATCH", "settings", {"colour": "red"}, 400, None),
            ("POST", "actions/unknown", None, 404, None),
        ],
    )
    def test_each_answers(self, method, path, body, status, answer):
        async def go():
            async with Shop().open() as session:
                return await ask(session, f"/_control/{path}", method, json=body)

        got = asyncio.run(go())
        assert got[0] == status
        if answer is not None:
            assert msgspec.json.decode(got[1]) == answer
        if status >= 400:
            assert "error" in msgspec.json.decode(got[1])

    def test_a_planted_fault_acts_and_shows_that_it_is_spent(self):
        async def go():
            async with Shop().open() as session:
                await ask(session, "/_control/faults", "POST", json={"kind": "status", "status": 504})
                status = (await ask(session))[0]
                return status, msgspec.json.decode((await ask(session, "/_control/faults"))[1])

        status, rules = asyncio.run(go())
        assert status == 504
        assert (rules[0]["used"], rules[0]["spent"]) == (1, True)

    def test_an_action_is_carried_out(self):
        shop, called = Shop(), []
        shop.control.actions["ring"] = lambda: called.append(1)

        async def go():
            async with shop.open() as session:
                return (await ask(session, "/_control/actions/ring", "POST"))[0]

        assert (asyncio.run(go()), called) == (204, [1])

    def test_requests_to_the_control_plane_are_not_counted(self):
        async def go():
            shop = Shop()
            async with shop.open() as session:
                await ask(session, "/_control/counts")
            return shop.control

        assert asyncio.run(go()).count() == 0


def test_outside_a_sandbox_there_is_no_control_plane():
    shop = Shop(sandbox=False)
    with pytest.raises(Sandboxed):
        shop.control.add_fault(Fault(kind="garbage"))

    async def go():
        async with shop.open() as session:
            return (await ask(session, "/_control/clock"))[0], (await ask(session))[0]

    assert asyncio.run(go()) == (404, 200)
    assert shop.control.count() == 1, "the ledger runs all the same"
