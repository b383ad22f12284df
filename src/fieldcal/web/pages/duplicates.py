"""Duplicates: calendars read for events that stand double, shown with the one that counts, and removed where chosen."""

from __future__ import annotations

import secrets
from itertools import groupby
from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal import doubling
from fieldcal.doubling import Chosen
from fieldcal.errors import ConfigError
from fieldcal.model import EventId
from fieldcal.plan.duplicates import Double
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.state import mailboxes
from fieldcal.sync.duplicates import Found
from fieldcal.sync.passes import run_find
from fieldcal.web.following import followed
from fieldcal.web.pages.mailboxes import selected
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("duplicates")
KIND, REMOVING = "duplicates", "remove duplicates"


@SECTION.post("/check/duplicates", Action.SEE_OVERVIEW)
async def begin(visit: Here) -> Response:
    """Read the calendars; touches nothing."""
    form, place, house, actor = await visit.form(), visit.place_of_work.id, visit.house, visit.actor
    if form.get("id"):
        boxes = (await selected(visit, form))[1]
        await house.read(lambda tx: permitted(tx, actor, Action.SYNC, place, boxes))
    else:
        boxes = await house.read(lambda tx: mailboxes.enabled(tx, place))

    async def run(work: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            found = await run_find(await sites.working(place), boxes, work.far)
        for one in found:
            work.tell(one)

    once = str(form.get("once", "")) or secrets.token_urlsafe(12)
    work = house.works.begin(KIND, place, actor.name, len(boxes), house.app.clock.now(), once, run)
    return visit.go(f"/check/duplicates/{work.id}")


def _groups(found: list[Found]) -> list[tuple[Found, Double, list[Double]]]:
    """By mailbox and booking: one of its doubles, for what is common to them, and all of them."""
    told: list[tuple[Found, Double, list[Double]]] = []
    for one in found:
        by_booking = sorted(one.doubles, key=_booking)
        told += [(one, rows[0], rows) for _, group in groupby(by_booking, _booking) if (rows := list(group))]
    return sorted(told, key=lambda each: (each[0].address, each[1].event.start))


def _booking(one: Double) -> str:
    return str(one.event.mark.booking) if one.event.mark else ""


def _values(work: Work[Any]) -> dict[str, Any]:
    found: list[Found] = list(work.results) if work.ended else []
    return {
        "work": work, "groups": _groups(found), "problems": [one for one in found if one.problem],
        "count": sum(len(one.doubles) for one in found),
        "offered": sum(double.offered for one in found for double in one.doubles),
    }  # fmt: skip


def _work(visit: Visit, number: str) -> Work[Any] | None:
    work = visit.house.works.find(number)
    return work if work is not None and (work.kind, work.environment) == (KIND, visit.place_of_work.id) else None


@SECTION.get("/check/duplicates/{number}", Action.SEE_OVERVIEW)
async def show(visit: Here, number: str) -> Response:
    """How far the reading is; then each group, with the event that counts and why."""
    work = _work(visit, number)
    if work is None:
        return visit.page("check_gone.html", status=404)
    return visit.page("duplicates.html", {**_values(work), "removes": visit.may(Action.TAKE_OVER)})


@SECTION.get("/check/duplicates/{number}/events", Action.SEE_OVERVIEW)
async def follow(visit: Here, number: str) -> Response:
    """How far the reading is, told as it changes."""
    removes = visit.may(Action.TAKE_OVER)
    return followed(
        visit, _work(visit, number), "parts/duplicates.html", lambda work: {**_values(work), "removes": removes}
    )


def _chosen(visit: Visit, number: str, form: FormData) -> tuple[Work[Any], Chosen]:
    work = _work(visit, number)
    if work is None or not work.ended:
        raise ConfigError(text("duplicates.gone"))
    named = frozenset(EventId(str(one)) for one in form.getlist("event"))
    if not named:
        raise ConfigError(text("duplicates.none_ticked"))
    return work, doubling.choose(work.results, named)


@SECTION.post("/check/duplicates/{number}/ask", Action.TAKE_OVER)
async def ask(visit: Here, number: str) -> Response:
    """How many would go, and how many of them a hand may have made."""
    work, chosen = _chosen(visit, number, await visit.form())
    values = {"work": work, "chosen": chosen, "hands": doubling.by_hand(chosen), "once": secrets.token_urlsafe(12)}
    return visit.page("parts/duplicates_ask.html" if visit.live else "duplicates_ask.html", values)


@SECTION.post("/check/duplicates/{number}/do", Action.TAKE_OVER)
async def do(visit: Here, number: str) -> Response:
    """Remove those that were confirmed, each only while it stands as it was shown."""
    form, house, actor = await visit.form(), visit.house, visit.actor
    once = str(form.get("once", ""))
    if once and (known := house.works.begun_by(once)) is not None:
        return visit.go(f"/check/work/{known.id}")
    work, chosen = _chosen(visit, number, form)
    if str(len(chosen)) != str(form.get("count", "")):
        raise ConfigError(text("duplicates.recounted", {"count": len(chosen)}))

    async def run(removal: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            site = await sites.working(work.environment)
            removal.tell(await doubling.remove(house.app, actor, site, chosen, removal.far))

    boxes = len({one.mailbox for one, _ in chosen})
    begun = house.works.begin(REMOVING, work.environment, actor.name, boxes, house.app.clock.now(), once, run)
    return visit.go(f"/check/work/{begun.id}")
