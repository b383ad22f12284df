"""The worker's own page over HTTP: what it shows, the steps through a job, and whom it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.schedule.shop import Shop
from tests.web.centre_end import OPERATOR, Answer, Browser, Centre

from fieldcal.clock import PlayedClock
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.model import Booking, BookingId, Detailed, StatusKind, WorkerId, WorkOrder, WorkOrderId
from fieldcal.schedule import moves
from fieldcal.schedule.desk import Desk
from fieldcal.schedule.moves import Moved
from fieldcal.setup import environments
from fieldcal.setup_model import Endpoint, Role
from fieldcal.state import audit, bookings
from fieldcal.state.tables import mailboxes as mailbox_table
from fieldcal.state.tables import workers as worker_table

ANA, BEN = "ana@x.example", "ben@x.example"
BOOKING = "bookableresourcebooking"


@pytest.fixture
def shop(place: Centre, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(str(tmp_path / "fs.sqlite3"))
    place.clock = PlayedClock(datetime(2026, 11, 23, 8, tzinfo=UTC))  # nine in the morning where they work
    made.rung = []  # type: ignore[attr-defined] # how often a pass was asked for
    place.desk = Desk(made.store, lambda: made.rung.append(1))  # type: ignore[attr-defined]
    yield made
    made.store.close()


def staff(at: Centre, people: dict[str, str], end: Endpoint | None = None) -> None:
    """The environment with these workers (address -> id), each with a mailbox, in Berlin."""
    with at.app.database.write() as tx:
        environments.add(tx, OPERATOR, at.clock.now(), "main", end or Endpoint("", credential="embedded"))
        boxes = [{"environment": "main", "id": f"box-{address[:3]}", "name": address[:3].title(), "address": address}
                 for address in people]  # fmt: skip
        tx.execute(mailbox_table.insert(), boxes)
        rows = [
            {"environment": "main", "id": worker, "name": address[:3].title(), "kind": "user", "active": True,
             "mailbox": f"box-{address[:3]}", "address": address, "sign_in": address, "zone": "Europe/Berlin",
             "gone": False} for address, worker in people.items()
        ]  # fmt: skip
        tx.execute(worker_table.insert(), rows)


@dataclass
class Tapped:
    """What a person who taps has at hand."""

    browser: Browser
    shop: Shop

    def row(self, job: str) -> dict[str, Any]:
        return self.shop.store.get(BOOKING, job) or {}

    async def tap(self, job: str, to: str, version: int | None = None) -> Answer:
        version = self.row(job).get("versionnumber", 1) if version is None else version
        return await self.browser.post("/my/day/step", {"booking": job, "version": str(version), "to": to})

    async def told(self) -> str:
        return (await self.browser.get("/my/day")).text


async def ana(at: Centre, shop: Shop) -> Tapped:
    staff(at, {ANA: shop.ana, BEN: shop.ben})
    return Tapped(await at.signed_in(ANA, Role.WORKER), shop)


def job(at: Centre, shop: Shop, *, worker: str = "", order: str | None = None, hours: float = 1) -> str:
    """An hour of work that begins in so many hours; gives its id."""
    begins = (at.clock.now() + timedelta(hours=hours)).replace(microsecond=0)
    return moves.book(shop.store, worker or shop.ana, begins, begins + timedelta(hours=1), order=order).id


def text(at: datetime) -> str:
    return instant_text(at.replace(microsecond=0))


def test_a_worker_lands_on_the_own_page_and_an_administrator_who_works_too_on_the_overview(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        worker = await at.signed_in("only", Role.WORKER)
        assert (await worker.get("/")).to == "/my/day"
        assert "No mailbox of this environment is yours" in (await worker.get("/my/day")).text
        both = await at.signed_in("both", Role.WORKER, Role.SYSTEM_ADMIN)
        assert (await both.get("/")).to == "/overview"

    place.play(story)


def test_the_next_job_says_what_where_when_and_whom_to_call_in_the_worker_s_zone(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        caller = shop.store.create(
            "contact", {"firstname": "Tess", "lastname": "Barlow", "telephone1": "+44 (20) 7946-0015"}
        )
        order = shop.opens(
            "WO-7", msdyn_workordersummary="Pressure & <b>leak</b>", msdyn_address1="1 Foundry Yard",
            msdyn_city="Bristol", msdyn_reportedbycontact=caller, msdyn_instructions="Ring at the gate",
            msdyn_timefrompromised="2026-11-23T09:00:00Z", msdyn_timetopromised="2026-11-23T11:00:00Z",
        )  # fmt: skip
        job(at, shop, order=order)
        job(at, shop, worker=shop.ben, order=shop.order)
        later = shop.opens("WO-8", msdyn_timefrompromised="2026-11-23T09:00:00Z")
        job(at, shop, order=later, hours=3)
        page = await here.told()
        assert "<dd>from 10:00</dd>" in page
        for words in (
            "Next job", "WO-7 · Repair", "Northwind Bakery", "1 Foundry Yard", "Tess Barlow", "Ring at the gate",
            "Pressure &amp; &lt;b&gt;leak&lt;/b&gt;", "times in Europe/Berlin", 'href="tel:+442079460015"',
            'href="https://www.openstreetmap.org/search?query=1%20Foundry%20Yard',
            'rel="noopener noreferrer"', "Times are in Europe/Berlin", "Not in the calendar",
        ):  # fmt: skip
            assert words in page, words
        assert re.search(r"Promised</dt><dd>[^<]*10:00–[^<]*12:00", page)
        assert "The oven is cold" not in page  # another's

    place.play(story)


def test_a_job_goes_from_travel_to_completed_and_the_booking_moves_with_each_step(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop, order=shop.order, hours=2)
        came, arrived = [], None
        start = at.clock.now()
        for minutes, to in (
            (0, "traveling"),
            (20, "in_progress"),
            (10, "on_break"),
            (10, "in_progress"),
            (30, "completed"),
        ):
            at.advance(minutes=minutes)
            assert (await here.tap(one, to)).to == "/my/day"
            row = here.row(one)
            came.append((row["starttime"], row["endtime"]))
            arrived = row["msdyn_actualarrivaltime"]
        done = at.clock.now()
        began, ended = text(start), text(start + timedelta(minutes=80))
        assert came == [(began, text(start + timedelta(hours=1)))] + [(began, ended)] * 3 + [(began, text(done))]
        assert arrived == text(start + timedelta(minutes=20))
        assert shop.order_status() == 690970003
        assert len(shop.rung) == 5  # type: ignore[attr-defined]
        page = await here.told()
        assert "Completed" in page
        assert "Nothing is left to do" in page
        with at.app.database.read() as tx:
            lines = audit.latest(tx, wanted=audit.Wanted(actor=ANA))
        assert [line.subject for line in lines if line.action == "booking status"] == [f"main/{one}"] * 5

    place.play(story)


def test_a_wrong_tap_is_undone_with_its_times_until_another_changes_the_booking(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop, order=shop.order)
        before = here.row(one)
        await here.tap(one, "in_progress")
        assert "Undo “In Progress”" in await here.told()
        assert (await here.browser.post("/my/day/back")).status == 303
        assert "is back at “Scheduled”" in await here.told()
        for name in ("starttime", "endtime", "bookingstatus", "msdyn_actualarrivaltime"):
            assert here.row(one)[name] == before[name]
        assert shop.order_status() == 690970001
        await here.tap(one, "traveling")
        moves.move(shop.store, one, here.row(one)["versionnumber"], Moved(start=at.clock.now() - timedelta(hours=1)))
        assert "Undo" not in await here.told()
        await here.browser.post("/my/day/back")
        assert "nothing of yours was written" in await here.told()
        await here.tap(one, "in_progress")
        at.advance(minutes=10)  # it goes by itself
        await here.browser.post("/my/day/back")
        assert "cannot be undone any more" in await here.told()

    place.play(story)


def test_completed_is_undone_beside_the_words_that_say_so_though_the_answer_was_lost(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop, order=shop.order)
        for to in ("traveling", "in_progress", "on_break", "in_progress"):
            await here.tap(one, to)
        held = here.row(one)
        await here.tap(one, "completed")
        # the line broke before the phone had the answer, so nothing that came with it is there, and it taps once more
        here.browser.session.cookie_jar.clear(lambda cookie: cookie.key in {"fieldcal-back", "fieldcal-said"})
        await here.tap(one, "completed", held["versionnumber"])
        said = (await here.told()).partition("just-done")[2].partition("</div>")[0]
        assert "WO-1 is completed" in said
        assert "Undo “Completed”" in said
        await here.browser.post("/my/day/back")
        assert [here.row(one)[name] for name in ("bookingstatus", "endtime")] == [
            held["bookingstatus"],
            held["endtime"],
        ]
        assert "just-done" not in await here.told()

    place.play(story)


def test_another_s_booking_is_refused_whoever_asks(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        theirs = job(at, shop, worker=shop.ben)
        version = here.row(theirs)["versionnumber"]
        assert (await here.tap(theirs, "traveling")).status == 403
        form = {"booking": theirs, "version": str(version)}
        assert (await here.browser.post("/my/day/ask", form)).status == 403
        dispatcher = Tapped(await at.signed_in("dora", Role.DISPATCHER), shop)
        assert (await dispatcher.tap(theirs, "traveling")).status == 403
        reader = Tapped(await at.signed_in("rita", Role.READER), shop)
        assert (await reader.tap(theirs, "traveling")).status == 403
        # given away meanwhile, it is no longer the own one, though it was when the page was loaded
        own = job(at, shop)
        given = moves.move(shop.store, own, here.row(own)["versionnumber"], Moved(worker=shop.ben))
        assert (await here.tap(own, "traveling", given.version)).status == 403
        assert here.row(theirs)["versionnumber"] == version

    place.play(story)


def test_what_a_dispatcher_changed_meanwhile_is_not_overwritten(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop)
        seen = here.row(one)["versionnumber"]
        moves.move(shop.store, one, seen, Moved(end=at.clock.now().replace(microsecond=0) + timedelta(hours=5)))
        now = here.row(one)
        assert (await here.tap(one, "traveling", seen)).to == "/my/day"
        assert "changed by somebody else meanwhile" in await here.told()
        assert here.row(one) == now
        moves.remove(shop.store, one, now["versionnumber"])
        await here.tap(one, "traveling", seen)
        assert "removed by somebody else meanwhile" in await here.told()

    place.play(story)


def test_a_step_tapped_twice_is_taken_once(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop)
        seen = here.row(one)["versionnumber"]
        await here.tap(one, "traveling", seen)
        first = here.row(one)
        at.advance(seconds=2)
        await here.tap(one, "traveling", seen)
        assert here.row(one) == first
        page = await here.told()
        assert "you are on the way" in page
        assert "Undo “Traveling”" in page
        (line,) = [line for line in _audited(at) if line.action == "booking status"]
        before, _, after = line.detail.partition("; now ")
        assert (before.rpartition(", ")[2], after.rpartition(", ")[2]) == ("Scheduled", "Traveling")

    place.play(story)


def _audited(at: Centre) -> list[Any]:
    with at.app.database.read() as tx:
        return audit.latest(tx, wanted=audit.Wanted(actor=ANA))


@pytest.mark.parametrize("to", ["canceled", "scheduled", "on_break", "nonsense", ""])
def test_a_step_that_does_not_follow_writes_nothing(place: Centre, shop: Shop, to: str) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop)
        before = here.row(one)
        assert (await here.tap(one, to)).status == 409
        assert here.row(one) == before

    place.play(story)


def test_only_to_complete_a_job_is_asked_for_twice(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop, order=shop.order)
        page = await here.told()
        assert re.findall(r'<form method="post" action="(/my/day/\w+)"', page) == ["/my/day/step"] * 2 + ["/my/day/ask"]
        form = {"booking": one, "version": str(here.row(one)["versionnumber"])}
        asked = await here.browser.post("/my/day/ask", form)
        assert "Is WO-1 done?" in asked.text
        # it begins in an hour, so it does not end now
        assert "Its time lies ahead and stays as it is" in asked.text
        begun = job(at, shop, hours=-0.5)
        form = {"booking": begun, "version": str(here.row(begun)["versionnumber"])}
        assert "It ends now" in (await here.browser.post("/my/day/ask", form)).text
        assert 'name="to" value="completed"' in asked.text

    place.play(story)


def test_jobs_of_tomorrow_have_no_buttons_and_one_under_way_since_yesterday_has(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        job(at, shop, hours=48)
        assert "/my/day/step" not in await here.told()
        late = job(at, shop, hours=-30)
        assert "/my/day/step" not in await here.told()
        moves.set_status(shop.store, late, here.row(late)["versionnumber"], shop.status["Traveling"], at.clock.now())
        assert "Under way" in await here.told()
        assert "/my/day/step" in await here.told()

    place.play(story)


@pytest.mark.parametrize("hours", [48, -48])
@pytest.mark.parametrize("to", ["traveling", "in_progress", "completed"])
def test_a_step_that_the_page_does_not_offer_is_not_taken(place: Centre, shop: Shop, hours: int, to: str) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        far = job(at, shop, hours=hours)
        before = here.row(far)
        answer = await here.tap(far, to)
        assert (answer.status, "on the day of the job" in answer.text) == (409, True)
        assert here.row(far) == before

    place.play(story)


def test_a_job_over_several_days_stands_under_each_of_them(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        one = job(at, shop, hours=20, order=shop.order)
        midnight = datetime(2026, 11, 25, 23, tzinfo=UTC)  # of the 26th, where they work
        moves.move(shop.store, one, here.row(one)["versionnumber"], Moved(end=midnight))
        days = re.split(r'<section class="day"><h2>', await here.told())[1:]
        assert [day[:10].partition("<")[0].strip() for day in days if "WO-1" in day] == ["Tue 24 Nov", "Wed 25 Nov"]
        assert len(re.findall(f'id="job-{one}"', "".join(days))) == 1

    place.play(story)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_job_that_lasts_to_the_end_of_all_time_is_shown_begun_and_completed(
    place: Centre, shop: Shop, zone: str
) -> None:
    async def story(at: Centre) -> None:
        by = await ana(at, shop)
        begins = at.clock.now() - timedelta(hours=1)
        span = {"starttime": text(begins), "endtime": "9999-12-31T23:59:59Z", "duration": 1}
        held = {"resource": shop.ana, "bookingstatus": shop.status["Scheduled"], "msdyn_workorder": shop.order}
        shop.store.load(BOOKING, [{"bookableresourcebookingid": "endless", **span, **held}])
        with at.app.database.write() as tx:
            tx.execute(worker_table.update().values(zone=zone))
        by.browser.session.cookie_jar.update_cookies({"fieldcal-zone": zone})
        for step in ("traveling", "in_progress"):
            assert "WO-1" in await by.told()
            assert (await by.tap("endless", step)).status == 303
            assert by.row("endless")["endtime"] == "9999-12-31T23:59:59Z"
        at.advance(minutes=5)
        assert (await by.tap("endless", "completed")).status == 303
        assert by.row("endless")["endtime"] == text(at.clock.now())

    place.play(story)


def test_jobs_of_another_field_service_are_read_as_last_told_and_not_moved_from_here(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        staff(at, {ANA: "w-1"}, Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE"))
        begins = at.clock.now() + timedelta(hours=1)
        order = WorkOrder(WorkOrderId("o-1"), "WO-0009", type="Repair", summary="No heat", service_account="Elm Court",
                          reported_by="Joan Mercer", location="29 Elm Avenue, Cardiff")  # fmt: skip
        row = Booking(BookingId("b-1"), "B", begins, begins + timedelta(hours=1), WorkerId("w-1"), "s", "Scheduled",
                      StatusKind.COMMITTED, order.id, active=True, version=3)  # fmt: skip
        with at.app.database.write() as tx:
            bookings.store_details(tx, "main", [Detailed(row, order)], "run")
        here = Tapped(await at.signed_in(ANA, Role.WORKER), shop)
        page = await here.told()
        assert "Next job" in page
        for words in ("WO-0009 · Repair", "Elm Court", "29 Elm Avenue, Cardiff", "Joan Mercer", "No heat",
                      "made in another Field Service"):  # fmt: skip
            assert words in page, words
        assert "/my/day/step" not in page
        assert (await here.tap("b-1", "traveling", 3)).status == 409
        for _ in range(3):
            at.advance(minutes=50)
            page = await here.told()
        assert "Nothing is left to do" in page  # whether it is done is not told, but its time is over
        assert shop.rung == []  # type: ignore[attr-defined]

    place.play(story)


def test_what_may_be_kept_offline_is_marked_for_one_person_and_nothing_else_is(place: Centre, shop: Shop) -> None:
    async def story(at: Centre) -> None:
        here = await ana(at, shop)
        ben = await at.signed_in(BEN, Role.WORKER)
        marks = [(await browser.get("/my/day")).headers["x-fieldcal-week"] for browser in (here.browser, ben)]
        assert len({*marks}) == 2
        assert all(re.fullmatch("[0-9a-f]{16}", mark) for mark in marks)
        until = datetime.fromisoformat((await ben.get("/my/day")).headers["x-fieldcal-until"])
        assert timedelta(days=5) < until - at.clock.now() <= timedelta(days=7)
        for path in ("/bookings", "/mailbox", "/my/calendar", "/account"):
            assert "x-fieldcal-week" not in (await ben.get(path)).headers
        stranger = at.browser()
        assert "x-fieldcal-week" not in (await stranger.get("/my/day")).headers

    place.play(story)


def test_the_app_s_manifest_and_keeper_are_for_everybody_and_keep_to_their_place(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stranger = at.browser()
        told = await stranger.get("/my/fieldcal.webmanifest")
        app = json.loads(told.text)
        assert told.headers["content-type"].startswith("application/manifest+json")
        assert (app["start_url"], app["display"]) == ("/my/day", "standalone")
        for picture in app["icons"]:
            async with stranger.session.get(at.url + picture["src"]) as answer:
                assert (answer.status, answer.content_type) == (200, picture["type"])
        keeper = await stranger.get("/my/offline.js")
        assert keeper.headers["content-type"].startswith("text/javascript")
        assert "service-worker-allowed" not in keeper.headers
        policy = keeper.headers["content-security-policy"]
        assert "worker-src 'self';" in policy
        assert "manifest-src 'self';" in policy

    place.play(story)
