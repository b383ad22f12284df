"""Passes that were cut off: their process died, or lost the state. Whoever comes next to the same work closes them.

In a queue, and in one process, two jobs of one key never run together, so a pass that a job of this key has begun and
not ended is nobody's any more. A state in PostgreSQL that is worked on without the queue may have another process at
it, on another machine: there a pass is called interrupted only once nobody was at work for a while.
"""

from __future__ import annotations

import structlog
from sqlalchemy import ColumnElement

from fieldcal.clock import Clock
from fieldcal.engine.schedule import Job, Kind
from fieldcal.state import history, leases
from fieldcal.state.database import Database
from fieldcal.state.pass_tables import passes

log = structlog.get_logger()

#: What the passes of each kind of job are called. The others are a person's, or told in one transaction.
CALLED = {Kind.PASS: ("scheduled", "announced", "asked"), Kind.LOOK: ("hinted",), Kind.CHECK: ("check",)}
#: Who is at work takes a lease at least so often, or holds one; seconds.
BREATH = 5.0


async def close(database: Database, clock: Clock, job: Job, *, queued: bool) -> None:
    """Have what an earlier job of this key left open told as interrupted. `queued`: the queue gave us the job."""
    which = _of(job)
    if job.kind not in CALLED or not await database.reading(history.unended, *which):
        return
    if queued or await _alone(database, clock):
        _tell(await database.writing(history.interrupt, clock.now(), *which))


async def close_others(database: Database, clock: Clock) -> None:
    """The same for what no job does, where a service starts that shares its work: nobody is at it but its like."""
    jobs = [name for names in CALLED.values() for name in names]
    _tell(await database.writing(history.interrupt, clock.now(), passes.c.kind.not_in(jobs)))


async def close_all(database: Database, clock: Clock) -> None:
    """The same for every pass, where a service or a command starts that does all itself."""
    if await database.reading(history.unended) and await _alone(database, clock):
        _tell(await database.writing(history.interrupt, clock.now()))


async def _alone(database: Database, clock: Clock) -> bool:
    """Nobody is at work on this state. On SQLite the lock of its folder has said so."""
    if database.is_sqlite:
        return True
    before = await database.reading(leases.takings, clock.now())
    if before is None:
        return False
    await clock.sleep(BREATH)
    return before == await database.reading(leases.takings, clock.now())


def _of(job: Job) -> tuple[ColumnElement[bool], ...]:
    return passes.c.environment == job.environment, passes.c.kind.in_(CALLED.get(job.kind, ()))


def _tell(number: int) -> None:
    if number:
        log.warning("passes were interrupted when a process ended", action="interrupted", passes=number)
