"""One mailbox's page: its steps, checks, week and history, and what may be done to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.web.centre_end import Centre
from tests.web.test_mailboxes import stock

from fieldcal.model import BookingId, Check, EventId, Link, MailboxId
from fieldcal.setup_model import Role
from fieldcal.state import alerts, history, links, pauses
from fieldcal.state import mailboxes as rows
from fieldcal.state.history import Line

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
            link = Link(BOX, BookingId("b-1"), 0, EventId("e"), subject="Pump & seal", start=now,
                        end=now + timedelta(minutes=30), location="1 Quay Street")  # fmt: skip
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
        assert (await browser.get(f"{PATH}?week=odd")).text.count("Pump") == 1
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
