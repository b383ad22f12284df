"""A dispatcher at the schedule board: by mouse, by keyboard, beside another one, and without a connection."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.calendars import book, events, people, until
from tests.browser.company import Company, Tell

from fieldcal.embedded.exchange.hands import Hands
from fieldcal.model import Worker
from fieldcal.schedule import crews, moves
from fieldcal.schedule.moves import Moved
from fieldcal.setup_model import Role

WORLD = {"set_up": True, "workers": 4, "bookings": 30}
_BOOKINGS = "bookableresourcebooking"


def _day(at: Company, ahead: int) -> datetime:
    """Ten in the morning, UTC, some days from now; each story has a day of its own."""
    day = at.app.clock.now() + timedelta(days=ahead)
    return day.replace(hour=10, minute=0, second=0, microsecond=0)


async def _board(at: Company, day: datetime, name: str = "dispatcher", **looks: bool) -> Page:
    page = await at.signed_in(name, **looks)
    await page.goto(f"/board?day={day:%Y-%m-%d}")
    await expect(page.locator("#board[data-ready=yes]")).to_be_visible()
    return page


def _job(page: Page, booking: str) -> Locator:
    return page.locator(f'.job[data-id="{booking}"]')


def _lane(page: Page, worker: Worker) -> Locator:
    return page.get_by_role("row").filter(has=page.locator(f'[data-lane="{worker.id}"]'))


def _row(at: Company, booking: str) -> dict[str, Any] | None:
    return at.embedded.field_service.store.get(_BOOKINGS, booking)


def _span(at: Company, booking: str) -> tuple[datetime, datetime]:
    row = _row(at, booking) or {}
    start, end = (datetime.fromisoformat(row[name]).astimezone(UTC) for name in ("starttime", "endtime"))
    return start, end


def _worker(at: Company, booking: str) -> str:
    return str((_row(at, booking) or {})["resource"])


def _calendar(at: Company, worker: Worker, day: datetime) -> list[str]:
    """The subjects of this day in this worker's calendar, asked of Exchange."""
    here = Hands(at.embedded.exchange.store).look(worker.mailbox or "")
    return [event.subject for event in here if event.start.startswith(f"{day:%Y-%m-%d}")]


def _among(word: str) -> re.Pattern[str]:
    """This word among others."""
    return re.compile(rf"(^|\W){word}(\W|$)")


