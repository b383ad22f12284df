"""The engine of several processes: Procrastinate's queue in the state's PostgreSQL, behind the same port.

The queue holds little, and nothing that could be lost: what is due lives in the state. So a job is done with however
it ended, and of one environment only so many mailboxes wait at a time, in the order in which they became due. What does
not fit is due still, and the schedule brings it a second later: whoever has ten mailboxes waits for a few jobs of
whoever has 100,000, never for all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.jobs import Job as Row

from fieldcal.clock import Clock
from fieldcal.engine.schedule import WINDOW, Job, Kind, Priority
from fieldcal.engine.single import AT_ONCE

log = structlog.get_logger()

Handle = Callable[[Job], Awaitable[None]]
#: How long after a failure of the queue's database it is tried again, seconds.
AGAIN = 1.0
_TASK = "fieldcal"
# PostgreSQL cuts no channel's name: Procrastinate's own is 23 characters, and 63 are the most.
_NAME = 36


@dataclass(frozen=True, slots=True)
class Beats:
    """Seconds: how often a worker shows that it lives, after which silence it is dead, how often that is looked at."""

    beat: float = 5.0
    dead: float = 25.0
    look: float = 5.0
    #: how often the queue is asked where no notification came
    poll: float = 0.5


class ClusterEngine:
    """Jobs of all processes on one state: by urgency, two of one key never together, at least once.

    `works`: this process takes jobs; else it only puts them into the queue.
    """

    def __init__(
        self, address: str, clock: Clock, *, works: bool = True, at_once: int = AT_ONCE, beats: Beats | None = None
    ) -> None:
        """`address`: the queue's (`state.beside.address`)."""
        self._clock, self._works, self._at_once, self._beats = clock, works, at_once, beats or Beats()
        self._address = address
        self._outbox: dict[Job, None] = {}
        self._news = asyncio.Event()
        # Its lines name what jobs are about, at INFO.
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)

    def enqueue(self, job: Job) -> None:
        """Have it run soon, here or elsewhere; one already waiting at that priority is not queued twice."""
        self._outbox[job] = None
        self._news.set()

    async def run(self, handle: Handle) -> None:
        """Run what is enqueued until cancelled; what is in hand is then finished first. A lost database is awaited."""
        while True:
            app = self._app(handle)
            try:
                async with app.open_async():
                    await self._serve(app)
            except ConnectorException as error:
                await self._wait("the queue cannot be reached", error)

    def _app(self, handle: Handle) -> App:
        # One connection listens, one is for each that fetches, tells its end or beats.
        connector = PsycopgConnector(
            conninfo=self._address, min_size=1, max_size=4, timeout=10.0, reconnect_timeout=5.0
        )
        app = App(connector=connector)

        @app.task(name=_TASK, queue=_TASK)
        async def run_one(
            kind: str,
            priority: int,
            environment: str,
            mailbox: str,
            named: Sequence[str],
            heard: int,
            run: str = "",
            **_later: object,
        ) -> None:
            try:
                job = Job(Priority(priority), Kind[kind], environment, mailbox, tuple(named), heard, run)
            except (KeyError, ValueError):
                log.warning("a job of a newer version was left to newer workers", action="job_unknown", job=kind)
                return
            await _one(job, handle)

        return app

    async def _serve(self, app: App) -> None:
        tasks = [asyncio.create_task(self._sending(app), name="sending")]
        if self._works:
            tasks += [asyncio.create_task(self._working(app)), asyncio.create_task(self._relieving(app))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.shield(asyncio.gather(*tasks, return_exceptions=True))
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _wait(self, what: str, error: Exception) -> None:
        log.warning(what, action="queue_away", error=str(error.__cause__ or error).splitlines()[0])
        await self._clock.sleep(AGAIN)

    async def _sending(self, app: App) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._outbox:
                jobs, self._outbox = list(self._outbox), {}
                try:
                    await _send(app, jobs)
                except ConnectorException as error:
                    self._outbox = dict.fromkeys(jobs) | self._outbox
                    await self._wait("jobs cannot be put into the queue", error)

    async def _working(self, app: App) -> None:
        """Take jobs for ever. A worker that has lost the database ends, and is registered anew."""
        while True:
            try:
                await app.run_worker_async(
                    concurrency=self._at_once, install_signal_handlers=False,
                    fetch_job_polling_interval=self._beats.poll, update_heartbeat_interval=self._beats.beat,
                    stalled_worker_timeout=10 * self._beats.dead, delete_jobs=DeleteJobCondition.ALWAYS,
                )  # fmt: skip
            except ConnectorException as error:
                log.warning("the queue is away", action="queue_away", error=str(error))
            await self._clock.sleep(AGAIN)

    async def _relieving(self, app: App) -> None:
        """Have the jobs of workers that died waiting again; their leases end by themselves."""
        while True:
            await self._clock.sleep(self._beats.look)
            try:
                for row in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._beats.dead):
                    await _relieve(app, row)
                await app.job_manager.prune_stalled_workers(10 * self._beats.dead)
            except ConnectorException as error:
                await self._wait("jobs of dead workers cannot be looked for", error)


