"""What a worker asks of the queue, where the database may be away for a while: nothing of it ends the worker.

Procrastinate's own worker ends its loop with the first question that is not answered, and tells the end of a job once.
A row whose end was lost would then keep its lock under a worker that goes on living, and none of that key would run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Row
from procrastinate.jobs import Status
from procrastinate.manager import JobManager, NotificationCallback

from fieldcal.clock import Clock
from fieldcal.errors import one_line

log = structlog.get_logger()

#: How long after a failure of the queue's database it is tried again, seconds.
AGAIN = 1.0

# Whoever was silent so long that others took it off the list stands there again: else it could take nothing any more.
_BEAT = """
INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (%(worker_id)s, now())
ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()
"""
# Only while it is ours: what another has taken over meanwhile is the other's to end. Told twice, it is told once.
_DONE = "DELETE FROM procrastinate_jobs WHERE id = %(job_id)s AND status = 'doing' AND worker_id = %(worker_id)s"


class Steady(JobManager):
    """The rows of one worker: which it has in hand, that it lives, and their ends, told until they are heard."""

    def __init__(self, connector: BaseConnector, clock: Clock) -> None:
        super().__init__(connector)
        self._clock = clock
        #: nothing is tried again: others find what could not be told
        self.stopping = False
        self._worker: int | None = None
        self._in_hand: set[int | None] = set()
        # While a row is on its way to us it stands as ours, and is not in hand yet.
        self._fetching = asyncio.Lock()

    def has(self, row: Row) -> bool:
        """It is in hand here."""
        return row.id in self._in_hand

    async def strays(self) -> list[Row]:
        """Rows that stand as in hand here and are not: the answer that gave them to us was lost on its way."""
        async with self._fetching:
            if self._worker is None:
                return []
            held = set(self._in_hand)
            rows = await self.list_jobs_async(status=Status.DOING.value, worker_id=self._worker)
        return [row for row in rows if row.id not in held]

    async def beat(self) -> None:
        """Show that this worker lives; nothing happens while the database is away, or before there is a worker."""
        if self._worker is None:
            return
        try:
            await self.connector.execute_query_async(query=_BEAT, worker_id=self._worker)
        except ConnectorException as error:
            tell_away("the queue cannot be told that this worker lives", error)

    async def register_worker(self) -> int:
        self._worker = await super().register_worker()
        return self._worker

    async def unregister_worker(self, worker_id: int) -> None:
        """Raises nothing: it would take the place of what ends the worker. Others notice by its silence."""
        self._worker = None
        try:
            await super().unregister_worker(worker_id)
        except ConnectorException as error:
            tell_away("the queue cannot be told that this worker ends", error)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Row | None:
        """None also while the database is away: it is asked again soon."""
        async with self._fetching:
            try:
                row = await super().fetch_job(queues, worker_id)
            except ConnectorException as error:
                tell_away("no job can be taken from the queue", error)
                return None
            if row is not None:
                self._in_hand.add(row.id)
            return row

    async def finish_job(self, job: Row, status: Status, delete_job: bool) -> None:  # noqa: ARG002 - every row goes
        """Free its key, however it ended, as soon as the database hears it."""
        try:
            while True:
                try:
                    return await self.connector.execute_query_async(query=_DONE, job_id=job.id, worker_id=job.worker_id)
                except ConnectorException as error:
                    tell_away("the queue cannot be told that a job has ended", error)
                if self.stopping:
                    return None
                await self._clock.sleep(AGAIN)
        finally:
            self._in_hand.discard(job.id)

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Does not return; while nothing is heard jobs are found by asking."""
        while True:
            try:
                await super().listen_for_jobs(on_notification=on_notification, queues=queues)
            except ConnectorException as error:
                tell_away("news of the queue cannot be heard", error)
            await self._clock.sleep(AGAIN)


def tell_away(what: str, error: Exception) -> None:
    """Have the log say what could not be done, and what the database said."""
    log.warning(what, action="queue_away", error=one_line(error.__cause__ or error))
