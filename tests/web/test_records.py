"""Customers, workers and types in the browser: every kind's list and form, and what a worker's address means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.web.centre_end import Centre
from tests.web.schedule_end import Rung, dispatcher, shop_at
from tests.web.test_orders import values

from fieldcal.schedule import addresses, moves
from fieldcal.setup_model import Role
from fieldcal.state import audit


@pytest.fixture
def shop(place: Centre, tmp_path: Path) -> Iterator[Rung]:
    with shop_at(place, tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "table", "sent", "column", "change"),
    [
        ("/customers", "account", {"name": "Ada Ltd", "email": "ADA@x.example", "city": "Graz"}, "emailaddress1",
         {"email": "b@x.example"}),
        ("/customers/contacts", "contact",
         {"last_name": "Berg", "first_name": "Kim", "account": "Northwind Bakery"}, "fullname", {"first_name": "Jo"}),
        ("/types", "msdyn_workordertype", {"name": "Paint"}, "msdyn_name", {"name": "Painting"}),
        ("/types/incidents", "msdyn_incidenttype", {"name": "Leak", "minutes": "45"}, "msdyn_estimatedduration",
         {"minutes": "60"}),
        ("/types/priorities", "msdyn_priority", {"name": "Top", "importance": "10"}, "msdyn_levelofimportance",
         {"importance": "9"}),
        ("/workers", "bookableresource",
         {"name": "Cleo", "email": "Cleo@x.example", "kind": "User", "zone": "Europe/Berlin", "active": "yes",
          "hours": "mon 8:00-12:00"}, "fieldcal_workinghours", {"hours": ""}),
    ],
)  # fmt: skip
def test_each_kind_is_made_found_and_changed(
    place: Centre, shop: Rung, path: str, table: str, sent: dict[str, str], column: str, change: dict[str, str]
) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        assert (await browser.get(f"{path}/new")).status == 200
        made = await browser.post(f"{path}/add", sent)
        assert made.status == 303, made.text
        name = next(iter(sent.values()))
        assert f">{name}<" in (await browser.get(f"{path}?search={name}")).text
        form = values((await browser.get(made.to)).text)
        row = form["id"]
        before = shop.store.get(table, row)
        assert before is not None
        assert (await browser.post(f"{path}/save", form | change)).status == 303
        after = shop.store.get(table, row)
        assert after is not None
        assert after[column] != before[column]
        assert {name for name in after if after[name] != before[name]} <= {
            column, "versionnumber", "modifiedon", "firstname", "lastname",
        }  # fmt: skip
        assert (await browser.post(f"{path}/add", sent | change)).status == 409  # it is there already

    place.play(story)


def test_another_address_of_a_worker_is_another_mailbox_and_another_name_is_not(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        sent = {"name": "Cleo", "email": "cleo@x.example", "kind": "User", "zone": "UTC", "active": "yes"}
        form = values((await browser.get((await browser.post("/workers/add", sent)).to)).text)
        worker = shop.store.get("bookableresource", form["id"])
        assert worker is not None
        user = str(worker["userid"])
        shop.store.change("systemuser", user, {"azureactivedirectoryobjectid": user})

        async def saved(**change: str) -> tuple[object, ...]:
            now = values((await browser.get(f"/workers/one?id={form['id']}")).text)
            assert (await browser.post("/workers/save", now | change)).status == 303
            found = shop.store.get("systemuser", user)
            assert found is not None
            return found["fullname"], found["internalemailaddress"], found["azureactivedirectoryobjectid"]

        assert await saved(name="Cleo Frey") == ("Cleo Frey", "cleo@x.example", user)
        assert await saved(email="frey@x.example") == ("Cleo Frey", "frey@x.example", None)
        # taken back, it is the mailbox that it was; unless another user has that address by now
        assert await saved(email="cleo@x.example") == ("Cleo Frey", "cleo@x.example", user)
        assert await saved(email="frey@x.example") == ("Cleo Frey", "frey@x.example", None)
        heir = await browser.post("/workers/add", sent | {"name": "Cleo Heir"})
        assert heir.status == 303, heir.text
        (other,) = [row for row in shop.store.rows("systemuser") if row["fullname"] == "Cleo Heir"]
        assert other["azureactivedirectoryobjectid"] == user
        with shop.store.writing() as tx:
            assert addresses.at(tx, {"internalemailaddress": "Cleo@x.example"})["azureactivedirectoryobjectid"] is None

    place.play(story)


def test_a_contact_with_a_last_name_alone_is_called_by_it(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        page = (await browser.get((await browser.post("/customers/contacts/add", {"last_name": "O'Neil"})).to)).text
        assert re.search(r"<h1>O&#39;Neil</h1>", page)
        assert "without a name" not in page

    place.play(story)


def test_lists_search_every_word_and_sort_by_each_heading(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        for name, city in (("Blue Moon", "Graz"), ("Red Moon", "Wien")):
            shop.store.create("account", {"name": name, "address1_city": city})
        page = (await browser.get("/customers?search=moon+graz")).text
        assert ("Blue Moon" in page, "Red Moon" in page) == (True, False)
        page = (await browser.get("/customers?sort=-city")).text
        assert page.index("Red Moon") < page.index("Blue Moon")
        assert "Ben" in (await browser.get("/workers?active=yes")).text
        assert "Nothing fits" in (await browser.get("/workers?active=no")).text

    place.play(story)


def test_a_crew_is_made_its_members_come_and_go_and_who_is_booked_is_only_deactivated(
    place: Centre, shop: Rung
) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        made = await browser.post("/workers/crews/add", {"name": "North", "zone": "Europe/Berlin"})
        crew = values((await browser.get(made.to)).text)["id"]
        row = shop.store.get("bookableresource", crew)
        assert row is not None
        assert (row["resourcetype"], row["timezone"], row["statecode"]) == (6, 110, 0)
        day = {"id": crew, "worker": shop.ana, "since": "2026-01-01", "until": ""}
        assert (await browser.post("/workers/crews/join", {**day, "leads": "1"})).status == 303
        assert (await browser.post("/workers/crews/join", day)).status == 409
        assert (await browser.post("/workers/crews/join", {**day, "since": "soon"})).status == 409
        assert (await browser.post("/workers/crews/join", {**day, "since": "0026-01-01"})).status == 409
        page = (await browser.get(f"/workers/crews/one?id={crew}")).text
        assert "since 2026-01-01" in page
        member = re.search(r'name="member" value="([^"]+)"', page)
        assert member is not None
        moves.book(shop.store, crew, at.clock.now(), at.clock.now() + timedelta(hours=1))
        assert {one["resource"] for one in shop.store.rows("bookableresourcebooking")} == {crew, shop.ana}
        assert (await browser.post("/workers/crews/part", {"id": crew, "member": member[1]})).status == 303
        asked = await browser.post("/workers/switch", {"kind": "workers", "id": shop.ana})
        assert (asked.status, "1 booking is coming" in asked.text) == (200, True)
        gone = {"kind": "workers", "id": shop.ana, "count": "1"}
        assert (await browser.post("/workers/switch", gone)).status == 303
        assert "Not active" in (await browser.get("/workers?active=no")).text
        assert (await browser.post("/workers/remove", gone)).status == 409
        assert (await browser.post("/workers/switch", gone)).status == 303  # back at once, without a question
        ana = shop.store.get("bookableresource", shop.ana)
        assert ana is not None
        assert ana["statecode"] == 0
        assert (await browser.post("/workers/remove", {"kind": "workers", "id": shop.ben})).status == 303
        assert shop.store.get("bookableresource", shop.ben) is None

    place.play(story)


def test_what_nothing_names_is_removed_after_a_question_and_what_is_named_stays(place: Centre, shop: Rung) -> None:
    contact = shop.store.create("contact", {"firstname": "Kim", "lastname": "Berg"})
    shop.store.change("account", shop.account, {"primarycontactid": contact})

    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        assert "/types/remove" in (await browser.get(f"/types/one?id={shop.type}")).text
        stays = await browser.post("/types/remove", {"id": shop.type, "count": "0"})
        assert (stays.status, "Repair stays" in stays.text, "1 work order (WO-1)" in stays.text) == (200, True, True)
        assert "<button" not in stays.text.partition('action="/types/remove"')[2].partition("</form>")[0]
        asked = await browser.post("/customers/contacts/remove", {"id": contact})
        assert "1 account (Northwind Bakery) names it, and names nobody then" in asked.text
        again = await browser.post("/customers/contacts/remove", {"id": contact, "count": "0"})
        assert "Please confirm again" in again.text
        gone = await browser.post("/customers/contacts/remove", {"id": contact, "count": "1"})
        assert (gone.to, shop.store.get("contact", contact)) == ("/customers/contacts", None)
        assert "Kim Berg is removed." in (await browser.get(gone.to)).text
        assert shop.store.get("msdyn_workordertype", shop.type) is not None
        with at.app.database.read() as tx:
            lines = audit.latest(tx, wanted=audit.Wanted(subject=f"main/{contact}"))
        assert [(line.actor, line.action, line.detail) for line in lines] == [("dora", "contact removed", "Kim Berg")]
        stranger = await at.signed_in("rita", Role.READER)
        assert (await stranger.post("/types/priorities/remove", {"id": shop.high, "count": "0"})).status == 403

    place.play(story)
