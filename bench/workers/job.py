"""What one job costs a worker, in a process of its own: Procrastinate's own no-op, our engine's, and a whole worker's.

python -m bench.workers.job ADDRESS noop|engine NUMBER      of the queue alone (`state.beside.address`)
python -m bench.workers.job ADDRESS worker NUMBER MAILBOX   a mailbox job in which nothing is due
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Coroutine
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import DeleteJobCondition

from bench.client import NAME
from fieldcal import config
from fieldcal.clock import SystemClock
from fieldcal.engine.cluster import ClusterEngine
from fieldcal.engine.schedule import Job, Kind, Priority
from fieldcal.engine.single import AT_ONCE
from fieldcal.engine.tickets import row_of

#: The first jobs are the start's.
WARM = 100


async def noop(address: str, number: int) -> dict[str, float]:
    app = App(connector=PsycopgConnector(conninfo=address, min_size=1, max_size=4))

    @app.task(name="noop", queue="noop")
    async def nothing() -> None:
        return

    async with app.open_async():
        await nothing.batch_defer_async(*({} for _ in range(number)))
        return await measured(address, app.run_worker_async(
            concurrency=AT_ONCE, install_signal_handlers=False, delete_jobs=DeleteJobCondition.ALWAYS, fetch_job_polling_interval=0.5
        ), number)  # fmt: skip


async def engine(address: str, number: int) -> dict[str, float]:
    await deferred(address, [f"box-{n}" for n in range(number)])

    async def handle(_job: Job) -> None:
        return

    return await measured(address, ClusterEngine(address, SystemClock()).run(handle), number)


async def worker(address: str, boxes: list[str]) -> dict[str, float]:
    from fieldcal.working import work

    await deferred(address, boxes)
    return await measured(address, work(config.load(), asyncio.Event()), len(boxes))


async def deferred(address: str, boxes: list[str]) -> None:
    """A mailbox job for each of these, as the schedule puts them into the queue."""
    app = App(connector=PsycopgConnector(conninfo=address, min_size=1, max_size=4))
    async with app.open_async():
        rows = [row_of(Job(Priority.CHANGE, Kind.MAILBOX, NAME, box)) for box in boxes]
        await app.job_manager.batch_defer_jobs_async(rows)


async def measured(address: str, at_work: Coroutine[Any, Any, None], number: int) -> dict[str, float]:
    """Wall and CPU milliseconds a job, from when `WARM` are done until all are."""
    task = asyncio.create_task(at_work)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as look:

        async def left() -> int:
            found = await (await look.execute("SELECT count(*) FROM procrastinate_jobs")).fetchone()
            return found[0] if found else 0

        while (first := await left()) > number - WARM:  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.01)
        wall, cpu = time.perf_counter(), time.process_time()
        while await left():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return {"wall": 1000 * wall / first, "cpu": 1000 * cpu / first}


async def main(address: str, what: str, number: int, boxes: list[str]) -> None:
    match what:
        case "noop":
            told = await noop(address, number)
        case "engine":
            told = await engine(address, number)
        case _:
            told = await worker(address, boxes)
    print(json.dumps(told))


if __name__ == "__main__":
    from bench.workers import job  # noqa: PLW0406 - Procrastinate warns of an app that is made in the main module

    given = json.load(sys.stdin) if sys.argv[2] == "worker" else []
    asyncio.run(job.main(sys.argv[1], sys.argv[2], int(sys.argv[3]), given))
