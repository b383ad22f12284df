"""The schedule board: its page, what stands on it, its moves, and word of every change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response, StreamingResponse

from fieldcal import seeing
from fieldcal.ends import is_embedded
from fieldcal.errors import ConfigError, StateAway
from fieldcal.schedule import board, bookable, crews, moves
from fieldcal.schedule.board import Wanted
from fieldcal.schedule.bookable import NotWaiting, TimeTaken
from fieldcal.schedule.conflicts import double, outside_hours
from fieldcal.schedule.desk import Desk
from fieldcal.schedule.moves import Moved, Overtaken
from fieldcal.schedule.values import Became, Lane, Slot, Status, Waiting
from fieldcal.setup.permissions import Action
from fieldcal.sync import signs
from fieldcal.web import bookkeeping
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import catalogue
from fieldcal.web.visit import Here, Visit

SECTION = Section("board", Entry("work", 5, "board", scheduling=True))

#: Orders of one page at the side.
_ORDERS = 50
#: Seconds for which one look waits for news; the page asks again.
_PATIENCE = 20.0


#: The scripts of the page, asked for together, before each finds the next.
_MODULES = (
    "cards.js", "choice.js", "crew.js", "deeds.js", "describe.js", "details.js", "drag.js", "draw.js", "keys.js",
    "lay.js", "link.js", "menu.js", "page.js", "past.js", "phone.js", "side.js", "state.js", "time.js",
)  # fmt: skip
#: What is told of each booking by a sign: its picture, its word.
_SIGNS = (
    ("check", "stands"), ("clock", "waits"), ("behind", "behind"), ("alert", "refused"), ("minus", "none"),
    ("double", "double"), ("moon", "outside"),
)  # fmt: skip


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=100)


class Booked(_Sent):
    """A work order (or none) dropped onto a worker."""

    worker: str
    start: AwareDatetime
    end: AwareDatetime
    order: str | None = None
    status: str | None = None
    #: though the order is booked by now, or closed: that was told and chosen
    again: bool = False
    #: of a crew, the workers who go along; None: all of that day
    members: Annotated[list[str], Field(max_length=100)] | None = None
    #: what a booking without a work order is called; "": a booking
    title: str = ""


class Changed(_Sent):
    """A booking dragged, stretched or given away; what is None stays."""

    booking: str
    version: int
    worker: str | None = None
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    #: of a crew that it is given to, the workers who go along; None: all of that day
    members: Annotated[list[str], Field(max_length=100)] | None = None


class Stepped(_Sent):
    """A booking's new status."""

    booking: str
    version: int
    status: str
    #: though the time of one that was canceled was given away by now: that was told and chosen
    again: bool = False


class Removed(_Sent):
    """A booking taken off the board."""

    booking: str
    version: int


@SECTION.get("/board", Action.SCHEDULE)
async def show(visit: Here) -> Response:
    """The page, which its scripts fill; without bookings of our own it says where they are made."""
    place = visit.place_of_work
    if not _made_here(visit):
        return visit.page("board_elsewhere.html", {"environment": place.id})
    types, priorities = await visit.desk.read(lambda tx: (board.types(tx), board.priorities(tx)))
    words = {key.removeprefix("board.say."): told for key, told in catalogue().items() if key.startswith("board.say.")}
    first, last = bookable.FIRST, bookable.last(visit.house.app.clock.now())
    years = {"first": first.year, "last": last.year - 1}
    limits = json.dumps({**years, "days": bookable.LONGEST.days})
    values = {"types": types, "priorities": priorities, "words": json.dumps(words), "modules": _MODULES,
              "signs": _SIGNS, "limits": limits, **years}  # fmt: skip
    return visit.page("board.html", values)


def _made_here(visit: Visit) -> bool:
    return visit.house.desk is not None and is_embedded(visit.place_of_work.end)


