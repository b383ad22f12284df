"""Many mailboxes are taken over and cleaned from their list: counted, asked with the count, and told one by one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.web.centre_end import Browser, Centre
from tests.web.company_end import Staffed, tell
from tests.web.test_mailboxes import hidden, stock

from fieldcal.demo import setup
from fieldcal.setup_model import MailboxState, Role, Selection
from fieldcal.state import audit, links, profiles
from fieldcal.state import mailboxes as rows
from fieldcal.web.pages import cleaning


def test_many_are_taken_over_and_then_cleaned_by_the_count_that_was_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "LARGE", 3)

    async def story(at: Staffed) -> None:
        root = await at.signed_in("root", Role.SYSTEM_ADMIN)
        page = (await root.get("/mailboxes")).text
        # a system administrator alone sets nobody up, but takes over and cleans
        assert 'formaction="/take-over/ask"' in page
        assert 'value="test"' not in page
        form = {"all": "1", "standing": "written"}
        asked = (await root.post("/take-over/ask", form)).text
        assert "Have 3 mailboxes served from here?" in asked
        assert asked.split('class="names"')[1].split("</ul>")[0].count("<li>") == 3
        again = await root.post("/take-over", {**form, "count": "2", "once": hidden(asked, "once")})
        assert "Meanwhile it is 3." in again.text
        took = await root.post("/take-over", {**form, "count": "3", "once": hidden(asked, "once")})
        twice = await root.post("/take-over", {**form, "count": "3", "once": hidden(asked, "once")})
        assert took.to == twice.to
        assert "event: end" in (await root.get(f"{took.to}/events")).text
        done = (await root.get(took.to)).text
        assert "Done: 3 of 3 taken over" in done
        assert 'class="said good"' in done
        with at.app.database.read() as tx:
            assert sum(line.action == "mailbox take over" for line in audit.latest(tx, 50)) == 3

        counted = await root.post("/cleaning/ask", form)
        assert "event: end" in (await root.get(f"{counted.to}/events")).text
        question = (await root.get(counted.to)).text
        events = hidden(question, "count")
        assert int(events) > 3
        assert f"Switch 3 mailboxes off and remove {events} events" in question
        assert f"Type the number of events, {events}, to confirm it" in question
        sent = {"survey": hidden(question, "survey"), "count": events, "once": hidden(question, "once")}
        for wrong in ({"typed": ""}, {"typed": "3"}, {"typed": events, "count": "1"}):
            assert (await root.post("/cleaning/do", {**sent, **wrong})).to == counted.to
            assert "Nothing was done" in (await root.get(counted.to)).text
        with at.app.database.read() as tx:
            assert links.live(tx, setup.ENVIRONMENT) == int(events)
        begun = await root.post("/cleaning/do", {**sent, "typed": events})
        assert begun.to == (await root.post("/cleaning/do", {**sent, "typed": events})).to
        assert "event: end" in (await root.get(f"{begun.to}/events")).text
        page = (await root.get(begun.to)).text
        assert f"Done: {events} events removed" in page
        assert page.count('state good">Clean</span>') == 3
        with at.app.database.read() as tx:
            assert links.live(tx, setup.ENVIRONMENT) == 0
            assert rows.ids(tx, setup.ENVIRONMENT, Selection(state=MailboxState.ENABLED)) == []

    tell(tmp_path / "data", story)


def test_what_was_counted_and_has_changed_since_is_not_cleaned(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        root = await at.signed_in("root", Role.SYSTEM_ADMIN)
        counted = await root.post("/cleaning/ask", {"all": "1"})
        await root.get(f"{counted.to}/events")
        question = (await root.get(counted.to)).text
        box = at.busiest()
        at.hands.delete(box, at.hands.look(box)[0])
        before = sum(len(at.hands.look(one)) for one in at.boxes)
        sent = {name: hidden(question, name) for name in ("survey", "count", "once")}
        begun = await root.post("/cleaning/do", {**sent, "typed": sent["count"]})
        await root.get(f"{begun.to}/events")
        assert f"events now, not {sent['count']}; nothing was done" in (await root.get(begun.to)).text
        assert sum(len(at.hands.look(one)) for one in at.boxes) == before

    tell(tmp_path / "data", story)


def test_what_no_server_told_is_called_not_counted_with_until_when_on_the_viewer_s_clock(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        root = await at.signed_in("root", Role.SYSTEM_ADMIN)
        until = (at.app.clock.now() + timedelta(hours=1)).replace(microsecond=0)
        with at.app.database.read() as tx:
            servers = [f"connector:{profile.id}" for profile in profiles.everyone(tx)]
        for server in servers:
            await at.app.pace.pause(server, until, "asked to wait")
        counted = await root.post("/cleaning/ask", {"all": "1"})
        await root.get(f"{counted.to}/events")
        zone = ZoneInfo("Asia/Kolkata")
        page = (await root.get(counted.to, Cookie=f"fieldcal={root.cookie}; fieldcal-zone={zone.key}")).text
        assert "<h2>Not counted</h2>" in page
        assert "0 events" not in page
        assert " UTC" not in page
        assert f"{until.astimezone(zone):%H:%M}</time>" in page
        one = (await root.post(f"/mailboxes/{at.busiest()}/clean/ask")).text
        assert "take all events of ours out?" in one
        assert "0 events" not in one

    tell(tmp_path / "data", story)


@pytest.mark.parametrize("path", ["/take-over/ask", "/take-over", "/cleaning/ask", "/cleaning/do"])
def test_only_whom_the_table_lets_begins_it(place: Centre, path: str) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)

        async def answer(browser: Browser) -> int:
            return (await browser.post(path, {"id": "box-00001", "count": "1", "once": "x"})).status

        others = await at.signed_in("others", *(role for role in Role if role is not Role.SYSTEM_ADMIN))
        assert "/take-over/ask" not in (await others.get("/mailboxes")).text
        assert await answer(others) == 403
        assert await answer(await at.signed_in("root", Role.SYSTEM_ADMIN)) in (200, 303, 404)

    place.play(story)


def test_a_mailbox_that_cannot_be_taken_over_is_told_with_why_and_the_others_go_on(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        root = await at.signed_in("root", Role.SYSTEM_ADMIN)
        asked = (await root.post("/take-over/ask", {"all": "1"})).text
        took = await root.post("/take-over", {"all": "1", "count": "3", "once": hidden(asked, "once")})
        await root.get(f"{took.to}/events")
        page = (await root.get(took.to)).text
        assert "Done: 0 of 3 taken over" in page
        assert 'class="said bad">3 could not be taken over.' in page
        assert page.count('<span class="remedy">') == 3
        assert (await root.get("/take-over/unknown")).status == 404
        assert (await root.get("/take-over/unknown/events")).status == 204

    place.play(story)
