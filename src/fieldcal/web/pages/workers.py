"""Workers, equipment and crews that can be booked; who is in a crew; taking them out of the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.errors import ConfigError, Overtaken
from fieldcal.schedule import crews, workers
from fieldcal.schedule.cells import YEARS
from fieldcal.schedule.entering import Opened
from fieldcal.schedule.sheets import CREWS, WORKERS
from fieldcal.setup.permissions import Action
from fieldcal.state import mailboxes
from fieldcal.state import workers as known_workers
from fieldcal.web import rooms
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

SECTION = Section("workers", Entry("work", 14, "person", scheduling=True))
_TABS = (("workers", "/workers"), ("crews", "/workers/crews"))


async def _held(visit: Visit, found: Opened) -> dict[str, Any]:
    return {"held": await visit.desk.read(workers.held, found.id, visit.house.app.clock.now())}


async def _members(visit: Visit, found: Opened) -> dict[str, Any]:
    today = visit.house.app.clock.now().astimezone(visit.zone).date()
    going = await visit.desk.read(crews.members, found.id)
    chosen = await visit.desk.read(crews.candidates)
    return {"members": going, "candidates": chosen, "today": today, **await _held(visit, found)}


async def _leaving(visit: Visit, found: Opened, texts: Mapping[str, str]) -> str:
    """What becomes of a mailbox that is set up when its worker gets another address: a slip of the keyboard does it."""
    old, new = found.texts["e-mail"], texts["e-mail"]
    if not old or old.casefold() == new.casefold():
        return ""

    def set_up(tx: Connection) -> bool:
        worker, _ = known_workers.load(tx, visit.place_of_work.id, [found.id]).get(found.id, (None, True))
        box = mailboxes.load(tx, visit.place_of_work.id, worker.mailbox) if worker and worker.mailbox else None
        return box is not None and box.enabled

    if not await visit.house.read(set_up):
        return ""
    return text("workers.other_address" if new else "workers.no_address", {"old": old, "new": new})


WORKER_ROOM = Room(
    WORKERS, "/workers", "workers", "person", ("name", "e-mail", "hours", "zone", "kind", "active"), _TABS,
    ("active",), "workers_form.html", _held, _leaving,
)  # fmt: skip
CREW_ROOM = Room(
    CREWS, "/workers/crews", "workers", "people", ("name", "zone", "active"), _TABS, ("active", "members"),
    "crews_form.html", _members,
)  # fmt: skip
_ROOMS = {"workers": WORKER_ROOM, "crews": CREW_ROOM}

rooms.register(SECTION, WORKER_ROOM)
rooms.register(SECTION, CREW_ROOM)


def _room(kind: object) -> Room:
    found = _ROOMS.get(str(kind))
    if found is None:
        raise ConfigError(f"there is no kind {str(kind)[:40]!r}")
    return found


@SECTION.post("/workers/switch", Action.SCHEDULE)
async def switch(visit: Here) -> Response:
    """Put a worker or a crew in or out of the schedule; out of it after a confirmation that names what is coming."""
    form, now = await visit.form(), visit.house.app.clock.now()
    room = _room(form.get("kind", ""))
    found = await rooms.known(visit, room.sheet, str(form.get("id", "")))
    held = await visit.desk.read(workers.held, found.id, now)
    active, told = bool(found.row["statecode"]), str(form.get("count", ""))
    if active or told == str(held.coming):
        try:
            await visit.desk.write(workers.switch, found.id, now, active=active, expected=held.coming)
        except Overtaken:
            held = await visit.desk.read(workers.held, found.id, now)
        else:
            await rooms.recorded(visit, f"{room.sheet.one} {'activated' if active else 'deactivated'}", found.id)
            key = "workers.activated" if active else "workers.deactivated"
            return visit.say(visit.go(f"{room.path}/one", {"id": found.id}), key, {"name": found.texts["name"]})
    values = {"one": found, "held": held, "room": room, "again": bool(told)}
    return visit.page("parts/workers_switch.html" if visit.live else "workers_switch.html", values)


@SECTION.post("/workers/remove", Action.SCHEDULE)
async def remove(visit: Here) -> Response:
    """Forget a worker or a crew whom nobody ever booked."""
    form = await visit.form()
    room = _room(form.get("kind", ""))
    found = await rooms.known(visit, room.sheet, str(form.get("id", "")))
    await visit.desk.write(workers.remove, found.id)
    await rooms.recorded(visit, f"{room.sheet.one} removed", found.id, found.texts["name"])
    return visit.say(visit.go(room.path), "workers.removed", {"name": found.texts["name"]})


@SECTION.post("/workers/crews/join", Action.SCHEDULE)
async def join(visit: Here) -> Response:
    """Have a worker go with a crew from a day on, or between two."""
    form = await visit.form()
    found = await rooms.known(visit, CREWS, str(form.get("id", "")))
    since, until = _day(form.get("since")), _day(form.get("until"))
    if since is None:
        raise ConfigError(text("workers.since_missing"))
    worker = str(form.get("worker", ""))
    await visit.desk.write(crews.join, found.id, worker, since, until, leads=bool(form.get("leads")))
    await rooms.recorded(visit, "crew member added", found.id)
    return visit.say(visit.go("/workers/crews/one", {"id": found.id}), "workers.joined")


@SECTION.post("/workers/crews/part", Action.SCHEDULE)
async def part(visit: Here) -> Response:
    """Take a member out of a crew."""
    form = await visit.form()
    found = await rooms.known(visit, CREWS, str(form.get("id", "")))
    name = await visit.desk.write(crews.part, found.id, str(form.get("member", "")))
    await rooms.recorded(visit, "crew member removed", found.id)
    return visit.say(visit.go("/workers/crews/one", {"id": found.id}), "workers.parted", {"name": name})


def _day(given: object) -> date | None:
    told = str(given or "").strip()
    try:
        found = date.fromisoformat(told) if told else None
    except ValueError:
        raise ConfigError(text("workers.no_day", {"text": told[:20]})) from None
    if found is not None and found.year not in YEARS:
        raise ConfigError(text("workers.far_day", {"text": told, "first": YEARS[0], "last": YEARS[-1]}))
    return found
