"""The passes: paged, the newest first, each with how it ended."""

from __future__ import annotations

from datetime import timedelta

from tests.web.centre_end import Centre

from fieldcal.setup_model import Role
from fieldcal.state import history
from fieldcal.state.history import Tally


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
