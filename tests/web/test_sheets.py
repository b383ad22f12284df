"""CSV files in the browser: looked at first, loaded whole or not at all, twice is once, and out again as they came."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.web.centre_end import Answer, Browser, Centre
from tests.web.schedule_end import Rung, dispatcher, shop_at

from fieldcal.schedule.sheets import SHEETS
from fieldcal.setup_model import Role
from fieldcal.state import audit
from fieldcal.web.rooms import field_name
from fieldcal.web.texts import text
from fieldcal.web.uploads import Upload, Uploads


@pytest.fixture
def shop(place: Centre, tmp_path: Path) -> Iterator[Rung]:
    with shop_at(place, tmp_path) as made:
        yield made


async def sends(browser: Browser, kind: str, data: bytes, name: str = "file.csv") -> Answer:
    """The file, and what the page then shows; or what refused it."""
    form = aiohttp.FormData()
    form.add_field("csrf", browser.token)
    form.add_field("kind", kind)
    form.add_field("file", io.BytesIO(data), filename=name, content_type="text/csv")
    answer = await browser.ask("POST", "/sheets/preview", data=form)
    return await browser.get(answer.to) if answer.status == 303 else answer


def hidden(page: str) -> dict[str, str]:
    form = page[page.index('action="/sheets/load"') :].partition("</form>")[0]
    return {name: unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)}


def lines(page: str) -> list[int]:
    return [int(n.replace(",", "")) for n in re.findall(r'<td class="number" data-name="Line">([\d,]+)</td>', page)]


def test_a_file_is_looked_at_then_loaded_and_the_second_time_changes_nothing(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        assert "promised until" in (await browser.get("/sheets?kind=orders")).text
        text = "number;summary;account\r\nWO-1;größer;Northwind Bakery\r\nWO-2;neu;\r\n"
        before = shop.store.version()
        page = await sends(browser, "orders", text.encode("cp1252"))
        assert (page.status, shop.store.version()) == (200, before)
        sent = hidden(page.text)
        assert (sent["new"], sent["changed"]) == ("1", "1")
        loaded = await browser.post("/sheets/load", sent)
        assert (loaded.status, loaded.to) == (303, "/orders")
        assert "Loaded: 1 new, 1 changed, 0 as they were." in (await browser.get("/orders")).text
        assert {one["msdyn_workordersummary"] for one in shop.store.rows("msdyn_workorder")} == {"größer", "neu"}
        assert shop.rung > 0
        version = shop.store.version()
        again = await sends(browser, "orders", text.encode())
        assert "there is nothing to load" in again.text
        assert (await browser.post("/sheets/load", {**hidden(again.text)})).status == 303
        assert shop.store.version() == version
        assert (await browser.post("/sheets/load", sent)).status == 404  # it is gone once it is loaded
        with at.app.database.read() as tx:
            told = [line.detail for line in audit.latest(tx, wanted=audit.Wanted(subject="main/orders"))]
        assert told == ["1 new, 1 changed, 0 as before: file.csv"]
        exported = await browser.get("/sheets.csv?kind=orders")
        same = await sends(browser, "orders", exported.text.encode("utf-8"))
        assert (hidden(same.text)["new"], hidden(same.text)["changed"]) == ("0", "0")

    place.play(story)


def test_every_mistake_is_named_by_line_and_column_page_by_page(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        before = shop.store.version()
        rows = [f"N-{n},x" for n in range(250)]
        page = await sends(browser, "orders", "\n".join(["number,minutes", *rows]).encode())
        assert "250 mistakes." in page.text
        assert lines(page.text) == list(range(2, 102))
        assert page.text.count('<td data-name="Column">Minutes</td>') == 100
        upload = re.search(r"upload=([^&\"]+)&amp;page=2", page.text)
        assert upload is not None
        last = await browser.get(f"/sheets/preview?upload={upload[1]}&page=3")
        assert lines(last.text) == list(range(202, 252))
        assert (await browser.post("/sheets/load", {"upload": upload[1], "new": "0", "changed": "0"})).status == 409
        assert shop.store.version() == before

    place.play(story)


def test_what_became_something_else_meanwhile_is_shown_again_and_not_loaded(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        sent = hidden((await sends(browser, "accounts", b"name,account number\nNew,7")).text)
        shop.store.create("account", {"name": "Another", "accountnumber": "7"})  # it would be renamed
        version = shop.store.version()
        answer = await browser.post("/sheets/load", sent)
        assert (answer.status, shop.store.version()) == (409, version)
        assert "look at it again" in answer.text

    place.play(story)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("workers", b"", "the file is empty"),
        ("workers", b"name,hours\nCleo,always", "the working hours"),
        ("workers", b"\xff\xfe\x00", "this is no text file"),
        ("nothing", b"name\nx", ""),
    ],
)
def test_what_is_no_such_file_is_refused_in_plain_words(
    place: Centre, shop: Rung, kind: str, data: bytes, words: str
) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        page = await sends(browser, kind, data)
        assert page.status == (200 if words else 404)
        assert words in unescape(page.text)

    place.play(story)


def test_a_file_is_its_senders_alone_and_takes_a_sign_in(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        dora, dirk = [await dispatcher(at, name) for name in ("dora", "dirk")]
        sent = hidden((await sends(dora, "types", b"name\nPaint")).text)
        assert (await dirk.get(f"/sheets/preview?upload={sent['upload']}")).status == 404
        assert (await dirk.post("/sheets/load", sent)).status == 404
        reader = await at.signed_in("rita", Role.READER)
        assert (await sends(reader, "types", b"name\nPaint")).status == 403
        stranger = at.browser()
        answer = await sends(stranger, "types", b"name\nPaint" + b"\nx" * 2**18)
        assert answer.status == 401
        assert (await dora.get(f"/sheets/preview?upload={sent['upload']}")).status == 200

    place.play(story)


def test_five_thousand_long_rows_are_taken_and_what_is_larger_than_a_file_may_be_is_not(
    place: Centre, shop: Rung
) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        rows = [f"N-{n},{'summary ' * 60},Repair" for n in range(5_000)]
        page = await sends(browser, "orders", "\n".join(["number,summary,type", *rows]).encode())
        assert (page.status, hidden(page.text)["new"]) == (200, "5000")
        form: Any = io.BytesIO(b"x" * (8 * 2**20 + 1))
        assert (await browser.ask("POST", "/sheets/preview", data=form)).status == 413

    place.play(story)


def test_a_few_files_are_kept_for_an_hour_and_nobody_pushes_out_anothers() -> None:
    began, kept = datetime(2026, 11, 23, 12, tzinfo=UTC), Uploads()

    def put(user: str, minutes: int) -> str:
        return kept.put(Upload(user, "main", "types", "f.csv", b"", began + timedelta(minutes=minutes)))

    def there(name: str, user: str, minutes: int) -> bool:
        return kept.find(name, user, "main", began + timedelta(minutes=minutes)) is not None

    theirs = put("dirk", 0)
    own = [put("dora", minute) for minute in range(5)]
    assert [there(one, "dora", 5) for one in own] == [False, False, False, True, True]
    assert (there(theirs, "dirk", 59), there(theirs, "dirk", 60), there(theirs, "dora", 5)) == (True, False, False)
    kept.drop(own[-1])
    assert not there(own[-1], "dora", 5)


def test_the_preview_says_which_rows_take_their_accounts_address_and_which_get_a_number(
    place: Centre, shop: Rung
) -> None:
    shop.store.change("account", shop.account, {"address1_city": "Linz"})

    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        text = b"Number,Summary,Account,Incident type\n,Paint,Northwind Bakery,\nWO-7,Roof,,\n"
        page = unescape((await sends(browser, "orders", text)).text)
        for words in ("1 row has no number", "takes its account's.", "City of its account (Linz)", "the next number"):
            assert words in page, words
        assert (await browser.post("/sheets/load", hidden(page))).status == 303
        again = unescape((await sends(browser, "orders", text)).text)
        assert "1 mistake. Nothing was changed. Mend it in the file" in re.sub("<[^>]+>", "", again)
        assert "says just this already" in again

    place.play(story)


def test_a_file_may_say_what_the_forms_fields_are_called() -> None:
    for sheet in SHEETS.values():
        for cell in sheet.cells:
            label = text(f"records.column.{field_name(cell.heading)}")
            assert label.lower() in {cell.heading, cell.label}, (sheet.name, cell.heading)
