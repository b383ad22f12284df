"""Work orders in the browser: lists, forms, what two do at once, and removal with the bookings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from tests.schedule.shop import at as instant
from tests.web.centre_end import Browser, Centre
from tests.web.schedule_end import Rung, dispatcher, shop_at

from fieldcal.schedule import moves
from fieldcal.setup_model import Role
from fieldcal.state import audit


@pytest.fixture
def shop(place: Centre, tmp_path: Path) -> Iterator[Rung]:
    with shop_at(place, tmp_path) as made:
        yield made


def values(page: str) -> dict[str, str]:
    """The fields of the page's form as a browser would send them."""
    form = page[page.index('class="card form records"') :]
    found = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', form))
    for name, inside in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', inside)), "")
    return {name: unescape(value) for name, value in found.items() if name != "csrf"}


async def edited(browser: Browser, order: str) -> dict[str, str]:
    page = await browser.get(f"/orders/edit?id={order}")
    assert page.status == 200, page.text
    return values(page.text)


def orders(shop: Rung) -> dict[str, dict[str, object]]:
    return {str(one["msdyn_name"]): one for one in shop.store.rows("msdyn_workorder")}


def test_an_order_is_written_found_changed_and_removed_with_its_bookings(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        assert (await browser.get("/orders/new")).status == 200
        sent = {"number": "WO-7", "summary": "A\r\nB", "type": "Repair", "account": "northwind bakery", "minutes": "90",
                "promised_from": "2026-11-24T09:00", "promised_until": "2026-11-24T11:00"}  # fmt: skip
        made = await browser.post("/orders/add", sent)
        assert made.status == 303
        page = (await browser.get(made.to)).text
        for words in ("WO-7", "Northwind Bakery", "2026-11-24 09:00", "work order added", "dora"):
            assert words.lower() in page.lower(), words
        row = orders(shop)["WO-7"]
        assert (row["msdyn_workordersummary"], row["msdyn_totalestimatedduration"]) == ("A\nB", 90)
        listed = (await browser.get("/orders?search=northwind&status=unscheduled")).text
        assert "WO-7" in listed
        assert "WO-7" not in (await browser.get("/orders?search=wo-1")).text
        order = str(row["msdyn_workorderid"])
        form = await edited(browser, order)
        same = await browser.post("/orders/save", form)
        assert (same.status, orders(shop)["WO-7"]["versionnumber"]) == (303, row["versionnumber"])
        assert (await browser.post("/orders/save", {**form, "city": "Graz", "minutes": ""})).status == 303
        assert (orders(shop)["WO-7"]["msdyn_city"], orders(shop)["WO-7"]["msdyn_totalestimatedduration"]) == (
            "Graz", None,
        )  # fmt: skip
        slot = moves.book(shop.store, shop.ana, instant(24, 9), instant(24, 10), order=order)
        page = (await browser.get("/orders/one?number=WO-7")).text
        assert "Ana" in page
        assert f"/bookings/{slot.id}" in page
        asked = await browser.post("/orders/remove", {"id": order})
        assert (asked.status, "WO-7" in orders(shop), "1 booking" in asked.text) == (200, True, True)
        again = await browser.post("/orders/remove", {"id": order, "count": "0"})  # it was told another number
        assert (again.status, "WO-7" in orders(shop)) == (200, True)
        assert (await browser.post("/orders/remove", {"id": order, "count": "1"})).status == 303
        assert ("WO-7" in orders(shop), shop.store.rows("bookableresourcebooking")) == (False, [])
        with at.app.database.read() as tx:
            lines = [line.action for line in audit.latest(tx, wanted=audit.Wanted(subject=f"main/{order}"))]
            (gone,) = audit.latest(tx, wanted=audit.Wanted(subject=f"main/{slot.id}"))
        told = "Ana, 2026-11-24 09:00 UTC to 2026-11-24 10:00 UTC, Scheduled; work order WO-7"
        assert (gone.actor, gone.action, gone.detail) == ("dora", "booking removed", told)
        assert lines == ["work order removed", "work order changed", "work order added"]

    place.play(story)


def test_of_two_who_change_an_order_both_are_kept_and_one_field_of_both_is_asked_about(
    place: Centre, shop: Rung
) -> None:
    async def story(at: Centre) -> None:
        dora, dirk = [await dispatcher(at, name) for name in ("dora", "dirk")]
        first, second = await edited(dora, shop.order), await edited(dirk, shop.order)
        assert (await dora.post("/orders/save", {**first, "city": "Linz", "minutes": "30"})).status == 303
        clash = await dirk.post("/orders/save", {**second, "city": "Wels", "street": "Ring 1"})
        assert clash.status == 409
        assert "Linz" in clash.text
        assert orders(shop)["WO-1"]["msdyn_city"] == "Linz"
        choice = next(iter(re.findall(r'name="choice_city" value="(mine [^"]+)"', clash.text)))
        again = values(clash.text) | {"choice_city": choice}
        assert (await dirk.post("/orders/save", again)).status == 303
        row = orders(shop)["WO-1"]
        assert (row["msdyn_city"], row["msdyn_address1"], row["msdyn_totalestimatedduration"]) == ("Wels", "Ring 1", 30)

    place.play(story)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("number", "wo-1", "another one of the work orders has this number already"),
        ("account", "Nobody", "there is no account"),
        ("minutes", "9 h", "not a number of minutes"),
        ("promised_until", "2026-11-23T07:00", "is not after"),
        ("promised_from", "0026-11-26T09:00", "its year is not one from 1990 to 2100"),
        ("summary", "x" * 20_001, "at most 20,000 are kept"),
    ],
)
def test_each_mistake_stands_beside_its_field_and_nothing_is_written(
    place: Centre, shop: Rung, field: str, text: str, words: str
) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        before = shop.store.version()
        sent = {"number": "WO-9", "promised_from": "2026-11-23T08:00", "city": "Graz", field: text}
        answer = await browser.post("/orders/add", sent)
        assert answer.status == 409
        wrong = re.search(rf'id="wrong-{field}">([^<]+)<', answer.text)
        assert wrong is not None
        assert words in unescape(wrong[1]).lower()
        assert values(answer.text)["city"] == "Graz"  # what was right is not lost
        assert shop.store.version() == before

    place.play(story)


