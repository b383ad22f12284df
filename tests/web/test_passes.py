"""The passes: paged, the newest first, each with how it ended."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.web.centre_end import Centre

from fieldcal.plan.spread import Spread
from fieldcal.sent import Sent, Side
from fieldcal.setup_model import Role
from fieldcal.state import history
from fieldcal.state.history import Line, Tally


def test_each_pass_tells_how_it_ended_and_an_empty_list_what_to_do(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("reader", Role.READER)
        assert "No pass was run yet" in (await browser.get("/passes")).text
        now = at.clock.now()
        with at.app.database.write() as tx:
            for n in range(30):
                history.begin(tx, "main", f"run-{n}", "scheduled", now - timedelta(hours=n))
            history.end(tx, "run-1", Tally(created=1234, failed=2, uncalled=3), "", now - timedelta(seconds=3400))
            history.end(tx, "run-2", Tally(), "it did not <b>answer</b>", now - timedelta(seconds=7197.6))
            history.end(tx, "run-3", Tally(), history.INTERRUPTED, now)
        page = (await browser.get("/passes")).text
        for words in ("1–25 of 30", "Under way", "In part", "1,234", "3 min 20 s", "no change called for",
                      "Source not read", "it did not &lt;b&gt;answer", "2.4 s", "Interrupted"):  # fmt: skip
            assert words in page, words
        assert "26–30 of 30" in (await browser.get("/passes?page=2")).text
        dispatcher = await at.signed_in("dispatcher", Role.DISPATCHER)
        assert (await dispatcher.get("/passes")).status == 403

    place.play(story)


def _plant(at: Centre) -> None:
    """A pass that made one event and failed with three others, for two reasons."""
    now = at.clock.now()
    told = [
        ("the booking is new", "done", True),
        ("the booking is new", "no answer from https://graph.example to POST /users/17/events: it ended", False),
        ("the booking is new", "no answer from https://graph.example to POST /users/18/events: it ended", False),
        ("it was changed", "<b>no</b>", False),
    ]
    lines = [
        Line(f"box-0000{n}", f"job-{n}", "create", why, answer, ok, now) for n, (why, answer, ok) in enumerate(told)
    ]
    sent = Sent(Side(3, {"2xx": 3}), Side(1234, {"2xx": 1230, "429": 2, "none": 4}))
    with at.app.database.write() as tx:
        history.begin(tx, "main", "run", "scheduled", now)
        history.write(tx, "main", "run", lines)
        tally = Tally(created=1, failed=3, took=Spread.of(39.8) + Spread.of(90.0))
        history.end(tx, "run", tally, "", now + timedelta(seconds=2), sent)
        history.begin(tx, "main", "before", "hinted", now - timedelta(hours=1))
        history.write(tx, "main", "before", [Line("box-00009", "job-9", "update", "other", "other", ok=True, at=now)])


def test_one_pass_tells_its_plan_what_came_of_it_by_reason_and_what_it_sent(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(3)
        _plant(at)
        browser = await at.signed_in("reader", Role.READER)
        page = (await browser.get("/passes")).text
        assert "1,237" in page
        assert "2 asked to wait" in page
        page = (await browser.get("/passes/run")).text
        for words in ("Make: the booking is new", "1 of 3", "Make: it was changed", "0 of 1", "3 requests",
                      "1,234 requests", "Asked to wait (429) 2", "No answer 4", "no answer from … to POST …: it ended",
                      "&lt;b&gt;no", "w00001@x.example", "1–4 of 4"):  # fmt: skip
            assert words in page, words
        assert "job-9" not in page
        assert "Nothing is known of it" in (await browser.get("/passes/before")).text
        assert (await browser.get("/passes/nothing")).status == 409

    place.play(story)


def test_the_overview_tells_what_failed_by_reason_and_how_long_changes_took(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("reader", Role.READER)
        page = (await browser.get("/overview")).text
        assert "Nothing failed." in page
        assert "No change of a booking was carried" in page
        _plant(at)
        page = (await browser.get("/overview")).text
        for words in ("2 times", "no answer from … to POST …: it ended", "once", "&lt;b&gt;no",
                      "Half of 2 changes stood in the calendar within 40 s, 95 in 100 within 100 s."):  # fmt: skip
            assert words in page, words
        chart = json.loads((await browser.get("/overview/charts.json")).text)["latency"]
        # the hour may turn between the plant and the question, so it is the last or the one before
        told = {one["name"]: [value for value in one["values"] if value is not None] for one in chart["series"]}
        assert told == {"half of them (p50)": [40.0], "95 in 100 (p95)": [100.0]}
        assert chart["unit"] == " s"
        assert all(set(one["values"][:-2]) == {None} for one in chart["series"])

    place.play(story)
