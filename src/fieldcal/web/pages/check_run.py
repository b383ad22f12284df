"""A check that somebody asks for: confirmed with the count of mailboxes, then followed live; and what came of it."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal import checking
from fieldcal.model import MailboxId
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Mailbox
from fieldcal.sites import Sites
from fieldcal.state import mailboxes
from fieldcal.web.following import followed
from fieldcal.web.narrowing import NAMES
from fieldcal.web.pages.mailboxes import selected
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("check_run")
_KINDS = ("check", "write again", "remove duplicates")
_NAMED = 25


async def _meant(visit: Visit, form: FormData) -> list[MailboxId]:
    """The mailboxes that are checked: those that were ticked where they are listed, else all that are switched on."""
    place = visit.place_of_work.id
    if form.get("every"):
        return await visit.house.read(lambda tx: mailboxes.enabled(tx, place))
    return (await selected(visit, form))[1]


@SECTION.post("/check/run/ask", Action.SYNC)
async def ask(visit: Here) -> Response:
    """How many mailboxes would be read."""
    form = await visit.form()
    return await _question(visit, form, await _meant(visit, form))


async def _question(visit: Visit, form: FormData, meant: list[MailboxId], changed: str = "") -> Response:
    place = visit.place_of_work.id

    def look(tx: Connection) -> list[Mailbox]:
        permitted(tx, visit.actor, Action.SYNC, place, meant)
        return mailboxes.some(tx, place, meant[:_NAMED])

    kept = {name: str(form.get(name, "")) for name in ("every", "all", *NAMES) if form.get(name)}
    values = {
        "count": len(meant), "named": await visit.house.read(look), "once": secrets.token_urlsafe(12),
        "changed": changed, "ids": [str(one) for one in form.getlist("id")],
        "kept": kept, "listed": f"/mailboxes?{urlencode(kept)}" if "all" in kept else "",
    }  # fmt: skip
    return visit.page("parts/check_run_ask.html" if visit.live else "check_run_ask.html", values)


@SECTION.post("/check/run", Action.SYNC)
async def do(visit: Here) -> Response:
    """Check exactly as many as were confirmed; where they have become more or fewer, ask again."""
    form = await visit.form()
    once, place, house, actor = str(form.get("once", "")), visit.place_of_work.id, visit.house, visit.actor
    if once and (known := house.works.begun_by(once)) is not None:
        return visit.go(f"/check/work/{known.id}")
    meant = await _meant(visit, form)
    if not meant or str(len(meant)) != str(form.get("count", "")):
        return await _question(visit, form, meant, text("check_run.recounted", {"count": len(meant)}))
    await house.read(lambda tx: permitted(tx, actor, Action.SYNC, place, meant))
    everything, only = bool(form.get("everything")), frozenset(meant)

    async def run(work: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            site = await sites.working(place)
            work.tell(await checking.check(site, only, work.far, everything=everything))

    work = house.works.begin("check", place, actor.name, len(meant), house.app.clock.now(), once, run)
    return visit.go(f"/check/work/{work.id}")


def _values(work: Work[Any]) -> dict[str, Any]:
    return {"work": work, "result": work.results[0] if work.results else None}


@SECTION.get("/check/work/{number}", Action.SEE_OVERVIEW)
async def show(visit: Here, number: str) -> Response:
    """How far it is, and what came of it."""
    work = visit.house.works.find(number)
    if work is None or work.kind not in _KINDS:
        return visit.page("check_gone.html", status=404)
    return visit.page("check_work.html", _values(work))


@SECTION.get("/check/work/{number}/events", Action.SEE_OVERVIEW)
async def follow(visit: Here, number: str) -> Response:
    """The same, told as it changes."""
    work = visit.house.works.find(number)
    known = work if work is not None and work.kind in _KINDS else None
    return followed(visit, known, "parts/check_work.html", _values)