def test_a_promise_that_is_no_instant_is_told_as_that_and_hides_no_other_order(place: Centre, shop: Rung) -> None:
    # as an embedded Field Service kept it that took any year
    broken = {"msdyn_name": "WO-26", "msdyn_timefrompromised": "26-11-26T09:00:00Z", "msdyn_systemstatus": 690970000}
    shop.store.load("msdyn_workorder", [broken, {**broken, "msdyn_name": "WO-27", "msdyn_timefrompromised": None,
                                                 "msdyn_timetopromised": "9999-12-31T23:59:59Z"}])  # fmt: skip
    span = {"starttime": "26-11-26T09:00:00Z", "endtime": "26-11-26T10:00:00Z", "duration": 60, "statecode": 0}
    held = {"resource": shop.ana, "bookingstatus": shop.status["Scheduled"], "msdyn_workorder": shop.order}
    shop.store.load("bookableresourcebooking", [span | held])

    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        listed = await browser.get("/orders?sort=promised")
        assert (listed.status, "WO-1<" in listed.text, listed.text.count("unreadable")) == (200, True, 2)
        found = json.loads((await browser.get("/board/waiting.json")).text)["orders"]
        assert {one["number"]: one["unreadable"] for one in found} == {"WO-1": False, "WO-26": True, "WO-27": True}
        assert "26-11-26" in (await browser.get("/orders/one?number=WO-26")).text
        form = await edited(browser, str(orders(shop)["WO-26"]["msdyn_workorderid"]))
        assert (await browser.post("/orders/save", {**form, "promised_from": "2026-11-26T09:00"})).status == 303
        assert orders(shop)["WO-26"]["msdyn_timefrompromised"] == "2026-11-26T09:00:00Z"
        assert "9999-12-31" in (await browser.get("/sheets.csv?kind=orders")).text

    place.play(story)


@pytest.mark.parametrize("path", ["/orders", "/customers", "/customers/contacts", "/workers", "/types", "/sheets"])
def test_where_another_system_makes_the_bookings_its_records_are_not_kept_here(
    place: Centre, shop: Rung, path: str
) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("dora", Role.DISPATCHER)
        page = await browser.get(path)
        assert page.status == 409
        assert f'href="{path}"' not in page.text  # nor does the navigation lead there

    place.play(story)


