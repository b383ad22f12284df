"""The overview tells whether it works now: whom is written to, what stands in the way of whom, and what comes next."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.conftest import NewState
from tests.state.test_living import put_in
from tests.values import BOOKING, booking_id
from tests.web.centre_end import OPERATOR, Centre

from fieldcal.model import MailboxId
from fieldcal.setup import profiles
from fieldcal.setup_model import Endpoint, Role
from fieldcal.state import alerts, bookings, feeds, pauses, plans, queue_schema
from fieldcal.state.tables import bookings as booking_rows
from fieldcal.state.tables import environments, mailboxes, marks
from fieldcal.state.tables import feeds as feed_table
from fieldcal.state.tables import profiles as profile_table
from fieldcal.web.render import lasting, shortened

#: how mailboxes are: the values, and how many
KINDS = [
    ({}, 5), ({"enabled": True}, 4), ({"enabled": True, "trouble": "it is full"}, 2), ({"disabled_reason": "switched off by anna"}, 3),
    ({"disabled_reason": ""}, 1), ({"test": "failure", "disabled_reason": "no calendar"}, 2), ({"test": "scheduled"}, 2),
    ({"approved_address": "old@x.example"}, 3), ({"approval": "rejected", "approved_address": ""}, 1), ({"method": "none"}, 2),
    ({"profile": None}, 6), ({"profile": "idle"}, 2),
]  # fmt: skip


def stock(at: Centre, kinds: list[tuple[dict[str, object], int]]) -> None:
    """So many mailboxes of each kind, which are set up but for what is said."""
    at.environment()
    number = 0
    with at.app.database.write() as tx:
        for name in ("exchange", "idle"):
            profiles.add(tx, OPERATOR, at.clock.now(), name, Endpoint("http://127.0.0.1:9", secret="env:NOWHERE"))
        tx.execute(profile_table.update().where(profile_table.c.id == "idle").values(active=False))
        for values, many in kinds:
            for _ in range(many):
                number += 1
                address = f"w{number:03}@x.example"
                said = {"environment": "main", "id": f"box-{number}", "address": address, "profile": "exchange",
                        "method": "server-side-sync", "approval": "approved", "approved_address": address,
                        "test": "success", "disabled_reason": "cleaned"}  # fmt: skip
                tx.execute(mailboxes.insert().values({**said, **values}))


def card(page: str, title: str) -> str:
    return next(part for part in page.split('<section class="card">') if f"{title}</h2>" in part.partition("\n")[0])


def test_that_nothing_works_is_told_first_and_in_no_colour_of_success(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, [({"disabled_reason": "switched off by anna"}, 12)])
        page = (await (await at.signed_in("reader", Role.READER)).get("/overview")).text
        cards = [part for part in page.split('<section class="card">') if "Mailboxes</h2>" in part]
        assert re.search(r'class="figure">0</span>\s*<span class="quiet">of 12 are written to', cards[0])
        assert 'class="said bad">No mailbox is written to.' in cards[1]
        assert "Switched off 12" in cards[1]
        assert "good" not in cards[1]

    place.play(story)


def test_that_no_worker_is_alive_is_told_first_on_the_page_and_by_the_api(
    new_postgres: NewState, tmp_path: Path
) -> None:
    async def story(at: Centre) -> None:
        queue_schema.upgrade(at.app.database)
        stock(at, [({"disabled_reason": "switched off by anna"}, 12)])
        with at.app.database.write() as tx:
            put_in(tx, 60)
        browser = await at.signed_in("reader", Role.READER)
        told = json.loads((await browser.get("/api/v1/environments/main/overview")).text)["obstacles"]
        assert re.match("no worker is running, and a job waits for one, for 6", told[0]["why"]), told
        assert "`fieldcal worker`" in told[0]["remedy"]
        said = card((await browser.get("/overview")).text, "To do")
        assert re.search("<li><span>No worker is running, and a job waits for one, for 6", said), said
        assert "Start fieldcal worker; what waits is then done." in said

    Centre(tmp_path / "data", new_postgres()).play(story)


def test_what_is_to_do_leads_to_exactly_the_mailboxes_that_it_is_to_do_for(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, KINDS)
        browser = await at.signed_in("root", *Role)
        told = json.loads((await browser.get("/api/v1/environments/main/overview")).text)
        assert told["mailboxes"]["by_standing"] == {
            "written": 4,
            "failing": 4,
            "unapproved": 3,
            "unfinished": 10,
            "off": 12,
        }
        page = unescape((await browser.get("/overview")).text)
        assert "fieldcal mailbox" not in page
        for name, number in told["mailboxes"]["by_standing"].items():
            assert f'href="/mailboxes?standing={name}"' in page
            assert f" of {number}<" in (await browser.get(f"/mailboxes?standing={name}")).text
        links = re.findall(r'href="(/mailboxes\?[^"]+)">Show (?:it|these (\d+))', page)
        # those that fail, and of the others the five most, each with its own
        assert [int(number) for _, number in links] == [2, 6, 5, 3, 3, 2]
        for address, number in links:
            assert f" of {number}<" in (await browser.get(address)).text, address

    place.play(story)


def test_the_environment_s_own_trouble_leads_to_where_it_is_put_right(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, [({"enabled": True}, 2)])
        with at.app.database.write() as tx:
            tx.execute(environments.update().values(enabled=False))
        browser = await at.signed_in("root", *Role)
        page = (await browser.get("/overview")).text
        assert 'href="/environments/one?environment=main"' in card(page, "To do")
        assert 'class="said bad">No mailbox is written to.' in page
        assert " of 2<" in (await browser.get("/mailboxes?standing=off")).text

    place.play(story)


def test_a_pass_that_is_due_is_called_due_and_of_many_alerts_six_are_told_with_the_number_of_the_others(
    place: Centre,
) -> None:
    async def story(at: Centre) -> None:
        stock(at, [({"enabled": True}, 9)])
        now = at.clock.now()
        with at.app.database.write() as tx:
            feeds.load(tx, "main")
            tx.execute(feed_table.insert().values(environment="main", next_pull_at=now - timedelta(seconds=2)))
            for number in range(1, 10):
                alerts.raise_alert(tx, "main", f"box-{number}", "code", "warning", f"wrong {number}", now)
            alerts.acknowledge(tx, "main", ["box-9"], ["code"], "anna", now)
        browser = await at.signed_in("reader", Role.READER)
        page = (await browser.get("/overview")).text
        assert re.search(r"Next pass</dt><dd><time [^>]*>due</time>", page)
        told = card(page, "Alerts")
        assert told.count("wrong ") == 6
        assert "2 more<" in told
        assert "1 more is acknowledged." in told

    place.play(story)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, 0.0), (0.0123, 0.012), (1.234, 1.2), (9.96, 10.0), (12.59, 13.0), (1234.5, 1234.0)],
)
def test_a_measure_is_told_as_finely_as_it_says_something(value: float, shown: float) -> None:
    assert shortened(value) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1.234, "1.2 s"), (179.4, "179 s"), (1000.0, "17 min"), (12_600.0, "3.5 h"), (300_000.0, "3.5 d")],
)
def test_a_length_of_time_has_its_unit_and_no_more_digits_than_it_is_worth(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_every_figure_of_the_chart_has_its_unit_at_the_axis(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("reader", Role.READER)
        told = json.loads((await browser.get("/overview/charts.json")).text)
        assert (told["latency"]["unit"], told["written"]["unit"]) == (" s", "")
        script = await browser.get("/static/js/charts.js")
        assert "told.unit" in script.text or script.status == 404

    place.play(story)


def test_what_is_to_do_names_all_that_is_not_well_with_its_number_and_the_page_and_the_api_agree(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, [({"enabled": True}, 3), ({"enabled": True, "failures": 2, "trouble": "it is full"}, 2)])
        now, end = at.clock.now(), at.clock.now() + timedelta(hours=2)
        row = replace(BOOKING, id=booking_id(1), worker=None, start=end, end=end + timedelta(hours=1))
        with at.app.database.write() as tx:
            tx.execute(environments.update().values(organization="org", secret=""))
            bookings.store_rows(tx, "main", [row], "run", stale=False)
            tx.execute(
                marks.insert().values(
                    environment="main", mailbox="box-1", booking=booking_id(1), since=now, seq=1, attempts=1
                )
            )
            plans.hold(tx, "main", [(MailboxId("box-1"), booking_id(n), "gone") for n in range(66)], "too many", now)
            pauses.pause(tx, "box-1", end, "busy")
        browser = await at.signed_in("root", *Role)
        told = json.loads((await browser.get("/api/v1/environments/main/overview")).text)
        assert {one["kind"]: one["count"] for one in told["to_do"]} == {
            "paused": 1, "troubled": 2, "held": 66, "refused": 1, "missing": 1,
        }  # fmt: skip
        assert (told["paused"], told["mailboxes"]["by_standing"]["written"]) == (1, 3)
        page = unescape((await browser.get("/overview")).text)
        assert "Nothing." not in card(page, "To do")
        for one in told["to_do"]:
            assert f'<a href="{one["link"]}">' in card(page, "To do"), one
        assert " of 2<" in (await browser.get("/mailboxes?standing=troubled")).text
        for shown in ("missing", "trouble"):
            assert " of 1<" in (await browser.get(f"/bookings?show={shown}")).text, shown
        assert '<a href="/bookings?show=trouble">1 set aside' in page
        # counting what is missing is dear: it is done anew a minute later
        with at.app.database.write() as tx:
            tx.execute(booking_rows.delete())
        at.advance(minutes=1)
        told = json.loads((await browser.get("/api/v1/environments/main/overview")).text)
        assert "missing" not in {one["kind"] for one in told["to_do"]}

    place.play(story)


def test_nothing_to_do_is_said_where_that_is_so(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, [({"enabled": True}, 3)])
        with at.app.database.write() as tx:
            tx.execute(environments.update().values(organization="org", secret=""))
        page = (await (await at.signed_in("root", *Role)).get("/overview")).text
        assert "Nothing. Every mailbox" in card(page, "To do")
        assert "Every one of the 3 mailboxes is written to." in page

    place.play(story)


@pytest.mark.parametrize("scope", ["connector:exchange", "source:main"])
def test_what_a_pause_holds_up_is_not_called_written_to_and_its_end_is_told_on_the_viewer_s_clock(
    place: Centre, scope: str
) -> None:
    async def story(at: Centre) -> None:
        stock(at, [({"enabled": True}, 3)])
        until = (at.clock.now() + timedelta(hours=1)).replace(microsecond=0)
        with at.app.database.write() as tx:
            pauses.pause(tx, scope, until, "asked to wait")
            pauses.pause(tx, "connector:of-another", until, "not ours")
        browser = await at.signed_in("root", *Role)
        cookie = f"fieldcal={browser.cookie}; fieldcal-zone=Asia/Kolkata"
        page = (await browser.get("/overview", Cookie=cookie)).text
        clock = f"{until.astimezone(ZoneInfo('Asia/Kolkata')):%H:%M}</time>"
        assert "asked to wait" in card(page, "To do")
        assert "not ours" not in page
        assert clock in card(page, "To do")
        rows = (await browser.get("/mailboxes", Cookie=cookie)).text
        held = scope.startswith("connector")
        assert ("the source is paused until <time" in page) != held
        assert ("All 3 that are set up are paused until" in page) == held
        assert 'class="said good"' not in page
        assert ('class="state good" href="/mailboxes?standing=written"' in page) != held
        assert len(re.findall(rf'"state warn">Paused until <time [^>]*>[^<]*{clock}', rows)) == (3 if held else 0)

    place.play(story)


def test_a_secret_that_is_missing_is_named_where_no_mailbox_is_known(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("root", *Role)
        for path in ("/overview", "/mailboxes"):
            page = (await browser.get(path)).text
            assert "the secret env:NOWHERE is not set" in page
            assert "next pass" not in page.split("<main")[1].split("Passes</h2>")[0]

    place.play(story)
