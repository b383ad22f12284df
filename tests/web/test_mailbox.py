"""One mailbox's page: its steps, checks, week and history, and what may be done to it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.web.centre_end import OPERATOR, Centre
from tests.web.test_mailboxes import stock

from fieldcal.model import BookingId, Check, EventId, Link, MailboxId
from fieldcal.setup import environments, profiles
from fieldcal.setup.environments import Changes
from fieldcal.setup_model import CALDAV, Endpoint, Role
from fieldcal.state import accounts, alerts, history, links, pauses
from fieldcal.state import mailboxes as rows
from fieldcal.state.history import Line
from fieldcal.state.people_tables import users as user_table
from fieldcal.state.tables import mailboxes as mailbox_table

BOX = MailboxId("box-00001")
PATH = f"/mailboxes/{BOX}"
FAILED = Check("sign-in", ok=False, detail="no such <b>user</b>", remedy="`fieldcal doctor` says more")


def test_a_mailbox_shows_its_steps_checks_alerts_pause_history_and_week(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        now = at.clock.now()
        with at.app.database.write() as tx:
            rows.approve(tx, "main", [BOX], "another")
            rows.begin_test(tx, "main", BOX, now)
            rows.fail(tx, "main", BOX, [FAILED], "sign-in: no such user")
            alerts.raise_alert(tx, "main", BOX, "test-enable", "error", "it <i>failed</i>", now)
            pauses.pause(tx, BOX, now + timedelta(hours=2), "the server asked for it")
            history.write(tx, "main", "run", [Line(BOX, "b-1", "create", "new", "done", ok=True, at=now)])
            noon = now.replace(hour=12)  # the week shows an event on each of its days, so it is to have one
            link = Link(BOX, BookingId("b-1"), 0, EventId("e"), subject="Pump & seal", start=noon,
                        end=noon + timedelta(minutes=30), location="1 Quay Street")  # fmt: skip
            links.store(tx, "main", [link], now)
        browser = await at.signed_in("reader", Role.READER)
        page = (await browser.get(PATH)).text
        for told in (
            "Worker 1", "E-mail approved", "no such &lt;b&gt;user&lt;/b&gt;", "<code>fieldcal doctor</code>",
            "it &lt;i&gt;failed&lt;/i&gt;", "the server asked for it", "Pump &amp; seal", "1 Quay Street", "b-1",
            "No server profile is chosen.",
        ):  # fmt: skip
            assert told in page
        # a reader is offered nothing to do, and reads no audit
        assert '<form method="post" action="/mailboxes' not in page
        assert "Who did what" not in page
        assert "Pump" not in (await browser.get(f"{PATH}?week=2020-01-01")).text
        assert (await browser.get(f"{PATH}?week=odd")).text.count("Pump &amp; seal<") == 1
        assert (await browser.get("/mailboxes/nobody")).status == 404

    place.play(story)


def test_the_week_begins_on_a_monday_in_the_viewers_zone_whatever_day_is_named(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)
        browser = await at.signed_in("reader", Role.READER)
        for day in ("2026-11-23", "2026-11-26", "2026-11-29"):
            assert "Mon 23 Nov to Sun 29 Nov" in (await browser.get(f"{PATH}?week={day}")).text
        for day in ("0001-01-01", "9999-12-31"):
            assert (await browser.get(f"{PATH}?week={day}")).status == 200

    place.play(story)


def test_what_is_done_to_one_mailbox_leads_back_to_its_page(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)
        browser = await at.signed_in("approver", Role.MAILBOX_APPROVER)
        page = (await browser.get(PATH)).text
        assert ">Approve email</button>" in page
        assert ">Reject email</button>" not in page
        asked = await browser.post("/mailboxes/confirm", {"deed": "approve", "id": BOX, "origin": PATH})
        assert f'href="{PATH}" data-close' in asked.text
        done = await browser.post("/mailboxes/do", {"deed": "approve", "id": BOX, "origin": PATH, "count": "1"})
        assert (done.status, done.to) == (303, PATH)
        page = (await browser.get(PATH)).text
        assert "1 address is approved." in page
        assert ">Reject email</button>" in page

    place.play(story)


@pytest.mark.parametrize("deed", ["take-over", "take-over/ask", "clean", "clean/ask"])
def test_only_whom_the_table_lets_takes_over_and_cleans_and_an_unknown_mailbox_is_none(
    place: Centre, deed: str
) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)
        admin = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        approver = await at.signed_in("approver", Role.MAILBOX_APPROVER, Role.EXCHANGE_ADMIN)
        assert (await approver.post(f"{PATH}/{deed}")).status == 403
        assert (await admin.post(f"/mailboxes/nobody/{deed}")).status == 404
        # no server profile: nothing was ever written, so there is nothing to ask
        assert (await admin.post(f"{PATH}/{deed}")).status == 409

    place.play(story)


@pytest.mark.parametrize(
    ("setting", "words", "status"),
    [
        ({"client_id": "ana", "secret": "env:FIELDCAL_SECRET_ANA"}, "", 303),
        ({"client_id": "a:b", "secret": ""}, "no colon", 409),
        ({"client_id": "ana", "secret": "env:HOME"}, "Name env:FIELDCAL_SECRET_", 409),
        ({"client_id": "ana", "secret": "", "typed_secret": "hunter2"}, "FIELDCAL_SECRET_KEYS", 409),
    ],
)
def test_how_a_caldav_mailbox_signs_in_is_set_and_a_mistake_stands_beside_its_field(
    place: Centre, setting: dict[str, str], words: str, status: int
) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)
        through(at, CALDAV)
        browser = await at.signed_in("admin", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        assert "Sign-in of this mailbox" in (await browser.get(PATH)).text
        answer = await browser.post(f"{PATH}/account", setting)
        assert (answer.status, words in answer.text) == (status, True)
        assert status == 303 or f'name="client_id" type="text" value="{setting["client_id"]}"' in answer.text
        with at.app.database.read() as tx:
            account = accounts.of(tx, "main", BOX)
        assert (account.user, account.secret) == (("ana", "env:FIELDCAL_SECRET_ANA") if status == 303 else ("", ""))
        # left as it is shown, it stays
        if status == 303:
            shown = re.search(r'name="secret" value="([^"]*)"', (await browser.get(PATH)).text)[1]
            assert (await browser.post(f"{PATH}/account", {"client_id": "ana", "secret": shown})).status == 303
            with at.app.database.read() as tx:
                assert accounts.of(tx, "main", BOX) == account

    place.play(story)


def through(at: Centre, kind: str) -> None:
    end = Endpoint("https://d.example/{user}/", credential="password")
    with at.app.database.write() as tx:
        profiles.add(tx, OPERATOR, at.clock.now(), "P", end, kind, at_once=8)
        tx.execute(mailbox_table.update().values(profile="P"))


def test_r5_d13_a_worker_sees_and_sets_up_the_own_mailbox_and_no_other(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        through(at, CALDAV)
        worker = await at.signed_in("worker", Role.WORKER)
        with at.app.database.write() as tx:
            tx.execute(user_table.update().where(user_table.c.id == "worker").values(sign_in="w00001@x.example"))
        assert (await worker.get("/")).to == "/my/day"
        page = (await worker.get("/mailbox")).text
        assert "<h1>Worker 1</h1>" in page
        assert 'href="/mailbox"' in page
        for hidden_from in ("Who did what", 'href="/mailboxes"', "Take over", "or name one that the operator"):
            assert hidden_from not in page
        form = {"deed": "approve", "id": BOX, "count": "1", "origin": "/mailbox"}
        done = await worker.post("/mailboxes/do", form)
        assert (done.status, done.to) == (303, "/mailbox")
        assert "1 address is approved." in (await worker.get("/mailbox")).text
        # typed only; one that the operator has put aside is not the worker's to name
        named = await worker.post(f"{PATH}/account", {"client_id": "", "secret": "env:FIELDCAL_SECRET_X"})
        assert (named.status, "only an administrator may name one" in named.text) == (409, True)
        assert (await worker.post(f"{PATH}/account", {"client_id": "w1", "secret": ""})).status == 303
        # nothing of others, and not all of them
        for path, sent in (
            ("/mailboxes/do", {**form, "id": "box-00002"}), ("/mailboxes/confirm", {"deed": "disable", "id": "box-00002"}),
            ("/mailboxes/confirm", {"deed": "disable", "all": "1"}), ("/mailboxes/box-00002/account", {"client_id": "x"}),
        ):  # fmt: skip
            assert (await worker.post(path, sent)).status == 403, path
        assert (await worker.get(f"/mailboxes/{BOX}")).status == 403
        assert (await worker.get("/mailbox?box=box-00002")).text.count("Worker 1") > 0
        # the environment's settings may keep the approval from workers (D13)
        settings = Changes({"self_approval": False})
        with at.app.database.write() as tx:
            environments.change(tx, OPERATOR, at.clock.now(), "main", settings)
        assert (await worker.post("/mailboxes/do", form)).status == 403
        other = await at.signed_in("other", Role.WORKER)
        assert "No mailbox of this environment is yours" in (await other.get("/mailbox")).text
        # who is no worker finds mailboxes in the list of all
        admin = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        assert 'href="/mailbox"' not in (await admin.get("/overview")).text

    place.play(story)