async def _one(job: Job, handle: Handle) -> None:
    try:
        await handle(job)
    except Exception:
        # What is due remains in the state, so a job that failed is due again; the worker itself goes on (I7).
        log.exception("a job failed", action="job_failed", job=job.kind.name, environment=job.environment)


async def _relieve(app: App, row: Row) -> None:
    told = {"job": row.task_kwargs.get("kind"), "environment": row.task_kwargs.get("environment")}
    try:
        await app.job_manager.retry_job(row)
    except ConnectorException:
        # The same waits already, or another worker was quicker.
        try:
            await app.job_manager.finish_job(row, Status.ABORTED, delete_job=True)
        except ConnectorException:
            return
    log.warning("a worker died with a job in hand; another takes it", action="job_relieved", **told)


async def _send(app: App, jobs: Sequence[Job]) -> None:
    """Put these into the queue, those left out that wait there already, or for which there is no room yet."""
    rows: list[Row] = []
    for environment in sorted({job.environment for job in jobs}):
        there = await app.job_manager.list_jobs_async(queue=_queue(environment))
        rows += _wanted([job for job in jobs if job.environment == environment], there)
    if not rows:
        return
    try:
        await app.job_manager.batch_defer_jobs_async(rows)
    except AlreadyEnqueued:
        for row in rows:
            try:
                await app.job_manager.defer_job_async(row)
            except AlreadyEnqueued:
                continue


def _wanted(jobs: Iterable[Job], there: Iterable[Row]) -> list[Row]:
    """Rows for those of one environment's jobs that do not wait yet and fit into the window."""
    waiting = {row.queueing_lock for row in there if row.status != Status.DOING.value and row.queueing_lock}
    kinds = Counter(row.task_kwargs.get("kind") for row in there if row.status != Status.DOING.value)
    at_work = {row.lock for row in there}
    room = WINDOW - kinds[Kind.MAILBOX.name]
    rows: list[Row] = []
    for job in jobs:
        row = _row(job)
        if row.queueing_lock is not None and row.queueing_lock in waiting:
            continue
        if job.kind is Kind.MAILBOX and job.priority is not Priority.PERSON:
            # What the schedule found due in it, whoever has it in hand or will have finds too.
            if room <= 0 or (job.priority is Priority.REGULAR and row.lock in at_work):
                continue
            room -= 1
        rows.append(row)
    return rows


def _row(job: Job) -> Row:
    # Each look is about other bookings; none stands for another.
    waits = None if job.kind is Kind.LOOK and job.named else f"{job.key}:{job.priority.name}"
    return Row(
        queue=_queue(job.environment), lock=job.key, queueing_lock=waits, priority=_urgency(job), task_name=_TASK,
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


def _queue(environment: str) -> str:
    """The queue of an environment; one whose name is too long for a channel gets a shorter one."""
    if len(environment.encode()) <= _NAME:
        return environment
    return f"long-{hashlib.sha256(environment.encode()).hexdigest()[:24]}"
