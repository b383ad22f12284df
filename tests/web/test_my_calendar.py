"""The link to subscribe to the own calendar: shown on demand, to its owner only, renewed, taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.web.centre_end import OPERATOR, Centre

from fieldcal.embedded.exchange import Exchange
from fieldcal.embedded.exchange.mailboxes import NewMailbox
from fieldcal.setup import environments, profiles, users
from fieldcal.setup_model import EXCHANGE, Endpoint, Role
from fieldcal.state import audit
from fieldcal.state.people_tables import users as user_table
from fieldcal.state.tables import mailboxes as mailbox_table
from fieldcal.subscribing import FeedLinks

ANA, BEN = "ana@x.example", "ben@x.example"
IDS = {ANA: UUID(int=1), BEN: UUID(int=2)}
EMBEDDED = Endpoint("", credential="embedded")


@pytest.fixture
def exchange(place: Centre, tmp_path: Path) -> Iterator[Exchange]:
    with Exchange(tmp_path / "ex.sqlite3", clients={}) as made:
        made.store.mailboxes.add([NewMailbox(key, address, address[:3].title()) for address, key in IDS.items()])
        for address, key in IDS.items():
            made.hands.add(key, {"subject": f"Of {address}", **tomorrow(place)})
        place.feeds = FeedLinks(made.store)
        yield made


def tomorrow(at: Centre) -> dict[str, Any]:
    """A time within what a feed tells, whatever the day."""
    day = at.clock.now().date() + timedelta(days=1)
    return {
        name: {"dateTime": f"{day}T{hour}", "timeZone": "UTC"} for name, hour in (("start", "09:00"), ("end", "10:00"))
    }


def stock(at: Centre, end: Endpoint = EMBEDDED) -> None:
    now = at.clock.now()
    with at.app.database.write() as tx:
        environments.add(tx, OPERATOR, now, "main", EMBEDDED)
        profiles.add(tx, OPERATOR, now, "calendars", end, EXCHANGE)
        tx.execute(mailbox_table.insert(), [
            {"environment": "main", "id": str(key), "name": address[:3].title(), "address": address,
             "profile": "calendars"} for address, key in IDS.items()
        ])  # fmt: skip


def link_in(page: str) -> str:
    return re.search(r'secret-link">[^<]*?(/feeds/[\w-]+\.ics)<', page)[1]


def test_a_worker_s_link_is_shown_on_demand_and_leads_to_the_own_calendar_until_it_is_renewed(
    place: Centre, exchange: Exchange
) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser, stranger = await at.signed_in(ANA, Role.WORKER), at.browser()
        secret = exchange.store.mailboxes.get(ANA).feed_token
        before = await browser.get("/my/calendar")
        assert secret not in before.text
        shown = await browser.post("/my/calendar", {"do": "show", "box": str(IDS[ANA])})
        assert link_in(shown.text) == f"/feeds/{secret}.ics"
        assert shown.headers["cache-control"] == "no-store"
        assert f'href="webcal://{at.url.partition("//")[2]}/feeds/{secret}.ics"' in shown.text
        drawn = re.search(r"<svg[^>]*>.*?</svg>", shown.text.partition('class="qr"')[2], re.DOTALL)[0]
        assert "<path" in drawn
        assert "style" not in drawn
        feed = await stranger.get(link_in(shown.text))
        assert (feed.status, feed.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
        assert f"SUMMARY:Of {ANA}" in feed.text
        assert BEN not in feed.text
        again = await stranger.get(link_in(shown.text), If_None_Match=feed.headers["etag"])
        assert again.status == 304
        renewed = await browser.post("/my/calendar", {"do": "renew", "box": str(IDS[ANA])})
        assert link_in(renewed.text) != link_in(shown.text)
        assert (await stranger.get(link_in(shown.text))).status == 404
        assert (await stranger.get(link_in(renewed.text))).status == 200
        ended = await browser.post("/my/calendar", {"do": "end", "box": str(IDS[ANA])})
        assert ended.to == "/my/calendar"
        assert (await stranger.get(link_in(renewed.text))).status == 404
        with at.app.database.read() as tx:
            lines = audit.latest(tx, wanted=audit.Wanted(actor=ANA))
        told = [line.action for line in lines if line.action.startswith("calendar")]
        assert told == ["calendar link ended", "calendar link renewed", "calendar link shown"]
        assert all(secret not in line.detail for line in lines)

    place.play(story)


def test_who_has_left_reads_nothing_by_an_old_link(place: Centre, exchange: Exchange) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        await at.signed_in(ANA, Role.WORKER)
        links = {name: f"/feeds/{exchange.store.mailboxes.get(name).feed_token}.ics" for name in (ANA, BEN)}
        stranger = at.browser()
        assert [(await stranger.get(links[name])).status for name in (ANA, BEN)] == [200, 200]
        with at.app.database.write() as tx:
            users.revoke(tx, OPERATOR, at.clock.now(), ANA, Role.WORKER)
        assert [(await stranger.get(links[name])).status for name in (ANA, BEN)] == [404, 200]

    place.play(story)


@pytest.mark.parametrize("do", ["show", "renew", "end"])
def test_nobody_gets_or_ends_another_s_link(place: Centre, exchange: Exchange, do: str) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        before = exchange.store.mailboxes.get(BEN).feed_token
        for name, roles in ((ANA, [Role.WORKER]), ("admin", [Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN])):
            browser = await at.signed_in(name, *roles)
            answer = await browser.post("/my/calendar", {"do": do, "box": str(IDS[BEN])})
            assert answer.status == 409
            assert before not in answer.text
        assert exchange.store.mailboxes.get(BEN).feed_token == before

    place.play(story)


def test_an_account_that_nobody_answers_for_gets_no_link(place: Centre, exchange: Exchange) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in(ANA, Role.WORKER)
        with at.app.database.write() as tx:
            tx.execute(user_table.update().values(vouched=False))
        page = await browser.get("/my/calendar")
        assert "Nobody has answered for this account" in page.text
        answer = await browser.post("/my/calendar", {"do": "show", "box": str(IDS[ANA])})
        assert answer.status == 403
        assert exchange.store.mailboxes.get(ANA).feed_token not in answer.text

    place.play(story)


def test_where_calendars_stand_elsewhere_it_says_so_and_has_no_link(place: Centre, exchange: Exchange) -> None:
    async def story(at: Centre) -> None:
        stock(at, Endpoint("https://graph.example", credential="token", secret="env:NOWHERE"))
        browser = await at.signed_in(ANA, Role.WORKER)
        assert "your organization&#39;s own calendar server" in (await browser.get("/my/calendar")).text
        answer = await browser.post("/my/calendar", {"do": "show", "box": str(IDS[ANA])})
        assert answer.status == 409
        assert exchange.store.mailboxes.get(ANA).feed_token not in answer.text
        assert (await at.browser().get("/feeds/nowhere.ics")).status == 404

    place.play(story)
