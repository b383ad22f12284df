"""Jobs as rows of the queue that processes share, and back; which of them go in. Pure.

While an installation is brought up machine by machine, workers of two versions take from one queue. So a row may say
what a worker does not know; it is then left to newer ones.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from procrastinate.jobs import Job as Row
from procrastinate.jobs import Status

from fieldcal.engine.schedule import WINDOW, Job, Kind, Priority

#: The one task of the queue, in every version: a row of a task that a worker does not know would be thrown away.
TASK = "fieldcal"
#: How often a job that is not known here is left to a newer worker; with the time between, ten minutes.
TIMES = 60
# How often this row was left already.
_LEFT = "left"
# PostgreSQL cuts no channel's name: Procrastinate's own is 23 characters, and 63 are the most.
_NAME = 36
_KNOWN = frozenset(one.name for one in fields(Job)) | {_LEFT}


class Newer(Exception):
    """A row says something that this version does not know; `str()` names it."""


def read(said: Mapping[str, Any]) -> Job:
    """The job of a row, whichever version wrote it; raises `Newer` where it would be another one without what is new.

    A new field that says nothing (0, "", none) is left out: who wrote it means what this version knows.
    """
    new = sorted(name for name, value in said.items() if name not in _KNOWN and value)
    if new:
        raise Newer(f"{', '.join(new)} of it")
    try:
        return Job(
            Priority(said["priority"]), Kind[said["kind"]], said["environment"], said.get("mailbox", ""),
            tuple(said.get("named", ())), said.get("heard", 0), said.get("run", ""),
        )  # fmt: skip
    except (KeyError, ValueError) as unknown:
        raise Newer(f"{said.get('kind')} at priority {said.get('priority')}") from unknown


def left(row: Row, at: datetime) -> Row | None:
    """The row that stands for this one until a newer worker takes it, from `at` on; None where none has come so long.

    It has no lock, for a row that waits would hold up what this version knows to do of the same key. What keeps two
    workers apart is the lease.
    """
    said: dict[str, Any] = dict(row.task_kwargs)
    times = said.get(_LEFT, 0) + 1
    if times > TIMES:
        return None
    return Row(
        queue=row.queue, lock=None, queueing_lock=row.queueing_lock, priority=row.priority, task_name=row.task_name,
        task_kwargs={**said, _LEFT: times}, scheduled_at=at,
    )  # fmt: skip


def is_left(row: Row) -> bool:
    """It waits for a newer worker, and was told of already."""
    return bool(row.task_kwargs.get(_LEFT))


def wanted(jobs: Iterable[Job], there: Iterable[Row]) -> list[Row]:
    """Rows for those of one environment's jobs that do not wait yet and fit into the window."""
    there = list(there)
    queued = [row for row in there if row.status != Status.DOING.value]
    waiting = {row.queueing_lock for row in queued if row.queueing_lock}
    kinds = Counter(row.task_kwargs.get("kind") for row in queued if not is_left(row))
    at_work = {row.lock for row in there}
    room = WINDOW - kinds[Kind.MAILBOX.name]
    rows: list[Row] = []
    for job in jobs:
        row = row_of(job)
        if row.queueing_lock is not None and row.queueing_lock in waiting:
            continue
        if job.kind is Kind.MAILBOX and job.priority is not Priority.PERSON:
            # Whoever will have it in hand finds all that is due by then; of what comes while somebody has it, the
            # schedule asks a second later. A row for each change would be most of a busy queue, and have nothing to do.
            if room <= 0 or row.lock in at_work:
                continue
            room -= 1
            at_work.add(row.lock)
        rows.append(row)
    return rows


def row_of(job: Job) -> Row:
    """The row that asks for this job."""
    # Each look is about other bookings; none stands for another.
    waits = None if job.kind is Kind.LOOK and job.named else f"{job.key}:{job.priority.name}"
    return Row(
        queue=queue_of(job.environment), lock=job.key, queueing_lock=waits, priority=_urgency(job), task_name=TASK,
        task_kwargs={"kind": job.kind.name, "priority": int(job.priority), "environment": job.environment,
                     "mailbox": job.mailbox, "named": list(job.named), "heard": job.heard, "run": job.run},
    )  # fmt: skip


def _urgency(job: Job) -> int:
    """Procrastinate's priority: higher goes first.

    Reading goes before writing: it is short and its rate is bounded, and one environment's changes are read however
    much another's mailboxes have to write. Among mailboxes only a person's go first; the others as they came in.
    """
    if job.priority is Priority.PERSON:
        return 50 if job.kind is not Kind.MAILBOX else 45
    if job.kind is Kind.MAILBOX:
        return 20
    return {Priority.CHANGE: 40, Priority.REGULAR: 30}.get(job.priority, 10)


def queue_of(environment: str) -> str:
    """The queue of an environment; one whose name is too long for a channel gets a shorter one."""
    if len(environment.encode()) <= _NAME:
        return environment
    return f"long-{hashlib.sha256(environment.encode()).hexdigest()[:24]}"
