"""What checks found is listed by the server, and an empty list says so."""

from __future__ import annotations

from tests.values import BOX, booking_id
from tests.web.centre_end import Centre

from fieldcal.setup_model import Role
from fieldcal.state import feeds, findings
from fieldcal.state.findings import Finding
from fieldcal.state.tables import mailboxes


def test_what_checks_found_is_paged_and_filtered_and_shown_as_text(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("reader", Role.READER)
        never = (await browser.get("/check")).text
        assert "Not checked yet" in never
        assert "Nothing was found" not in never
        assert "Last check" not in never
        at.mailboxes(1)
        with at.app.database.write() as tx:
            tx.execute(mailboxes.update().values(enabled=True))
        admin = (await (await at.signed_in("admin", Role.SYSTEM_ADMIN)).get("/check")).text
        assert "“Check now” does so at once" in admin
        assert ">Check now</button>" in admin
        with at.app.database.write() as tx:
            feeds.change(tx, "main", last_check_at=at.clock.now())
        assert "Nothing was found" in (await browser.get("/check")).text
        found = [
            Finding(BOX, f"event-{n:02}", booking_id(n), "copy" if n else "deleted", "<b>told</b>") for n in range(30)
        ]
        with at.app.database.write() as tx:
            findings.replace_all(tx, "main", BOX, found, at.clock.now())
        page = (await browser.get("/check")).text
        assert "1–25 of 30" in page
        assert "&lt;b&gt;told" in page
        only = (await browser.get("/check?kind=deleted")).text
        assert "1–1 of 1" in only
        assert f'href="/bookings/{booking_id(0)}"' in only
        assert (await browser.get("/check?kind=odd")).status == 409
        assert (await (await at.signed_in("dispatcher", Role.DISPATCHER)).get("/check")).status == 403

    place.play(story)
