"""Data retention: what is kept how long, how much of it there is, and having what is old forgotten now."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.engine import upkeep
from fieldcal.serving import ages_of
from fieldcal.setup.permissions import Action
from fieldcal.state import holdings, pruning
from fieldcal.state.holdings import Holding
from fieldcal.state.pruning import Pruned
from fieldcal.web.following import followed
from fieldcal.web.pages.erase import named
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("data", Entry("service", 55, "archive"))
#: of work that this page follows, and of erasures
KINDS = ("prune", "compact", "erase")


@SECTION.get("/data", Action.DATA)
async def show(visit: Here) -> Response:
    """Each kind of what is kept: for how long by which setting, how much, and since when."""
    app = visit.house.app

    def look(tx: Connection) -> tuple[list[Holding], datetime | None]:
        return holdings.look(tx), pruning.last_run(tx)

    found, last = await visit.house.read(look)
    days = {one.kind: getattr(app.config, one.setting) for one in found}
    values = {
        "found": found, "days": days, "last": last, "size": await asyncio.to_thread(holdings.size, app.database),
        "erases": visit.may(Action.ERASE),
    }  # fmt: skip
    return visit.page("data.html", values)


async def _old(visit: Visit) -> Pruned:
    app = visit.house.app
    return await upkeep.prune(app.database, app.clock, ages_of(app.config), dry=True)


@SECTION.post("/data/prune/ask", Action.DATA)
async def ask(visit: Here) -> Response:
    """How much is older than it is kept."""
    return await _question(visit, "")


async def _question(visit: Visit, changed: str) -> Response:
    old = await _old(visit)
    parts = [(kind, number) for kind, number in asdict(old).items() if number]
    values = {"count": old.total, "parts": parts, "once": secrets.token_urlsafe(12), "changed": changed}
    return visit.page("parts/data_prune.html" if visit.live else "data_prune.html", values)


@SECTION.post("/data/prune", Action.DATA)
async def prune(visit: Here) -> Response:
    """Forget exactly as much as was confirmed; where it has become more or less, ask again."""
    form, app, actor = await visit.form(), visit.house.app, visit.actor
    once, count = str(form.get("once", "")), str(form.get("count", ""))
    if once and (begun := visit.house.works.begun_by(once)) is not None:
        return visit.go(f"/data/work/{begun.id}")
    total = (await _old(visit)).total
    if str(total) != count:
        return await _question(visit, text("data.changed"))

    async def run(work: Work[Any]) -> None:
        work.tell(await upkeep.on_command(app.database, app.clock, ages_of(app.config), actor, total, work.far))

    begun = visit.house.works.begin("prune", "", actor.name, total, app.clock.now(), once, run)
    return visit.go(f"/data/work/{begun.id}")


@SECTION.post("/data/compact/ask", Action.DATA)
async def ask_compact(visit: Here) -> Response:
    """What writing the state anew comes to."""
    size = await asyncio.to_thread(holdings.size, visit.house.app.database)
    values = {"size": size, "once": secrets.token_urlsafe(12)}
    return visit.page("parts/data_compact.html" if visit.live else "data_compact.html", values)


@SECTION.post("/data/compact", Action.DATA)
async def compact(visit: Here) -> Response:
    """Write the state anew without the bytes of what was forgotten."""
    form, app, actor = await visit.form(), visit.house.app, visit.actor

    async def run(work: Work[Any]) -> None:
        work.tell(await asyncio.to_thread(upkeep.compact, app.database, actor, app.clock.now()))

    once = str(form.get("once", ""))
    work = visit.house.works.begin(
        "compact", "", actor.name, 0, app.clock.now(), once or secrets.token_urlsafe(12), run
    )
    return visit.go(f"/data/work/{work.id}")


def _values(work: Work[Any]) -> dict[str, Any]:
    pruned = [(kind, number) for one in work.results if isinstance(one, Pruned) for kind, number in asdict(one).items()
              if number]  # fmt: skip
    return {"named": named, "work": work, "result": work.results[0] if work.results else None, "parts": pruned}


def _known(visit: Visit, number: str) -> Work[Any] | None:
    work = visit.house.works.find(number)
    # Whoever may erase may see all of this: both take the same role.
    return work if work is not None and work.kind in KINDS else None


@SECTION.get("/data/work/{number}", Action.DATA)
async def work_page(visit: Here, number: str) -> Response:
    """How far it is, and what became of it."""
    work = _known(visit, number)
    if work is None:
        return visit.page("data_gone.html", status=404)
    return visit.page("data_work.html", _values(work))


@SECTION.get("/data/work/{number}/events", Action.DATA)
async def follow(visit: Here, number: str) -> Response:
    """The same, told as it changes."""
    return followed(visit, _known(visit, number), "parts/data_work.html", _values)