@SECTION.get("/board/day.json", Action.SCHEDULE)
async def day(
    visit: Here, since: Annotated[AwareDatetime, Query()], until: Annotated[AwareDatetime, Query()],
    have: Annotated[int, Query(ge=0)] = 0,
) -> Response:  # fmt: skip
    """Every lane, and the bookings with a part of this span, with what is wrong with them and where they stand.

    `have`: a version that the page has; of what has not changed since, it is not told again where it stands.
    """
    if not timedelta(0) < until - since <= bookable.LONGEST:
        raise ConfigError(f"the board shows up to {bookable.LONGEST.days} days at once")
    # by days of any zone that lies within time
    if not MINYEAR < since.year <= until.year < MAXYEAR:
        raise ConfigError("the board shows no days so far away")
    desk = visit.desk
    version = await desk.version()

    def look(tx: Connection) -> tuple[list[Lane], list[Slot], list[Status]]:
        return board.lanes(tx), board.between(tx, since, until), board.statuses(tx)

    lanes, slots, statuses = await desk.read(look)
    twice, outside = double(slots), outside_hours(slots, {lane.worker: lane for lane in lanes})
    standing = await _standing(visit, [one for one in slots if one.version > have])
    booked, place = {one.worker for one in slots}, visit.place_of_work.id
    closed = await visit.house.read(lambda tx: signs.unwritten(tx, place, booked))
    return JSONResponse({
        "version": version, "lanes": [_lane(one) for one in lanes], "statuses": [_status(one) for one in statuses],
        "closed": closed,
        "slots": [
            {**_slot(one), "standing": standing.get(one.id), "double": one.id in twice, "outside": one.id in outside}
            for one in slots
        ],
    })  # fmt: skip


@SECTION.get("/board/standing.json", Action.SCHEDULE)
async def standing(visit: Here, booking: Annotated[list[str], Query(max_length=500)]) -> Response:
    """Where these bookings stand by now."""
    found = await visit.desk.read(board.some, booking)
    return JSONResponse(await _standing(visit, list(found.values())))


async def _standing(visit: Visit, slots: list[Slot]) -> dict[str, str]:
    """By id: as the list of bookings tells it; `waits` or `behind` while the board is ahead of what was read."""
    place, booked = visit.place_of_work.id, {one.id: (one.version, one.worker) for one in slots}
    return await visit.house.read(lambda tx: seeing.standing_now(tx, place, booked))


