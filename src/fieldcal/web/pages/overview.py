"""What works now, in one look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from fieldcal import standing
from fieldcal.setup.permissions import Action
from fieldcal.standing import Standing
from fieldcal.state import activity
from fieldcal.state.activity import Hour
from fieldcal.web import to_do
from fieldcal.web.render import shortened
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.to_do import Halts, Task
from fieldcal.web.visit import Here, Visit

SECTION = Section("overview", Entry("home", 10, "overview"))


@SECTION.get("/overview", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """How the environment stands."""
    place = visit.environment
    if place is None:
        return visit.page("overview_empty.html")
    now, since = visit.house.app.clock.now(), visit.house.since
    house = visit.house

    def look(tx: Connection) -> tuple[Standing, Halts, list[Task]]:
        found, halted = standing.look(tx, place, now, since, told=_TOLD), to_do.halts(tx, place, now)
        return found, halted, to_do.tasks(house, tx, place, found, halted)

    found, halted, tasks = await house.read(look)
    values = {
        "one": found, "halted": halted, "paused": halted.told, "tasks": tasks, "stands": _stands(found, halted),
        "goals": _GOALS,
        "obstacles": [each for each in found.obstacles if each.kind != "mailboxes" or not _secret(tasks)],
    }  # fmt: skip
    return visit.page("overview.html", values)


def _secret(tasks: list[Task]) -> list[Task]:
    """The secret that is missing: while it is, no next pass finds a mailbox."""
    return [each for each in tasks if each.kind == "secret"]


#: Alerts that are told here.
_TOLD = 6
#: How mailboxes stand, in the order of the bar, with the class that colours each.
_COLOURS = {
    "written": "good",
    "paused": "warn",
    "failing": "bad",
    "unapproved": "warn",
    "unfinished": "note",
    "off": "quiet",
}
#: Where it is put right that keeps everything of the environment from being written.
_GOALS = {"environment": "/environments/one", "profiles": "/profiles", "mailboxes": "/mailboxes"}


def _stands(one: Standing, halted: Halts) -> list[dict[str, Any]]:
    """How many stand how; an environment that is off has none that is written to."""
    counted = one.mailboxes.by_standing | {"paused": halted.mailboxes}
    counted["written"] = counted.get("written", 0) - halted.mailboxes
    return [
        {"name": name, "count": counted[name], "colour": colour}
        for name, colour in _COLOURS.items()
        if counted.get(name)
    ]


@SECTION.get("/overview/charts.json", Action.SEE_OVERVIEW)
async def charts(visit: Here) -> Response:
    """What the two charts draw: the last 24 hours, by the hour."""
    place, now = visit.place_of_work, visit.house.app.clock.now()
    hours = await visit.house.read(lambda tx: activity.by_hour(tx, place.id, now))
    return JSONResponse({"written": _written(visit, hours), "latency": _latency(visit, hours)})


def _chart(
    visit: Visit, hours: list[Hour], key: str, series: Mapping[str, list[Any]], *, lines: bool = False, unit: str = ""
) -> dict[str, Any]:
    return {
        "kind": "line" if lines else "bar", "whole": not lines, "unit": f" {unit}" if unit else "",
        "description": text(f"overview.chart.{key}"),
        "labels": [f"{hour.begins.astimezone(visit.zone):%H:%M}" for hour in hours],
        "series": [{"name": text(f"overview.chart.{name}"), "values": values} for name, values in series.items()],
    }  # fmt: skip


def _written(visit: Visit, hours: list[Hour]) -> dict[str, Any]:
    series = {
        "created": [hour.created for hour in hours], "updated": [hour.updated for hour in hours],
        "removed": [hour.removed for hour in hours],
    }  # fmt: skip
    return _chart(visit, hours, "written", series)


#: What latencies are drawn in: from so many seconds on, how many one of it has, and its name.
_UNITS = ((3 * 3600.0, 3600.0, "h"), (180.0, 60.0, "min"), (0.0, 1.0, "s"))


def _latency(visit: Visit, hours: list[Hour]) -> dict[str, Any]:
    longest = max((hour.most for hour in hours if hour.most is not None), default=0.0)
    size, unit = next((size, unit) for least, size, unit in _UNITS if longest >= least)

    def drawn(seconds: float | None) -> float | None:
        return None if seconds is None else shortened(seconds / size)

    series: dict[str, list[Any]] = {
        "half": [drawn(hour.half) for hour in hours],
        "most": [drawn(hour.most) for hour in hours],
    }
    return _chart(visit, hours, "latency", series, lines=True, unit=unit)
