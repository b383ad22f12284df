"""Taking everything of ours out of mailboxes: asked with the count, then followed live."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.responses import Response

from fieldcal import cleaning
from fieldcal.cleaning import Looked, Outcome
from fieldcal.model import MailboxId
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.sync.clean import Cleaned
from fieldcal.web.following import followed
from fieldcal.web.pages.mailbox import known
from fieldcal.web.pages.mailboxes import selected
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work, named

SECTION = Section("cleaning")
_KINDS = ("clean", "survey")
#: From more events than this on, the number is typed in to confirm it.
LARGE = 100
#: Mailboxes that are drawn, those with trouble first.
_SHOWN = 100
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


@SECTION.post("/cleaning/ask", Action.TAKE_OVER)
async def count(visit: Here) -> Response:
    """Count what stands of ours in many mailboxes; their servers are asked, so it is followed, and asked at its end."""
    form, house, place, actor = await visit.form(), visit.house, visit.place_of_work.id, visit.actor
    _, wanted = await selected(visit, form)
    await house.read(lambda tx: permitted(tx, actor, Action.TAKE_OVER, place, wanted))
    if (same := house.works.under_way("survey", place, wanted)) is not None:
        return visit.go(f"/cleaning/{same.id}")

    async def run(work: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            looked = await cleaning.look(await sites.unasked(place), actor, wanted, work.far)
        for one in looked.surveys:
            work.tell(one)

    once = secrets.token_urlsafe(12)
    work = house.works.begin("survey", place, actor.name, len(wanted), house.app.clock.now(), once, run)
    work.about = frozenset(wanted)
    return visit.go(f"/cleaning/{work.id}")


@SECTION.post("/cleaning/do", Action.TAKE_OVER)
async def clean(visit: Here) -> Response:
    """Take out exactly as many as were counted and confirmed; nothing is done where they are more or fewer by now."""
    form, house, place, actor = await visit.form(), visit.house, visit.place_of_work.id, visit.actor
    counted = _known(visit, str(form.get("survey", "")))
    if counted is None or counted.kind != "survey" or not counted.ended or counted.environment != place:
        return visit.page("cleaning_gone.html", status=404)
    looked = Looked(tuple(counted.results))
    events, wanted = looked.events, [one.mailbox for one in looked.able]
    typed = str(form.get("typed", "")).replace(",", "").strip()
    if str(form.get("count", "")) != str(events) or (events > LARGE and typed != str(events)) or not wanted:
        return visit.say(visit.go(f"/cleaning/{counted.id}"), "cleaning.retype", {"count": events}, "bad")
    once = named(str(form.get("once", "")), "clean", place, counted.id, actor.name)

    async def run(work: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            site = await sites.unasked(place)
            again = await cleaning.counted_anew(site, actor, wanted, events, _unseen)
            outcome = await cleaning.carry_out(house.app, actor, site, again, work.far)
        for one in outcome.done:
            work.tell(one)
        for left in looked.surveys:
            if left.problem and not left.passing:
                work.tell(Cleaned(left.mailbox, left.address, problem=left.problem))

    work = house.works.begin("clean", place, actor.name, events, house.app.clock.now(), once, run)
    return visit.go(f"/cleaning/{work.id}")


def _known(visit: Visit, number: str) -> Work[Any] | None:
    work = visit.house.works.find(number)
    return work if work is not None and work.kind in _KINDS else None


def _values(work: Work[Any]) -> dict[str, Any]:
    ordered = sorted(work.results, key=lambda one: (not one.problem, one.address))
    bad = sum(bool(one.problem) for one in work.results)
    looked = Looked(tuple(work.results)) if work.kind == "survey" else None
    return {"work": work, "results": ordered[:_SHOWN], "bad": bad, "looked": looked, "large": LARGE}


@SECTION.get("/cleaning/{number}", Action.TAKE_OVER)
async def show(visit: Here, number: str) -> Response:
    """How far it is, and what became of each mailbox; of a count, what would be taken out of each."""
    work = _known(visit, number)
    if work is None:
        return visit.page("cleaning_gone.html", status=404)
    return visit.page("cleaning_work.html", _values(work))


@SECTION.get("/cleaning/{number}/events", Action.TAKE_OVER)
async def follow(visit: Here, number: str) -> Response:
    """The same, told as it changes."""
    return followed(visit, _known(visit, number), "parts/cleaning_work.html", _values)
