"""Each port through a bad network: what it tells is true, or it says that it does not know. Never a half-truth.

Every call of both ports is made while each trouble of `proxy.TROUBLES` meets it, once and for as long as it lasts, and
again when it is calm. What counts as true is what stands at the server, seen past the wire.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest
from tests.contracts.dataverse_end import DataverseEnd
from tests.contracts.dav_end import DavEnd, RadicaleEnd, XandikosEnd
from tests.contracts.graph_end import GraphEnd
from tests.contracts.test_source_contract import NOWHERE, read_all, swept
from tests.contracts.writing import WINDOW, create, delete, free, make, mark, update
from tests.hostile.proxy import TROUBLES, Trouble, through

from fieldcal.clock import SystemClock
from fieldcal.embedded.exchange import Exchange
from fieldcal.embedded.server import serving
from fieldcal.errors import (
    Changed,
    ConnectorError,
    FieldcalError,
    Incomplete,
    NotSent,
    OutcomeUnknown,
    Throttled,
    Unreachable,
)
from fieldcal.http import ClientSecretCredential, Http, TokenCredential
from fieldcal.model import Receipt

#: nothing can be wrong with what comes back
HARMLESS = {"a stranger's answer", "a stranger's answer later"}
#: each call waits for the client's patience to end
SLOW = {"stall", "stall after", "stall inside", "drip", "header flood", "interim flood", "endless body", "zip bomb"}
#: seconds: of the client that has to wait in vain, and of one that has not
SHORT, LONG = 1.0, 10.0


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


DAV = {"radicale": RadicaleEnd, "xandikos": XandikosEnd}
CALENDARS = ["graph", *DAV]
KINDS = [slow(kind) if kind in SLOW else kind for kind in TROUBLES]


class Hurried(SystemClock):
    """Nobody waits before a second try."""

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the clock's own signature
        await asyncio.sleep(0)


@pytest.fixture
def graph(tmp_path, request) -> Iterator[GraphEnd]:
    end = GraphEnd(tmp_path / "calendar.sqlite3")
    yield rough(end, request)
    end.close()


@pytest.fixture(params=CALENDARS)
def end(tmp_path, request) -> Iterator[GraphEnd | DavEnd]:
    """Each calendar; of CalDAV `make test` takes a sample (`conftest.py`)."""
    name = request.param
    made = GraphEnd(tmp_path / "calendar.sqlite3") if name == "graph" else DAV[name](request.getfixturevalue(name))
    yield rough(made, request)
    made.close()


@pytest.fixture
def dataverse(tmp_path, request) -> Iterator[DataverseEnd]:
    end = DataverseEnd(tmp_path / "source.sqlite3")
    yield rough(end, request)
    end.close()


def rough(end, request):
    end.clock, end.road.kind = Hurried(), "proxy"
    end.road.patience = SHORT if request.node.callspec.params["kind"] in SLOW else LONG
    return end


def run(end, body):
    async def go():
        async with end.serve():
            return await body()

    return asyncio.run(go())


async def in_trouble(end, trouble, call):
    """The answer of the call while the trouble lasts, or the error that it says instead; calm again afterwards."""
    end.road.proxy.plant(trouble)
    before = end.road.proxy.acted
    try:
        told = await call()
    except FieldcalError as error:
        told = error
    assert end.road.proxy.acted > before, "the trouble was met"
    await end.road.proxy.calms()
    return told


def told_honestly(end, kind, action, told):
    """A receipt names the event that stands there; anything else leaves open what became of it."""
    if isinstance(told, Receipt):
        assert kind in HARMLESS or end.says_so(action, told), f"{kind}: a receipt for {action}"
        return
    allowed = {OutcomeUnknown, NotSent} if TROUBLES[kind].carried_out is False else {OutcomeUnknown}
    assert type(told) in allowed, f"{kind}: {type(told).__name__} for {action}: {told}"


async def ids_there(calendar):
    return {seen.mark: seen.id for seen in await calendar.owned(None, free)}


class TestCalendar:
    @pytest.mark.parametrize("number", [slow(1), 3])
    @pytest.mark.parametrize("kind", KINDS)
    def test_f11_f12_a_create_in_trouble_is_never_called_done_or_undone_and_its_repeat_makes_one_event(
        self, end, kind, number
    ):
        actions = [create(end, n) for n in range(number)]

        async def body():
            calendar = end.calendar()
            told = await in_trouble(
                end,
                Trouble(kind, end.methods["create"], times=1 if end.batches else number),
                lambda: calendar.write(actions, free),
            )
            for action in actions:
                told_honestly(end, kind, action, told[action.mark])
            receipts = await make(calendar, *actions)
            there = await ids_there(calendar)
            assert {action.mark: receipt.id for action, receipt in zip(actions, receipts, strict=True)} == there

        run(end, body)
        assert len(end.events()) == number

    @pytest.mark.parametrize("what", ["update", slow("delete")])
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_change_in_trouble_is_never_called_done_or_undone_and_its_repeat_leaves_what_was_wanted(
        self, end, kind, what
    ):
        first = create(end)

        async def body():
            calendar = end.calendar()
            (made,) = await make(calendar, first)
            action = update(first, made, subject="moved") if what == "update" else delete(first, made)
            told = await in_trouble(
                end, Trouble(kind, f"{end.methods['update']}|DELETE"), lambda: calendar.write([action], free)
            )
            told_honestly(end, kind, action, told[action.mark])
            again = (await calendar.write([action], free))[action.mark]
            done = TROUBLES[kind].carried_out is not False
            assert isinstance(again, Changed if done and what == "update" else Receipt), (kind, again)

        run(end, body)
        assert [row[0] for row in end.shown()] == (["moved"] if what == "update" else [])

    @pytest.mark.parametrize("times", [1, slow(None)])
    @pytest.mark.parametrize("kind", KINDS)
    def test_f01_f03_f06_what_is_read_in_trouble_is_true_or_an_error_and_never_empty(self, end, kind, times):
        async def body():
            calendar = end.calendar()
            made = await make(calendar, *[create(end, n) for n in range(3)])
            ids, marks = [receipt.id for receipt in made], [mark(end, n) for n in range(3)]
            await calendar.set_claim("ours", free)
            reads = {
                "owned in the window": lambda: calendar.owned(WINDOW, free),
                "owned everywhere": lambda: calendar.owned(None, free),
                "get one": lambda: calendar.get(ids[:1], free),
                "get": lambda: calendar.get(ids, free),
                "find one": lambda: calendar.find(marks[:1], free),
                "find": lambda: calendar.find(marks, free),
                "claim": lambda: calendar.claim(free),
            }
            for name, read in reads.items():
                truth = await read()
                told = await in_trouble(end, Trouble(kind, times=times), read)
                if isinstance(told, FieldcalError):
                    assert isinstance(told, Unreachable | Throttled), (name, told)
                    assert kind not in HARMLESS, (name, told)
                else:
                    assert told == truth, name
                    assert times == 1 or kind in HARMLESS, f"{name} was read although nothing came through"
                assert await read() == truth, f"{name}, calm again"

        run(end, body)

    @pytest.mark.parametrize("nth", [slow(1), 3, slow(4)])
    @pytest.mark.parametrize("kind", KINDS)
    def test_test_and_enable_in_trouble_fails_for_now_and_leaves_nothing_behind(self, end, kind, nth):
        async def body():
            calendar = end.calendar()
            checks = await in_trouble(end, Trouble(kind, nth=nth, times=2), lambda: calendar.test(free))
            assert all(check.ok or check.transient for check in checks), checks
            assert (await calendar.test(free))[-1].ok

        run(end, body)
        assert end.events() == []


class TestSource:
    @pytest.mark.parametrize("times", [1, slow(None)])
    @pytest.mark.parametrize("kind", KINDS)
    def test_f01_f02_f03_f04_f06_what_is_read_in_trouble_is_true_or_an_error_and_never_less(
        self, dataverse, kind, times
    ):
        made = [dataverse.books(number) for number in range(5)]

        async def body():
            source = dataverse.source
            *_, cursor = await read_all(source)
            dataverse.changes(made[0], name="new")
            workers = (await source.workers(None)).cursor
            reads = {
                "identity": source.identity,
                "everybody": lambda: source.workers(None),
                "who changed": lambda: source.workers(workers),
                "everything": lambda: read_all(source),
                "what changed": lambda: read_all(source, cursor),
                "details": lambda: source.bookings([*made, NOWHERE]),
                "of a work order": lambda: source.affected([dataverse.order]),
                "a sweep": lambda: swept(source),
            }
            for name, read in reads.items():
                truth = seen(name, await read())
                told = seen(name, await in_trouble(dataverse, Trouble(kind, times=times), read))
                if isinstance(told, FieldcalError):
                    assert isinstance(told, Unreachable | Incomplete | Throttled), (name, told)
                    assert kind not in HARMLESS, (name, told)
                elif name == "details" and told != truth:
                    known, gone = told
                    assert known <= truth[0], name
                    assert gone <= truth[1], name
                else:
                    assert told == truth, name
                    assert times == 1 or kind in HARMLESS, f"{name} was read although nothing came through"
                assert seen(name, await read()) == truth, f"{name}, calm again"

        run(dataverse, body)


def seen(name, told):
    """What counts of it: cursors are new every time, and details come in any order."""
    if isinstance(told, FieldcalError):
        return told
    if name == "details":
        return {each.booking.id for each in told.found}, set(told.missing)
    if name in {"everybody", "who changed"}:
        return sorted(told.rows, key=lambda worker: worker.id), sorted(told.gone)
    return told[:3] if name in {"everything", "what changed"} else told


class TestSignIn:
    @pytest.mark.parametrize("times", [1, slow(3)])
    @pytest.mark.parametrize("kind", [kind for kind in TROUBLES if kind not in SLOW])
    def test_a_sign_in_in_trouble_is_no_refusal_of_the_credential_and_the_next_one_succeeds(
        self, tmp_path, kind, times
    ):
        with Exchange(tmp_path / "calendar.sqlite3", clients={"fieldcal": "secret"}, sandbox=True) as exchange:

            async def go():
                async with serving(exchange.app) as straight, through(straight) as proxy:
                    tenant, scope = str(exchange.tenant_id), "https://graph.microsoft.com/.default"
                    credential = ClientSecretCredential(
                        proxy.url, tenant, "fieldcal", lambda: "secret", scope, SystemClock()
                    )
                    proxy.plant(Trouble(kind, times=times))
                    for _ in range(times):
                        try:
                            assert (await credential.token()).count(".") == 2
                        except ConnectorError as error:
                            assert isinstance(error, Unreachable | Throttled), error  # noqa: PT017 - it may succeed too
                        assert proxy.acted
                    await proxy.calms()
                    return await credential.token()

            assert asyncio.run(go()).count(".") == 2


@pytest.mark.parametrize("kind", ["header flood", "interim flood", "endless body", "zip bomb", "long header"])
def test_an_answer_without_an_end_costs_a_bounded_amount_of_memory(graph, kind):
    async def body():
        graph.road.proxy.plant(Trouble(kind, times=None))
        http = Http(graph.road.proxy.url, TokenCredential(graph.exchange.token), SystemClock(), timeout=2)
        tracemalloc.start()
        try:
            with pytest.raises(ConnectorError):
                await http.request("POST", "/v1.0/$batch", body=b"{}")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            await http.close()

    assert run(graph, body) < 200 * 2**20
