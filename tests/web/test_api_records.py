"""The schedule's records over REST: shown, made, changed by what was seen, and files in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.schedule.shop import at as instant
from tests.web.centre_end import OPERATOR, Centre
from tests.web.schedule_end import Rung, shop_at
from tests.web.test_api import problem
from tests.web.test_api_resources import Script, actions

from fieldcal.schedule import moves
from fieldcal.setup import environments
from fieldcal.setup_model import Endpoint, Role

AT = "/environments/main/records"


@pytest.fixture
def shop(place: Centre, tmp_path: Path) -> Iterator[Rung]:
    with shop_at(place, tmp_path) as made:
        yield made


def script(at: Centre, *roles: Role) -> Script:
    with at.app.database.write() as tx:
        environments.add(tx, OPERATOR, at.clock.now(), "main", Endpoint("", credential="embedded"))
    return Script(at, *(roles or (Role.DISPATCHER,)))


def test_an_order_is_made_found_by_its_number_and_changed_by_what_was_seen(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        by = script(at)
        wish = {"fields": {"summary": "Cold", "account": "Northwind Bakery", "promised from": "2026-11-24T09:00+01:00"}}
        made = await by.ask("POST", f"{AT}/orders", wish)
        assert made.status == 201
        told = json.loads(made.text)
        assert (told["fields"]["number"], told["fields"]["promised from"]) == ("00001", "2026-11-24 08:00:00+00:00")
        page = await by.get(f"{AT}/orders?search=0000&limit=1")
        assert ([one["id"] for one in page["items"]], page["total"]) == ([told["id"]], 1)
        etag = made.headers["etag"]
        path = f"/api/v1{AT}/orders/00001"
        headers = {**by.headers, "if-match": etag}
        done = await by.browser.ask("PATCH", path, json={"fields": {"city": "Graz"}}, headers=headers)
        assert (done.status, json.loads(done.text)["fields"]["city"]) == (200, "Graz")
        again = await by.browser.ask("PATCH", path, json={"fields": {"city": "Linz"}}, headers=headers)
        assert problem(again) == "stale"
        assert (await by.get(f"{AT}/orders/{told['id']}"))["fields"]["summary"] == "Cold"
        assert actions(at) == ["work order changed", "work order added"]
        assert shop.rung > 0

    place.play(story)


def test_what_cannot_be_is_pointed_at_and_nothing_is_written(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        by, before = script(at), shop.store.version()
        for fields, pointer in (
            ({"minutes": "x"}, "/fields/minutes"), ({"colour": "red"}, "/fields/colour"),
            ({"number": "wo-1"}, "/fields/number"), ({"account": "Nobody"}, "/fields/account"),
        ):  # fmt: skip
            answer = await by.ask("POST", f"{AT}/orders", {"fields": fields})
            assert problem(answer) == "invalid"
            assert [one["pointer"] for one in json.loads(answer.text)["errors"]] == [pointer]
        assert problem(await by.ask("GET", f"{AT}/orders/nothing")) == "missing"
        assert problem(await by.ask("GET", f"{AT}/nothing")) == "invalid"
        assert shop.store.version() == before

    place.play(story)


def test_a_file_goes_in_whole_or_not_at_all_and_comes_out_as_it_went_in(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        by, before = script(at), shop.store.version()
        wrong = await by.do(f"{AT}/accounts/import", {"csv": "name,e-mail\nA,x\nB,b@x.example"})
        assert (wrong["loaded"], [(one["line"], one["heading"]) for one in wrong["mistakes"]]) == (
            False, [(2, "e-mail")],
        )  # fmt: skip
        good = {"csv": "name,e-mail\nA,a@x.example\nB,b@x.example"}
        assert (await by.do(f"{AT}/accounts/import", {**good, "dry_run": True}))["loaded"] is False
        assert shop.store.version() == before
        assert (await by.do(f"{AT}/accounts/import", good))["new"] == 2
        again = await by.do(f"{AT}/accounts/import", good)
        assert (again["new"], again["changed"], again["same"], again["loaded"]) == (0, 0, 2, False)
        told = await by.ask("GET", f"{AT}/accounts/export")
        whole = await by.do(f"{AT}/accounts/import", {"csv": told.text})
        assert (whole["same"], whole["loaded"]) == (3, False)
        assert actions(at) == ["accounts imported"]

    place.play(story)


def test_it_takes_the_role_and_an_environment_that_schedules_here(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        by = script(at, Role.READER)
        assert problem(await by.ask("GET", f"{AT}/orders")) == "denied"
        at.environment("other")
        at.person("dora", Role.DISPATCHER)
        browser = await at.signed_in("dirk", Role.DISPATCHER)
        answer = await browser.get("/api/v1/environments/other/records/orders")
        assert problem(answer) == "missing"

    place.play(story)


def test_rows_are_removed_and_orders_canceled_when_the_count_is_true(place: Centre, shop: Rung) -> None:
    async def story(at: Centre) -> None:
        by = script(at)
        slot = moves.book(shop.store, shop.ana, instant(24, 9), instant(24, 10), order=shop.order)
        refused = await by.ask("DELETE", f"{AT}/accounts/{shop.account}")
        assert (problem(refused), "Northwind Bakery is named by 1 work order (WO-1)" in refused.text) == (
            "not-done",
            True,
        )
        assert problem(await by.ask("POST", f"{AT}/orders/WO-1/cancel", {"expect": 2})) == "not-done"
        assert (await by.do(f"{AT}/orders/WO-1/cancel", {"expect": 1}))["bookings"] == 1
        assert shop.order_status() == 690970005
        assert problem(await by.ask("DELETE", f"{AT}/orders/WO-1")) == "not-done"
        gone = await by.ask("DELETE", f"{AT}/orders/WO-1?expect=1")
        assert (gone.status, json.loads(gone.text)["bookings"]) == (200, 1)
        assert shop.store.get("bookableresourcebooking", slot.id) is None
        assert (await by.ask("DELETE", f"{AT}/accounts/{shop.account}")).status == 200
        assert actions(at) == [
            "account removed", "work order removed", "booking removed", "work order canceled", "booking status",
        ]  # fmt: skip

    place.play(story)
