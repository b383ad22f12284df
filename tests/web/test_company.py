"""What the buttons of the centre do to a real calendar and a real source: each pressed over HTTP, and its end looked at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.web.centre_end import OPERATOR, Answer, Browser
from tests.web.company_end import Staffed, tell
from tests.web.test_mailboxes import hidden

from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.embedded.fieldservice import Store
from fieldcal.engine.service import Service
from fieldcal.serving import _Doorbell
from fieldcal.setup import environments as environment_setup
from fieldcal.setup_model import Endpoint, Role
from fieldcal.sites import Sites
from fieldcal.state import audit, environments, history, links, mailboxes, plans, webhooks

ADMIN = (Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)


async def until(true: Callable[[], object]) -> None:
    """Return once this holds; the test's own limit ends the wait."""
    while not true():  # noqa: ASYNC110 - what is looked at rings no bell
        await asyncio.sleep(0.02)


def test_what_is_booked_on_the_board_is_written_at_once_also_where_a_webhook_tells_of_changes(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        admin, browser = await at.signed_in("admin-1", *ADMIN), await at.signed_in("dora", Role.DISPATCHER)
        here = f"?environment={ENVIRONMENT}"
        made = await admin.post(f"/settings/webhook{here}", {"url": at.running.hooks})
        assert "came in" in (await admin.get(made.to)).text
        day = at.app.clock.now().date() + timedelta(days=2)
        span = {"start": f"{day}T10:00:00Z", "end": f"{day}T11:00:00Z"}
        board = json.loads((await browser.get(f"/board/day.json?since={day}T00:00:00Z&until={day}T23:00:00Z")).text)

        def events() -> int:
            return sum(len(at.hands.look(box)) for box in at.boxes)

        before = events()
        for lane in board["lanes"]:
            headers = {"x-csrf-token": browser.token}
            answer = await browser.ask("POST", "/board/book", json={"worker": lane["id"], **span}, headers=headers)
            assert answer.status == 200, answer.text
        await until(lambda: events() > before)

        # of what another process writes no webhook tells, and it comes all the same
        box = at.busiest()

        def standing() -> list[str]:
            with at.app.database.read() as tx:
                known = links.of_mailbox(tx, ENVIRONMENT, box)
            return [str(one.booking) for one in known if one.event and one.start and one.start > at.app.clock.now()]

        gone = standing()[0]
        with contextlib.closing(Store(at.embedded.field_service.store.engine.url.database)) as another:
            another.remove("bookableresourcebooking", gone)
        await until(lambda: gone not in standing())

    tell(tmp_path, story)


async def followed(browser: Browser, begun: Answer) -> str:
    """The page of the work that this answer leads to, once the work has ended."""
    assert re.search("/(work|cleaning|duplicates)/", begun.to), (begun.status, begun.to, begun.text[:500])
    await browser.get(f"{begun.to}/events")
    return (await browser.get(begun.to)).text


def test_the_webhook_is_registered_called_and_taken_back_and_an_end_is_saved_signed_in(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        browser = await at.signed_in("admin-1", *ADMIN)
        here = f"?environment={ENVIRONMENT}"
        made = await browser.post(f"/settings/webhook{here}", {"url": at.running.hooks})
        assert made.status == 303
        assert "came in" in (await browser.get(made.to)).text
        with at.app.database.read() as tx:
            assert webhooks.find(tx, ENVIRONMENT).url.startswith(at.running.hooks)
        assert len(at.embedded.field_service.store.rows("serviceendpoint")) == 1
        again = await browser.post(f"/settings/webhook{here}", {"url": at.running.hooks})
        assert (again.status, len(at.embedded.field_service.store.rows("serviceendpoint"))) == (303, 1)
        gone = await browser.post(f"/settings/webhook/remove{here}")
        assert "The webhook is removed." in (await browser.get(gone.to)).text
        assert at.embedded.field_service.store.rows("serviceendpoint") == []
        odd = await browser.post(f"/settings/webhook{here}", {"url": "ftp://x"})
        assert (odd.status, "write the public address" in odd.text) == (409, True)

        # the embedded end, named by its address and its own sign-in: the same organization
        ends = at.embedded.ends
        form = {"url": ends.fieldservice, "credential": "embedded", "authority": "", "tenant": "", "client_id": "",
                "secret": ""}  # fmt: skip
        saved = await browser.post(f"/environments/save{here}", form)
        assert saved.status == 303, saved.text
        with at.app.database.read() as tx:
            place = environments.get(tx, ENVIRONMENT)
        assert place.end == Endpoint(ends.fieldservice, credential="embedded")
        # another environment may not be this organization too: told at the sign-in, and nothing is kept
        with at.app.database.write() as tx:
            elsewhere = Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE")
            environment_setup.add(tx, OPERATOR, at.app.clock.now(), "second", elsewhere)
        asked = await browser.post("/environments/save?environment=second", form)
        assert (asked.status, f"which the environment {ENVIRONMENT} serves already" in asked.text) == (409, True)
        with at.app.database.read() as tx:
            assert environments.get(tx, "second").end == elsewhere

    tell(tmp_path, story)


def test_sync_now_an_approved_plan_a_take_over_and_a_clean_end_in_the_calendar(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        browser = await at.signed_in("admin-1", *ADMIN)
        box, (first, second, *_) = at.coming()

        def quiet() -> bool:
            with at.app.database.read() as tx:
                done = [one for one in history.last_passes(tx, ENVIRONMENT) if one.ended_at is not None]
            return len(done) > 1  # after the one that filled the calendars before the service began

        # the service begins with a pass of its own
        await until(quiet)
        # a plan that was held is approved, and carried out with the next pass, for the source still says so
        with at.app.database.write() as tx:
            number = plans.hold(tx, ENVIRONMENT, [(box, first.booking, "deleted:1")], "too many", at.app.clock.now())
        at.embedded.field_service.store.remove("bookableresourcebooking", first.booking)
        verdict = {"verdict": "approve", "comment": "they are gone indeed"}

        answer = await browser.post(f"/plans/{number}/decide", verdict)
        page = (await browser.get(answer.to)).text
        assert "Approved: 1 event goes with the next pass" in page
        subjects = [event.subject for event in at.hands.look(box)]
        synced = await browser.post(f"/bookings/{second.booking}/sync")
        assert synced.to == f"/bookings/{second.booking}"
        assert re.search("Synchronized: (0 made, 0 changed, 1 removed|nothing)", (await browser.get(synced.to)).text)
        await until(lambda: len(at.hands.look(box)) == len(subjects) - 1)
        with at.app.database.read() as tx:
            assert plans.find(tx, ENVIRONMENT, number).state == "done"
            assert audit.latest(tx)[0].action == "plan approve"

        # taken over from nobody else: it says whose it is, and the claim is written anew
        asked = await browser.post(f"/mailboxes/{box}/take-over/ask")
        assert f"It is claimed by the environment {ENVIRONMENT}" in asked.text
        taken = await browser.post(f"/mailboxes/{box}/take-over")
        assert (taken.status, taken.to) == (303, f"/mailboxes/{box}")

        # a clean removes as many as it named, and switches off
        count = str(len(subjects) - 1)
        asked = await browser.post(f"/mailboxes/{box}/clean/ask")
        while hidden(asked.text, "count") != count:
            # the service is at work in it, after the take-over
            await asyncio.sleep(0.05)
            asked = await browser.post(f"/mailboxes/{box}/clean/ask")
        form = {"count": hidden(asked.text, "count"), "once": hidden(asked.text, "once")}
        begun = await browser.post(f"/mailboxes/{box}/clean", form)
        assert f"Done: {count} events removed" in await followed(browser, begun)
        assert at.hands.look(box) == []
        assert (await browser.post(f"/mailboxes/{box}/clean", form)).to == begun.to
        with at.app.database.read() as tx:
            assert not mailboxes.load(tx, ENVIRONMENT, box).enabled

    tell(tmp_path, story)


def test_a_bell_that_is_closed_leaves_nothing_behind_and_rings_no_more(tmp_path: Path) -> None:
    """Pages may write while the service ends; what then turns to a state that is closed is told as a fault."""

    async def story() -> list[str]:
        async with App(Config(data=tmp_path)) as app, Sites(app) as sites:
            bell = _Doorbell(app, Service(app.database, app.clock, sites.open), hooked=True)
            bell.ring()
            rung = asyncio.all_tasks() - {asyncio.current_task()}
            await bell.close()
            bell.ring(everywhere=True)
            left = [repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]
            assert [task.done() for task in rung] == [True]
            return left

    assert asyncio.run(story()) == []


def test_a_check_is_run_and_what_hands_did_is_written_again_and_copies_stay(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        browser = await at.signed_in("admin-1", *ADMIN)
        box = at.busiest()
        before = sorted(event.subject for event in at.hands.look(box))
        moved, gone, copied = at.hands.look(box)[-3:]
        at.hands.edit(box, moved, {"subject": "Dentist"})
        at.hands.delete(box, gone)
        at.hands.copy(box, copied)

        asked = await browser.post("/check/run/ask", {"every": "1"})
        count = hidden(asked.text, "count")
        assert f"Check {count} mailboxes now?" in asked.text
        wrong = await browser.post("/check/run", {"every": "1", "count": "1", "once": "w"})
        assert "Please confirm again." in wrong.text
        form = {"every": "1", "count": count, "once": hidden(asked.text, "once")}
        begun = await browser.post("/check/run", form)
        assert (await browser.post("/check/run", form)).to == begun.to
        over = await followed(browser, begun)
        assert f"Done: {count} mailboxes checked" in over
        assert "<dt>To report</dt><dd>3</dd>" in over
        page = (await browser.get("/check")).text
        assert page.count('name="id"') == 2
        assert "All 2 that can be written again" in page

        # one mailbox only, ticked in the list of mailboxes
        other = next(one for one in at.boxes if one != box)
        single = await browser.post("/check/run/ask", {"id": other})
        assert "Check 1 mailbox now?" in single.text
        assert f'name="id" value="{other}"' in single.text

        assert (await browser.post("/check/ask")).status == 409  # nothing was ticked
        asked = await browser.post("/check/ask", {"all": "1"})
        assert "Write 2 events again?" in asked.text
        assert "Write 1 event again?" in (await browser.post("/check/ask", {"all": "1", "kind": "deleted"})).text
        assert "Please confirm again." in (await browser.post("/check/do", {"all": "1", "count": "9"})).text
        form = {"all": "1", "count": "2", "once": hidden(asked.text, "once")}
        begun = await browser.post("/check/do", form)
        assert "Done: 2 events written again" in await followed(browser, begun)
        assert sorted(event.subject for event in at.hands.look(box)) == sorted([*before, copied.subject])
        assert (await browser.get("/check")).text.count('name="id"') == 0

        # what stands double is the copy, which only a tick takes out, by whom the table lets
        looked = await browser.post("/check/duplicates")
        page = await followed(browser, looked)
        assert "Perhaps a copy by hand" in page
        copy = re.search(r'name="event" value="([^"]+)">', page)[1]
        reader = await at.signed_in("reader-1", Role.READER)
        assert (await reader.post(f"{looked.to}/ask", {"event": copy})).status == 403
        assert 'name="event"' not in (await reader.get(looked.to)).text
        assert (await browser.post(f"{looked.to}/ask")).status == 409
        assert (await browser.post(f"{looked.to}/ask", {"event": "another"})).status == 409
        asked = await browser.post(f"{looked.to}/ask", {"event": copy})
        assert "Remove 1 event that stands double?" in asked.text
        assert "1 of them a hand may have made." in asked.text
        form = {"event": copy, "count": "1", "once": hidden(asked.text, "once")}
        begun = await browser.post(f"{looked.to}/do", form)
        assert "Done: 1 event removed" in await followed(browser, begun)
        assert sorted(event.subject for event in at.hands.look(box)) == before
        page = (await browser.get(f"/mailboxes/{box}")).text
        assert "Written over a hand" in page
        assert "Duplicate removed" in page
        with at.app.database.read() as tx:
            assert {"check write again", "duplicates remove"} <= {line.action for line in audit.latest(tx)}

    tell(tmp_path, story)
