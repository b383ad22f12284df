"""A mailbox's week: every booking of its days with where it stands, the events where they were written, nothing of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.values import BOX, WORKER, booking_id
from tests.web.centre_end import Centre
from tests.web.test_bookings import stock

from fieldcal import weeks
from fieldcal.model import Detailed, EventId, Link, StatusKind
from fieldcal.setup_model import Endpoint, Role, ServerProfile
from fieldcal.state import bookings, environments, links, marks, profiles
from fieldcal.state.tables import bookings as booking_table
from fieldcal.state.tables import mailboxes

STANDS, BEHIND, WAITS, OUT, DECLINED, CANCELED, TENTATIVE, GONE, ELSEWHERE = range(2, 20, 2)


def link(at: Centre, number: int, *, later: timedelta = timedelta(0), declined: bool = False) -> Link:
    start = at.clock.now() + timedelta(hours=number) + later
    return Link(BOX, booking_id(number), 0, EventId(f"e-{number}"), subject=f"Event {number}", start=start,
                end=start + timedelta(hours=1), declined=declined)  # fmt: skip


def fill(at: Centre) -> None:
    stock(at, 18)
    now = at.clock.now()
    written = [
        link(at, number, declined=number == DECLINED) for number in (STANDS, BEHIND, DECLINED, CANCELED, TENTATIVE)
    ]
    with at.app.database.write() as tx:
        profiles.add(tx, ServerProfile("x", Endpoint("https://graph.example"), now))
        tx.execute(mailboxes.update().values(profile="x", method="server-side-sync", approved_address=WORKER.address))
        links.store(tx, "main", [*written, link(at, ELSEWHERE, later=timedelta(days=20))], now)
        marks.mark(tx, "main", [(BOX, booking_id(number)) for number in (BEHIND, WAITS)], now, "changed")
        for number, kind in ((CANCELED, StatusKind.CANCELED), (TENTATIVE, StatusKind.PROPOSED)):
            known = bookings.load(tx, "main", [booking_id(number)])[booking_id(number)].known
            row = replace(known.booking, kind=kind, version=known.booking.version + 1)
            bookings.store_details(tx, "main", [Detailed(row, known.snapshot)], "run")
        tx.execute(booking_table.update().where(booking_table.c.id == booking_id(GONE)).values(deleted_at=now))


def test_each_booking_of_the_days_is_told_with_where_it_stands_and_what_it_is(place: Centre) -> None:
    async def story(at: Centre) -> None:
        fill(at)
        now = at.clock.now()
        with at.app.database.read() as tx:
            found = weeks.between(tx, environments.get(tx, "main"), BOX, now, now + timedelta(days=7))
        assert {int(one.booking[-4:]): (one.standing, one.kind.value if one.kind else "") for one in found} == {
            STANDS: ("stands", "committed"), BEHIND: ("behind", "committed"), WAITS: ("waits", "committed"),
            OUT: ("none", "committed"), DECLINED: ("declined", "committed"), CANCELED: ("stands", "canceled"),
            TENTATIVE: ("stands", "proposed"),
        }  # fmt: skip
        assert [one.start for one in found] == sorted(one.start for one in found)
        subjects = {int(one.booking[-4:]): one.subject for one in found}
        assert subjects[STANDS] == "Event 2"
        assert "WO-0006" in subjects[WAITS]
        # the page draws them on the viewer's clock, which it names
        browser = await at.signed_in("reader", Role.READER)
        browser.session.cookie_jar.update_cookies({"fieldcal-zone": "Asia/Tokyo"})
        page = (await browser.get(f"/mailboxes/{BOX}")).text
        assert "Times are in Asia/Tokyo." in page
        week = (now + timedelta(hours=STANDS, days=0)).date()
        page = (await browser.get(f"/mailboxes/{BOX}?week={week}")).text
        for words in ("not yet in the calendar", "in the calendar, a change waits", "tentative", "canceled"):
            assert words in page

        with at.app.database.write() as tx:
            tx.execute(mailboxes.update().values(enabled=False))
            found = weeks.between(tx, environments.get(tx, "main"), BOX, now, now + timedelta(days=7))
        told = {int(one.booking[-4:]): one.standing for one in found}
        assert (told[BEHIND], told[WAITS]) == ("outdated", "none"), "nothing is promised where no pass will write"

    place.play(story)
