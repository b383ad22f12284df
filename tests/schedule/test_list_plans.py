"""At 200,000 work orders no list walks the table: a page is found and sorted by an index, and what is searched too.

The plans are the same at a tenth of it, which is looked at each time; the whole is slow to make.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, event, text
from tests.schedule.shop import NOW, Shop

from fieldcal.schedule import entering, lists, orders
from fieldcal.schedule.lists import Wanted
from fieldcal.schedule.sheets import ORDERS
from fieldcal.schedule.values import OrderStatus

LARGE = ("msdyn_workorder", "bookableresourcebooking")
_FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
INSERT INTO msdyn_workorder (msdyn_workorderid, msdyn_name, createdon, msdyn_systemstatus, msdyn_serviceaccount,
  msdyn_workordertype, msdyn_priority, msdyn_city, msdyn_timetopromised, statecode, versionnumber)
SELECT printf('c0000000-0000-4000-8000-%012d', i), printf('N-%06d', i), strftime('%Y-%m-%dT%H:%M:%SZ', i * 300, 'unixepoch'),
  690970000 + i % 6, CASE WHEN i % 100 = 0 THEN :account END, CASE WHEN i % 3 = 0 THEN :type END,
  CASE WHEN i % 5 = 0 THEN :priority END, 'Town ' || (i % 500), NULL, 0, 5000 + i FROM n
"""


class Full(Shop):
    """A shop with so many work orders more."""

    stored = 0


@pytest.fixture(scope="module", params=[20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    made = Full(str(tmp_path_factory.mktemp("large") / "fs.sqlite3"))
    made.stored = request.param
    known = {"many": made.stored, "account": made.account, "type": made.type, "priority": made.high}
    with made.store.writing() as tx:
        tx.execute(text(_FILL), known)
    yield made
    made.store.close()


def page(tx: Connection, wanted: Wanted = Wanted(), sort: str = "-created", offset: int = 0) -> list[str]:  # noqa: B008 - frozen
    return [one.number for one in lists.orders(tx, wanted, NOW, sort=sort, offset=offset, limit=25)]


ID = "c0000000-0000-4000-8000-000000000007"
#: how each list is asked, and whether its order comes from the index too
ASKED: dict[str, tuple[Callable[[Connection, Full], Any], bool]] = {
    "the newest": (lambda tx, _: page(tx), True),
    "a late page": (lambda tx, _: page(tx, offset=10_000), True),
    "by number": (lambda tx, _: page(tx, sort="number"), True),
    "by number, the last first": (lambda tx, _: page(tx, sort="-number"), True),
    "by promise": (lambda tx, _: page(tx, sort="promised"), True),
    "of a status": (lambda tx, _: page(tx, Wanted(status=OrderStatus.UNSCHEDULED)), False),
    "of a type": (lambda tx, shop: page(tx, Wanted(type=shop.type)), False),
    "of a priority": (lambda tx, shop: page(tx, Wanted(priority=shop.high)), False),
    "searched": (lambda tx, _: page(tx, Wanted("n-0001")), False),
    "searched and narrowed": (lambda tx, shop: page(tx, Wanted("bakery", OrderStatus.POSTED, shop.type)), False),
    "one": (lambda tx, _: entering.opened(tx, ORDERS, ID, ZoneInfo("UTC")), False),
    "by its number": (lambda tx, _: orders.by_number(tx, "N-000007"), False),
    "its bookings": (lambda tx, _: (orders.bookings(tx, ID), orders.count(tx, ID)), False),
}


@pytest.mark.parametrize("name", ASKED)
def test_no_list_walks_the_table(shop: Full, name: str) -> None:
    ask, ordered = ASKED[name]
    steps = plans(shop, lambda tx: ask(tx, shop))
    assert steps, "it asked nothing"
    assert [step for step in steps if walks(step)] == []
    if ordered:
        assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_what_is_counted_is_counted_over_an_index(shop: Full) -> None:
    for wanted in (Wanted(), Wanted(status=OrderStatus.POSTED), Wanted("graz", type=shop.type)):
        steps = plans(shop, lambda tx, wanted=wanted: lists.count_orders(tx, wanted))  # type: ignore[misc]
        assert [step for step in steps if walks(step)] == []


def test_what_the_lists_find_at_this_size_is_right(shop: Full) -> None:
    with shop.store.reading() as tx:
        assert page(tx)[:2] == ["WO-1", f"N-{shop.stored:06}"]
        assert page(tx, sort="number", offset=25)[:2] == ["N-000026", "N-000027"]
        assert page(tx, Wanted("n-00012"))[:2] == ["N-000129", "N-000128"]
        assert page(tx, Wanted("BAKERY"))[:3] == ["WO-1", f"N-{shop.stored:06}", f"N-{shop.stored - 100:06}"]
        assert lists.count_orders(tx, Wanted("bakery")) == shop.stored // 100 + 1
        assert lists.count_orders(tx, Wanted("town 49")) == shop.stored // 500 * 11
        assert page(tx, Wanted("%")) == []


def test_the_walking_of_a_table_is_noticed(shop: Full) -> None:
    asked = text("SELECT count(*) FROM msdyn_workorder WHERE msdyn_country = 'x'")
    assert [step for step in plans(shop, lambda tx: tx.execute(asked).all()) if walks(step)] != []


def walks(step: str) -> bool:
    """Whether this step reads all of a large table, and not of an index alone or in its order."""
    table = re.match(r"SCAN (\w+)", step)
    return table is not None and table[1] in LARGE and " USING " not in step


def plans(shop: Full, ask: Callable[[Connection], Any]) -> list[str]:
    sent: list[tuple[str, Any]] = []

    def hear(_c: object, _cursor: object, statement: str, parameters: Any, _context: object, _many: bool) -> None:
        sent.append((statement, parameters))

    with shop.store.reading() as tx:
        event.listen(shop.store.engine, "before_cursor_execute", hear)
        try:
            ask(tx)
        finally:
            event.remove(shop.store.engine, "before_cursor_execute", hear)
        return [
            row[3]
            for statement, parameters in sent
            if statement.lstrip().startswith("SELECT")
            for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
