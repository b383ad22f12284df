"""Data retention: what is kept is told, what is old is forgotten and a person erased, each only as it was confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.conftest import NewState
from tests.state.test_erasure import FORMS, NAME, ZOE, gone_worker, plant
from tests.values import ENVIRONMENT, NOW, WINDOW
from tests.web.centre_end import OPERATOR, Centre
from tests.web.test_mailboxes import hidden

from fieldcal.model import MailboxId, WorkerId
from fieldcal.setup_model import Role
from fieldcal.state import audit, workers
from fieldcal.state.tables import mailboxes
from fieldcal.state.tables import workers as worker_rows

ADMIN = (Role.SYSTEM_ADMIN,)


def actions(at: Centre) -> list[tuple[str, str]]:
    with at.app.database.read() as tx:
        lines = audit.latest(tx, 50)
    return [(line.actor, line.action) for line in lines if line.action.startswith(("db", "erase"))]


def test_what_is_kept_is_told_forgotten_by_the_number_confirmed_and_gone_from_the_file(
    new_sqlite: NewState, tmp_path: Path
) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", *ADMIN)
        now = at.clock.now()
        with at.app.database.write() as tx:
            for days in (31, 40, 50, 1):
                audit.record(tx, OPERATOR, now - timedelta(days=days), "test", ["Zerberus Alt"])
        page = (await browser.get("/data")).text
        for words in ("30 days", "FIELDCAL_KEEP_AUDIT_DAYS", "for ever", "90 days after the end", "The state takes",
                      "last forgotten <span", "Erase a person"):  # fmt: skip
            assert words in page, words
        asked = await browser.post("/data/prune/ask")
        assert "Forget 3 rows?" in asked.text
        assert 'Audit log <span class="quiet">3' in asked.text
        form = {"once": hidden(asked.text, "once")}
        again = await browser.post("/data/prune", {**form, "count": "2"})
        assert "Meanwhile the number has changed." in again.text
        begun = await browser.post("/data/prune", {**form, "count": "3"})
        assert (await browser.get(f"{begun.to}/events")).text.count("event: end\n") == 1
        assert "Forgotten: 3 rows" in (await browser.get(begun.to)).text
        assert (await browser.post("/data/prune", {**form, "count": "3"})).to == begun.to  # pressed twice
        assert "Nothing is older than it is kept." in (await browser.post("/data/prune/ask")).text
        asked = await browser.post("/data/compact/ask")
        begun = await browser.post("/data/compact", {"once": hidden(asked.text, "once")})
        await browser.get(f"{begun.to}/events")
        assert "The state is written anew." in (await browser.get(begun.to)).text
        assert actions(at) == [("anna", "db compact"), ("anna", "db prune")]
        assert (await browser.get("/data/work/unknown")).status == 404
        assert (await browser.get("/data/work/unknown/events")).status == 204

    Centre(tmp_path / "data", new_sqlite(), keep_audit_days=30, keep_history_days=0).play(story)


def test_a_worker_is_found_counted_and_erased_when_the_name_was_typed(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", *ADMIN)
        with at.app.database.write() as tx:
            gone_worker(tx)
            plant(tx, " / ".join(FORMS))
            tx.execute(worker_rows.delete().where(worker_rows.c.id == "planted"))
            other = replace(ZOE, id=WorkerId("another"), name="Zoë Other", mailbox=MailboxId("box-x"), address="x@x.x")
            workers.store(tx, ENVIRONMENT, [other], [], WINDOW, NOW)
        page = (await browser.get(f"/data/erase?environment={ENVIRONMENT}")).text
        assert "A worker who has left" in page
        several = await browser.post("/data/erase/find", {"kind": "worker", "name": "zoë"})
        assert "Several workers fit." in several.text
        assert "Zoë Other" in several.text
        nobody = await browser.post("/data/erase/find", {"kind": "worker", "name": "Nobody"})
        assert (nobody.status, "There is no worker of this name" in nobody.text) == (409, True)
        found = await browser.post("/data/erase/find", {"kind": "worker", "name": NAME, "also": "Zoé\n"})
        assert "rows tell of Zoë O&#39;Brien" in found.text
        assert "the source still tells" not in found.text
        assert "Backups that were made before" in found.text
        form = {"kind": "worker", "name": hidden(found.text, "count") and str(ZOE.id), "also": "Zoé",
                "count": hidden(found.text, "count"), "once": hidden(found.text, "once")}  # fmt: skip
        wrong = await browser.post("/data/erase", {**form, "typed": "Zoe"})
        assert (wrong.status, "Nothing was done." in wrong.text) == (409, True)
        assert actions(at) == []
        begun = await browser.post("/data/erase", {**form, "typed": NAME.upper()})
        assert begun.status == 303, begun.text
        assert "Zo" not in begun.to
        await browser.get(f"{begun.to}/events")
        page = (await browser.get(begun.to)).text
        assert "Erased from" in page
        assert "without the name" in page
        assert NAME not in page
        assert actions(at) == [("anna", "erase worker")]
        assert (await browser.post("/data/erase", {**form, "typed": NAME})).to == begun.to  # pressed twice

    place.play(story)


def test_a_worker_whose_mailbox_is_on_and_a_contact_of_whom_nothing_tells_are_refused_with_what_helps(
    place: Centre,
) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", *ADMIN)
        at.environment()
        at.mailboxes(1)
        with at.app.database.write() as tx:
            workers.store(tx, "main", [replace(ZOE, mailbox=MailboxId("box-00000"))], [], WINDOW, NOW)
            tx.execute(mailboxes.update().values(enabled=True))
        refused = await browser.post("/data/erase/find", {"kind": "worker", "name": NAME})
        assert refused.status == 409
        assert "<code>fieldcal mailbox clean" in refused.text
        nothing = await browser.post("/data/erase/find", {"kind": "contact", "name": "Nobody Known"})
        assert "Nothing tells of this person" in nothing.text
        assert 'value="Nobody Known"' in nothing.text
        assert "Write a name" in (await browser.post("/data/erase/find", {"kind": "contact"})).text
        assert (await browser.post("/data/erase", {"kind": "worker", "name": "unknown", "typed": ""})).status == 409
        exchange = await at.signed_in("xena", Role.EXCHANGE_ADMIN)
        assert [(await exchange.get(path)).status for path in ("/data", "/data/erase")] == [403, 403]

    place.play(story)
