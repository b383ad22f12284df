"""The list of mailboxes and what is done to many at once: asked with the count, done once, by whom the table lets."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from tests.web.centre_end import OPERATOR, Centre

from fieldcal.model import Check, MailboxId
from fieldcal.setup import environments, profiles
from fieldcal.setup.environments import Changes
from fieldcal.setup_model import Endpoint, MailboxState, Role, Selection
from fieldcal.state import alerts, audit, pauses
from fieldcal.state import mailboxes as rows
from fieldcal.state.tables import environments as places
from fieldcal.state.tables import mailboxes

APPROVER = (Role.MAILBOX_APPROVER,)


def stock(at: Centre, number: int, environment: str = "main") -> None:
    at.environment(environment)
    with at.app.database.write() as tx:
        tx.execute(
            mailboxes.insert(),
            [{"environment": environment, "id": f"box-{n:05}", "name": f"Worker {n}", "address": f"w{n:05}@x.example",
              "approval": "pending"} for n in range(number)],
        )  # fmt: skip


def standing(at: Centre, state: MailboxState | None = None) -> list[str]:
    with at.app.database.read() as tx:
        return [str(one) for one in rows.ids(tx, "main", Selection(state=state))]


def hidden(text: str, name: str) -> str:
    return text.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]


def test_the_list_is_paged_searched_and_filtered_by_the_server(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 60)
        browser = await at.signed_in("reader", Role.READER)
        page = (await browser.get("/mailboxes?page=3")).text
        assert "51–60 of 60" in page
        assert "w00050@x.example" in page
        assert "w00049@x.example" not in page
        # a reader is offered nothing to do
        assert "data-act" not in page
        assert 'name="id"' not in page
        found = (await browser.get("/mailboxes?search=W00007")).text
        assert "1–1 of 1" in found
        assert "Nothing matches" in (await browser.get("/mailboxes?standing=written")).text
        assert (await browser.get("/mailboxes?state=odd")).status == 409
        assert (await browser.get("/mailboxes?sort=checks")).status == 409
        assert (await browser.get("/mailboxes?environment=elsewhere")).status == 409

    place.play(story)


def test_without_an_environment_or_a_mailbox_the_page_says_what_to_do(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("reader", Role.READER)
        assert "No environment yet" in (await browser.get("/overview")).text
        assert (await browser.get("/mailboxes")).status == 409
        at.environment()
        assert "No mailbox is known yet" in (await browser.get("/mailboxes")).text

    place.play(story)


def test_all_that_match_are_counted_named_and_done_and_no_others(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 40)
        browser = await at.signed_in("approver", *APPROVER)
        await browser.get("/mailboxes")
        form = {"deed": "approve", "all": "1", "search": "w0000", "state": ""}
        asked = await browser.post("/mailboxes/confirm", form)
        assert "Approve the e-mail addresses of 10 mailboxes?" in asked.text
        assert standing(at, MailboxState.UNAPPROVED) == standing(at)
        done = await browser.post("/mailboxes/do", {**form, "count": "10", "origin": "/mailboxes?search=w0000"})
        assert (done.status, done.to) == (303, "/mailboxes?search=w0000")
        assert "10 addresses are approved." in (await browser.get(done.to)).text
        assert len(standing(at, MailboxState.UNAPPROVED)) == 30
        with at.app.database.read() as tx:
            lines = audit.latest(tx, 10)
        assert {(line.actor, line.action) for line in lines} == {("approver", "mailbox approve")}

    place.play(story)


def test_where_the_number_has_changed_it_is_asked_again(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 12)
        browser = await at.signed_in("approver", *APPROVER)
        await browser.get("/mailboxes")
        form = {"deed": "approve", "all": "1", "search": "", "state": "unapproved"}
        with at.app.database.write() as tx:
            rows.approve(tx, "main", [MailboxId("box-00003")], "another")
        answer = await browser.post("/mailboxes/do", {**form, "count": "12"})
        assert answer.status == 200
        assert "Meanwhile it is 11." in answer.text
        assert len(standing(at, MailboxState.UNAPPROVED)) == 11

    place.play(story)


@pytest.mark.parametrize("deed", ["defaults", "approve", "test", "reject", "disable"])
@pytest.mark.parametrize(
    ("roles", "good"),
    [(APPROVER, True), ((Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN), True), ((Role.SYSTEM_ADMIN,), False),
     ((Role.EXCHANGE_ADMIN,), False), ((Role.READER, Role.DISPATCHER, Role.WORKER), False)],
)  # fmt: skip
def test_d12_decides_who_may_do_what_to_many(place: Centre, deed: str, roles: tuple[Role, ...], good: bool) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)
        browser = await at.signed_in("somebody", *roles)
        answer = await browser.post("/mailboxes/confirm", {"deed": deed, "id": "box-00001"})
        assert answer.status == (200 if good else 403)
        if not good:
            answer = await browser.post("/mailboxes/do", {"deed": deed, "id": "box-00001", "count": "1"})
            assert answer.status == 403
            assert len(standing(at, MailboxState.NOT_RUN)) == 2

    place.play(story)


def test_another_environment_s_rule_opens_no_door_here(place: Centre) -> None:
    """D12 is read in the environment that is worked in, whatever it says in another one."""

    async def story(at: Centre) -> None:
        stock(at, 1)
        stock(at, 1, "strict")
        with at.app.database.write() as tx:
            environments.change(tx, OPERATOR, at.clock.now(), "strict", Changes({"approval_rule": "strict"}))
        browser = await at.signed_in("approver", *APPROVER)
        form = {"deed": "approve", "id": "box-00000", "count": "1"}
        assert (await browser.post("/mailboxes/do?environment=strict", form)).status == 403
        assert (await browser.post("/mailboxes/do?environment=main", form)).status == 303

    place.play(story)


def test_a_spreadsheet_takes_no_cell_for_a_formula(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        with at.app.database.write() as tx:
            tx.execute(mailboxes.update().where(mailboxes.c.id == "box-00001").values(name="=cmd|' /C calc'!A0"))
        browser = await at.signed_in("reader", Role.READER)
        answer = await browser.get("/mailboxes.csv?search=w0000&sort=-address")
        assert answer.headers["content-disposition"].startswith("attachment")
        told = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["address"] for row in told] == ["w00002@x.example", "w00001@x.example", "w00000@x.example"]
        assert told[1]["name"] == "'=cmd|' /C calc'!A0"

    place.play(story)


def test_the_file_holds_every_mailbox_however_many_in_the_order_of_the_list(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 5_003)
        browser = await at.signed_in("reader", Role.READER)
        told = list(csv.DictReader(io.StringIO((await browser.get("/mailboxes.csv?sort=-address")).text)))
        assert [row["address"] for row in told] == [f"w{n:05}@x.example" for n in reversed(range(5_003))]
        assert (await browser.get("/mailboxes.csv?state=success")).text.count("\n") == 1

    place.play(story)


def test_a_form_pressed_twice_tests_once_and_the_results_say_what_helps(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        with at.app.database.write() as tx:
            tx.execute(places.update().values(organization="org"))
        browser = await at.signed_in("approver", *APPROVER)
        asked = await browser.post("/mailboxes/confirm", {"deed": "test", "all": "1", "search": "", "state": ""})
        form = {"deed": "test", "all": "1", "search": "", "state": "", "count": "3", "once": hidden(asked.text, "once")}
        first, second = await asyncio.gather(*(browser.post("/mailboxes/do", form) for _ in range(2)))
        assert first.to == second.to != ""
        events = await browser.get(f"{first.to}/events")
        assert events.headers["content-type"].startswith("text/event-stream")
        assert events.text.count("event: end\n") == 1
        page = (await browser.get(first.to)).text
        assert "Done: 0 of 3 succeeded" in page
        assert page.count("No server profile is chosen.") == 3
        assert "fieldcal mailbox edit ADDRESS --profile NAME" in page
        with at.app.database.read() as tx:
            assert len([line for line in audit.latest(tx) if line.action == "mailbox test"]) == 3
        assert (await browser.get("/mailboxes/work/unknown")).status == 404
        assert (await browser.get("/mailboxes/work/unknown/events")).status == 204

    place.play(story)


def test_what_a_server_said_is_shown_and_never_run(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 1)
        evil = "<script>alert(1)</script>"
        with at.app.database.write() as tx:
            bad = [Check(evil, ok=False, detail=evil, remedy=f"`{evil}`")]
            rows.fail(tx, "main", MailboxId("box-00000"), bad, evil)
            tx.execute(mailboxes.update().values(name=evil, trouble=evil))
        browser = await at.signed_in("approver", *APPROVER)
        for path in ("/mailboxes", "/overview", f"/mailboxes?search={evil}"):
            page = (await browser.get(path)).text
            assert "<script>alert" not in page, path
            assert "&lt;script&gt;" in page or path == "/overview", path

    place.play(story)


def test_every_filter_stands_beside_the_others_in_the_list_the_file_the_rest_api_and_what_is_done(
    place: Centre,
) -> None:
    async def story(at: Centre) -> None:
        stock(at, 12)
        with at.app.database.write() as tx:
            profiles.add(tx, OPERATOR, at.clock.now(), "exchange", Endpoint("http://127.0.0.1:9", secret="env:NOWHERE"))
            some = mailboxes.c.id < "box-00008"
            tx.execute(mailboxes.update().where(some).values(
                profile="exchange", method="server-side-sync", approval="approved", approved_address=mailboxes.c.address,
                test="success", disabled_reason="switched off by anna"))  # fmt: skip
            tx.execute(mailboxes.update().where(mailboxes.c.id < "box-00002").values(enabled=True, disabled_reason=""))
            for box in ("box-00003", "box-00004", "box-00009"):
                alerts.raise_alert(tx, "main", box, "code", "error", "it is wrong", at.clock.now())
            alerts.raise_alert(tx, "main", "box-00005", "code", "information", "it is well", at.clock.now())
        browser = await at.signed_in("root", *Role)
        query = "search=w0000&standing=off&approval=approved&test=success&appointments=server-side-sync&alerts=error&server_profile=exchange"
        wanted = {"w00003@x.example", "w00004@x.example"}
        page = (await browser.get(f"/mailboxes?{query}")).text
        assert "1–2 of 2" in page
        # each filter is a chip that leads to the list without it
        assert page.count('class="chip"') == 6
        assert query.replace("&alerts=error", "").replace("&", "&amp;") in page
        assert {
            row["address"] for row in csv.DictReader(io.StringIO((await browser.get(f"/mailboxes.csv?{query}")).text))
        } == wanted
        told = json.loads((await browser.get(f"/api/v1/environments/main/mailboxes?{query}")).text)
        assert {one["address"] for one in told["items"]} == wanted
        form = {name: hidden(page, name) for name in dict(parse_qsl(query))}
        asked = await browser.post("/mailboxes/confirm", {"deed": "disable", "all": "1", **form})
        assert "Disable 2 mailboxes?" in asked.text
        assert {name: hidden(asked.text, name) for name in form} == form
        # the profile that is to be set is not the one that is filtered by
        await browser.post(
            "/mailboxes/do",
            {"deed": "defaults", "all": "1", "count": "4", "profile": "exchange", "server_profile": "-"},
        )
        assert len(standing(at)) == 12
        assert "12–12 of 12" not in (await browser.get("/mailboxes?server_profile=-")).text
        # what is paused is found by that, too, beside everything else
        with at.app.database.write() as tx:
            pauses.pause(tx, "box-00003", at.clock.now() + timedelta(minutes=5), "it asked to wait")
        for narrowed, left in (
            (f"{query}&paused=yes", {"w00003@x.example"}),
            (f"{query}&paused=no", {"w00004@x.example"}),
        ):
            assert "1–1 of 1" in (await browser.get(f"/mailboxes?{narrowed}")).text
            told = json.loads((await browser.get(f"/api/v1/environments/main/mailboxes?{narrowed}")).text)
            assert {one["address"] for one in told["items"]} == left
        for wrong in ("paused=soon", "standing=odd", "approval=odd", "alerts=some", "appointments=x"):
            assert (await browser.get(f"/mailboxes?{wrong}")).status == 409
            assert (await browser.get(f"/api/v1/environments/main/mailboxes?{wrong}")).status == 422

    place.play(story)


def test_the_list_tells_how_each_stands_what_comes_next_and_its_alerts(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        now = at.clock.now()
        with at.app.database.write() as tx:
            profiles.add(tx, OPERATOR, now, "exchange", Endpoint("http://127.0.0.1:9", secret="env:NOWHERE"))
            tx.execute(mailboxes.update().where(mailboxes.c.id != "box-00002").values(
                profile="exchange", method="server-side-sync", approval="approved", approved_address=mailboxes.c.address,
                test="success", enabled=True, next_due=now))  # fmt: skip
            tx.execute(
                mailboxes.update().where(mailboxes.c.id == "box-00001").values(trouble="it is full", next_due=None)
            )
            alerts.raise_alert(tx, "main", "box-00001", "code", "warning", "it is wrong", now)
        browser = await at.signed_in("reader", Role.READER)
        rows_of = (await browser.get("/mailboxes")).text.split("<tbody>")[1].split("</tr>")
        assert "Written to" in rows_of[0]
        assert ">due</time>" in rows_of[0]
        assert "Server-side" in rows_of[0]
        assert all(words in rows_of[1] for words in ("Last try failed", "It is full", "nothing waits", "#alerts"))
        assert "No server profile" in rows_of[2]
        # broken before the @, nowhere else
        assert "w00000</span><wbr><span" in rows_of[0]

    place.play(story)


def test_a_question_names_each_up_to_25_and_leads_to_the_list_of_more(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 40)
        browser = await at.signed_in("approver", *APPROVER)
        await browser.get("/mailboxes")
        for search, named, more in (("w0001", 10, ""), ("w000", 25, "and 15 more")):
            asked = (await browser.post("/mailboxes/confirm", {"deed": "approve", "all": "1", "search": search})).text
            assert asked.count("<li>Worker") == named
            assert (more in asked) is True
            assert (f'href="/mailboxes?search={search}"' in asked) is bool(more)

    place.play(story)


def test_a_question_tells_two_mailboxes_of_one_name_and_address_apart(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 4)
        with at.app.database.write() as tx:
            tx.execute(mailboxes.update().where(mailboxes.c.id == "box-00002").values(id="w00000@x.example"))
            alike = mailboxes.c.id.in_(["box-00000", "box-00001", "w00000@x.example"])
            tx.execute(mailboxes.update().where(alike).values(name="Alice", address="w00000@x.example"))
            tx.execute(mailboxes.update().where(mailboxes.c.id == "box-00000").values(id="0f3c5d7e-1"))
        browser = await at.signed_in("root", *Role)
        asked = await browser.post("/mailboxes/confirm", {"deed": "disable", "all": "1"})
        told = re.findall("object id [^ ]+…|no object id", asked.text)
        assert sorted(told) == ["no object id", "object id 0f3c5d7e…", "object id box-0000…"]

    place.play(story)
