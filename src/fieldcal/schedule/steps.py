"""A worker's steps through the own jobs: each decided by what was seen, refused for others' jobs, taken back at will.

What a step does to the window says `progress`; Field Service lets a status be set back, but not the window with it, so
what was before is handed out with each step. Blocking.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING
from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.schedule import board, moves
from fieldcal.schedule.moves import Before, Overtaken
from fieldcal.schedule.progress import UNDER_WAY
from fieldcal.schedule.values import Slot, Step

#: What may follow, the usual one first; a worker cancels nothing, and what is completed is taken back or left.
_NEXT: dict[Step | None, tuple[Step, ...]] = {
    None: (Step.TRAVELING, Step.IN_PROGRESS, Step.COMPLETED),
    Step.SCHEDULED: (Step.TRAVELING, Step.IN_PROGRESS, Step.COMPLETED),
    Step.TRAVELING: (Step.IN_PROGRESS, Step.COMPLETED),
    Step.IN_PROGRESS: (Step.COMPLETED, Step.ON_BREAK),
    Step.ON_BREAK: (Step.IN_PROGRESS, Step.COMPLETED),
    Step.COMPLETED: (),
    Step.CANCELED: (),
}


def after(job: Slot) -> tuple[Step, ...]:
    """The steps that may follow now, the usual one first; none where the job was called off."""
    return _NEXT[job.status.step] if job.takes_time else ()


#: When the worker's day begins, and the next one.
Day = tuple[datetime, datetime]


def offered(job: Slot, day: Day) -> tuple[Step, ...]:
    """The steps that may be taken on this day: of a job that has a part of it, or that is under way since before."""
    since, until = day
    present = job.start < until and (job.end > since or job.status.step in UNDER_WAY)
    return after(job) if present else ()


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken; `before`: what it can be taken back to, None where it stood so already."""

    slot: Slot
    before: Before | None
    #: as it was seen before
    seen: Slot


def take(
    store: Store, workers: Collection[str], booking: str, version: int, step: Step, now: datetime, day: Day
) -> Taken:  # fmt: skip
    """Take this step of one's own job; asked twice, it is taken once.

    NotAllowed where none of these workers has it; `Overtaken` where another changed it; ConfigError where the step
    does not follow, or the job is not one of this day.
    """
    with store.reading() as tx:
        seen = seen_by(tx, workers, booking)
        status = next((one for one in board.statuses(tx) if one.step is step), None)
        arrived = (store.find(tx, BOOKING, booking) or {}).get("msdyn_actualarrivaltime")
    if seen.version != version:
        # pressed twice, or on two phones: it stands as it was wanted
        if seen.status.step is step:
            return Taken(seen, None, seen)
        raise Overtaken(seen)
    if step not in after(seen):
        raise ConfigError(f"after {seen.status.name} this step does not follow; nothing was written")
    if step not in offered(seen, day):
        raise ConfigError("steps are taken on the day of the job; nothing was written")
    if status is None:
        raise ConfigError(f"there is no booking status that means {step.name.lower()}; nothing was written")
    made = moves.set_status(store, booking, version, status.id, now, own=True)
    return Taken(made, Before(seen.status.id, seen.start, seen.end, arrived), seen)


def take_back(store: Store, workers: Collection[str], booking: str, version: int, before: Before) -> Slot:
    """Have it as it was before the step that led to this version; raises as `take` does."""
    with store.reading() as tx:
        seen_by(tx, workers, booking)
    return moves.put_back(store, booking, version, before)


def seen_by(tx: Connection, workers: Collection[str], booking: str) -> Slot:
    """The job as it stands; NotAllowed where none of these workers has it, `Overtaken` where it is gone."""
    found = board.some(tx, [booking]).get(booking)
    if found is None:
        raise Overtaken(None)
    if found.worker not in workers:
        raise NotAllowed("this is another worker's booking")
    return found
