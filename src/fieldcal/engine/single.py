"""The engine of one process: a priority queue over asyncio, at least once because what is due lives in the state."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable

import structlog

from fieldcal.engine.schedule import Job

log = structlog.get_logger()

#: Jobs that run at the same time.
AT_ONCE = 8


class SingleEngine:
    """Runs jobs by priority; two of one key never together, one that waits already is not queued twice."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: list[tuple[Job, int]] = []
        self._queued: set[Job] = set()
        self._running: set[str] = set()
        self._numbers = itertools.count()
        self._news = asyncio.Event()

    def enqueue(self, job: Job) -> None:
        """Have it run soon; the same job already waiting at that priority is not queued twice."""
        if job in self._queued:
            return
        self._queued.add(job)
        heapq.heappush(self._waiting, (job, next(self._numbers)))
        self._news.set()

    async def run(self, handle: Callable[[Job], Awaitable[None]]) -> None:
        """Run what is enqueued until cancelled; what is in hand is then finished first."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while len(tasks) < self._at_once and (job := self._next()) is not None:
                    task = asyncio.create_task(self._one(job, handle))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    task.add_done_callback(lambda _: self._news.set())
        finally:
            if tasks:
                await asyncio.shield(asyncio.gather(*tasks, return_exceptions=True))

    def _next(self) -> Job | None:
        """The most urgent job whose key is free; the others of that key wait their turn."""
        passed: list[tuple[Job, int]] = []
        found: Job | None = None
        while self._waiting and found is None:
            job, number = heapq.heappop(self._waiting)
            if job.key in self._running:
                passed.append((job, number))
            else:
                found = job
                self._queued.discard(job)
                self._running.add(job.key)
        for item in passed:
            heapq.heappush(self._waiting, item)
        return found

    async def _one(self, job: Job, handle: Callable[[Job], Awaitable[None]]) -> None:
        try:
            await handle(job)
        except Exception:
            # Marks remain in the state, so a job that failed is due again; the engine itself goes on (I7).
            log.exception("a job failed", action="job_failed", job=job.kind.name, environment=job.environment)
        finally:
            self._running.discard(job.key)
