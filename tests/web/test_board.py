"""The schedule board over HTTP: what it shows, what a dispatcher does, and what two of them do at once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.schedule.shop import Shop
from tests.schedule.test_crews import Gang
from tests.web.centre_end import OPERATOR, Browser, Centre

from fieldcal import web
from fieldcal.schedule.desk import Desk
from fieldcal.setup import environments
from fieldcal.setup_model import Endpoint, Role
from fieldcal.state import audit
from fieldcal.state.tables import environments as environment_table
from fieldcal.web.texts import catalogue

DAY = "/board/day.json?since=2026-11-23T00:00:00Z&until=2026-11-24T00:00:00Z"
MORNING = {"start": "2026-11-23T09:00:00Z", "end": "2026-11-23T11:00:00+00:00"}
_DEEDS = ("book", "move", "status", "remove")


@pytest.fixture
def shop(place: Centre, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(str(tmp_path / "fs.sqlite3"))
    made.rung = 0  # type: ignore[attr-defined] # how often a pass was asked for

    def ring() -> None:
        made.rung += 1  # type: ignore[attr-defined]

    place.desk = Desk(made.store, ring)
    yield made
    made.store.close()


def embedded(at: Centre) -> None:
    with at.app.database.write() as tx:
        environments.add(tx, OPERATOR, at.clock.now(), "main", Endpoint("", credential="embedded"))


async def sends(browser: Browser, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    headers = {"x-csrf-token": browser.token}
    answer = await browser.ask("POST", path, json=body, headers=headers)
    return answer.status, json.loads(answer.text) if answer.text.startswith("{") else answer.text


async def shown(browser: Browser) -> Any:
    answer = await browser.get(DAY)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def test_a_dispatcher_books_moves_and_gives_away_and_it_is_on_record(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        waiting = json.loads((await browser.get("/board/waiting.json?search=oven")).text)
        assert [one["number"] for one in waiting["orders"]] == ["WO-1"]
        status, made = await sends(browser, "/board/book", {"worker": shop.ana, "order": shop.order, **MORNING})
        assert (status, made["slot"]["number"], made["slot"]["standing"]) == (200, "WO-1", "waits")
        slot = made["slot"]
        change = {"booking": slot["id"], "version": slot["version"], "worker": shop.ben}
        status, moved = await sends(browser, "/board/move", change)
        assert (status, moved["slot"]["worker"], moved["slot"]["start"]) == (200, shop.ben, "2026-11-23T09:00:00Z")
        done = {"booking": slot["id"], "version": moved["slot"]["version"], "status": shop.status["Completed"]}
        assert (await sends(browser, "/board/status", done))[0] == 200
        day = await shown(browser)
        assert (day["slots"][0]["promised"], day["closed"]) == ([None, None], {})
        assert [(one["worker"], one["status"]["step"], one["standing"]) for one in day["slots"]] == [
            (shop.ben, "completed", "waits")
        ]
        assert [lane["name"] for lane in day["lanes"]] == ["Ana", "Ben"]
        assert json.loads((await browser.get("/board/waiting.json")).text)["total"] == 0
        gone = {"booking": slot["id"], "version": day["slots"][0]["version"]}
        assert await sends(browser, "/board/remove", gone) == (200, {"slot": None})
        with at.app.database.read() as tx:
            lines = [
                (line.actor, line.action, line.subject)
                for line in reversed(audit.latest(tx, wanted=audit.Wanted(actor="dora")))
            ]
        lines = [line for line in lines if line[1] != "sign in"]
        assert [line[1] for line in lines] == ["booking made", "booking moved", "booking status", "booking removed"]
        assert {line[2] for line in lines} == {f"main/{slot['id']}"}
        assert shop.rung == 4  # type: ignore[attr-defined]
        # its work order tells all of it though the booking is gone, in the viewer's zone
        page = (await browser.get("/orders/one?number=WO-1")).text.replace("23 Nov 2026, ", "")
        told = [
            " ".join(re.sub(r"<[^>]+>", "", line).split()) for line in re.findall(r"<li><span>(Booking.*?)</li>", page)
        ]
        assert all("; work order WO-1" in line for line in told)
        told = [line.replace("; work order WO-1", "") for line in told]
        ana, ben = (f"{name}, 09:00 to 11:00, Scheduled" for name in ("Ana", "Ben"))
        expected = ["Booking removed: " + ben.replace("Scheduled", "Completed"),
                    f"Booking status: {ben}; now " + ben.replace("Scheduled", "Completed"),
                    f"Booking moved: {ana}; now {ben}", f"Booking made: {ana}"]  # fmt: skip
        assert [line.partition("dora")[0].strip() for line in told] == expected

    place.play(story)


def test_of_two_dispatchers_the_second_is_told_how_it_stands_and_overwrites_nothing(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        first, second = [await at.signed_in(name, Role.DISPATCHER) for name in ("dora", "dirk")]
        _, made = await sends(first, "/board/book", {"worker": shop.ana, **MORNING})
        seen = {"booking": made["slot"]["id"], "version": made["slot"]["version"]}
        assert (await sends(first, "/board/move", {**seen, "worker": shop.ben}))[0] == 200
        status, told = await sends(second, "/board/move", {**seen, "start": "2026-11-23T10:00:00Z"})
        assert status == 409
        assert (told["now"]["worker"], told["now"]["start"]) == (shop.ben, "2026-11-23T09:00:00Z")
        again = {**seen, "version": told["now"]["version"], "start": "2026-11-23T10:00:00Z"}
        assert (await sends(second, "/board/move", again))[0] == 200
        assert (await shown(first))["slots"][0]["start"] == "2026-11-23T10:00:00Z"

    place.play(story)


def test_an_order_that_another_booked_meanwhile_is_booked_again_only_by_a_choice(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        first, second = [await at.signed_in(name, Role.DISPATCHER) for name in ("dora", "dirk")]
        sent = {"order": shop.order, **MORNING}
        before = json.loads((await second.get("/board/waiting.json")).text)
        both = await asyncio.gather(
            sends(first, "/board/book", {**sent, "worker": shop.ana}),
            sends(second, "/board/book", {**sent, "worker": shop.ben}),
        )
        (_, made), (status, told) = sorted(both, key=lambda one: one[0])
        assert (status, [one["id"] for one in told["order"]["slots"]]) == (409, [made["slot"]["id"]])
        assert {key: told["order"][key] for key in ("number", "closed", "there")} == {
            "number": "WO-1", "closed": "", "there": True,
        }  # fmt: skip
        after = json.loads((await second.get("/board/waiting.json")).text)
        assert (before["total"], after["total"]) == (1, 0)
        assert after["version"] > before["version"]
        assert (await sends(second, "/board/book", {**sent, "worker": shop.ben, "again": True}))[0] == 200
        assert len((await shown(first))["slots"]) == 2
        shop.store.remove("msdyn_workorder", shop.order)
        status, told = await sends(second, "/board/book", {**sent, "worker": shop.ben})
        assert (status, told["order"]["there"]) == (409, False)
        assert (await sends(second, "/board/book", {**sent, "worker": shop.ben, "again": True}))[0] == 422

    place.play(story)


def test_each_booking_that_goes_with_a_crew_is_on_record_and_named_before_it_goes(
    place: Centre, tmp_path: Path
) -> None:
    gang = Gang(str(tmp_path / "fs.sqlite3"))
    place.desk = Desk(gang.store, lambda: None)

    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        sent = {"worker": gang.crew, "start": "2026-11-24T09:00:00Z", "end": "2026-11-24T11:00:00Z"}
        _, made = await sends(browser, "/board/book", sent)
        slot = made["slot"]
        of = {one["resource"]: one["bookableresourcebookingid"] for one in gang.store.rows("bookableresourcebooking")}
        change = {"booking": slot["id"], "version": slot["version"], "end": "2026-11-24T12:00:00Z"}
        _, moved = await sends(browser, "/board/move", change)
        step = {**change, "version": moved["slot"]["version"], "status": gang.status["Traveling"]}
        _, stepped = await sends(browser, "/board/status", {key: step[key] for key in ("booking", "version", "status")})
        going = json.loads((await browser.get(f"/board/along.json?booking={slot['id']}")).text)["slots"]
        assert {one["worker"] for one in going} == {gang.ana, gang.ben}
        gone = {"booking": slot["id"], "version": stepped["slot"]["version"]}
        status, told = await sends(browser, "/board/remove", gone)
        assert (status, told["slot"], set(told["members"])) == (200, None, {gang.ana, gang.ben})
        with at.app.database.read() as tx:
            lines = audit.latest(tx, wanted=audit.Wanted(actor="dora"))
        for what in ("made", "moved", "status", "removed"):
            named = sorted(line.subject for line in lines if line.action == f"booking {what}")
            assert named == sorted(f"main/{one}" for one in of.values())
        gang.store.close()

    place.play(story)


def test_a_booking_at_the_end_of_time_is_refused_and_one_that_came_another_way_is_shown(
    place: Centre, shop: Shop
) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        for span in ({**MORNING, "end": "9999-12-31T23:59:59Z"}, {**MORNING, "start": "0026-11-23T09:00:00Z"},
                     {**MORNING, "start": "0001-01-01T00:00:00+14:00"}):  # fmt: skip
            status, told = await sends(browser, "/board/book", {"worker": shop.ben, **span})
            assert (status, "between 1990 and" in told["detail"]) == (422, True)
        kept = {"bookingstatus": shop.status["Scheduled"], "resource": shop.ben}
        for begin, end in (("2026-11-23T10:00:00Z", "9999-12-31T23:59:59Z"), ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
                           ("26-11-23T10:00:00Z", "9999-12-31T23:59:59Z")):  # fmt: skip
            shop.store.load("bookableresourcebooking", [{**kept, "starttime": begin, "endtime": end, "duration": 1}])
        assert {one["end"][:4] for one in (await shown(browser))["slots"]} == {"9999"}
        for since, until in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
            far = await browser.get(f"/board/day.json?since={since}T00:00:00%2B14:00&until={until}T00:00:00%2B14:00")
            assert far.status == 409

    place.play(story)


def test_everybody_who_looks_hears_of_a_change(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        first, second = [await at.signed_in(name, Role.DISPATCHER) for name in ("dora", "dirk")]
        version = (await shown(second))["version"]
        async with second.session.get(f"{second.url}/board/events?version={version}") as events:
            await sends(first, "/board/book", {"worker": shop.ana, **MORNING})
            heard = await asyncio.wait_for(events.content.readuntil(b"\n\n"), 10)
        told = int(heard.decode().rpartition("data: ")[2])
        assert told > version
        assert (await shown(second))["version"] >= told

    place.play(story)


def test_what_cannot_be_kept_is_shown(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        for span in (
            MORNING,
            {**MORNING, "start": "2026-11-23T10:00:00Z"},
            {"start": "2026-11-23T05:00:00Z", "end": "2026-11-23T06:00:00Z"},
        ):
            assert (await sends(browser, "/board/book", {"worker": shop.ana, **span}))[0] == 200
        assert [(one["double"], one["outside"]) for one in (await shown(browser))["slots"]] == [
            (False, True), (True, False), (True, False),
        ]  # fmt: skip

    place.play(story)


def test_where_a_booking_stands_is_told_again_only_when_it_has_changed(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        _, first = await sends(browser, "/board/book", {"worker": shop.ana, **MORNING})
        have = (await shown(browser))["version"]
        _, second = await sends(browser, "/board/book", {"worker": shop.ben, **MORNING})
        told = json.loads((await browser.get(f"{DAY}&have={have}")).text)["slots"]
        assert {one["id"]: one["standing"] for one in told} == {
            first["slot"]["id"]: None,
            second["slot"]["id"]: "waits",
        }

    place.play(story)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/board/book", {"worker": "nobody", **MORNING}),
        ("/board/book", {"worker": "nobody", "start": "2026-11-23T09:00:00", "end": "2026-11-23T10:00:00Z"}),
        ("/board/book", {"worker": "nobody", **MORNING, "more": 1}),
        ("/board/move", {"booking": "x", "version": "y"}),
        ("/board/status", {}),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    place: Centre, shop: Shop, path: str, body: dict[str, Any]
) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        before = shop.store.version()
        assert (await sends(browser, path, body))[0] == 422
        assert shop.store.version() == before
        assert (await browser.get(DAY.replace("24T", "31T").replace("11-31", "12-31"))).status == 409

    place.play(story)


def test_where_another_system_makes_the_bookings_the_board_does_not(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("dora", Role.DISPATCHER)
        told = (await browser.get("/board")).text
        assert "Bookings are made in its own Field Service" in told
        assert '<a class="button main" href="/bookings">' in told
        assert (await browser.get(DAY)).status == 409
        assert (await sends(browser, "/board/book", {"worker": shop.ana, **MORNING}))[0] == 422
        assert shop.rung == 0  # type: ignore[attr-defined]

    place.play(story)


def test_the_page_names_every_script_that_there_is_and_what_orders_can_be_narrowed_to(
    place: Centre, shop: Shop
) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        page = await browser.get("/board")
        assert page.status == 200
        named = set(re.findall(r"/static/js/board/([a-z]+\.js)", page.text))
        assert named == {file.name for file in (Path(web.__file__).parent / "static/js/board").iterdir()}
        assert f'<option value="{shop.type}">Repair' in page.text
        assert f'<option value="{shop.high}">High' in page.text
        # every word that a script says is there, and is said
        words = {key.removeprefix("board.say.") for key in catalogue() if key.startswith("board.say.")}
        scripts = "".join(file.read_text() for file in (Path(web.__file__).parent / "static/js/board").iterdir())
        asked = set(re.findall(r'\bsay\("([a-z_]+)"', scripts))
        asked |= {f"{how}_{deed}" for how in ("done", "undone", "again", "deed") for deed in _DEEDS}
        asked |= {f"standing_{one}" for one in ("stands", "behind", "outdated", "waits", "refused", "none", "deleted")}
        assert sorted(asked - words) == []

    place.play(story)


def test_a_booking_that_is_brought_back_has_the_status_that_it_had(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        sent = {"worker": shop.ana, "status": shop.status["Completed"], **MORNING}
        status, made = await sends(browser, "/board/book", sent)
        assert (status, made["slot"]["status"]["step"]) == (200, "completed")
        assert (await sends(browser, "/board/book", {**sent, "status": "none such"}))[0] == 422

    place.play(story)


@pytest.mark.parametrize(
    ("sent", "called"),
    [({}, "Booking"), ({"title": "  "}, "Booking"), ({"title": " Team meeting "}, "Team meeting")],
)
def test_a_booking_without_a_work_order_is_called_by_its_title_and_never_after_its_worker(
    place: Centre, shop: Shop, sent: dict[str, str], called: str
) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        status, made = await sends(browser, "/board/book", {"worker": shop.ana, **MORNING, **sent})
        assert (status, made["slot"]["name"], made["slot"]["number"]) == (200, called, "")

    place.play(story)


def test_who_waits_for_news_is_let_go_when_the_service_ends(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        version = (await shown(browser))["version"]
        async with browser.session.get(f"{browser.url}/board/events?version={version}") as events:
            assert at.desk is not None
            at.desk.close()
            await asyncio.wait_for(events.content.read(), 10)

    place.play(story)


def test_why_a_booking_that_was_just_made_is_in_no_calendar_is_told_before_any_pass_has_read_it(
    place: Centre, shop: Shop
) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        now = at.clock.now()
        span = {"start": (now + timedelta(hours=2)).isoformat(), "end": (now + timedelta(hours=3)).isoformat()}
        _, made = await sends(browser, "/board/book", {"worker": shop.ana, "order": shop.order, **span})
        booking = made["slot"]["id"]
        page = await browser.get(f"/bookings/{booking}")
        assert page.status == 200
        for words in (
            "WO-1 · Repair · Northwind Bakery",
            "It is not in the calendar: it has not been read yet",
            "Sync now",
        ):
            assert words in page.text, words
        assert 0 < int(re.search(r"it will be within (\d+) seconds", page.text)[1]) <= 15
        for name in (booking, "wo-1"):
            told = json.loads((await browser.get(f"/api/v1/environments/main/bookings/{name}/why")).text)["items"]
            assert [(one["booking"], one["missing"]) for one in told] == [(booking, False)]
            assert re.fullmatch(r".*not been read yet; it will be within \d+ seconds\.", told[0]["answer"])
            assert [one["name"] for one in told[0]["stations"]] == ["source", "window", "worker", "next read"]
        # what is not there is not there, and a stranger's own is not shown
        assert (await browser.get("/bookings/00000000-0000-4000-8000-000000000000")).status == 404
        worker = await at.signed_in("ana", Role.WORKER)
        assert (await worker.get(f"/bookings/{booking}")).status == 404
        assert (await worker.get("/api/v1/environments/main/bookings/wo-1/why")).status == 404
        # what was over before the window is never read, and what waits for a person says for what
        late = [{"starttime": "2020-01-01T08:00:00Z", "endtime": "2020-01-01T09:00:00Z", "resource": shop.ana,
                 "bookingstatus": shop.status["Scheduled"], "bookableresourcebookingid": "late"}]  # fmt: skip
        shop.store.load("bookableresourcebooking", late)
        assert "ended before the window begins" in (await browser.get("/bookings/late")).text
        with at.app.database.write() as tx:
            tx.execute(environment_table.update().values(enabled=False))
        assert "not been read yet; the environment is switched off" in (await browser.get(f"/bookings/{booking}")).text

    place.play(story)


def test_a_cancellation_is_taken_back_unasked_only_while_its_time_is_free(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        embedded(at)
        browser = await at.signed_in("dora", Role.DISPATCHER)
        _, made = await sends(browser, "/board/book", {"worker": shop.ana, **MORNING})

        async def steps(name: str, **more: Any) -> tuple[int, Any]:
            slot = made["slot"]
            sent = {"booking": slot["id"], "version": slot["version"], "status": shop.status[name], **more}
            status, told = await sends(browser, "/board/status", sent)
            if status == 200:
                made["slot"] = told["slot"]
            return status, told

        assert (await steps("Canceled"))[0] == 200
        _, other = await sends(browser, "/board/book", {"worker": shop.ana, **MORNING})
        status, told = await steps("Scheduled")
        assert (status, [one["id"] for one in told["taken"]]) == (409, [other["slot"]["id"]])
        assert (await steps("Scheduled", again=True))[0] == 200

    place.play(story)
