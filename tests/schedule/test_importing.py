"""CSV files: each mistake by its line, all or nothing, and twice is once."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.schedule.shop import Shop

from fieldcal.schedule import loading
from fieldcal.schedule.importing import Mistake, Preview
from fieldcal.schedule.sheets import ACCOUNTS, CONTACTS, ORDERS, PRIORITIES, SHEETS, WORKERS, Sheet

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.store.close()


def told(shop: Shop, text: str, sheet: Sheet = ORDERS) -> Preview:
    return previewed(shop, sheet, text.encode())


def previewed(shop: Shop, sheet: Sheet, data: bytes) -> Preview:
    with shop.store.reading() as tx:
        return loading.preview(tx, sheet, data, VIENNA)


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
    again, written = loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    assert written == []
    assert (again.new, again.changed, again.same) == ((), (), 2)
    assert shop.store.version() == before


LONG = "x" * 20_001


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("number,type\nWO-5,Repairs", [(2, "there is no type 'Repairs'; is 'Repair' meant?")]),
        ("number,account\nWO-5,Contoso", [(2, "there is no account 'Contoso'; import or add it first")]),
        ("number,minutes\nWO-5,-3\nWO-6,1 h", [(2, "'minutes' is '-3', and not a number"), (3, "'minutes' is '1 h'")]),
        ("number,promised from\nWO-5,tomorrow\nWO-6,11/12/2026 9:00 AM\nWO-7,26.11.26\nWO-8,31.02.2026", [
            (2, "'promised from' is 'tomorrow', and not a date and time; write 2026-11-26 09:00 or 26.11.2026 09:00"),
            (3, "does not tell which is the day and which the month; write 2026-11-26 09:00 or 26.11.2026 09:00"),
            (4, "does not have its year in four digits; write"), (5, "'31.02.2026', and not a date and time; write"),
        ]),
        ("number,promised from,promised until\nWO-5,2026-11-24 10:00,2026-11-24 09:00",
         [(2, "'promised until' is not after 'promised from'")]),
        ("number,summary\nWO-5,a\nwo-5,b", [(3, "number 'wo-5' stands in line 2 already")]),
        ("number,summary\n,The oven is cold", [(2, "work order WO-1 says just this already; write its number, or take")]),
        ("number,summary\nWO-5," + LONG, [(2, "'summary' has 20,001 characters; at most 20,000 are kept")]),
        ("number,promised from\nWO-5,0026-11-24 10:00\nWO-6,2101-01-01 00:00", [
            (2, "its year is not one from 1990 to 2100"), (3, "its year is not one from 1990 to 2100"),
        ]),
        ("number,promised from\nWO-5,2026-03-29 02:30", [
            (2, "the clocks of Europe/Vienna are put on: there is no such time; is 2026-03-29 03:30 meant?"),
        ]),
        ("number,summary\nWO-5,a,b", [(2, "the line has 3 cells, and there are 2 headings")]),
        ("number,sumary\nWO-5,a", [(1, "there is no heading 'sumary' in a file of work orders; is 'summary' meant?")]),
        ("number,summary,summary\nWO-5,a,a", [(1, "the heading 'summary' stands there twice")]),
        ("", [(1, "the file is empty")]),
        ('number,summary\nWO-5,"over\ntwo lines"\nWO-6,"a\nb"\n,"The oven is cold"', [(6, "says just this already")]),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line_and_nothing_is_written(
    shop: Shop, text: str, mistakes: list[tuple[int, str]]
) -> None:
    before = shop.store.version()
    found = loading.load(shop.store, ORDERS, text.encode(), VIENNA)[0].mistakes
    assert [one.line for one in found] == [line for line, _ in mistakes]
    for one, (_, words) in zip(found, mistakes, strict=True):
        assert words in one.text
    assert shop.store.version() == before


def test_of_a_time_that_the_clock_shows_twice_the_first_is_meant_and_the_second_has_its_offset(shop: Shop) -> None:
    text = "number,promised from,promised until\nWO-5,2026-10-25 02:30,2026-10-25 02:30+01:00"
    assert told(shop, text).mistakes == ()
    loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    made = row(shop, "WO-5")
    kept = ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z")
    assert (made["msdyn_timefrompromised"], made["msdyn_timetopromised"]) == kept


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        (
            b"number,summary\nWO-5,ok\nWO-6,\x81ber",
            Mistake(3, "this is neither UTF-8 nor Windows-1252; save the file as CSV UTF-8"),
        ),
        (b"number\nWO-5\n\x00", Mistake(3, "this is no text file; save the sheet as CSV UTF-8")),
        ("number\nWO-5".encode("utf-16"), Mistake(1, "this is no text file; save the sheet as CSV UTF-8")),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", Mistake(3, "this is no text file; save the sheet as CSV UTF-8")),
        (b"PK\x03\x04\x14\x00", Mistake(1, "this is a workbook and no text file; save its sheet as CSV UTF-8")),
    ],
)
def test_what_is_no_text_is_refused_where_it_begins(shop: Shop, data: bytes, mistake: Mistake) -> None:
    assert previewed(shop, ORDERS, data).mistakes == (mistake,)


def test_a_name_that_several_have_is_not_guessed(shop: Shop) -> None:
    shop.store.create("account", {"name": "northwind bakery"})
    assert [one.text for one in told(shop, "number,account\nWO-5,Northwind Bakery").mistakes] == [
        "several have the account 'Northwind Bakery'"
    ]


def test_a_file_from_a_spreadsheet_with_semicolons_and_a_mark_of_its_encoding_is_read(shop: Shop) -> None:
    seen, _ = loading.load(shop.store, ORDERS, "\ufeffNumber; Postal  Code\nWO-5;8010\n;\n".encode(), VIENNA)
    assert seen.mistakes == ()
    assert row(shop, "WO-5")["msdyn_postalcode"] == "8010"


def test_five_thousand_rows_with_seven_mistakes_name_the_seven_and_write_none(shop: Shop) -> None:
    bad = {17, 402, 999, 2500, 3333, 4999, 5000}
    lines = [f"N-{n},{'x' if n in bad else 60}" for n in range(1, 5001)]
    found, _ = loading.load(shop.store, ORDERS, "\n".join(["number,minutes", *lines]).encode(), VIENNA)
    assert {one.line - 1 for one in found.mistakes} == bad
    assert len(shop.store.rows("msdyn_workorder")) == 1
    good = "\n".join(["number,minutes", *(line.replace(",x", ",60") for line in lines)])
    assert len(loading.load(shop.store, ORDERS, good.encode(), VIENNA)[1]) == 5000
    assert len(shop.store.rows("msdyn_workorder")) == 5001


def test_a_file_of_a_spreadsheet_on_windows_is_read(shop: Shop) -> None:
    seen, _ = loading.load(shop.store, ORDERS, "number;summary\r\nWO-5;größer – 5 €\r\n".encode("cp1252"), VIENNA)
    assert seen.mistakes == ()
    assert row(shop, "WO-5")["msdyn_workordersummary"] == "größer – 5 €"


@pytest.mark.parametrize(("mark", "end"), [(";", "\r\n"), (",", "\n"), ("\t", "\r\n"), ("|", "\n")])
def test_a_line_that_names_the_mark_between_cells_is_read_as_that(shop: Shop, mark: str, end: str) -> None:
    lines = [f"sep={mark}", f"number{mark}summary", f"WO-5{mark}a, b; c" if mark == "|" else f"WO-5{mark}ok", "WO-5"]
    found = previewed(shop, ORDERS, ("\ufeff" + end.join(lines)).encode())
    assert [one.values["msdyn_name"] for one in found.new] == ["WO-5"]
    assert [(one.line, one.text) for one in found.mistakes] == [(4, "number 'WO-5' stands in line 3 already")]


@pytest.mark.parametrize("name", SHEETS)
def test_what_is_exported_can_be_imported_and_changes_nothing(shop: Shop, name: str) -> None:
    make = shop.store.create
    bakery = shop.account
    contact = make("contact", {"firstname": "Kim", "lastname": "Berg", "parentcustomerid": bakery})
    make("contact", {"firstname": "Kim", "lastname": "Berg"})
    for guarded in ("'=1", "''-1", "'t Hof"):
        make("account", {"name": guarded})
    make("account", {"name": '=cmd "x", y', "telephone1": "+43 1", "primarycontactid": contact})
    make("account", {"name": "Twin", "accountnumber": "1"})
    twin = make("account", {"name": "twin", "accountnumber": "2"})
    make("msdyn_incidenttype", {"msdyn_name": "Leak", "msdyn_estimatedduration": 45})
    make("bookableresource", {"name": "Lift", "resourcetype": 4, "statecode": 1})
    make("bookableresource", {"name": "North crew", "resourcetype": 6})
    shop.opens("WO-2", msdyn_timefrompromised="2026-11-24T08:00:00Z", msdyn_workordersummary="two\nlines; and -1")
    shop.opens("WO-3", msdyn_serviceaccount=twin, msdyn_reportedbycontact=contact)
    with shop.store.reading() as tx:
        text = "".join(loading.export(tx, SHEETS[name], VIENNA))
    again, written = loading.load(shop.store, SHEETS[name], text.encode(), VIENNA)
    assert (again.mistakes, again.new, again.changed, written) == ((), (), (), [])
    assert again.same == len(text_rows(text)) - 1 > 0
    assert "\r\n=" not in text


def text_rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


ANA = "e-mail,name,zone,hours,kind,active"


@pytest.mark.parametrize(
    ("sheet", "text", "mistakes"),
    [
        (WORKERS, f"{ANA}\nana,Ana,Mars,Mon 9-5,Robot,maybe", [
            "'e-mail' is 'ana', and not an e-mail address", "'zone' is 'Mars', and not a time zone",
            "the working hours 'Mon 9-5' cannot be read", "'kind' is 'Robot', and not one of Generic",
            "'active' is 'maybe', and not one of yes, no"]),
        (WORKERS, "name\nCleo\ncleo", ["name 'cleo' stands in line 2 already"]),
        (WORKERS, "e-mail,name\nx@x.example,\n", ["'name' is empty"]),
        (CONTACTS, "first name,last name,account\nKim,Berg,Contoso", ["there is no account 'Contoso'"]),
        (CONTACTS, "account\nNorthwind Bakery", ["the heading 'first name' is missing", "the heading 'last name'"]),
        (ACCOUNTS, "account number\n7", ["this one is new, and 'name' is missing"]),
        (PRIORITIES, "name,importance\nTop,11", ["'importance' is '11', and not a whole number up to 10"]),
        (ACCOUNTS, "name,name\nA,B", ["the heading 'name' stands there twice"]),
        (ACCOUNTS, "account number,name\n7,A\n7,B", ["account number '7' stands in line 2 already"]),
        (ACCOUNTS, "name,account number\nA,7\nB,7", ["account number '7' stands in line 2 already"]),
    ],
)  # fmt: skip
def test_each_kind_names_what_is_wrong_in_its_own_words(
    shop: Shop, sheet: Sheet, text: str, mistakes: list[str]
) -> None:
    before = shop.store.version()
    found, written = loading.load(shop.store, sheet, text.encode(), VIENNA)
    assert len(found.mistakes) == len(mistakes)
    for one, words in zip(found.mistakes, mistakes, strict=True):
        assert words in one.text
    assert (written, shop.store.version()) == ([], before)


def test_accounts_are_told_apart_by_their_number_and_else_by_their_name(shop: Shop) -> None:
    def load(text: str) -> tuple[int, int]:
        found, _ = loading.load(shop.store, ACCOUNTS, text.encode(), VIENNA)
        assert found.mistakes == ()
        return len(found.new), len(found.changed)

    assert load("name,account number\nNorthwind Bakery,7\nOther,8") == (1, 1)  # it had no number yet
    assert load("name,account number\nNorthwind Bakery & Sons,7") == (0, 1)
    assert load("name,telephone\nOther,+43 1") == (0, 1)
    assert load("name,account number\nOther,9") == (1, 0)  # another account of the same name
    found, _ = loading.load(shop.store, ACCOUNTS, b"name\nOther", VIENNA)
    assert [one.text for one in found.mistakes] == [
        "several accounts have this name; tell them apart by account number"
    ]
    text = "number,account\nWO-5,Other (9)\nWO-6,Other"
    assert [(one.line, one.text) for one in told(shop, text).mistakes] == [(3, "several have the account 'Other'")]


def test_a_worker_that_is_imported_is_a_person_with_a_mailbox(shop: Shop) -> None:
    text = "name,e-mail,zone,hours\nCleo,Cleo@X.example,Europe/Vienna,mon-fri 7:00-15:00\nVan,,,\n"
    loading.load(shop.store, WORKERS, text.encode(), VIENNA)
    people = {one["name"]: one for one in shop.store.rows("bookableresource")}
    cleo = people["Cleo"]
    assert (cleo["msdyn_primaryemail"], cleo["timezone"], cleo["fieldcal_workinghours"], cleo["resourcetype"]) == (
        "cleo@x.example", 110, "Mon-Fri 07:00-15:00", 3,
    )  # fmt: skip
    user = shop.store.get("systemuser", cleo["userid"])
    assert user is not None
    assert (user["internalemailaddress"], user["domainname"]) == ("cleo@x.example", "cleo@x.example")
    assert (people["Van"]["timezone"], people["Van"]["msdyn_primaryemail"]) == (92, None)
    shop.store.change("systemuser", user["systemuserid"], {"azureactivedirectoryobjectid": user["systemuserid"]})
    changed = b"name,e-mail,kind\nCleo,cleo@x.example,\nVan,van@x.example,Equipment"
    assert len(loading.load(shop.store, WORKERS, changed, VIENNA)[0].changed) == 1
    assert shop.store.get("systemuser", cleo["userid"])["azureactivedirectoryobjectid"] is not None  # type: ignore[index]


def test_an_organization_that_begins_with_a_file_can_schedule_at_once() -> None:
    from fieldcal.embedded.fieldservice import Store

    store = Store(":memory:")
    loading.load(store, ORDERS, b"number\nWO-1", VIENNA)
    assert {one["name"] for one in store.rows("bookingstatus")} >= {"Scheduled", "Completed", "Canceled"}
    assert {one["msdyn_name"] for one in store.rows("msdyn_priority")} == {"Low", "Normal", "High"}
    store.close()


def test_every_cell_of_every_sheet_is_a_column_of_its_table() -> None:
    from fieldcal.embedded.fieldservice.tables import SCHEMA

    for sheet in SHEETS.values():
        columns = SCHEMA.by_name[sheet.table].by_name
        for cell in sheet.stored:
            assert (columns[cell.column].target or "") == cell.names, (sheet.name, cell.heading)
        assert {name for way in sheet.by for name in way} <= {cell.heading for cell in sheet.cells}


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("26.11.2026 09:00", "2026-11-26T08:00:00Z"), ("6.1.2026 9:05", "2026-01-06T08:05:00Z"),
        ("26.11.2026", "2026-11-25T23:00:00Z"), ("26.11.2026, 09:00:30", "2026-11-26T08:00:30Z"),
        ("2026-11-26 09:00", "2026-11-26T08:00:00Z"), ("2026-11-26T09:00+00:00", "2026-11-26T09:00:00Z"),
    ],
)  # fmt: skip
def test_dates_are_read_as_iso_and_with_dots_as_european_spreadsheets_write_them(
    shop: Shop, written: str, instant: str
) -> None:
    (made,) = told(shop, f'number,promised from\nWO-5,"{written}"').new
    assert made.values["msdyn_timefrompromised"] == instant


def test_orders_without_a_number_get_the_next_one_and_the_same_file_makes_none_a_second_time(shop: Shop) -> None:
    text = b"number,summary,account\n,Paint,Northwind Bakery\nWO-9,Roof,\n,Paint,Northwind Bakery\n"
    found, written = loading.load(shop.store, ORDERS, text, VIENNA)
    assert (found.mistakes, found.unnumbered, len(written)) == ((), 2, 3)
    numbers = {str(one["msdyn_name"]) for one in shop.store.rows("msdyn_workorder")}
    assert {"WO-1", "WO-9"} < numbers
    assert len(numbers) == 4
    again, written = loading.load(shop.store, ORDERS, text, VIENNA)
    assert ([one.line for one in again.mistakes], written) == ([2, 4], [])
    assert all("says just this already" in one.text for one in again.mistakes)
    assert len(loading.load(shop.store, ORDERS, b"summary\nWindow", VIENNA)[1]) == 1  # no heading for it at all


ADDRESS = {"address1_line1": "Main St 1", "address1_city": "Linz", "address1_postalcode": "4020"}
TAKEN = ("Main St 1", "Linz", "4020", None)


def address(shop: Shop, number: str) -> tuple[object, ...]:
    names = ("msdyn_address1", "msdyn_city", "msdyn_postalcode", "msdyn_country")
    return tuple(row(shop, number)[name] for name in names)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("number,account\nWO-5,Northwind Bakery", TAKEN),
        ("number,account,street,city\nWO-5,Northwind Bakery,,", TAKEN),
        ("number,account,city\nWO-5,Northwind Bakery,Wels", (None, "Wels", None, None)),
        ("number,account,place\nWO-5,Northwind Bakery,Pier 4", (None, None, None, None)),
        ("number\nWO-5", (None, None, None, None)),
    ],
)
def test_an_order_without_an_address_takes_its_accounts_and_the_same_file_again_changes_nothing(
    shop: Shop, text: str, kept: tuple[object, ...]
) -> None:
    shop.store.change("account", shop.account, ADDRESS)
    seen, _ = loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    assert (seen.mistakes, seen.taking, address(shop, "WO-5")) == ((), int(kept == TAKEN), kept)
    again, written = loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    assert (again.same, written) == (1, [])


def test_an_order_that_stands_there_takes_an_address_with_another_account_and_keeps_its_own(shop: Shop) -> None:
    shop.store.change("account", shop.account, ADDRESS)
    shop.opens("WO-2")  # made before its account had an address
    shop.opens("WO-3", msdyn_serviceaccount=None)
    text = "number,account,summary\nWO-1,Northwind Bakery,a\nWO-2,Northwind Bakery,a\nWO-3,Northwind Bakery,a"
    loading.load(shop.store, ORDERS, text.encode(), VIENNA)
    assert [address(shop, f"WO-{n}") for n in (1, 2, 3)] == [(None, "Graz", None, None), (None,) * 4, TAKEN]


@pytest.mark.parametrize("kind", SHEETS)
def test_the_guide_names_every_heading_of_each_kind(kind: str) -> None:
    guide = (Path(__file__).parents[2] / "docs/scheduling-records.md").read_text(encoding="utf-8")
    told = {line.split("|")[1].strip(): line.split("|")[2] for line in guide.splitlines() if line.startswith("| `")}
    cells = [f"`{cell.heading}`" + (f" or `{cell.label}`" if cell.label else "") for cell in SHEETS[kind].cells]
    assert told[f"`{kind}`"].strip() == ", ".join(cells)
