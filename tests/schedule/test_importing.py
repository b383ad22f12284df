"""CSV files: each mistake by its line, all or nothing, and twice is once."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from tests.schedule.shop import Shop

from fieldcal.schedule import loading
from fieldcal.schedule.importing import Mistake, Preview
from fieldcal.schedule.sheets import ACCOUNTS, ORDERS, SHEETS, Sheet

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.store.close()


def told(shop: Shop, text: str, sheet: Sheet = ORDERS) -> Preview:
    return loading.preview(shop.store, sheet, text.encode(), VIENNA)


def row(shop: Shop, number: str) -> dict[str, object]:
    return next(one for one in shop.store.rows("msdyn_workorder") if one["msdyn_name"] == number)


def test_orders_are_made_changed_and_left_alone_by_their_number(shop: Shop) -> None:
    text = (
        "number,summary,type,account,minutes,promised from,promised until\r\n"
        'WO-1,"The oven, again",Repair,Northwind Bakery,90,2026-11-24 09:00,2026-11-24T10:00:00Z\r\n'
        "WO-2,,repair,northwind bakery,,,\r\n"
    )
    seen = told(shop, text)
    assert ([one.key for one in seen.new], [one.key for one in seen.changed], seen.same, seen.mistakes) == (
        ["WO-2"], ["WO-1"], 0, (),
    )  # fmt: skip
    assert row(shop, "WO-1")["msdyn_workordersummary"] == "The oven is cold"  # a preview writes nothing
    loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    first = row(shop, "WO-1")
    assert (first["msdyn_workordersummary"], first["msdyn_totalestimatedduration"]) == ("The oven, again", 90)
    assert (first["msdyn_timefrompromised"], first["msdyn_timetopromised"]) == (
        "2026-11-24T08:00:00Z", "2026-11-24T10:00:00Z",
    )  # fmt: skip
    assert first["msdyn_city"] == "Graz"  # the file has no heading for it
    assert row(shop, "WO-2")["msdyn_serviceaccount"] == shop.account
    before = shop.store.version()
    again = loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    assert (again.new, again.changed, again.same) == ((), (), 2)
    assert shop.store.version() == before


LONG = "x" * 20_001


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("number,type\nWO-5,Repairs", [(2, "there is no type 'Repairs'; is 'repair' meant?")]),
        ("number,account\nWO-5,Contoso", [(2, "there is no account 'Contoso'; import or add it first")]),
        ("number,minutes\nWO-5,-3\nWO-6,1 h", [(2, "'minutes' is '-3', and not a number"), (3, "'minutes' is '1 h'")]),
        ("number,promised from\nWO-5,24.11.2026", [(2, "'promised from' is '24.11.2026', and not a date and time")]),
        ("number,promised from,promised until\nWO-5,2026-11-24 10:00,2026-11-24 09:00",
         [(2, "'promised until' is not after 'promised from'")]),
        ("number,summary\nWO-5,a\nwo-5,b", [(3, "number 'wo-5' stands in line 2 already")]),
        ("number,summary\n,a", [(2, "'number' is empty")]),
        ("number,summary\nWO-5," + LONG, [(2, "'summary' has 20,001 characters; at most 20,000 are kept")]),
        ("number,summary\nWO-5,a,b", [(2, "the line has 3 cells, and there are 2 headings")]),
        ("number,sumary\nWO-5,a", [(1, "there is no heading 'sumary' in a file of work orders; is 'summary' meant?")]),
        ("summary\na", [(1, "the heading 'number' is missing")]),
        ("number,summary,summary\nWO-5,a,a", [(1, "the heading 'summary' stands there twice")]),
        ("", [(1, "the file is empty")]),
        ('number,summary\nWO-5,"over\ntwo lines"\nWO-6,"a\nb"\n,c', [(6, "'number' is empty")]),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line_and_nothing_is_written(
    shop: Shop, text: str, mistakes: list[tuple[int, str]]
) -> None:
    before = shop.store.version()
    found = loading.load(shop.store, ORDERS, text.encode(), VIENNA).mistakes
    assert [one.line for one in found] == [line for line, _ in mistakes]
    for one, (_, words) in zip(found, mistakes, strict=True):
        assert words in one.text
    assert shop.store.version() == before


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        (b"number,summary\nWO-5,ok\nWO-6,\xfcber", Mistake(3, "this is not UTF-8; save the file as CSV UTF-8")),
        (b"number\nWO-5\n\x00", Mistake(3, "this is no text")),
    ],
)
def test_what_is_no_text_is_refused_where_it_begins(shop: Shop, data: bytes, mistake: Mistake) -> None:
    assert loading.preview(shop.store, ORDERS, data, VIENNA).mistakes == (mistake,)


def test_a_name_that_several_have_is_not_guessed(shop: Shop) -> None:
    shop.store.create("account", {"name": "northwind bakery"})
    assert [one.text for one in told(shop, "number,account\nWO-5,Northwind Bakery").mistakes] == [
        "several have the account 'Northwind Bakery'"
    ]


def test_a_file_from_a_spreadsheet_with_semicolons_and_a_mark_of_its_encoding_is_read(shop: Shop) -> None:
    seen = loading.load(shop.store, ORDERS, "\ufeffNumber; Postal  Code\nWO-5;8010\n;\n".encode(), VIENNA)
    assert seen.mistakes == ()
    assert row(shop, "WO-5")["msdyn_postalcode"] == "8010"


def test_five_thousand_rows_with_seven_mistakes_name_the_seven_and_write_none(shop: Shop) -> None:
    bad = {17, 402, 999, 2500, 3333, 4999, 5000}
    lines = [f"N-{n},{'x' if n in bad else 60}" for n in range(1, 5001)]
    found = loading.load(shop.store, ORDERS, "\n".join(["number,minutes", *lines]).encode(), VIENNA)
    assert {one.line - 1 for one in found.mistakes} == bad
    assert len(shop.store.rows("msdyn_workorder")) == 1
    good = "\n".join(["number,minutes", *(line.replace(",x", ",60") for line in lines)])
    assert len(loading.load(shop.store, ORDERS, good.encode(), VIENNA).new) == 5000
    assert len(shop.store.rows("msdyn_workorder")) == 5001


@pytest.mark.parametrize("name", SHEETS)
def test_what_is_exported_can_be_imported_and_changes_nothing(shop: Shop, name: str) -> None:
    contact = shop.store.create("contact", {"firstname": "Kim", "lastname": "Berg"})
    shop.store.create("account", {"name": '=cmd "x", y', "telephone1": "+43 1", "primarycontactid": contact})
    shop.store.create("msdyn_incidenttype", {"msdyn_name": "Leak", "msdyn_estimatedduration": 45})
    shop.opens("WO-2", msdyn_timefrompromised="2026-11-24T08:00:00Z", msdyn_workordersummary="two\nlines; and -1")
    text = "".join(loading.export(shop.store, SHEETS[name], VIENNA))
    again = loading.load(shop.store, SHEETS[name], text.encode(), VIENNA)
    assert (again.mistakes, again.new, again.changed) == ((), (), ())
    assert again.same == len(shop.store.rows(SHEETS[name].table)) > 0
    assert "\r\n=" not in text


def test_every_cell_of_every_sheet_is_a_column_of_its_table() -> None:
    from fieldcal.embedded.fieldservice.tables import SCHEMA

    for sheet in SHEETS.values():
        columns = SCHEMA.by_name[sheet.table].by_name
        for cell in sheet.cells:
            assert (columns[cell.column].target or "") == cell.names, (sheet.name, cell.heading)
    assert ACCOUNTS.key.heading == "name"
