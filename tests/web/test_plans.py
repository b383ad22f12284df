"""Held plans: shown with what proves each removal, decided once with a comment, by a system administrator only."""

from __future__ import annotations

import asyncio

import pytest
from tests.values import BOX, booking_id
from tests.web.centre_end import Centre

from fieldcal.setup_model import Role
from fieldcal.state import audit, plans
from fieldcal.state.tables import environments
from fieldcal.web.pages import plans as plans_page

ADMIN = (Role.SYSTEM_ADMIN,)


def hold(at: Centre, number: int) -> int:
    at.environment()
    with at.app.database.write() as tx:
        tx.execute(environments.update().values(organization="org"))
        rows = [(BOX, booking_id(n), "deleted:1") for n in range(number)]
        return plans.hold(tx, "main", rows, "40 <b>removals</b> are more than the hour allows", at.clock.now())


def test_without_a_plan_the_page_says_so_and_the_preview_writes_nothing(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        reader = await at.signed_in("reader", Role.READER)
        assert "No plan yet" in (await reader.get("/plans")).text
        assert "Nothing would be written" in (await reader.get("/plans/preview")).text
        for path in ("/plans/7", "/plans/x", "/plans/99999999999999999999"):
            assert (await reader.get(path)).status == 409, path

    place.play(story)


def test_a_plan_that_takes_a_while_comes_after_a_page_that_says_so(
    place: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(at: Centre) -> None:
        hold(at, 1)
        reader = await at.signed_in("reader", Role.READER)
        assert "Nothing would be written" in (await reader.get("/plans/preview")).text
        monkeypatch.setattr(plans_page, "FEW", -1)
        first = (await reader.get("/plans/preview?page=2")).text
        assert "Nothing would be written" not in first
        whole = "/plans/preview?now=1&amp;page=2&amp;size=25"
        assert f'hx-get="{whole}"' in first
        assert f'href="{whole}"' in first
        for shown in (
            await reader.get(whole.replace("&amp;", "&")),
            await reader.get("/plans/preview", hx_request="true"),
        ):
            assert 'id="plan"' in shown.text
            assert "Nothing would be written" in shown.text

    place.play(story)


def test_a_plan_is_shown_page_by_page_and_rejected_once_with_a_comment(place: Centre) -> None:
    async def story(at: Centre) -> None:
        number = hold(at, 40)
        browser = await at.signed_in("admin", *ADMIN)
        listed = (await browser.get("/plans?state=held")).text
        assert "are more than the hour allows" in listed
        assert "<b>removals" not in listed
        assert "No plan is in this state" in (await browser.get("/plans?state=done")).text
        page = (await browser.get(f"/plans/{number}")).text
        assert "1–25 of 40" in page
        assert "Approve 40 removals" in page
        assert "26–40 of 40" in (await browser.get(f"/plans/{number}?page=2")).text
        form = {"verdict": "reject", "comment": "they <i>stay</i>"}
        pressed = await asyncio.gather(*(browser.post(f"/plans/{number}/decide", form) for _ in range(2)))
        assert [answer.status for answer in pressed] == [303, 303]
        assert "decided before, by admin" in (await _said(browser, number, form))
        page = (await browser.get(f"/plans/{number}")).text
        assert "they &lt;i&gt;stay" in page
        assert "Approve 40" not in page
        with at.app.database.read() as tx:
            lines = [line for line in audit.latest(tx) if line.action == "plan reject"]
        assert [(line.actor, line.detail) for line in lines] == [("admin", "they <i>stay</i>")]

    place.play(story)


async def _said(browser, number: int, form: dict[str, str]) -> str:
    answer = await browser.post(f"/plans/{number}/decide", {**form, "verdict": "approve"})
    return (await browser.get(answer.to)).text if answer.status == 303 else answer.text


@pytest.mark.parametrize("roles", [(Role.READER,), (Role.EXCHANGE_ADMIN,), (Role.MAILBOX_APPROVER,)])
def test_nobody_else_decides(place: Centre, roles: tuple[Role, ...]) -> None:
    async def story(at: Centre) -> None:
        number = hold(at, 1)
        browser = await at.signed_in("somebody", *roles)
        assert "A system administrator decides." in (await browser.get(f"/plans/{number}")).text
        assert (await browser.post(f"/plans/{number}/decide", {"verdict": "approve"})).status == 403

    place.play(story)
