"""Import in the browser: who is set up in the source is shown with the reasons, asked with the count, and taken over."""

from __future__ import annotations

from pathlib import Path

from tests.web.centre_end import OPERATOR, Centre
from tests.web.company_end import Staffed, tell
from tests.web.test_company import ADMIN, followed
from tests.web.test_mailboxes import hidden

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.setup import environments
from fieldcal.setup.environments import Changes
from fieldcal.setup_model import Role
from fieldcal.state import audit
from fieldcal.state import mailboxes as rows
from fieldcal.state.tables import mailboxes


def forget_set_up(at: Staffed) -> None:
    """As if nobody had been set up here."""
    with at.app.database.write() as tx:
        tx.execute(
            mailboxes.update().values(
                enabled=False, approval="pending", approved_address="", approved_by="", test="not_run", method="none"
            )
        )


def serve_by_microsoft(at: Staffed, address: str) -> None:
    """Microsoft's own booking sync writes into this person's calendar."""
    store = at.embedded.field_service.store
    [user] = [row for row in store.rows("systemuser") if row["internalemailaddress"] == address]
    store.create("bookableresourcebookingexchangesyncidmapping", {"userid": user["systemuserid"]})


def enabled(at: Staffed) -> set[str]:
    with at.app.database.read() as tx:
        return {box.address for box in rows.some(tx, ENVIRONMENT, rows.enabled(tx, ENVIRONMENT))}


def test_who_is_ready_is_imported_who_is_served_is_left_out_until_copies_are_accepted(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        with at.app.database.read() as tx:
            served, *others = [box.address for box in rows.some(tx, ENVIRONMENT, at.boxes)]
        forget_set_up(at)
        serve_by_microsoft(at, served)
        browser = await at.signed_in("anna", *ADMIN)
        page = (await browser.get("/mailboxes/import")).text
        assert "/mailboxes/import" in (await browser.get("/mailboxes")).text
        ready = int(hidden(page, "ready"))
        assert (ready, hidden(page, "served")) == (2, "1")
        for words in ("Ready to be imported 2", "own booking sync writes into these calendars too", "Not set up there",
                      "Import this one too", "it last wrote at"):  # fmt: skip
            assert words in page, words
        form = {"profile": hidden(page, "profile"), "ready": "3", "served": "1"}
        asked = await browser.post("/mailboxes/import/confirm", form)
        assert "Import 3 mailboxes?" in asked.text
        again = await browser.post("/mailboxes/import", {**form, "count": "3", "once": hidden(asked.text, "once")})
        assert "Meanwhile it is 2." in again.text
        assert enabled(at) == set()
        form |= {"count": "2", "once": hidden(again.text, "once")}
        begun = await browser.post("/mailboxes/import", form)
        assert "Done: 2 of 2 succeeded" in await followed(browser, begun)
        assert (await browser.post("/mailboxes/import", form)).to == begun.to  # pressed twice
        assert len(enabled(at)) == 2
        assert enabled(at) <= set(others)

        copies = {"profile": form["profile"], "ready": "0", "served": "1", "copies": "1"}
        asked = await browser.post("/mailboxes/import/confirm", copies)
        assert "Import 1 mailbox?" in asked.text
        assert "every booking may then stand twice" in asked.text
        once = hidden(asked.text, "once")
        begun = await browser.post("/mailboxes/import", {**copies, "count": "1", "once": once})
        await followed(browser, begun)
        assert served in enabled(at)
        with at.app.database.read() as tx:
            lines = [line for line in audit.latest(tx) if line.action == "mailbox import"]
        assert [line.actor for line in lines] == ["anna"] * 3
        assert sum("copies accepted" in line.detail for line in lines) == 1
        after = (await browser.get("/mailboxes/import")).text
        assert "Nobody is left to be imported." in after

    tell(tmp_path, story, workers=5)


def test_a_source_that_does_not_answer_and_a_missing_profile_are_told_with_what_helps(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("anna", *ADMIN)
        assert "no active server profile to write through yet" in (await browser.get("/mailboxes/import")).text
        from fieldcal.setup import profiles
        from fieldcal.setup_model import Endpoint

        with at.app.database.write() as tx:
            end = Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE")
            profiles.add(tx, OPERATOR, at.clock.now(), "Exchange", end)
        assert "no mailbox is known yet" in (await browser.get("/mailboxes/import")).text
        at.mailboxes(2)
        page = (await browser.get("/mailboxes/import")).text
        assert "Who is set up there could not be read." in page
        assert "env:NOWHERE is not set" in page
        with at.app.database.write() as tx:
            environments.change(tx, OPERATOR, at.clock.now(), "main", Changes({"approval_rule": "strict"}))
        at.environment("second")
        approver = await at.signed_in("approver", Role.MAILBOX_APPROVER)
        assert (await approver.get("/mailboxes/import?environment=main")).status == 403

    place.play(story)