@SECTION.get("/board/waiting.json", Action.SCHEDULE)
async def waiting(
    visit: Here, search: Annotated[str, Query(max_length=100)] = "", type: Annotated[str, Query(max_length=40)] = "",  # noqa: A002 - the parameter's name
    priority: Annotated[str, Query(max_length=40)] = "", page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:  # fmt: skip
    """Work orders that nobody is booked for."""
    wanted = Wanted(search.strip(), type, priority)

    def look(tx: Connection) -> tuple[list[Waiting], int]:
        return board.waiting(tx, wanted, offset=(page - 1) * _ORDERS, limit=_ORDERS), board.waiting_count(tx, wanted)

    # as of before the look: what is written meanwhile is asked for again
    version = await visit.desk.version()
    rows, total = await visit.desk.read(look)
    return JSONResponse({"version": version, "total": total, "orders": [_order(one) for one in rows]})


@SECTION.get("/board/along.json", Action.SCHEDULE)
async def along(visit: Here, booking: Annotated[str, Query(max_length=100)]) -> Response:
    """The members' bookings that go where this one of a crew is removed or given away."""
    return JSONResponse({"slots": [_slot(one) for one in await visit.desk.read(crews.along, booking)]})


@SECTION.post("/board/book", Action.SCHEDULE)
async def book(visit: Here, sent: Booked) -> Response:
    """Book a worker; where the work order was booked meanwhile, only if that is wanted."""
    return await _changed(visit, Became.MADE, lambda desk: desk.write(
        moves.book, sent.worker, sent.start, sent.end, order=sent.order, status=sent.status, again=sent.again,
        members=sent.members, title=sent.title,
    ))  # fmt: skip


@SECTION.post("/board/move", Action.SCHEDULE)
async def move(visit: Here, sent: Changed) -> Response:
    """Give a booking another time, length or worker."""
    change = Moved(sent.worker, sent.start, sent.end)
    return await _changed(visit, Became.MOVED, lambda desk: desk.write(
        moves.move, sent.booking, sent.version, change, members=sent.members
    ), sent.booking)  # fmt: skip


@SECTION.post("/board/status", Action.SCHEDULE)
async def step(visit: Here, sent: Stepped) -> Response:
    """Give a booking another status."""
    now = visit.house.app.clock.now()
    return await _changed(visit, Became.STATUS, lambda desk: desk.write(
        moves.set_status, sent.booking, sent.version, sent.status, now, again=sent.again
    ), sent.booking)  # fmt: skip


@SECTION.post("/board/remove", Action.SCHEDULE)
async def remove(visit: Here, sent: Removed) -> Response:
    """Take a booking off the board."""
    return await _changed(visit, Became.REMOVED, lambda desk: desk.write(
        moves.remove, sent.booking, sent.version
    ), sent.booking)  # fmt: skip


async def _changed(
    visit: Visit, what: Became, change: Callable[[Desk], Awaitable[Slot]], booking: str = ""
) -> Response:  # fmt: skip
    """Do it and put it on record; where another was faster the answer tells how it stands now.

    `booking`: the one that is there already. It was as it is read here, or the change is refused.
    """
    before = (await visit.desk.read(board.some, [booking])).get(booking) if booking else None
    try:
        made = await change(visit.desk)
    except Overtaken as error:
        return JSONResponse({"detail": str(error), "now": error.now and _slot(error.now)}, 409)
    except NotWaiting as error:
        return JSONResponse({"detail": str(error), "order": _not_waiting(error)}, 409)
    except TimeTaken as error:
        return JSONResponse({"detail": str(error), "taken": [_slot(one) for one in error.slots]}, 409)
    except StateAway:
        raise  # not what was sent is wrong
    except ConfigError as error:
        return JSONResponse({"detail": str(error)}, 422)
    gone = what is Became.REMOVED
    await bookkeeping.recorded(visit, what, [(before, None if gone else made)], made.along)
    taken = [one.slot.worker for one in made.along if one.after is None]
    slot = None if gone else {**_slot(made), "standing": "waits"}
    return JSONResponse({"slot": slot, **({"members": taken} if taken else {})})


def _not_waiting(error: NotWaiting) -> Mapping[str, Any]:
    return {
        "number": error.number, "closed": error.closed, "there": error.there,
        "slots": [_slot(one) for one in error.slots],
    }  # fmt: skip


@SECTION.get("/board/events", Action.SCHEDULE)
async def events(visit: Here, version: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Word of each change, within a second of it: server-sent events, each with the version that it led to."""
    told = _news(visit, visit.desk, version)
    return StreamingResponse(told, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _news(visit: Visit, desk: Desk, version: int) -> AsyncIterator[str]:
    while desk.open and await visit.lasts():
        now = await desk.after(version, _PATIENCE)
        yield f"event: changed\nid: {now}\ndata: {now}\n\n" if now != version else ": still here\n\n"
        version = now


def _lane(one: Lane) -> Mapping[str, Any]:
    return {"id": one.worker, "name": one.name, "kind": one.kind, "zone": one.zone, "hours": one.hours.days}


def _status(one: Status) -> Mapping[str, Any]:
    return {"id": one.id, "name": one.name, "kind": one.kind.name.lower(), "step": one.step and one.step.name.lower()}


def _slot(one: Slot) -> Mapping[str, Any]:
    return {
        "id": one.id, "version": one.version, "name": one.name, "worker": one.worker, "start": _at(one.start),
        "end": _at(one.end), "status": _status(one.status), "order": one.order, "number": one.number,
        "summary": one.summary[:500], "type": one.type, "account": one.account, "address": one.address,
        "crew": one.crew, "promised": _promised(one.promised),
    }  # fmt: skip


def _order(one: Waiting) -> Mapping[str, Any]:
    return {
        "id": one.id, "number": one.number, "summary": one.summary[:500], "type": one.type, "priority": one.priority,
        "account": one.account, "address": one.address, "minutes": one.minutes,
        "promised": _promised((one.promised_from, one.promised_until)),
        "unreadable": one.unreadable,
    }  # fmt: skip


def _promised(span: tuple[datetime | None, datetime | None]) -> list[str | None]:
    return [_at(one) if one else None for one in span]


def _at(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
