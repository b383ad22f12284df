"""The worker's own page, on a phone first: the next job, today and the week, and the steps through a job.

Steps are taken where bookings are made here (the embedded Field Service); where another system makes them the page
shows what was read of it, and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form
from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal import seeing
from fieldcal.ends import is_embedded
from fieldcal.errors import ConfigError
from fieldcal.plan import zones
from fieldcal.plan.ready import ready
from fieldcal.schedule import jobs, steps
from fieldcal.schedule.jobs import Job
from fieldcal.schedule.last_steps import Stepped
from fieldcal.schedule.moves import Overtaken
from fieldcal.schedule.values import Step
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment, Mailbox
from fieldcal.state import booking_lists, mailboxes, profiles, workers
from fieldcal.web import bookkeeping
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("my_day", Entry("home", 15, "clock", own=True))

_HOME = "/my/day"
_DAYS = 7


@dataclass(frozen=True, slots=True)
class _Own:
    """Whose page it is: the own mailboxes with why one is not written to, and the workers who have them."""

    boxes: list[Mailbox]
    why: str | None
    workers: list[str]
    zone: ZoneInfo


def _look(tx: Connection, visit: Visit, place: Environment) -> _Own:
    boxes = mailboxes.owned(tx, place.id, visit.actor)
    named = booking_lists.workers_of(tx, place.id, [box.id for box in boxes])
    people = [worker for worker, gone in workers.load(tx, place.id, named).values() if not gone]
    zone = ZoneInfo(zones.zone(people[0].zone)[1]) if people else visit.zone
    first = boxes[0] if boxes else None
    profile = profiles.find(tx, first.profile) if first and first.profile else None
    return _Own(boxes, ready(first, profile, place) if first else None, [one.id for one in people], zone)


async def _own(visit: Visit) -> _Own:
    place = visit.place_of_work
    return await visit.house.read(lambda tx: _look(tx, visit, place))


@SECTION.get(_HOME, Action.OWN)
async def show(visit: Here) -> Response:
    """The next job, today, and the six days after it, in the worker's zone."""
    own, place, now = await _own(visit), visit.place_of_work, visit.house.app.clock.now()
    if not own.boxes:
        return visit.page("my_day_none.html")
    today, day = now.astimezone(own.zone).date(), _day(own, now)
    since, until = day[0], _midnight(today + timedelta(days=_DAYS), own.zone)
    here = visit.house.desk is not None and is_embedded(place.end)
    if here:
        found = await visit.desk.read(jobs.here, own.workers, since, until)
    else:
        found = await visit.house.read(lambda tx: jobs.read_before(tx, place.id, own.workers, since, until))
    booked = {one.slot.id: (one.slot.version, one.slot.worker) for one in found}
    standing = await visit.house.read(lambda tx: seeing.standing_now(tx, place.id, booked))
    values = {
        "own": own, "here": here, "now": now, "zone": own.zone, "standing": standing, "today": today,
        # how far jobs of another system are is not known: there what has ended is over
        "next": jobs.next_of([one for one in found if here or one.slot.end > now]),
        "days": _days(found, today, own.zone), "undo": _undo(visit, found) if here else None,
        "steps": {one.slot.id: steps.offered(one.slot, day) if here else () for one in found},
    }  # fmt: skip
    answer = visit.page("my_day.html", values)
    # what the own browser may keep to be read offline, for whom, and until when (static/js/offline.js)
    answer.headers["x-fieldcal-week"] = visit.owner
    answer.headers["x-fieldcal-until"] = until.astimezone(UTC).isoformat()
    return answer


