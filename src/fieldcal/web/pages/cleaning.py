"""Taking everything of ours out of mailboxes: asked with the count, then followed live."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.responses import Response

from fieldcal import cleaning
from fieldcal.cleaning import Looked, Outcome
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.web.following import followed
from fieldcal.web.pages.mailbox import known
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work, named

SECTION = Section("cleaning")
#: what is done once all is clean
Then = Callable[[Outcome], Awaitable[None]]


def _unseen(_done: int, _of: int) -> None:
    return


async def survey(visit: Visit, place: str, wanted: Sequence[MailboxId]) -> Looked:
    """What stands of ours in these mailboxes; asks their servers, touches nothing."""
    async with Sites(visit.house.app) as sites:
        return await cleaning.look(await sites.unasked(place), visit.actor, wanted, _unseen)


def begin(visit: Visit, place: str, looked: Looked, once: str, then: Then | None = None) -> Response:
    """Carry out what was looked at and approved, and lead to the page that follows it."""
    house, actor = visit.house, visit.actor

    async def run(work: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            outcome = await cleaning.carry_out(house.app, actor, await sites.unasked(place), looked, work.far)
        for one in outcome.done:
            work.tell(one)
        if then is not None:
            await then(outcome)

    work = house.works.begin("clean", place, actor.name, looked.events, house.app.clock.now(), once, run)
    return visit.go(f"/cleaning/{work.id}")


@SECTION.post("/mailboxes/{mailbox}/clean/ask", Action.TAKE_OVER)
async def ask(visit: Here, mailbox: str) -> Response:
    """How many events of ours stand there, and whether they are to be taken out."""
    return await _question(visit, mailbox, "")


async def _question(visit: Visit, mailbox: str, changed: str) -> Response:
    box = await known(visit, mailbox, Action.TAKE_OVER)
    looked = await survey(visit, box.environment, [box.id])
    values = {"box": box, "looked": looked, "once": secrets.token_urlsafe(12), "changed": changed}
    return visit.page("parts/cleaning_ask.html" if visit.live else "cleaning_ask.html", values)


@SECTION.post("/mailboxes/{mailbox}/clean", Action.TAKE_OVER)
async def do(visit: Here, mailbox: str) -> Response:
    """Take out exactly as many as were confirmed; where they have become more or fewer, ask again."""
    form = await visit.form()
    once = named(str(form.get("once", "")), "clean", visit.place_of_work.id, mailbox, visit.actor.name)
    if once and (before := visit.house.works.begun_by(once)) is not None:
        return visit.go(f"/cleaning/{before.id}")
    box = await known(visit, mailbox, Action.TAKE_OVER)
    looked = await survey(visit, box.environment, [box.id])
    if str(looked.events) != str(form.get("count", "")) or not looked.able:
        return await _question(visit, mailbox, text("cleaning.changed", {"count": looked.events}))
    return begin(visit, box.environment, looked, once)


@SECTION.get("/cleaning/{number}", Action.TAKE_OVER)
async def show(visit: Here, number: str) -> Response:
    """How far it is, and what became of each mailbox."""
    work = visit.house.works.find(number)
    if work is None or work.kind != "clean":
        return visit.page("cleaning_gone.html", status=404)
    return visit.page("cleaning_work.html", {"work": work})


@SECTION.get("/cleaning/{number}/events", Action.TAKE_OVER)
async def follow(visit: Here, number: str) -> Response:
    """The same, told as it changes."""
    work = visit.house.works.find(number)
    known = work if work is not None and work.kind == "clean" else None
    return followed(visit, known, "parts/cleaning_work.html", lambda work: {"work": work})
