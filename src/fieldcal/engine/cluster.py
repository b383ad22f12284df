"""The engine of several processes: Procrastinate's queue in the state's PostgreSQL, behind the same port.

The queue holds little, and nothing that could be lost: what is due lives in the state. So a job is done with however
it ended, and of one environment only so many mailboxes wait at a time, in the order in which they became due. What does
not fit is due still, and the schedule brings it a second later: whoever has ten mailboxes waits for a few jobs of
whoever has 100,000, never for all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job as Row
from procrastinate.jobs import Status
from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool

from fieldcal.clock import Clock
from fieldcal.engine import tickets
from fieldcal.engine.schedule import Job
from fieldcal.engine.single import AT_ONCE
from fieldcal.engine.steady import AGAIN, Steady, tell_away
from fieldcal.state.present import SILENT

log = structlog.get_logger()

Handle = Callable[[Job], Awaitable[None]]
#: Procrastinate's own heartbeats end before what is in hand does, so they are left to `_beating`; seconds.
_NEVER = 1e9


@dataclass(frozen=True, slots=True)
class Beats:
    """Seconds: how often a worker shows that it lives, after which silence it is dead, how often that is looked at."""

    beat: float = 5.0
    dead: float = SILENT
    look: float = 5.0
    #: how often the queue is asked where no notification came
    poll: float = 0.5
    #: how soon a job of a newer version may be taken again
    later: float = 10.0
    #: how long a connection is waited for before the queue is said to be away
    patience: float = 10.0


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
            app, queue = self._app(handle)
            try:
                async with app.open_async():
                    await self._serve(app, queue)
            except (ConnectorException, OperationalError) as error:
                # The first connection is told of by psycopg's own error.
                await self._wait("the queue cannot be reached", error)

    def _app(self, handle: Handle) -> tuple[App, Steady]:
        # One connection listens, one is for each that fetches, tells its end or beats.
        connector = PsycopgConnector(
            conninfo=self._address,
            min_size=1,
            max_size=4,
            timeout=self._beats.patience,
            reconnect_timeout=5.0,
            configure=_each_by_itself,
            pool_factory=_unasked,
        )
        app, queue = App(connector=connector), Steady(connector, self._clock)
        app.job_manager = queue

        @app.task(name=tickets.TASK, queue=tickets.TASK, pass_context=True)
        async def run_one(context: JobContext, /, **said: object) -> None:
            try:
                job = tickets.read(said)
            except tickets.Newer as newer:
                await self._leave(queue, context.job, newer)
            else:
                await _one(job, handle)

        return app, queue

    async def _serve(self, app: App, queue: Steady) -> None:
        around = [asyncio.create_task(self._sending(queue))]
        working: list[asyncio.Task[None]] = []
        if self._works:
            around += [asyncio.create_task(self._beating(queue)), asyncio.create_task(self._relieving(queue))]
            working = [asyncio.create_task(self._working(app, queue))]
        try:
            await asyncio.wait([*around, *working], return_when=asyncio.FIRST_COMPLETED)
        finally:
            queue.stopping = True
            await asyncio.shield(self._end(queue, working, around))
        for task in (*around, *working):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _end(self, queue: Steady, working: list[asyncio.Task[None]], around: list[asyncio.Task[None]]) -> None:
        """Finish what is in hand, beating all the while, and hand on what it asked for."""
        for tasks in (working, around):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._send_all(queue)
        except ConnectorException as error:
            tell_away("jobs are not put into the queue any more; what is due is found again", error)

    async def _wait(self, what: str, error: Exception) -> None:
        tell_away(what, error)
        await self._clock.sleep(AGAIN)

    async def _sending(self, queue: Steady) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._send_all(queue)
            except ConnectorException as error:
                self._news.set()
                await self._wait("jobs cannot be put into the queue", error)

    async def _send_all(self, queue: Steady) -> None:
        while self._outbox:
            jobs, self._outbox = list(self._outbox), {}
            try:
                await _send(queue, jobs)
            except BaseException:
                # Cut off, they may be there already: none is queued twice.
                self._outbox = dict.fromkeys(jobs) | self._outbox
                raise

    async def _leave(self, queue: Steady, row: Row, why: tickets.Newer) -> None:
        """Put what this version does not know into the queue again, for a newer worker, before it is done with here."""
        again = tickets.left(row, self._clock.now() + timedelta(seconds=self._beats.later))
        if again is None:
            what = "a job of a newer version was dropped, for no newer worker came; what is due is found again"
            log.warning(what, action="job_dropped", unknown=str(why))
            return
        if not tickets.is_left(row):
            what = "a job of a newer version is left to newer workers; bring this one up to the same version"
            log.warning(what, action="job_unknown", unknown=str(why))
        while True:
            try:
                await queue.defer_job_async(again)
            except AlreadyEnqueued:
                return
            except ConnectorException as error:
                await self._wait("a job of a newer version cannot be put back", error)
            else:
                return

    async def _working(self, app: App, queue: Steady) -> None:
        """Take jobs for ever. A worker that could not be registered is tried again."""
        while not queue.stopping:
            try:
                await app.run_worker_async(
                    concurrency=self._at_once, install_signal_handlers=False,
                    fetch_job_polling_interval=self._beats.poll, update_heartbeat_interval=_NEVER,
                    stalled_worker_timeout=10 * self._beats.dead,
                )  # fmt: skip
            except ConnectorException as error:
                tell_away("the queue is away", error)
            await self._clock.sleep(AGAIN)

    async def _beating(self, queue: Steady) -> None:
        while True:
            await self._clock.sleep(self._beats.beat)
            await queue.beat()

    async def _relieving(self, queue: Steady) -> None:
        """Have the jobs of workers that died waiting again, and what was lost on its way; leases end by themselves."""
        while True:
            await self._clock.sleep(self._beats.look)
            try:
                dead = await queue.get_stalled_jobs(seconds_since_heartbeat=self._beats.dead)
                for row in [*(row for row in dead if not queue.has(row)), *await queue.strays()]:
                    await _relieve(queue, row)
                await queue.prune_stalled_workers(10 * self._beats.dead)
            except ConnectorException as error:
                tell_away("jobs of dead workers cannot be looked for", error)
                # Who lives could not show it either: first everybody has time for a beat.
                await self._clock.sleep(self._beats.dead)


async def _each_by_itself(connection: AsyncConnection) -> None:
    """Procrastinate asks one thing at a time: a transaction around it would cost two more round trips."""
    await connection.set_autocommit(True)


def _unasked(**said: Any) -> AsyncConnectionPool:
    """A pool that does not ask whether a connection lives before it hands it out.

    It would be asked before each question. One that does not live fails that question, and `Steady` asks anew.
    """
    return AsyncConnectionPool(**{**said, "check": None})


async def _one(job: Job, handle: Handle) -> None:
    try:
        await handle(job)
    except Exception:
        # What is due remains in the state, so a job that failed is due again; the worker itself goes on (I7).
        log.exception("a job failed", action="job_failed", job=job.kind.name, environment=job.environment)


async def _relieve(queue: Steady, row: Row) -> None:
    told = {"job": row.task_kwargs.get("kind"), "environment": row.task_kwargs.get("environment")}
    try:
        try:
            await queue.retry_job(row)
        except UniqueViolation:
            # The same waits already. For no other failure is it thrown away: it may be the only one.
            await queue.finish_job_by_id_async(row.id or 0, Status.ABORTED, delete_job=True)
    except ConnectorException:
        return  # another worker was quicker; or the queue is away, and it is looked for again
    log.warning("a job that no living worker has in hand waits again", action="job_relieved", **told)


async def _send(queue: Steady, jobs: Sequence[Job]) -> None:
    """Put these into the queue, those left out that wait there already, or for which there is no room yet."""
    rows: list[Row] = []
    for environment in sorted({job.environment for job in jobs}):
        there = await queue.list_jobs_async(queue=tickets.queue_of(environment))
        rows += tickets.wanted([job for job in jobs if job.environment == environment], there)
    if not rows:
        return
    try:
        await queue.batch_defer_jobs_async(rows)
    except AlreadyEnqueued:
        for row in rows:
            try:
                await queue.defer_job_async(row)
            except AlreadyEnqueued:
                continue
