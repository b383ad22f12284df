"""What others name stays, what loses a name is told before, and a canceled work order frees its workers' time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.schedule.shop import NOW, Shop, at

from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.errors import ConfigError, Overtaken
from fieldcal.schedule import moves, orders, removing
from fieldcal.schedule.sheets import ACCOUNTS, CONTACTS, ORDERS, PRIORITIES, SHEETS, TYPES, WORKERS
from fieldcal.schedule.values import OrderStatus, Slot, Step


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(":memory:" if request.param == "sqlite" else request.getfixturevalue("empty_postgres"))
    yield made
    made.store.close()


def test_every_lookup_of_a_sheet_s_table_at_a_kind_that_can_go_is_asked() -> None:
    kept = {SHEETS[kind].table for kind in ("orders", "accounts", "contacts")}
    for kind, namings in removing.NAMING.items():
        asked = {(one.sheet.table, column) for one in namings for column in one.columns}
        pointing = SCHEMA.pointing_at(SHEETS[kind].table)
        assert asked == {(table.name, column.name) for table, column in pointing if table.name in kept}, kind


def test_what_others_name_stays_and_the_line_tells_who(shop: Shop) -> None:
    for number in range(2, 6):
        shop.opens(f"WO-{number}")
    contact = shop.store.create("contact", {"firstname": "Kim", "lastname": "Berg", "parentcustomerid": shop.account})
    for sheet, row, words in (
        (
            ACCOUNTS,
            shop.account,
            r"Bakery is named by 5 work orders \(WO-1, WO-2, WO-3 and others\) and 1 contact \(Kim ",
        ),
        (TYPES, shop.type, "Repair is named by 5 work orders"),
    ):
        with pytest.raises(ConfigError, match=words):
            removing.forget(shop.store, sheet, row, 0)
    assert removing.forget(shop.store, PRIORITIES, shop.high, 0) == []
    assert shop.store.get("msdyn_priority", shop.high) is None
    # a contact that is an account's own goes where that was told, and the account has none then
    shop.store.change("account", shop.account, {"primarycontactid": contact})
    with pytest.raises(Overtaken, match="1 others name it by now, not 0"):
        removing.forget(shop.store, CONTACTS, contact, 0)
    removing.forget(shop.store, CONTACTS, contact, 1)
    account = shop.store.get("account", shop.account)
    assert account is not None
    assert account["primarycontactid"] is None
    with pytest.raises(ConfigError, match="not there any more"):
        removing.forget(shop.store, CONTACTS, contact, 0)
    # of the other kinds their own rules hold
    moves.book(shop.store, shop.ana, at(24, 9), at(24, 10), order=shop.order)
    with pytest.raises(ConfigError, match="deactivate instead"):
        removing.forget(shop.store, WORKERS, shop.ana, 0)
    assert [one.worker for one in removing.forget(shop.store, ORDERS, shop.order, 1)] == [shop.ana]


def test_a_canceled_work_order_takes_its_open_bookings_along_and_leaves_what_is_done(shop: Shop) -> None:
    def book(day: int, status: str) -> Slot:
        made = moves.book(shop.store, shop.ana, at(day, 9), at(day, 10), order=shop.order, again=True)
        return moves.set_status(shop.store, made.id, made.version, shop.status[status], NOW)

    done, off, ahead = book(20, "Completed"), book(21, "Canceled"), book(24, "Scheduled")
    under_way = book(23, "In Progress")
    with pytest.raises(ConfigError, match=r"WO-1 is not canceled, for somebody is .* at work: Ana \(In Progress\)"):
        orders.cancel(shop.store, shop.order, 2)
    moves.set_status(shop.store, under_way.id, under_way.version, shop.status["Scheduled"], NOW)
    with pytest.raises(Overtaken, match="2 bookings would be canceled"):
        orders.cancel(shop.store, shop.order, 1)
    assert shop.order_status() == OrderStatus.IN_PROGRESS
    gone = orders.cancel(shop.store, shop.order, 2)
    assert [(before.id, after.status.step) for before, after in gone] == [
        (under_way.id, Step.CANCELED), (ahead.id, Step.CANCELED),
    ]  # fmt: skip
    assert shop.order_status() == OrderStatus.CANCELED
    rows = {one["bookableresourcebookingid"]: one for one in shop.store.rows("bookableresourcebooking")}
    assert rows[done.id]["bookingstatus"] == shop.status["Completed"]
    assert rows[off.id]["versionnumber"] == off.version
    with pytest.raises(ConfigError, match="it is canceled"):
        orders.cancel(shop.store, shop.order, 0)