def test_a_list_is_paged_sorted_and_narrowed_over_its_address(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        for n in range(30):
            shop.opens(f"N-{n:02}", msdyn_priority=shop.high if n % 2 else None)
        first = (await browser.get("/orders?sort=number")).text
        assert re.findall(r">(N-\d\d|WO-1)<", first) == [f"N-{n:02}" for n in range(25)]
        second = (await browser.get("/orders?sort=number&page=2")).text
        assert re.findall(r">(N-\d\d|WO-1)<", second) == [*(f"N-{n:02}" for n in range(25, 30)), "WO-1"]
        high = (await browser.get(f"/orders?sort=-number&priority={shop.high}")).text
        assert re.findall(r">(N-\d\d)<", high)[:3] == ["N-29", "N-27", "N-25"]
        assert (await browser.get("/orders?sort=summary")).status == 409
        assert "Nothing fits" in (await browser.get("/orders?search=zzz")).text

    place.play(story)


def test_an_order_is_canceled_with_the_bookings_that_were_shown_and_not_while_somebody_is_at_work(
    place: Centre, shop: Rung
) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        slot = moves.book(shop.store, shop.ana, instant(24, 9), instant(24, 10), order=shop.order)
        busy = moves.set_status(shop.store, slot.id, slot.version, shop.status["Traveling"], instant(24, 9))
        refused = await browser.post("/orders/cancel", {"id": shop.order, "count": "1"})
        assert (refused.status, "somebody is on the way or at work: Ana (Traveling)" in refused.text) == (200, True)
        moves.set_status(shop.store, slot.id, busy.version, shop.status["Scheduled"], instant(24, 9))
        asked = await browser.post("/orders/cancel", {"id": shop.order})
        assert ("1 booking is canceled with it" in asked.text, ">Ana<" in asked.text) == (True, True)
        assert "Please confirm again" in (await browser.post("/orders/cancel", {"id": shop.order, "count": "0"})).text
        assert orders(shop)["WO-1"]["msdyn_systemstatus"] == 690970001
        done = await browser.post("/orders/cancel", {"id": shop.order, "count": "1"})
        page = (await browser.get(done.to)).text
        assert ("WO-1 is canceled, and 1 booking with it" in page, "/orders/cancel" in page) == (True, False)
        assert "Booking status" in page
        assert orders(shop)["WO-1"]["msdyn_systemstatus"] == 690970005
        with at.app.database.read() as tx:
            lines = audit.latest(tx, wanted=audit.Wanted(actor="dora"))
        assert {"work order canceled", "booking status"} <= {line.action for line in lines}

    place.play(story)


def test_a_new_order_takes_its_accounts_address_which_the_form_is_told_and_keeps_one_of_its_own(
    place: Centre, shop: Rung
) -> None:
    shop.store.change("account", shop.account, {"address1_line1": "Main St 1", "address1_city": "Linz"})

    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        assert "takes its account&#39;s" in (await browser.get("/orders/new")).text
        told = await browser.get("/orders/address?account=northwind%20bakery")
        assert json.loads(told.text) == {"street": "Main St 1", "city": "Linz"}
        assert json.loads((await browser.get("/orders/address?account=Nobody")).text) == {}
        for number, more in (("WO-7", {}), ("WO-8", {"city": "Wels"}), ("WO-9", {"account": ""})):
            sent = {"number": number, "account": "Northwind Bakery", **more}
            assert (await browser.post("/orders/add", sent)).status == 303
        rows = orders(shop)
        found = {number: (row["msdyn_address1"], row["msdyn_city"]) for number, row in rows.items()}
        assert found["WO-7"] == ("Main St 1", "Linz")
        assert (found["WO-8"], found["WO-9"]) == ((None, "Wels"), (None, None))
        form = await edited(browser, str(rows["WO-9"]["msdyn_workorderid"]))
        assert (await browser.post("/orders/save", {**form, "account": "Northwind Bakery"})).status == 303
        assert orders(shop)["WO-9"]["msdyn_city"] == "Linz"

    place.play(story)
