"""The alerts: alike ones together, each with what helps; acknowledged one, ticked, or all that match."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select
from tests.web.centre_end import Centre

from fieldcal.setup_model import Role
from fieldcal.source_model import Unreadable
from fieldcal.state import alerts, aside, audit
from fieldcal.state.tables import alerts as table


def stock(at: Centre) -> None:
    """Three mailboxes that fail, one that another serves, a source that is silent, and an information."""
    at.environment()
    at.mailboxes(4)
    now = at.clock.now()
    with at.app.database.write() as tx:
        for n in range(3):
            for hour in range(3):
                said = f"<b>busy</b> at 2026-11-23 08:0{n} UTC, run `fieldcal check`"
                alerts.raise_alert(tx, "main", f"box-0000{n}", "mailbox-failing", "warning", said,
                                   now - timedelta(hours=5 - hour))  # fmt: skip
        alerts.raise_alert(tx, "main", "box-00003", "claimed-elsewhere", "error", "switched off", now)
        alerts.raise_alert(tx, "main", "", "source", "warning", "it does not answer", now - timedelta(days=2))
        alerts.raise_alert(tx, "main", "box-00003", "brand-new", "information", "fine", now)
        alerts.raise_alert(tx, "other", "", "source", "error", "not of this environment", now)


def waiting(at: Centre) -> list[tuple[str, str]]:
    with at.app.database.read() as tx:
        rows = tx.execute(select(table.c.code, table.c.mailbox).where(table.c.acknowledged_by == ""))
        return sorted((row.code, row.mailbox) for row in rows if row.mailbox or row.code != "source")


def test_alike_alerts_stand_together_with_their_number_their_times_and_what_helps(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("reader", Role.READER)
        page = (await browser.get("/alerts")).text
        for words in ("3 mailboxes", "raised 9 times", "/alerts?code=mailbox-failing&amp;level=warning",
                      "Mailbox cannot be written to", "w00003@x.example", "Take it over on its page", "It does not answer",
                      "&lt;b&gt;busy", "<code>fieldcal check</code>", "The whole environment",
                      "Alerts are not mailed to anybody"):  # fmt: skip
            assert words in page, words
        assert "not of this environment" not in page
        # what says only that all is well stands aside, with its number
        assert "brand-new" not in page
        assert re.search(r'1 more says only[^<]*<a href="/alerts\?level=information">', page)
        everything = (await browser.get("/alerts?level=all")).text
        assert (
            everything.index("served by another")
            < everything.index("cannot be written to")
            < everything.index("brand-new")
        )
        assert "says only" not in everything
        assert 'name="id"' not in page  # a reader acknowledges nothing
        each = (await browser.get("/alerts?code=mailbox-failing&level=warning")).text
        assert each.count("raised 3 times") == 3
        assert "1–3 of 3" in each
        assert "Nothing matches" in (await browser.get("/alerts?code=unheard-of")).text
        assert "cannot be written to" not in (await browser.get("/alerts?level=error")).text
        assert (await browser.get("/alerts?level=odd")).status == 409
        assert "/environments/one" not in page  # which takes another role
        admin = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        assert 'href="/environments/one"' in (await admin.get("/alerts")).text

    place.play(story)


def test_alerts_of_one_kind_are_told_by_cause_each_with_its_number_and_its_own_remedy(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(6)
        now = at.clock.now()
        said = [f"HTTP 403 ErrorAccessDenied: no access to w{n}@x.example" for n in range(3)]
        said += ["HTTP 429 ApplicationThrottled: over its limit"] * 2 + ["HTTP 500"]
        with at.app.database.write() as tx:
            for n, message in enumerate(said):
                alerts.raise_alert(tx, "main", f"box-0000{n}", "mailbox-failing", "warning", message,
                                   now - timedelta(minutes=n))  # fmt: skip
        browser = await at.signed_in("admin", *Role)
        page = (await browser.get("/alerts")).text
        story = page.split('<td class="story">')[1].split("</td>")[0]
        parts = story.split("<li>")[1:]
        assert [part.split("<strong>")[1].split("</strong>")[0] for part in parts] == [
            "3 mailboxes", "2 mailboxes", "1 mailbox",
        ]  # fmt: skip
        assert "Give the application its right" in parts[0]
        assert "such as w00000@x.example" in parts[0]
        assert "it goes on when the time is over" in parts[1]
        assert "its right" not in parts[1]

    place.play(story)


def test_without_an_alert_the_page_says_that_all_is_well(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("reader", Role.READER)
        assert "Nothing to look at" in (await browser.get("/alerts")).text
        assert "Nothing is acknowledged" in (await browser.get("/alerts?state=acknowledged")).text

    place.play(story)


def test_a_booking_that_cannot_be_read_is_one_click_away(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        with at.app.database.write() as tx:
            row = Unreadable("c0000000-0000-4000-8000-000000000001", 1, "it has no start")
            aside.store(tx, "main", aside.Kind.BOOKING, [row], [], at.clock.now())
        browser = await at.signed_in("reader", Role.READER)
        assert 'href="/bookings/c0000000-0000-4000-8000-000000000001"' in (await browser.get("/alerts")).text

    place.play(story)


def test_what_is_ticked_is_asked_with_its_number_acknowledged_with_name_and_time_and_kept(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("anna", Role.MAILBOX_APPROVER)
        await browser.get("/alerts")
        ticked = [("id", "warning/mailbox-failing"), ("id", "information/brand-new/box-00003"), ("back", "level=")]
        asked = await browser.post("/alerts/confirm", ticked)
        assert "Acknowledge 4 alerts?" in asked.text
        assert "3 alerts" in asked.text
        done = await browser.post("/alerts/acknowledge", [*ticked, ("count", "4")])
        assert (done.status, done.to) == (303, "/alerts?level=")
        assert "4 alerts are acknowledged." in (await browser.get(done.to)).text
        assert waiting(at) == [("claimed-elsewhere", "box-00003")]
        kept = (await browser.get("/alerts?state=acknowledged")).text
        assert "Mailbox cannot be written to" in kept
        assert 'name="id"' not in kept
        single = (await browser.get("/alerts?state=acknowledged&code=brand-new")).text
        assert "Seen by anna, <time" in single
        overview = (await browser.get("/overview")).text
        assert "3 more are acknowledged." in overview
        assert "&lt;b&gt;busy" not in overview
        with at.app.database.read() as tx:
            lines = audit.latest(tx, 9)
        assert {(one.actor, one.detail) for one in lines if one.action == "alert acknowledge"} == {
            ("anna", "mailbox-failing"), ("anna", "brand-new"),
        }  # fmt: skip

    place.play(story)


def test_all_that_match_are_those_of_the_filter_and_of_this_environment(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        await browser.get("/alerts")
        # those that stand aside are not among all that are shown
        assert "Acknowledge 5 alerts?" in (await browser.post("/alerts/confirm", {"all": "1", "level": ""})).text
        assert "Acknowledge 6 alerts?" in (await browser.post("/alerts/confirm", {"all": "1", "level": "all"})).text
        form = {"all": "1", "level": "warning", "code": "mailbox-failing"}
        assert "Acknowledge 3 alerts?" in (await browser.post("/alerts/confirm", form)).text
        with at.app.database.write() as tx:
            alerts.clear(tx, "main", "box-00000", "mailbox-failing")
        again = await browser.post("/alerts/acknowledge", {**form, "count": "3"})
        assert "Meanwhile the number has changed." in again.text
        assert "Acknowledge 2 alerts?" in again.text
        assert (await browser.post("/alerts/acknowledge", {**form, "count": "2"})).status == 303
        assert waiting(at) == [("brand-new", "box-00003"), ("claimed-elsewhere", "box-00003")]
        assert (await browser.post("/alerts/confirm", {"level": "warning"})).status == 409
        assert (await browser.post("/alerts/confirm", {"all": "1", "level": "odd"})).status == 409
        with at.app.database.read() as tx:
            assert [one.acknowledged_by for one in alerts.standing(tx, "other")] == [""]

    place.play(story)


def test_to_whom_alerts_are_mailed_is_told_and_a_test_mail_that_is_not_taken_says_why(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        page = (await browser.get("/alerts")).text
        assert "Warnings and errors are mailed to ops@x.example, it@x.example." in page
        assert "No mail was needed yet." in page
        done = await browser.post("/alerts/test-mail")
        assert "The test mail was not taken: " in (await browser.get(done.to)).text
        reader = await at.signed_in("reader", Role.READER)
        assert "Send a test mail" not in (await reader.get("/alerts")).text

    mailing = {"smtp_url": "smtp://127.0.0.1:9", "alert_mail_to": ("ops@x.example", "it@x.example"),
               "alert_mail_from": "fieldcal@x.example", "alert_mail_level": "warning"}  # fmt: skip
    place.config = place.config.model_copy(update=mailing)
    place.play(story)
