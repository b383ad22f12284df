"""A dispatcher fills an empty schedule from a spreadsheet: seven mistakes are named and mended, and twice is once."""

from __future__ import annotations

from playwright.async_api import Page, expect
from tests.browser.company import Company, Tell

WORLD = {"set_up": True, "workers": 3, "bookings": 20}
_ROWS = 5_000
#: line -> what stands there, and what is said of it
_MISTAKES = {
    18: ("N-00017,Repairs,60,", "there is no type 'Repairs'; is 'Repair' meant?"),
    403: ("N-00402,Repair,an hour,", "and not a number of minutes"),
    1000: ("N-00999,Repair,60,11/12/2026", "does not tell which is the day and which the month"),
    2501: ("n-00001,Repair,60,", "stands in line 2 already"),
    3334: ("N-03333,Repair,60,tomorrow", "and not a date and time; write"),
    5000: ("N-04999,Repair,60,,more", "the line has 5 cells, and there are 4 headings"),
    5001: ("N-05000,Repair,99999,", "and not a number of minutes up to 44,640"),
}


def _sheet(*, mended: bool) -> bytes:
    lines = ["number;type;minutes;promised from"]
    for n in range(1, _ROWS + 1):
        wrong = _MISTAKES.get(n + 1)
        line = wrong[0] if wrong and not mended else f"N-{n:05},Repair,60,2026-12-01 08:00"
        lines.append(line.replace(",", ";"))
    return "\r\n".join(lines).encode("cp1252")


async def _send(page: Page, data: bytes) -> None:
    await page.goto("/orders")
    await page.get_by_role("link", name="Import").click()
    file = {"name": "orders.csv", "mimeType": "text/csv", "buffer": data}
    await page.get_by_label("CSV file").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Look at it first").click()
    await page.wait_for_url("**/sheets/preview?**")


def test_an_import_of_5000_rows_names_its_7_mistakes_and_once_mended_is_loaded_and_twice_is_once(tell: Tell) -> None:
    async def story(at: Company) -> None:
        store = at.embedded.field_service.store
        page = await at.signed_in("dispatcher")
        before = store.version()
        await _send(page, _sheet(mended=False))
        await expect(page.get_by_text("7 mistakes.")).to_be_visible()
        lines = await page.locator("tbody tr").all_inner_texts()
        assert [int(line.split("\t")[0].replace(",", "")) for line in lines] == list(_MISTAKES)
        for line, (_, words) in zip(lines, _MISTAKES.values(), strict=True):
            assert words in line
        await expect(page.get_by_role("button", name="Load")).to_have_count(0)
        assert store.version() == before  # nothing was changed

        await page.get_by_role("link", name="Send the file again").click()
        await _send(page, _sheet(mended=True))
        await expect(page.get_by_text("5,000 new")).to_be_visible()
        await page.get_by_role("button", name="Load 5,000 rows").click()
        await page.wait_for_url("**/orders")
        await expect(page.get_by_text("Loaded: 5,000 new, 0 changed, 0 as they were.")).to_be_visible()
        assert sum(one["msdyn_name"].startswith("N-") for one in store.rows("msdyn_workorder")) == _ROWS

        loaded = store.version()
        await _send(page, _sheet(mended=True))
        await expect(page.get_by_text("there is nothing to load")).to_be_visible()
        assert store.version() == loaded

        await page.goto("/orders")
        await page.get_by_label("Search", exact=True).fill("n-04999")
        await page.get_by_role("button", name="Search").click()
        await page.get_by_role("link", name="N-04999").click()
        await expect(page.get_by_text("work order imported", exact=False)).to_be_visible()
        await page.get_by_role("link", name="Change").click()
        await page.get_by_label("City").fill("Graz")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("The work order is saved", exact=False)).to_be_visible()
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)


def test_the_form_fills_in_the_accounts_address_and_leaves_one_that_was_written(tell: Tell) -> None:
    async def story(at: Company) -> None:
        make = at.embedded.field_service.store.create
        for name, city in (("Aalto", "Linz"), ("Aarne", "Wels")):
            make("account", {"name": name, "address1_line1": f"{name} St 1", "address1_city": city})
        page = await at.signed_in("dispatcher")
        await page.goto("/orders/new")
        account, city = page.get_by_label("Account", exact=True), page.get_by_label("City")
        for name, there in (("Aalto", "Linz"), ("Aarne", "Wels")):
            await account.select_option(name)
            await expect(city).to_have_value(there)
        await city.fill("Graz")
        await account.select_option("Aalto")
        await expect(account).to_have_value("Aalto")
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_text("Graz")).to_be_visible()
        assert page.complaints == []  # type: ignore[attr-defined]

    tell(story)
