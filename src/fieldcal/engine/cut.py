"""Passes that were cut off: their process died, or lost the state. Whoever comes next to the same work closes them.

Two jobs of one key never run together, so a pass that a job of this key has begun and not ended is nobody's any more.
"""

from __future__ import annotations

import structlog
from sqlalchemy import ColumnElement

from fieldcal.clock import Clock
from fieldcal.engine.schedule import Job, Kind
from fieldcal.state import history
from fieldcal.state.database import Database
from fieldcal.state.pass_tables import passes

log = structlog.get_logger()

#: What the passes of each kind of job are called. The others are a person's, or told in one transaction.
CALLED = {Kind.PASS: ("scheduled", "announced", "asked"), Kind.LOOK: ("hinted",), Kind.CHECK: ("check",)}


async def close(database: Database, clock: Clock, job: Job) -> None:
    """Have what an earlier job of this key left open told as interrupted."""
    which = _of(job)
    if job.kind not in CALLED or not await database.reading(history.unended, *which):
        return
    _tell(await database.writing(history.interrupt, clock.now(), *which))


async def close_others(database: Database, clock: Clock) -> None:
    """The same for what no job does, where a service starts that shares its work: nobody is at it but its like."""
    jobs = [name for names in CALLED.values() for name in names]
    _tell(await database.writing(history.interrupt, clock.now(), passes.c.kind.not_in(jobs)))


async def close_all(database: Database, clock: Clock) -> None:
    """The same for every pass, where a service starts that has the state alone."""
    _tell(await database.writing(history.interrupt, clock.now()))


def _of(job: Job) -> tuple[ColumnElement[bool], ...]:
    return passes.c.environment == job.environment, passes.c.kind.in_(CALLED.get(job.kind, ()))


def _tell(number: int) -> None:
    if number:
        log.warning("passes were interrupted when a process ended", action="interrupted", passes=number)
