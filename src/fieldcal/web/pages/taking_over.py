"""Having many mailboxes served from here, and by no other: asked with the count, then followed live."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal.setup import takeover
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Mailbox
from fieldcal.web.following import followed
from fieldcal.web.narrowing import address, told
from fieldcal.web.pages.mailboxes import origin_of, selected
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work, named

SECTION = Section("taking_over")
_NAMED = 25
#: Results that are drawn, those that failed first: at the end, and while they are sent several times a second.
_SHOWN, _SHOWN_LIVE = 100, 20


@SECTION.post("/take-over/ask", Action.TAKE_OVER)
async def ask(visit: Here) -> Response:
    """How many mailboxes would be served from here, and which."""
    return await _question(visit, await visit.form())


async def _question(visit: Visit, form: FormData, changed: str = "") -> Response:
    chosen, wanted = await selected(visit, form)
    place = visit.place_of_work.id

    def look(tx: Connection) -> list[Mailbox]:
        return permitted(tx, visit.actor, Action.TAKE_OVER, place, wanted)

    boxes = await visit.house.read(look)
    values = {
        "count": len(boxes), "named": boxes[:_NAMED], "names": chosen.names, "kept": told(chosen), "changed": changed,
        "listed": address(chosen), "all": bool(form.get("all")), "once": secrets.token_urlsafe(12),
        "origin": origin_of(form),
    }  # fmt: skip
    return visit.page("parts/taking_over_ask.html" if visit.live else "taking_over_ask.html", values)


@SECTION.post("/take-over", Action.TAKE_OVER)
async def do(visit: Here) -> Response:
    """Take exactly as many over as were confirmed; where they have become more or fewer, ask again."""
    form, house, actor, place = await visit.form(), visit.house, visit.actor, visit.place_of_work.id
    _, wanted = await selected(visit, form)
    once = named(str(form.get("once", "")), "take over", place, actor.name, str(form.get("count", "")))
    if once and (known := house.works.begun_by(once)) is not None:
        return visit.go(f"/take-over/{known.id}")
    if str(len(wanted)) != str(form.get("count", "")):
        return await _question(visit, form, text("mailboxes.changed", {"count": len(wanted)}))
    boxes = await house.read(lambda tx: permitted(tx, actor, Action.TAKE_OVER, place, wanted))

    async def run(work: Work[Any]) -> None:
        await takeover.take_over_all(house.app.bench(), actor, place, boxes, work.step)
        house.service.announce(place)

    work = house.works.begin("take over", place, actor.name, len(boxes), house.app.clock.now(), once, run)
    return visit.go(f"/take-over/{work.id}")


def _values(work: Work[Any]) -> dict[str, Any]:
    ordered = sorted(work.results, key=lambda one: (not one.problem, one.address))
    bad = sum(bool(one.problem) for one in work.results)
    return {"work": work, "bad": bad, "results": ordered[: _SHOWN if work.ended else _SHOWN_LIVE]}


def _known(visit: Visit, number: str) -> Work[Any] | None:
    work = visit.house.works.find(number)
    return work if work is not None and work.kind == "take over" else None


@SECTION.get("/take-over/{number}", Action.TAKE_OVER)
async def show(visit: Here, number: str) -> Response:
    """How far it is, and what became of each mailbox."""
    work = _known(visit, number)
    if work is None:
        return visit.page("mailboxes_work_gone.html", status=404)
    return visit.page("taking_over_work.html", _values(work))


@SECTION.get("/take-over/{number}/events", Action.TAKE_OVER)
async def follow(visit: Here, number: str) -> Response:
    """The same, told as it changes."""
    return followed(visit, _known(visit, number), "parts/taking_over_work.html", _values)
