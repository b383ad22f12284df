"""The servers, the gate before them and the worker's hands are what the proof stands on: they do what they say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import aiohttp
import pytest
from tests.dav.gate import Gate, bearer
from tests.dav.hands import ETAGS, Hands, same_path
from tests.dav.servers import DavServer, User

from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def worker(dav_server: DavServer) -> tuple[User, Hands]:
    user = dav_server.new_user("anna")
    return user, Hands(dav_server, user, dav_server.makes_calendar(user, "Work"))


def asked(gate: Gate, *requests: tuple[str, str, str, dict[str, str]]) -> list[tuple[int, dict[str, str], str]]:
    """The answers to these requests (method, path, body, headers), sent through the gate one after the other."""

    async def go() -> list[tuple[int, dict[str, str], str]]:
        async with serving(gate.app) as url, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            told = []
            for method, path, body, headers in requests:
                async with session.request(method, url + path, data=body or None, headers=headers) as answer:
                    lower = {name.lower(): value for name, value in answer.headers.items()}
                    told.append((answer.status, lower, await answer.text()))
            await gate.close()
            return told

    return asyncio.run(go())


def test_what_a_worker_does_is_what_the_server_holds(worker: tuple[User, Hands]) -> None:
    _, hands = worker
    made = hands.adds("Dentist, Dr. Müller; 漢字", START, X_OWN="kept")
    hands.sets(made, LOCATION="Main Street 1", CATEGORIES=["Mine", "Yours"])
    hands.alarms(made, 10)
    copied = hands.copies(made)
    hands.repeats(copied, {"freq": "daily", "count": 3})
    series, single = sorted(hands.look(), key=lambda held: not held.text_of("RRULE"))
    for held in (series, single):
        assert (held.text_of("SUMMARY"), held.start, held.categories) == (
            "Dentist, Dr. Müller; 漢字", START, ("Mine", "Yours"),
        )  # fmt: skip
        assert (len(held.alarms), held.text_of("X-OWN")) == (1, "kept")
    assert series.text_of("UID") != single.text_of("UID")
    hands.deletes(made)
    assert [same_path(held.href, copied.href) for held in hands.look()] == [True]


def test_two_users_see_nothing_of_each_other(dav_server: DavServer) -> None:
    anna, bert = dav_server.new_user("anna"), dav_server.new_user("bert")
    path = dav_server.makes_calendar(anna, "Work")
    dav_server.makes_calendar(bert, "Work")
    Hands(dav_server, anna, path).adds("Dentist", START)
    status, _, text = dav_server.ask(bert, "PROPFIND", bert.home, ETAGS, Depth="1", Content_Type="text/xml")
    assert status == 207
    assert ".ics" not in text


def test_the_gate_passes_on_what_is_signed_and_nothing_else(worker: tuple[User, Hands]) -> None:
    user, hands = worker
    held = hands.adds("Dentist", START)
    ways = (
        {"Authorization": user.basic},
        {},
        {"Authorization": User("x", "y", "").basic},
        {"X-Remote-User": user.name},
    )
    answers = asked(Gate(hands._server), *[("GET", held.href, "", way) for way in ways])
    assert [status for status, _, _ in answers] == [200, 401, 401, 401]
    assert answers[0][2] == held.text


@pytest.mark.parametrize(
    ("habits", "right", "wrong"),
    [
        ({"sign_in": "bearer"}, lambda user: f"Bearer {bearer(user)}", lambda user: user.basic),
        ({"cookies": True}, lambda user: user.basic, lambda _: "Basic eDp5"),
    ],
)
def test_other_ways_to_sign_in(worker: tuple[User, Hands], habits, right, wrong) -> None:
    user, hands = worker
    held, gate = hands.adds("Dentist", START), Gate(hands._server)
    gate.control.change(**habits)
    requests = [("GET", held.href, "", {"Authorization": way(user)}) for way in (right, wrong)]
    (good, headers, _), (bad, _, _) = asked(gate, *requests)
    assert (good, bad) == (200, 401)
    if "cookies" in habits:
        cookie = {"Cookie": headers["set-cookie"].partition(";")[0]}
        assert asked(gate, ("GET", held.href, "", cookie))[0][0] == 200


def test_a_fault_is_done_to_the_request_that_it_is_meant_for_and_the_ledger_has_both(
    worker: tuple[User, Hands],
) -> None:
    user, hands = worker
    held, gate = hands.adds("Dentist", START), Gate(hands._server)
    gate.control.add_fault(Fault(kind="status", status=507, match=Match(method="GET", nth=2)))
    read = ("GET", held.href, "", {"Authorization": user.basic})
    assert [status for status, _, _ in asked(gate, read, read, read)] == [200, 507, 200]
    assert [(entry.method, entry.status) for entry in gate.control.ledger()] == [
        ("GET", 200), ("GET", 507), ("GET", 200),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["whole", "more", "less"])
def test_hrefs_can_be_written_in_other_ways(worker: tuple[User, Hands], how: str) -> None:
    user, hands = worker
    held, gate = hands.adds("Dentist", START), Gate(hands._server)
    gate.control.change(hrefs=how)
    signed = {"Authorization": user.basic, "Depth": "1", "Content-Type": "text/xml"}
    [(status, _, text)] = asked(gate, ("PROPFIND", hands.path, ETAGS, signed))
    assert status == 207
    assert {"whole": "http://127.0.0.1", "more": "%2eics", "less": "@"}[how] in text
    assert held.etag in text.replace("&quot;", '"')


def test_what_both_servers_do_with_the_conditions_that_keep_an_event_single(worker: tuple[User, Hands]) -> None:
    """If-None-Match, If-Match and a UID that is there already: what the connector is built on."""
    user, hands = worker
    held, server = hands.adds("Dentist", START), hands._server
    again = server.ask(user, "PUT", held.href, held.text, Content_Type="text/calendar", If_None_Match="*")
    stale = server.ask(user, "PUT", held.href, held.text, Content_Type="text/calendar", If_Match='"stale"')
    other = server.ask(
        user, "PUT", f"{hands.path}other.ics", held.text, Content_Type="text/calendar", If_None_Match="*"
    )
    gone = server.ask(user, "DELETE", held.href, If_Match='"stale"')
    assert [again[0], stale[0], gone[0]] == [412, 412, 412]
    assert (other[0], "no-uid-conflict" in other[2]) == ({"radicale": 409, "xandikos": 412}[server.kind], True)
    assert [(each.etag, each.text_of("SUMMARY")) for each in hands.look()] == [(held.etag, "Dentist")]