async def _drag(page: Page, what: Locator, to: Locator, across: float = 0) -> None:
    """Take it in its middle to the height of another, so many pixels on."""
    await what.scroll_into_view_if_needed()
    held, there = await what.bounding_box(), await to.bounding_box()
    assert held is not None
    assert there is not None
    x, y = held["x"] + held["width"] / 2, held["y"] + held["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + across / 2, y + 10)
    await page.mouse.move(x + across, there["y"] + there["height"] / 2, steps=3)
    await page.mouse.up()


#: Notes the lines of which anything that is seen changes.
_TOUCHED = """() => {
  window.touched = new Set();
  const note = ({ target }) => {
    const line = (target.nodeType === 1 ? target : target.parentElement).closest("[role=row]");
    if (line) touched.add(line.querySelector("[data-lane]").dataset.lane);
  };
  new MutationObserver((found) => found.forEach(note)).observe(document.getElementById("board-rows"), {
    subtree: true, childList: true, characterData: true, attributeFilter: ["style", "class", "aria-label", "title"],
  });
}"""


def test_a_booking_dragged_to_another_worker_leaves_one_calendar_and_stands_in_the_other(tell: Tell) -> None:
    async def story(at: Company) -> None:
        ana, ben = people(at)[:2]
        day = _day(at, 6)
        booking, number = book(at, ana, day)
        page = await _board(at, day)
        await expect(_job(page, booking)).to_have_class(_among("stands"))
        assert [number in subject for subject in _calendar(at, ana, day)].count(True) == 1
        await page.evaluate(_TOUCHED)
        await _drag(page, _job(page, booking), _lane(page, ben))
        await expect(page.locator("#board-said")).to_contain_text(number)
        await expect(_lane(page, ben).locator(".job.stands")).to_have_attribute("data-id", booking)
        assert (_worker(at, booking), _span(at, booking)[0]) == (ben.id, day)
        await until(lambda: [number in one for one in _calendar(at, ben, day)].count(True) == 1)
        await until(lambda: not any(number in one for one in _calendar(at, ana, day)))
        assert len(events(at, booking)) == 1
        # the other lines were left as they were
        assert await page.get_by_role("row").count() > 2
        assert sorted(await page.evaluate("[...touched]")) == sorted((ana.id, ben.id))
        # and why it stands there is one click away
        await _job(page, booking).click()
        await page.get_by_role("dialog").get_by_role("link", name="Why?").click()
        await expect(page.locator("h1")).to_contain_text(number)
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_two_dispatchers_collide_and_each_chooses_and_nothing_is_overwritten_unasked(tell: Tell) -> None:
    async def story(at: Company) -> None:
        ana, ben, carl = people(at)[:3]
        day = _day(at, 7)
        booking, _ = book(at, ana, day)
        if "dirk" not in at.passwords:
            at.hire("dirk", Role.DISPATCHER)
        first, second = await _board(at, day), await _board(at, day, "dirk")
        for chosen, left in (("Take theirs", ben), ("Put mine again", carl)):
            # the second takes it up, and is still at it when the first gives it away
            await _job(second, booking).focus()
            await second.keyboard.press("m")
            await second.keyboard.press("ArrowRight")
            target = ben if chosen == "Take theirs" else carl
            await _drag(first, _job(first, booking), _lane(first, target))
            await expect(_lane(second, target).locator(f'[data-id="{booking}"]')).to_be_visible()
            await second.keyboard.press("Enter")
            dialog = second.get_by_role("dialog")
            await expect(dialog).to_contain_text("was changed by somebody else")
            await expect(dialog).to_contain_text(target.name)
            assert (_worker(at, booking), _span(at, booking)[0]) == (target.id, day)
            await dialog.get_by_role("button", name=chosen).click()
            await expect(dialog).to_be_hidden()
            if chosen == "Take theirs":
                await expect(second.locator("#board-said")).to_contain_text("Left as it stands")
                assert (_worker(at, booking), _span(at, booking)[0]) == (left.id, day)
        # the other sees it at once, and what he undoes now is refused with a choice, too
        await until(lambda: _span(at, booking)[0] == day + timedelta(minutes=15))
        assert _worker(at, booking) == ben.id
        await expect(_lane(first, ben).locator(f'[data-id="{booking}"]')).to_be_visible()
        await first.keyboard.press("Control+z")
        await expect(first.get_by_role("dialog")).to_contain_text("cannot simply be undone")
        await first.get_by_role("button", name="Take theirs").click()
        await expect(first.locator("#board-undo")).to_be_disabled()
        assert (_worker(at, booking), _span(at, booking)[0]) == (ben.id, day + timedelta(minutes=15))

    tell(story)


def test_everything_is_done_and_undone_by_keyboard_alone(tell: Tell) -> None:
    async def story(at: Company) -> None:
        worker = people(at)[1]
        day = _day(at, 8)
        booking, number = book(at, worker, day)
        page = await _board(at, day)
        press, said = page.keyboard.press, page.locator("#board-said")
        await _job(page, booking).focus()
        for key in ("m", "ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
            await press(key)
        await expect(said).to_contain_text(number)
        await until(lambda: _span(at, booking)[0] == day + timedelta(minutes=30))
        other = _worker(at, booking)
        assert other != worker.id
        await expect(_job(page, booking)).to_be_focused()
        for key in ("s", "Shift+ArrowRight", "Enter"):
            await press(key)
        await until(lambda: _span(at, booking)[1] == day + timedelta(minutes=150))
        # its menu, a status, and all of it back again
        await press("Shift+F10")
        await expect(page.get_by_role("menu")).to_be_visible()
        await page.get_by_role("menuitemradio", name="In Progress").press("Enter")
        await expect(_job(page, booking)).to_have_attribute("aria-label", _among("In Progress"))
        for _ in range(3):
            await press("Control+z")
        await until(lambda: _span(at, booking) == (day, day + timedelta(hours=1)) and _worker(at, booking) == worker.id)
        await press("Control+Shift+z")
        await until(lambda: _worker(at, booking) == other)
        # removed, and undone: it is booked again, and what was done before can still be taken back
        await press("Delete")
        await page.get_by_role("dialog").get_by_role("button", name="Remove").press("Enter")
        await until(lambda: _row(at, booking) is None)
        await press("Control+z")
        # the work order has a booking from before, too
        await page.get_by_role("dialog").get_by_role("button", name="Book a second time").press("Enter")
        again = page.locator(".job", has_text=number)
        await expect(again).to_have_count(1)
        await press("Control+z")
        made = await again.get_attribute("data-id") or ""
        await until(lambda: _span(at, made)[0] == day and _worker(at, made) == worker.id)
        # without dragging or keys of its own: the form
        await again.click()
        await page.get_by_role("dialog").get_by_label("Worker").select_option(other)
        await page.get_by_role("dialog").get_by_role("button", name="Save").click()
        await until(lambda: _worker(at, made) == other)
        # what is undone need not be in sight
        await page.locator("#board-after").click()
        await expect(again).to_have_count(0)
        await page.locator("#board-undo").click()
        await until(lambda: _worker(at, made) == worker.id)
        await expect(said).to_contain_text(f"Undone: {number}")
        await page.locator("#board-help").click()
        await expect(page.get_by_role("dialog")).to_contain_text("The board by keyboard")
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def _open_order(at: Company, number: str) -> str:
    store = at.embedded.field_service.store
    like = next(iter(store.rows("msdyn_workorder")))
    values = {"msdyn_name": number, "msdyn_workordersummary": "The oven is cold", "msdyn_totalestimatedduration": 90}
    made = store.create("msdyn_workorder", {**values, "msdyn_serviceaccount": like["msdyn_serviceaccount"]})
    at.embedded.changed()
    return made


def test_a_work_order_is_found_and_dragged_onto_a_worker_and_what_cannot_hold_is_shown(tell: Tell) -> None:
    async def story(at: Company) -> None:
        worker = people(at)[0]
        day = _day(at, 9)
        booked, _ = book(at, worker, day)
        order = _open_order(at, "WO-77001")
        page = await _board(at, day)
        await page.get_by_role("searchbox", name="Search").fill("77001")
        card = page.locator(".order")
        await expect(card).to_have_count(1)
        there = await _job(page, booked).bounding_box()
        here = await card.locator("strong").bounding_box()
        assert there is not None
        assert here is not None
        await _drag(page, card.locator("strong"), _job(page, booked), there["x"] + 20 - here["x"] - here["width"] / 2)
        await expect(page.locator("#board-orders .order")).to_have_count(0)
        new = page.locator(".job", has_text="WO-77001")
        await expect(new).to_have_class(_among("double"))
        await expect(new).to_have_attribute("aria-label", _among("Double booked"))
        assert [
            row["resource"]
            for row in at.embedded.field_service.store.rows(_BOOKINGS)
            if row["msdyn_workorder"] == order
        ] == [worker.id]
        await page.keyboard.press("Control+z")
        await expect(new).to_have_count(0)
        await expect(card).to_have_count(1)
        # another books it while the form is open: it leaves the list by itself, and is not booked twice unasked
        dialog = page.get_by_role("dialog")
        await card.get_by_role("button", name="Book WO-77001").click()
        start = dialog.get_by_label("Start")
        kept = await start.input_value()
        await start.evaluate(
            "field => { field.value = '12026-11-23T09:00'; field.dispatchEvent(new Event('change')); }"
        )
        await dialog.get_by_role("button", name="Book", exact=True).click()
        await expect(dialog.get_by_role("alert")).to_contain_text("Give a date and a time from 1990 to")
        await start.fill(kept)
        moves.book(at.embedded.field_service.store, worker.id, day, day + timedelta(hours=1), order=order)
        at.embedded.changed()
        await expect(card).to_have_count(0)
        await expect(page.locator("#board-search input")).to_have_value("77001")
        await dialog.get_by_role("button", name="Book", exact=True).click()
        await expect(dialog).to_contain_text("WO-77001 was booked meanwhile")
        await expect(dialog).to_contain_text(worker.name)
        await dialog.get_by_role("button", name="Leave it").click()
        await expect(dialog).to_be_hidden()
        await expect(new).to_have_count(1)
        await page.keyboard.press("Control+Shift+z")
        await dialog.get_by_role("button", name="Book a second time").click()
        await expect(new).to_have_count(2)
        assert page.complaints[:-2] == []  # type: ignore[attr-defined] # the two that were refused

    tell(story)


def test_a_work_order_s_page_leads_to_it_the_clock_can_be_the_worker_s_and_a_drop_beside_the_board_does_nothing(
    tell: Tell,
) -> None:
    async def story(at: Company) -> None:
        day = _day(at, 10)
        viewer = day.astimezone(ZoneInfo("Europe/Vienna"))
        worker = next(one for one in people(at) if day.astimezone(ZoneInfo(one.zone)).utcoffset() != viewer.utcoffset())
        there = day.astimezone(ZoneInfo(worker.zone))
        booking, _ = book(at, worker, day)
        for number in ("WO-77002", "WO-77003"):
            _open_order(at, number)
        page = await at.signed_in("dispatcher")
        await page.goto("/orders/one?number=WO-77002")
        await page.get_by_role("link", name="Book on the board").click()
        await expect(page.locator("#board[data-ready=yes]")).to_be_visible()
        await expect(page.locator(".order")).to_have_count(1)
        await expect(page.locator(".order strong")).to_have_text("WO-77002")
        await page.locator("#board-day").fill(f"{day:%Y-%m-%d}")
        job = _job(page, booking)
        await expect(job).to_have_attribute("aria-label", _among(f"{viewer:%H:%M}"))
        await page.locator("#board-clock").select_option("worker")
        await expect(_lane(page, worker)).to_contain_text(worker.zone)
        await expect(job).to_have_attribute("aria-label", _among(f"{there:%H:%M}"))
        # an hour on the worker's own clock is one on every other
        before = _row(at, booking)
        await job.press("m")
        await job.press("Shift+ArrowRight")
        await job.press("Enter")
        await until(lambda: _span(at, booking)[0] == day + timedelta(hours=1))
        await page.keyboard.press("Control+z")
        await until(lambda: _span(at, booking)[0] == day)
        # let go beside the board, above it and over the list at its side, nothing is moved and nothing stays
        kept = (_row(at, booking) or {})["versionnumber"]
        assert kept != (before or {})["versionnumber"]
        for target in ("h1", "#board-search"):
            await _drag(page, job, page.locator(target).first)
            await expect(page.locator(".ghost, .grasp")).to_have_count(0)
        await _drag(page, page.locator(".order strong"), page.locator("h1").first)
        await expect(page.locator(".order")).to_have_count(1)
        assert (_row(at, booking) or {})["versionnumber"] == kept
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_a_crew_s_booking_names_whom_it_takes_along_and_undone_brings_back_just_them(tell: Tell) -> None:
    async def story(at: Company) -> None:
        ana, ben, carl = people(at)[:3]
        day, store = _day(at, 14), at.embedded.field_service.store
        others = {row[f"{_BOOKINGS}id"] for row in store.rows(_BOOKINGS)}
        crew = store.create("bookableresource", {"name": "Night crew", "resourcetype": 6})
        for one in (ana, ben, carl):
            crews.join(store, crew, one.id, day.date() - timedelta(days=2), None, leads=False)
        made = moves.book(store, crew, day, day + timedelta(hours=1))
        alone = next(one.slot for one in made.along if one.slot.worker == carl.id)
        moves.move(store, alone.id, alone.version, Moved(start=day + timedelta(hours=2), end=day + timedelta(hours=3)))
        at.embedded.changed()

        def stand() -> list[str]:
            return sorted(row["resource"] for row in store.rows(_BOOKINGS) if row[f"{_BOOKINGS}id"] not in others)

        page = await _board(at, day)
        dialog, everybody = page.get_by_role("dialog"), sorted((crew, ana.id, ben.id, carl.id))
        await _job(page, made.id).press("Delete")
        await expect(dialog).to_contain_text("Night crew has no calendar of its own")
        await expect(dialog).to_contain_text("2 members' bookings go with it")
        await dialog.get_by_role("button", name="Remove").click()
        await until(lambda: stand() == [carl.id])
        await page.keyboard.press("Control+z")
        await until(lambda: stand() == everybody)
        await page.keyboard.press("Control+Shift+z")
        await until(lambda: stand() == [carl.id])
        await page.keyboard.press("Control+z")
        await until(lambda: stand() == everybody)
        # to give it away asks, too
        again = page.get_by_role("row").filter(has=page.locator(f'[data-lane="{crew}"]')).locator(".job")
        await again.click()
        await dialog.get_by_label("Worker").select_option(carl.id)
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_contain_text("2 members' bookings go with it")
        await dialog.get_by_role("button", name="Give it away").click()
        await until(lambda: stand() == [carl.id, carl.id])
        await page.keyboard.press("Control+z")
        await until(lambda: stand() == everybody)
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_to_undo_a_cancellation_asks_where_the_time_was_given_away_meanwhile(tell: Tell) -> None:
    async def story(at: Company) -> None:
        worker, store = people(at)[1], at.embedded.field_service.store
        day = _day(at, 11)
        booking, _ = book(at, worker, day)
        named = {row["bookingstatusid"]: row["name"] for row in store.rows("bookingstatus")}

        def status() -> str:
            return str(named[(_row(at, booking) or {})["bookingstatus"]])

        page, was = await _board(at, day), status()
        dialog, job = page.get_by_role("dialog"), _job(page, booking)

        async def choose(name: str) -> None:
            await job.press("Shift+F10")
            await page.get_by_role("menuitemradio", name=name).press("Enter")

        await choose("Canceled")
        await until(lambda: status() == "Canceled")
        await page.keyboard.press("Control+z")
        await until(lambda: status() == was)  # nobody took it: it comes back unasked
        await choose("Canceled")
        await until(lambda: status() == "Canceled")
        moves.book(store, worker.id, day, day + timedelta(hours=1))
        at.embedded.changed()
        await expect(_lane(page, worker).locator(".job")).to_have_count(2)
        await page.keyboard.press("Control+z")
        await expect(dialog).to_contain_text(f"{worker.name} was booked for something else at that time meanwhile")
        await dialog.get_by_role("button", name="Leave it").click()
        await expect(dialog).to_be_hidden()
        assert status() == "Canceled"
        await choose("Scheduled")
        await dialog.get_by_role("button", name="Restore it all the same").click()
        await until(lambda: status() == "Scheduled")
        await expect(job).to_have_class(_among("double"))
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_a_lost_connection_is_said_and_what_others_did_meanwhile_is_there_when_it_is_back(tell: Tell) -> None:
    async def story(at: Company) -> None:
        worker = people(at)[2]
        day = _day(at, 12)
        page = await _board(at, day)
        sign = page.locator("#board-link")
        await expect(sign).to_have_text("Live")
        await page.context.set_offline(True)
        await expect(sign).to_have_text("Connection lost")
        booking, _ = book(at, worker, day)
        await page.context.set_offline(False)
        await expect(sign).to_have_text("Live")
        await expect(_job(page, booking)).to_be_visible()

    tell(story)


def test_on_a_phone_a_day_is_a_list_and_a_booking_is_moved_by_its_form(tell: Tell) -> None:
    async def story(at: Company) -> None:
        ana, ben = people(at)[:2]
        day = _day(at, 13)
        booking, number = book(at, ana, day)
        page = await _board(at, day, narrow=True, dark=True)
        await page.locator(".line", has_text=number).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Worker").select_option(ben.id)
        await dialog.get_by_label("Start").fill(f"{day:%Y-%m-%d}T13:30")
        await dialog.get_by_role("button", name="Save").click()
        # the board is shown in the viewer's zone, Vienna
        await until(lambda: _span(at, booking)[0] == day.replace(hour=12, minute=30))
        assert (_worker(at, booking), _span(at, booking)[1]) == (ben.id, day.replace(hour=13, minute=30))
        await expect(page.locator(".of-worker", has_text=ben.name)).to_contain_text(number)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    tell(story)


#: module, what is asked of it, what it has to say
_PURE = [
    ("time", "m.wall(Date.UTC(2026, 2, 29, 1), 'Europe/Vienna') - Date.UTC(2026, 2, 29)", 3 * 3_600_000),
    # a clock that was moved forward never showed half past two: as if it had not been moved
    ("time", "m.instant(Date.UTC(2026, 2, 29, 2, 30), 'Europe/Vienna') - Date.UTC(2026, 2, 29)", 90 * 60_000),
    # one that was moved back showed it twice: the first time
    ("time", "m.instant(Date.UTC(2026, 9, 25, 2, 30), 'Europe/Vienna') - Date.UTC(2026, 9, 25)", 30 * 60_000),
    ("time", "m.weekday(Date.UTC(2026, 10, 23))", 0),
    ("time", "m.spanText(Date.UTC(2026,10,23,22), Date.UTC(2026,10,24,1), 'UTC', Date.UTC(2026,10,23))",
     "22:00–Tue 24 Nov, 01:00"),
    ("time", "m.datedText(NaN, Date.UTC(2026,10,24,23,30), 'Europe/Vienna', Date.UTC(2026,10,23))", "Wed 25 Nov"),
    ("time", "m.datedText(Date.UTC(2027,0,5,8), Date.UTC(2027,0,5,9), 'UTC', Date.UTC(2026,10,23))",
     "Tue, 5 Jan 2027, 08:00–09:00"),
    ("lay", "m.stack([{start:0,end:4},{start:2,end:6},{start:4,end:8}])", {"rows": [0, 1, 0], "count": 2, "room": [4, float("inf"), float("inf")]}),
    # one that is too short to be read has its row for as long as it can be
    ("lay", "m.stack([{start:0,end:1},{start:1,end:4},{start:3,end:4}], 3).rows", [0, 1, 0]),
    ("lay", "m.between([[480, 720], [700, 1020]], 1440)", [[0, 480], [1020, 1440]]),
    # who works 8 to 17 in New York is open from 13 to 22 on a board in UTC
    ("lay", "m.open(Array(7).fill([[480, 1020]]), 'America/New_York', {first: Date.UTC(2026,10,23), days: 1}, 'UTC')",
     [[780, 1320]]),
    ("lay", "m.firstFree([[480, 720], [780, 1020]], [[480, 660]], 90)", 780),
    ("lay", "m.firstFree([], [], 90)", 480),
    ("lay", "m.nearest([{start: 0, end: 1}, {start: 5, end: 6}], 4)", 1),
    ("lay", "m.after([0, 10, 20], 10)", 2),
    ("past", "m.inverse({deed: {kind: 'move', booking: 'b'}, before: {id: 'b', worker: 'w', start: 1, end: 2}})",
     {"kind": "move", "booking": "b", "worker": "w", "start": 1, "end": 2}),
    ("past", "m.inverse({deed: {kind: 'move', booking: 'b'}, before: {id: 'b', worker: 'w'}, members: []}).members", []),
    ("past", "m.inverse({deed: {kind: 'remove', booking: 'b'}, before: {id: 'b', status: {}, name: 'Van'}}).title", "Van"),
    ("time", "Number.isNaN(m.parseField('12026-11-23T09:00', 'Europe/Vienna'))", True),
]  # fmt: skip


@pytest.mark.parametrize("module", ["time", "lay", "past"])
def test_what_the_scripts_work_out_is_right(tell: Tell, module: str) -> None:
    async def story(at: Company) -> None:
        page = await (await at.context()).new_page()
        await page.goto("/sign-in")
        wanted = [(asked, told) for name, asked, told in _PURE if name == module]
        lines = ", ".join(f"await ({asked})" for asked, _ in wanted)
        found = await page.evaluate(f"import('/static/js/board/{module}.js').then(async (m) => [{lines}])")
        assert dict(zip([asked for asked, _ in wanted], found, strict=True)) == dict(wanted)

    tell(story)


def test_a_short_booking_can_be_read_and_clicked_and_has_a_title_of_its_own(tell: Tell) -> None:
    async def story(at: Company) -> None:
        worker, day = people(at)[0], _day(at, 15)
        page = await _board(at, day)
        dialog = page.get_by_role("dialog")
        await page.get_by_role("button", name="New booking", exact=True).click()
        await dialog.get_by_label("Title").fill("Van inspection")
        await dialog.get_by_label("Worker").select_option(worker.id)
        await dialog.get_by_label("Start").fill(f"{day:%Y-%m-%d}T11:00")
        await dialog.get_by_label("End").fill(f"{day:%Y-%m-%d}T11:15")
        await dialog.get_by_role("button", name="Book", exact=True).click()
        # what others see of it may come before our own answer
        job = _lane(page, worker).locator(".job:not(.ahead)")
        await expect(job).to_have_attribute("aria-label", re.compile("^Van inspection, 11:00.*Not in the calendar"))
        seen = await job.bounding_box()
        assert seen is not None
        assert seen["width"] > 80
        # it is drawn wider than its time, and what is clicked in the middle of it is the booking
        await job.click()
        await expect(dialog.get_by_role("heading")).to_have_text("Van inspection")
        await dialog.get_by_role("button", name="Remove").click()
        await expect(dialog).to_contain_text("Remove Van inspection?")
        # too far ahead for an event, and no work order waits
        await expect(dialog).to_contain_text("It stands in no calendar.")
        assert "work order" not in await dialog.inner_text()
        await dialog.get_by_role("button", name="Remove").click()
        await expect(job).to_have_count(0)
        await page.keyboard.press("Control+z")
        await expect(job).to_have_attribute("aria-label", re.compile("^Van inspection, 11:00.*Not in the calendar"))
        # another that follows at once has a row of its own
        start = day.replace(hour=11, tzinfo=ZoneInfo("Europe/Vienna")).astimezone(UTC) + timedelta(minutes=15)
        moves.book(at.embedded.field_service.store, worker.id, start, start + timedelta(minutes=15))
        at.embedded.changed()
        await expect(job).to_have_count(2)
        boxes = [await job.nth(at).bounding_box() for at in (0, 1)]
        assert all(box and box["width"] > 60 for box in boxes)
        assert boxes[0]["y"] != boxes[1]["y"]  # type: ignore[index]
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_a_form_begins_at_the_worker_s_hours_and_what_was_promised_is_told(tell: Tell) -> None:
    async def story(at: Company) -> None:
        store, (worker, other) = at.embedded.field_service.store, people(at)[:2]
        day = _day(at, 12)
        # eight in the morning there is two in the afternoon where the dispatcher sits
        hours = {"timezone": 35, "fieldcal_workinghours": "Mon-Sun 08:00-17:00"}
        store.change("bookableresource", other.id, hours)
        order = _open_order(at, "WO-77009")
        store.change(
            "msdyn_workorder", order, {"msdyn_timefrompromised": f"{day + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"}
        )
        begins = day.replace(hour=8).replace(tzinfo=ZoneInfo("America/New_York"))
        moves.book(store, other.id, begins + timedelta(hours=1), begins + timedelta(hours=2))
        at.embedded.changed()
        page = await at.signed_in("dispatcher")
        noon = day.replace(hour=15, minute=40, tzinfo=ZoneInfo("Europe/Vienna"))
        await page.clock.set_fixed_time(noon)
        await page.goto(f"/board?day={day:%Y-%m-%d}")
        await expect(page.locator("#board[data-ready=yes]")).to_be_visible()
        now, ticks = await page.locator(".now").first.bounding_box(), await page.locator("#board-plane").bounding_box()
        assert now is not None
        assert ticks is not None
        assert 190 < now["x"] - ticks["x"] < 190 + (ticks["width"] - 190) / 3
        await page.get_by_role("searchbox", name="Search").fill("77009")
        await expect(page.locator(".order", has_text="77009")).to_contain_text("promised from ")
        await page.get_by_role("button", name="Book WO-77009").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator("dt", has_text="Promised")).to_be_visible()
        await dialog.get_by_label("Worker").select_option(worker.id)
        await dialog.get_by_label("Worker").select_option(other.id)
        start = dialog.get_by_label("Start")
        shown = begins.astimezone(ZoneInfo("Europe/Vienna"))
        await expect(start).to_have_value(f"{shown + timedelta(hours=2):%Y-%m-%dT%H:%M}")
        await start.fill(f"{shown + timedelta(hours=1):%Y-%m-%dT%H:%M}")
        await dialog.get_by_role("button", name="Book", exact=True).click()
        said = page.locator("#board-said")
        await expect(said).to_contain_text("It lies over another booking. It begins outside the promised window from ")

    tell(story)
