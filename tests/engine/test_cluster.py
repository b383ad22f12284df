"""Procrastinate's queue where things go wrong: workers that die or sleep, a database that goes, crowds and rivals.

What every engine promises stands in `tests/contracts/test_engine_contract.py`.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job as Row
from structlog.testing import capture_logs
from tests.cli.processes import running
from tests.engine.queue_place import Place, box, ended, played, told, until, worker

from fieldcal.clock import SystemClock
from fieldcal.engine import tickets
from fieldcal.engine.cluster import ClusterEngine
from fieldcal.engine.schedule import WINDOW, Job, Kind, Priority

MODULE = "tests.engine.queue_worker"


def test_a_tenant_with_ten_mailboxes_waits_for_one_window_of_a_crowd_and_never_for_all_of_it(address: str) -> None:
    async def story() -> None:
        schedule = ClusterEngine(address, SystemClock(), works=False)
        crowd, few = [box(number, "crowd") for number in range(2_000)], [box(number, "few") for number in range(10)]
        for job in [*crowd, *few]:
            schedule.enqueue(job)
        sending = asyncio.create_task(schedule.run(told([])))
        begun: list[Job] = []
        engine = worker(address)
        at_work = asyncio.create_task(engine.run(told(begun)))
        await until(lambda: {job.mailbox for job in begun if job.environment == "few"} == {job.mailbox for job in few})
        before = [job.environment for job in begun]
        assert before.count("crowd") <= WINDOW + 8
        assert [job for job in begun if job.environment == "crowd"] == crowd[: before.count("crowd")], "in their order"
        await ended(sending, at_work)

    played(story)


def test_reading_goes_before_a_crowd_of_mailboxes_and_a_person_before_all(address: str) -> None:
    jobs = [
        box(1), Job(Priority.CHECK, Kind.CHECK, "main"), box(2, "other", Priority.REGULAR),
        Job(Priority.REGULAR, Kind.PASS, "other"), Job(Priority.CHANGE, Kind.LOOK, "main", named=("a",)),
        box(3, priority=Priority.PERSON), Job(Priority.PERSON, Kind.PASS, "main"),
    ]  # fmt: skip

    async def story() -> None:
        begun: list[Job] = []
        engine = worker(address, at_once=1)
        for job in jobs:
            engine.enqueue(job)
        task = asyncio.create_task(engine.run(told(begun)))
        await until(lambda: len(begun) == len(jobs))
        assert begun == [jobs[6], jobs[5], jobs[4], jobs[3], jobs[0], jobs[2], jobs[1]]
        await ended(task)

    played(story)


def test_each_look_is_queued_with_its_own_bookings(address: str) -> None:
    async def story() -> None:
        begun: list[Job] = []
        engine = worker(address)
        looks = [
            Job(Priority.CHANGE, Kind.LOOK, "main", named=(f"booking-{n}",), heard=n, run=f"run-{n}") for n in range(3)
        ]
        for job in looks:
            engine.enqueue(job)
        task = asyncio.create_task(engine.run(told(begun)))
        await until(lambda: len(begun) == 3)
        assert begun == looks
        await ended(task)

    played(story)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "paused"])
def test_another_takes_the_job_of_a_worker_that_is_gone_and_one_that_wakes_works_on(
    number: signal.Signals, address: str
) -> None:
    async def story() -> None:
        begun: list[Job] = []
        schedule = ClusterEngine(address, SystemClock(), works=False)
        with running(MODULE, address, "0.5") as first:
            sending = asyncio.create_task(schedule.run(told([])))
            schedule.enqueue(box(1))
            await asyncio.to_thread(first.until, "begins main box-1")
            first.signal(number)
            at_work = asyncio.create_task(worker(address).run(told(begun)))
            await until(lambda: box(1) in begun)
            if number is signal.SIGSTOP:
                await ended(at_work)
                first.signal(signal.SIGCONT)
                schedule.enqueue(box(2))
                await asyncio.to_thread(first.until, "begins main box-2")
            await ended(sending, at_work)
            assert begun.count(box(1)) == 1

    played(story)


@pytest.mark.parametrize("new", [{"kind": "REHEARSAL"}, {"dry": True}], ids=["a kind", "a field"])
def test_a_job_of_a_newer_version_is_left_to_a_newer_worker_and_the_older_works_on(
    new: dict[str, Any], address: str
) -> None:
    row = tickets.row_of(box(9))
    said = {**row.task_kwargs, **new}

    async def story() -> list[dict[str, Any]]:
        begun: list[Job] = []
        app, taken = App(connector=PsycopgConnector(conninfo=address)), asyncio.Queue[dict[str, Any]]()
        app.task(name=tickets.TASK)(_told_to(taken))
        async with app.open_async():
            await app.job_manager.defer_job_async(row.evolve(task_kwargs=said, priority=99))
            older = worker(address, at_once=1)
            older.enqueue(box(1))
            with capture_logs() as lines:
                task = asyncio.create_task(older.run(told(begun)))
                await until(lambda: box(1) in begun)
                await ended(task)
            assert [line["action"] for line in lines] == ["job_unknown"]
            assert begun == [box(1)]
            newer = asyncio.create_task(
                app.run_worker_async(install_signal_handlers=False, fetch_job_polling_interval=0.1)
            )
            found = [await taken.get()]
            await ended(newer)
            left: list[Row] = list(await app.job_manager.list_jobs_async(status="todo"))
            assert left == []
        return found

    (found,) = asyncio.run(asyncio.wait_for(story(), 90))
    assert found.pop("left") >= 1
    assert found == said


def _told_to(taken: asyncio.Queue[dict[str, Any]]) -> Callable[..., Awaitable[None]]:
    async def take(**said: Any) -> None:
        taken.put_nowait(said)

    return take


def test_the_database_goes_and_comes_back_and_what_was_enqueued_meanwhile_is_run(place: Place, address: str) -> None:
    async def story() -> None:
        begun: list[Job] = []
        engine = worker(address)
        task = asyncio.create_task(engine.run(told(begun)))
        engine.enqueue(box(1))
        await until(lambda: box(1) in begun)
        with capture_logs() as lines:
            await place.goes()
            engine.enqueue(box(2))
            await until(lambda: any(line["action"] == "queue_away" for line in lines))
        assert (task.done(), begun) == (False, [box(1)])
        await place.returns()
        await until(lambda: box(2) in begun)
        await ended(task)

    played(story)


@pytest.mark.parametrize("times", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_two_workers_that_fight_for_one_mailbox_are_never_in_it_together(times: int, address: str) -> None:
    async def story() -> None:
        inside, most, runs, by = 0, 0, 0, Counter[int]()

        def handled(who: int) -> Callable[[Job], Awaitable[None]]:
            async def handle(_job: Job) -> None:
                nonlocal inside, most, runs
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1
                runs += 1
                by[who] += 1

            return handle

        engines = [worker(address), worker(address)]
        tasks = [asyncio.create_task(engine.run(handled(who))) for who, engine in enumerate(engines)]
        for turn in range(times):
            before = runs
            for engine in engines:
                engine.enqueue(box(1, priority=Priority.PERSON))
            await until(lambda before=before: runs > before)
            assert most == 1, turn
        await ended(*tasks)
        assert runs >= times
        assert len(by) == 2, "both had their turns"

    asyncio.run(asyncio.wait_for(story(), 900))