def _day(own: _Own, now: datetime) -> steps.Day:
    today = now.astimezone(own.zone).date()
    return _midnight(today, own.zone), _midnight(today + timedelta(days=1), own.zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _days(found: list[Job], today: date, zone: ZoneInfo) -> list[tuple[date, list[tuple[Job, bool]]]]:
    """Each day with the jobs that have a part of it, and whether it is the first day that each is shown under."""
    told: dict[date, list[tuple[Job, bool]]] = {today + timedelta(days=number): [] for number in range(_DAYS)}
    for one in found:
        first = max(zones.local(one.slot.start, zone).date(), today)
        # one that ends at midnight has no part of the day that begins then
        last = max(zones.local(one.slot.end - timedelta(microseconds=1), zone).date(), first)
        for day, jobs_of_day in told.items():
            if first <= day <= last:
                jobs_of_day.append((one, day == first))
    return list(told.items())


def _undo(visit: Visit, found: list[Job]) -> Job | None:
    """The job whose last step can be taken back; None where there is none."""
    last = visit.desk.steps.of(visit.actor.name, visit.house.app.clock.now())
    return next(
        (one for one in found if last and (one.slot.id, one.slot.version) == (last.booking, last.version)), None
    )


@SECTION.post("/my/day/ask", Action.SCHEDULE, own=True)
async def ask(visit: Here, booking: Annotated[str, Form()] = "", version: Annotated[int, Form()] = 0) -> Response:
    """Whether the job is really done."""
    own = await _own(visit)
    try:
        seen = await visit.desk.read(steps.seen_by, own.workers, booking)
    except Overtaken as error:
        return _overtaken(visit, error)
    values = {"slot": seen, "version": version, "zone": own.zone, "ahead": seen.start > visit.house.app.clock.now()}
    return visit.page("parts/my_day_ask.html" if visit.live else "my_day_ask.html", values)


@SECTION.post("/my/day/step", Action.SCHEDULE, own=True)
async def step(
    visit: Here, booking: Annotated[str, Form()] = "", version: Annotated[int, Form()] = 0,
    to: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Take a step of one's own job; it moves the booking, and the calendar follows."""
    desk, own, now = visit.desk, await _own(visit), visit.house.app.clock.now()
    wanted = {one.name.lower(): one for one in Step}.get(to)
    if wanted is None:
        raise ConfigError("this is no step of a job; nothing was written")
    taken = await _taken(visit, desk.write(steps.take, own.workers, booking, version, wanted, now, _day(own, now)))
    if isinstance(taken, Response):
        return taken
    if taken.before is not None:
        desk.steps.took(visit.actor.name, Stepped(booking, taken.slot.version, taken.before, now))
        await bookkeeping.recorded(visit, "booking status", [(taken.seen, taken.slot)])
    answer = visit.go(_HOME)
    # of what is completed the page says so itself, with the way back beside it
    return answer if wanted is Step.COMPLETED else visit.say(answer, f"my_day.done.{to}", {"job": taken.slot.title})


@SECTION.post("/my/day/back", Action.SCHEDULE, own=True)
async def back(visit: Here) -> Response:
    """Take the last step back, while nothing else was done to the booking."""
    desk, own = visit.desk, await _own(visit)
    last = desk.steps.of(visit.actor.name, visit.house.app.clock.now())
    if last is None:
        return visit.say(visit.go(_HOME), "my_day.no_back", kind="bad")
    made = await _taken(visit, desk.write(steps.take_back, own.workers, last.booking, last.version, last.before))
    if isinstance(made, Response):
        return made
    await bookkeeping.recorded(visit, "booking status", [(None, made)])
    desk.steps.forget(visit.actor.name)
    return visit.say(visit.go(_HOME), "my_day.back", {"job": made.title, "status": made.status.name})


async def _taken(visit: Visit, work: Awaitable[Any]) -> Any:
    """What was done; where another was faster, the way back to the page, which shows how it stands now."""
    try:
        return await work
    except Overtaken as error:
        return _overtaken(visit, error)


def _overtaken(visit: Visit, error: Overtaken) -> Response:
    if error.now is None:
        return visit.say(visit.go(_HOME), "my_day.removed", kind="bad")
    return visit.say(visit.go(_HOME), "my_day.overtaken", {"job": error.now.title}, "bad")
