"""Lists and forms on both databases: what is found, in which order, and what a form may keep."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from tests.schedule.shop import NOW, Shop, at

from fieldcal.errors import Overtaken
from fieldcal.schedule import entering, lists, loading, moves, orders
from fieldcal.schedule.entering import Wrong
from fieldcal.schedule.lists import Wanted
from fieldcal.schedule.sheets import ACCOUNTS, ORDERS, SHEETS, WORKERS
from fieldcal.schedule.values import OrderStatus

UTC = ZoneInfo("UTC")


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(":memory:" if request.param == "sqlite" else request.getfixturevalue("empty_postgres"))
    yield made
    made.store.close()


def found(shop: Shop, sort: str = "number", **wanted: object) -> list[str]:
    asked = Wanted(**wanted)  # type: ignore[arg-type] # its fields by name
    with shop.store.reading() as tx:
        rows = lists.orders(tx, asked, NOW, sort=sort, offset=0, limit=25)
        assert lists.count_orders(tx, asked) == len(rows)
    return [one.number for one in rows]


def test_orders_are_found_by_number_town_and_account_and_narrowed_by_status(shop: Shop) -> None:
    linz = shop.opens("WO-2", msdyn_city="Linz", msdyn_serviceaccount=None)
    shop.opens("AB-1", msdyn_priority=shop.high, msdyn_timetopromised="2026-11-24T08:00:00Z")
    moves.book(shop.store, shop.ana, at(24, 9), at(24, 10), order=linz)
    moves.book(shop.store, shop.ben, at(23, 14), at(23, 15), order=linz, again=True)
    assert found(shop) == ["AB-1", "WO-1", "WO-2"]
    assert found(shop, "-number") == ["WO-2", "WO-1", "AB-1"]
    assert found(shop, search="wo-") == ["WO-1", "WO-2"]
    assert found(shop, search="lin") == ["WO-2"]
    assert found(shop, search="BAKERY") == ["AB-1", "WO-1"]
    assert found(shop, search="bakery", priority=shop.high) == ["AB-1"]
    assert found(shop, status=OrderStatus.SCHEDULED) == ["WO-2"]
    assert found(shop, search="100%") == []
    with shop.store.reading() as tx:
        row = lists.orders(tx, Wanted("wo-2"), NOW, sort="number", offset=0, limit=1)[0]
    assert (row.next, row.town, row.type) == ((at(23, 14), "Ben"), "Linz", "Repair")


def test_rows_of_every_kind_are_told_as_a_file_tells_them(shop: Shop) -> None:
    shop.store.create("contact", {"firstname": "Kim", "lastname": "Berg", "parentcustomerid": shop.account})
    shop.store.create("msdyn_incidenttype", {"msdyn_name": "Leak", "msdyn_estimatedduration": 45})
    shop.store.create("bookableresource", {"name": "North", "resourcetype": 6})
    for sheet in SHEETS.values():
        first = sheet.cells[0].heading
        with shop.store.reading() as tx:
            rows, total = lists.rows(tx, sheet, "", UTC, sort=f"-{first}", offset=0, limit=10)
            text = "".join(loading.export(tx, sheet, UTC))
        assert total == len(rows) == text.count("\r\n") - 1 > 0, sheet.kind
        for row in rows:
            assert row.texts[first] in text


def test_a_form_keeps_what_it_does_not_touch_and_nothing_of_what_cannot_be(shop: Shop) -> None:
    with shop.store.reading() as tx:
        seen = entering.opened(tx, ORDERS, shop.order, UTC)
    assert seen is not None
    texts = {**seen.texts, "promised from": "2026-11-24T09:00", "promised until": "2026-11-24T08:00", "type": "None"}
    with pytest.raises(Wrong) as raised:
        entering.change(shop.store, ORDERS, shop.order, seen.version, texts, UTC)
    assert sorted(raised.value.mistakes) == ["promised until", "type"]
    good = {**seen.texts, "promised from": "2026-11-24T09:00", "minutes": "30"}
    changed = entering.change(shop.store, ORDERS, shop.order, seen.version, good, UTC)
    assert changed == ["minutes", "promised from"]
    with pytest.raises(Overtaken):
        entering.change(shop.store, ORDERS, shop.order, seen.version, good, UTC)


def test_a_name_that_became_another_s_too_stays_as_it_was(shop: Shop) -> None:
    """Who does not touch the field of an account keeps it, though its name no longer tells which one it is."""
    shop.store.create("account", {"name": "northwind bakery"})
    with shop.store.reading() as tx:
        seen = entering.opened(tx, ORDERS, shop.order, UTC)
    assert seen is not None
    entering.change(shop.store, ORDERS, shop.order, seen.version, {**seen.texts, "city": "Wels"}, UTC)
    row = shop.store.get("msdyn_workorder", shop.order)
    assert row is not None
    assert (row["msdyn_serviceaccount"], row["msdyn_city"]) == (shop.account, "Wels")


def test_a_whole_file_is_written_on_both_databases_and_twice_is_once(shop: Shop) -> None:
    lines = [f"W {n},w{n}@x.example,Europe/Vienna" for n in range(300)]
    data = "\n".join(["name,e-mail,zone", *lines]).encode()
    assert len(loading.load(shop.store, WORKERS, data, UTC)[1]) == 300
    assert loading.load(shop.store, WORKERS, data, UTC)[1] == []
    assert len(shop.store.rows("systemuser")) == 300
    made = entering.add(shop.store, ACCOUNTS, {**entering.blank(ACCOUNTS), "name": "Ada"}, UTC)
    with pytest.raises(Wrong, match="has this name already"):
        entering.add(shop.store, ACCOUNTS, {"name": "ADA"}, UTC)
    assert shop.store.get("account", made) is not None


def test_an_order_goes_with_as_many_bookings_as_were_told_and_with_no_others(shop: Shop) -> None:
    moves.book(shop.store, shop.ana, at(24, 9), at(24, 10), order=shop.order)
    for told in (0, 2):
        with pytest.raises(Overtaken):
            orders.remove(shop.store, shop.order, told)
    assert shop.store.get("msdyn_workorder", shop.order) is not None
    other = shop.opens("WO-2")
    kept = moves.book(shop.store, shop.ana, at(25, 9), at(25, 10), order=other)
    orders.remove(shop.store, shop.order, 1)
    assert shop.store.get("msdyn_workorder", shop.order) is None
    assert [one["bookableresourcebookingid"] for one in shop.store.rows("bookableresourcebooking")] == [kept.id]
