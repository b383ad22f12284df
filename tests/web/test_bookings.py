"""The bookings: found by what is searched for, told why by whom may know, and the own ones only for a worker."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.values import BOOKING, BOX, COLLEAGUE, NOW, ORDER, WORKER, booking_id
from tests.web.centre_end import Centre
from tests.web.test_api import token

from fieldcal.model import BookingId, Detailed, EventId, Link, Window, WorkOrder
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Endpoint, Role, ServerProfile
from fieldcal.state import bookings, history, links, marks, profiles, workers
from fieldcal.state.history import Line
from fieldcal.state.marks import Later, Marked
from fieldcal.state.tables import bookings as booking_table
from fieldcal.state.tables import environments, mailboxes

DISPATCHER = (Role.DISPATCHER,)
FEW = 60


def stock(at: Centre, number: int = FEW) -> list[BookingId]:
    """So many bookings, an hour apart from now on; those of an even number are the worker's, the rest a colleague's."""
    at.environment()
    begins = at.clock.now()
    rows = [
        replace(BOOKING, id=booking_id(n), start=begins + timedelta(hours=n), end=begins + timedelta(hours=n + 1),
                worker=(WORKER if n % 2 == 0 else COLLEAGUE).id)
        for n in range(1, number + 1)
    ]  # fmt: skip
    found = [Detailed(row, _order(n)) for n, row in enumerate(rows, 1)]
    with at.app.database.write() as tx:
        tx.execute(environments.update().values(organization="org"))
        window = Window(begins - timedelta(days=30), begins + timedelta(days=30))
        workers.store(tx, "main", [WORKER, COLLEAGUE], [], window, begins)
        tx.execute(mailboxes.update().values(enabled=True, approval="approved"))
        bookings.store_details(tx, "main", found, "run")
    return [row.id for row in rows]


def _order(n: int) -> WorkOrder:
    account = "St. Anne's School" if n <= 3 else "Elbkontor"
    return replace(ORDER, number=f"WO-{n:04}", service_account=account)


@pytest.mark.parametrize(
    ("query", "there", "total"),
    [
        ("", "WO-0025", "1–25 of 60"),
        ("page=3", "WO-0060", "51–60 of 60"),
        ("number=wo-004", "WO-0049", "1–10 of 10"),
        ("number=WO-0007", "WO-0007", "1–1 of 1"),
        ("account=st.+anne", "WO-0003", "1–3 of 3"),
        ("account=SCHOOL", "Nothing matches", ""),
        ("worker=NNA", "WO-0002", "of 30"),
        ("worker=nobody+at+all", "Nothing matches", ""),
        ("number=wo-004&worker=anna", "WO-0048", "1–5 of 5"),
        ("number=wo-0&account=st&worker=bernd", "WO-0003", "1–2 of 2"),
        ("show=missing&worker=anna&number=wo-000", "no server profile is chosen", "1–4 of 4"),
        ("show=missing&number=nothing", "Nothing matches", ""),
        ("from=2100-01-01", "Nothing matches", ""),
        ("to=2000-01-01", "Nothing matches", ""),
        ("number=%25", "Nothing matches", ""),
        ("from=&number=&to=&page=2", "WO-0026", "26–50 of 60"),
    ],
)
def test_bookings_are_found_by_the_server(place: Centre, query: str, there: str, total: str) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("dispatcher", *DISPATCHER)
        answer = await browser.get(f"/bookings?{query}")
        assert answer.status == 200
        assert there in answer.text
        assert total in answer.text

    place.play(story)


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=2026-13-01", "from=0001-01-01", "from=9999-12-31", "show=colour"]
)
def test_what_cannot_be_searched_for_is_refused_in_words(place: Centre, query: str) -> None:
    async def story(at: Centre) -> None:
        stock(at, 1)
        browser = await at.signed_in("dispatcher", *DISPATCHER)
        answer = await browser.get(f"/bookings?{query}")
        assert answer.status == 409
        assert "<h1" in answer.text

    place.play(story)


def test_an_empty_list_says_what_to_do_and_an_id_leads_to_its_booking(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("dispatcher", *DISPATCHER)
        assert "No booking is known yet" in (await browser.get("/bookings")).text
        assert (await browser.get(f"/bookings?number={booking_id(1).upper()}")).to == f"/bookings/{booking_id(1)}"
        gone = await browser.get(f"/bookings/{booking_id(1)}")
        assert (gone.status, "No such booking" in gone.text) == (404, True)

    place.play(story)


def _tell(tx: Connection, key: BookingId, lines: Sequence[Line]) -> None:
    link = Link(BOX, key, 0, EventId("event-1"), subject="As it was", start=NOW, end=NOW, location="Elsewhere")
    links.store(tx, "main", [link], NOW)
    history.write(tx, "main", "run", lines)


def test_why_tells_each_station_what_was_done_and_the_event_beside_the_booking(place: Centre) -> None:
    async def story(at: Centre) -> None:
        ids = stock(at, 4)
        evil = "<script>alert(1)</script>"
        with at.app.database.write() as tx:
            line = Line(BOX, ids[1], "create", "it was new", f"503 {evil}", ok=False, at=at.clock.now(),
                        request="POST /users/…00a/events", status=503)  # fmt: skip
            _tell(tx, ids[1], [line])
        browser = await at.signed_in("dispatcher", *DISPATCHER)
        browser.session.cookie_jar.update_cookies({"fieldcal-zone": "Asia/Tokyo"})
        page = (await browser.get(f"/bookings/{ids[1]}")).text
        for words in ("It is in the calendar", "Source", "Window", "Set-up", "Decision", "As it was", "Elsewhere",
                      "differs", "Making the event failed: it was new", "POST /users/…00a/events", "503 &lt;script&gt;", "(Asia/Tokyo, JST)",
                      "Sync now"):  # fmt: skip
            assert words in page, words
        assert "<script>alert" not in page
        # what helps is a way to it, and no command
        assert "<code>fieldcal" not in page
        assert 'id="helps"' in page
        assert 'href="#helps"' in page
        assert page.count('<span class="since">') >= 3
        assert " UTC" not in page.replace("UTC+", "")

    place.play(story)


def test_a_proposed_booking_stands_beside_its_event_without_a_difference_that_is_none(place: Centre) -> None:
    async def story(at: Centre) -> None:
        key = stock(at, 2)[1]
        with at.app.database.write() as tx:
            tx.execute(booking_table.update().values(kind="proposed"))
            known = bookings.load(tx, "main", [key])[key].known
            event = render(known, WORKER, Settings(), at.clock.now())
            link = Link(BOX, key, 0, EventId("event-1"), subject=event.subject, start=event.start, end=event.end,
                        location=event.location)  # fmt: skip
            links.store(tx, "main", [link], None)
        assert event.location
        page = (await (await at.signed_in("dispatcher", *DISPATCHER)).get(f"/bookings/{key}")).text
        assert "differs" not in page
        assert 'Written <span class="quiet">–</span>' in page, "taken over, and never written that we know of"

    place.play(story)


def test_a_worker_sees_the_own_bookings_only_and_may_ask_for_those(place: Centre) -> None:
    async def story(at: Centre) -> None:
        ids = stock(at, 6)
        stranger = await at.signed_in("stranger", Role.WORKER)
        assert "No mailbox of this environment is yours" in (await stranger.get("/bookings")).text
        worker = await at.signed_in(WORKER.address, Role.WORKER)
        page = (await worker.get("/bookings")).text
        assert "1–3 of 3" in page
        assert "WO-0002" in page
        assert "WO-0001" not in page
        assert "WO-0001" not in (await worker.get("/bookings?number=WO-0001")).text.replace('value="WO-0001"', "")
        assert (await worker.get(f"/bookings/{ids[1]}")).status == 200
        assert (await worker.get(f"/bookings/{ids[0]}")).status == 404
        assert "that you may see" in (await worker.post(f"/bookings/{ids[0]}/sync")).text

    place.play(story)


def test_a_pass_is_offered_to_whom_the_table_lets_and_refused_where_the_environment_is_off(place: Centre) -> None:
    async def story(at: Centre) -> None:
        ids = stock(at, 2)
        reader = await at.signed_in("reader", Role.READER)
        assert "Sync now" not in (await reader.get(f"/bookings/{ids[0]}")).text
        assert (await reader.post(f"/bookings/{ids[0]}/sync")).status == 403
        with at.app.database.write() as tx:
            tx.execute(environments.update().values(enabled=False))
        dispatcher = await at.signed_in("dispatcher", *DISPATCHER)
        answer = await dispatcher.post(f"/bookings/{ids[0]}/sync")
        assert (answer.status, "is switched off" in answer.text) == (409, True)

    place.play(story)


@pytest.mark.parametrize(
    ("roles", "off", "there", "missing"),
    [
        (
            (Role.MAILBOX_APPROVER,), False,
            ['name="deed" value="defaults"', 'name="origin" value="/bookings/', "Open the mailbox"], "That takes",
        ),
        ((Role.SYSTEM_ADMIN,), True, ["Open the environment", "/environments/one?environment=main"], 'name="deed"'),
        ((Role.READER,), False, ["Open the mailbox", "That takes somebody"], 'name="deed"'),
        (DISPATCHER, False, ["has no server profile", "That takes somebody"], "Open the mailbox"),
    ],
)  # fmt: skip
def test_why_offers_what_helps_to_whom_it_is_allowed(
    place: Centre, roles: tuple[Role, ...], off: bool, there: list[str], missing: str
) -> None:
    async def story(at: Centre) -> None:
        key = stock(at, 2)[1]
        with at.app.database.write() as tx:
            tx.execute(environments.update().values(enabled=not off))
        page = (await (await at.signed_in("somebody", *roles)).get(f"/bookings/{key}")).text
        assert [words for words in there if words not in page] == []
        assert missing not in page

    place.play(story)


def test_what_is_missing_is_listed_with_its_reason_and_goes_into_the_file_and_to_scripts(place: Centre) -> None:
    async def story(at: Centre) -> None:
        ids = stock(at, 4)
        with at.app.database.write() as tx:
            _tell(tx, ids[1], [])
        browser = await at.signed_in("dispatcher", *DISPATCHER)
        page = (await browser.get("/bookings?show=missing")).text
        assert "1–3 of 3" in page
        assert "WO-0002" not in page
        assert "Nothing is written into the mailbox: no server profile is chosen." in page
        assert "fieldcal mailbox" not in page
        file = list(csv.DictReader(io.StringIO((await browser.get("/bookings.csv?show=missing&worker=anna")).text)))
        assert [(row["number"], row["why"]) for row in file] == [
            ("WO-0004", "Nothing is written into the mailbox: no server profile is chosen.")
        ]
        everything = csv.DictReader(io.StringIO((await browser.get("/bookings.csv?from=")).text))
        assert [(row["number"], row["calendar"], row["why"]) for row in everything][:2] == [
            ("WO-0001", "none", ""), ("WO-0002", "stands", ""),
        ]  # fmt: skip
        script, path = token(at, "script", Role.READER), "/api/v1/environments/main/bookings"
        found = json.loads((await at.browser().ask("GET", f"{path}?missing=true&worker=anna", headers=script)).text)
        assert [(one["number"], one["why"][:7]) for one in found["items"]] == [("WO-0004", "Nothing")]
        # a worker finds the own ones only, in the file too
        worker = await at.signed_in(WORKER.address, Role.WORKER)
        own = (await worker.get("/bookings.csv?show=missing")).text
        assert ("WO-0004" in own, "WO-0001" in own) == (True, False)
        with at.app.database.write() as tx:
            tx.execute(environments.update().values(organization=""))
        assert "Every booking stands where it should" in (await browser.get("/bookings?show=missing")).text
        assert len((await browser.get("/bookings.csv?show=missing")).text.splitlines()) == 1

    place.play(story)


def test_what_was_refused_is_listed_with_its_reason_though_an_event_of_it_stands(place: Centre) -> None:
    async def story(at: Centre) -> None:
        ids = stock(at, 4)
        with at.app.database.write() as tx:
            _tell(tx, ids[1], [])
            now = at.clock.now()
            marks.mark(tx, "main", [(BOX, ids[1]), (BOX, ids[3])], now, "changed")
            refused = Later(Marked(ids[1], 1, 0, now), None, "refused for good (HTTP 400 ErrorInvalid)")
            marks.postpone(tx, "main", BOX, [refused])
            tx.execute(
                mailboxes.update().values(profile="x", method="server-side-sync", approved_address=WORKER.address)
            )
            profiles.add(tx, ServerProfile("x", Endpoint("https://graph.example"), now))
        browser = await at.signed_in("dispatcher", *DISPATCHER)
        page = (await browser.get("/bookings?show=trouble")).text
        assert "1–1 of 1" in page
        assert 'aria-current="page">Not as it should be' in page
        assert "WO-0002" in page
        assert "It is in the calendar:" in page
        assert "the calendar refused it for good (HTTP 400 ErrorInvalid)" in page
        file = list(csv.DictReader(io.StringIO((await browser.get("/bookings.csv?show=trouble")).text)))
        assert [(row["number"], row["calendar"], "HTTP 400" in row["why"]) for row in file] == [
            ("WO-0002", "refused", True)
        ]
        script, path = token(at, "script", Role.READER), "/api/v1/environments/main/bookings"
        found = json.loads((await at.browser().ask("GET", f"{path}?trouble=true", headers=script)).text)
        assert [(one["number"], "HTTP 400" in one["why"]) for one in found["items"]] == [("WO-0002", True)]
        both = await at.browser().ask("GET", f"{path}?trouble=true&missing=true", headers=script)
        assert both.status == 422

    place.play(story)


def test_a_booking_that_has_no_event_and_needs_none_is_no_alarm(place: Centre) -> None:
    async def story(at: Centre) -> None:
        key = stock(at, 2)[1]
        with at.app.database.write() as tx:
            tx.execute(booking_table.update().values(kind="canceled"))
            tx.execute(
                mailboxes.update().values(profile="x", method="server-side-sync", approved_address=WORKER.address)
            )
            profiles.add(tx, ServerProfile("x", Endpoint("https://graph.example"), at.clock.now()))
        page = (await (await at.signed_in("dispatcher", *DISPATCHER)).get(f"/bookings/{key}")).text
        assert '<p class="said note"><strong>It is not in the calendar: it was canceled before it had an event.' in page
        assert "stands in the way" not in page

    place.play(story)
