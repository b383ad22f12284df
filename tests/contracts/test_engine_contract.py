"""What every engine promises, asked of the one of a single process and of Procrastinate's queue: urgency, one at a time
of a key, at least once, and an end that finishes what is in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from tests.conftest import NewState

from fieldcal.clock import SystemClock
from fieldcal.engine.cluster import ClusterEngine
from fieldcal.engine.schedule import Job, Kind, Priority
from fieldcal.engine.single import SingleEngine
from fieldcal.ports import Engine
from fieldcal.state import beside, queue_schema
from fieldcal.state.database import Database

#: makes the engine that is asked, for so many jobs at once
Made = Callable[[int], Engine[Job]]


@pytest.fixture(params=["single", "cluster"])
def made(request: pytest.FixtureRequest) -> Made:
    if request.param == "single":
        return lambda at_once: SingleEngine(at_once=at_once)
    new_postgres: NewState = request.getfixturevalue("new_postgres")
    url = new_postgres()
    database = Database(url)
    queue_schema.upgrade(database)
    database.close()
    address = beside.address(make_url(url), beside.QUEUE)
    return lambda at_once: ClusterEngine(address, SystemClock(), at_once=at_once)


def job(priority: int = 2, environment: str = "main", mailbox: str = "") -> Job:
    return Job(Priority(priority), Kind.MAILBOX if mailbox else Kind.PASS, environment, mailbox)


def played(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


class Bench:
    """Takes jobs down as they begin; each ends when it is let go."""

    def __init__(self, made: Made, at_once: int = 8) -> None:
        self.engine = made(at_once)
        self.begun: list[Job] = []
        self.ended: list[Job] = []
        self.news = asyncio.Event()
        self.gates: dict[Job, asyncio.Event] = {}
        self.task = asyncio.create_task(self.engine.run(self.handle))

    async def handle(self, one: Job) -> None:
        self.begun.append(one)
        self.news.set()
        await self.gates.setdefault(one, asyncio.Event()).wait()
        self.ended.append(one)
        self.news.set()

    def let_go(self, one: Job) -> None:
        self.gates.setdefault(one, asyncio.Event()).set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.news.clear()
            await self.news.wait()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_the_most_urgent_job_goes_first_whatever_came_first(made: Made) -> None:
    async def story() -> None:
        bench = Bench(made, at_once=1)
        jobs = [job(3), job(1, "b"), job(0, "c"), job(2, "d")]
        for one in jobs:
            bench.let_go(one)
            bench.engine.enqueue(one)
        await bench.until(lambda: len(bench.ended) == 4)
        assert [one.priority for one in bench.begun] == [0, 1, 2, 3]
        await bench.stop()

    played(story)


def test_two_of_one_key_never_run_together_and_others_pass_them(made: Made) -> None:
    async def story() -> None:
        bench = Bench(made)
        first, second, other = job(2), job(0), job(3, "other")
        bench.engine.enqueue(first)
        await bench.until(lambda: bench.begun == [first])
        bench.engine.enqueue(second)
        bench.engine.enqueue(other)
        await bench.until(lambda: other in bench.begun)
        assert second not in bench.begun
        bench.let_go(first)
        await bench.until(lambda: second in bench.begun)
        assert bench.ended == [first]
        for one in (second, other):
            bench.let_go(one)
        await bench.stop()

    played(story)


def test_a_job_that_waits_is_not_queued_twice_but_one_that_runs_is_queued_again(made: Made) -> None:
    async def story() -> None:
        bench = Bench(made)
        one = job()
        bench.engine.enqueue(one)
        bench.engine.enqueue(one)
        await bench.until(lambda: bench.begun == [one])
        for _ in range(3):
            bench.engine.enqueue(one)
        bench.let_go(one)
        await bench.until(lambda: len(bench.ended) == 2)
        assert bench.begun == [one, one]
        await bench.stop()

    played(story)


def test_no_more_than_so_many_run_at_once(made: Made) -> None:
    async def story() -> None:
        bench = Bench(made, at_once=2)
        jobs = [job(2, f"e{number}") for number in range(5)]
        for one in jobs:
            bench.engine.enqueue(one)
        await bench.until(lambda: len(bench.begun) == 2)
        for one in jobs:
            bench.let_go(one)
            await asyncio.sleep(0)
            assert len(bench.begun) - len(bench.ended) <= 2
        await bench.until(lambda: len(bench.ended) == 5)
        await bench.stop()

    played(story)


def test_a_job_that_fails_is_done_with_and_its_key_is_free_again(made: Made) -> None:
    async def story() -> None:
        engine, tries = made(8), asyncio.Queue[Job]()

        async def handle(one: Job) -> None:
            tries.put_nowait(one)
            raise ValueError("planted")

        task = asyncio.create_task(engine.run(handle))
        for _ in range(2):
            engine.enqueue(job())
            assert await tries.get() == job()
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    played(story)


def test_when_it_is_stopped_what_is_in_hand_is_finished_and_nothing_else_begun(made: Made) -> None:
    async def story() -> None:
        bench = Bench(made, at_once=1)
        first, second = job(0), job(1, "later")
        bench.engine.enqueue(first)
        bench.engine.enqueue(second)
        await bench.until(lambda: bench.begun == [first])
        bench.task.cancel()
        await asyncio.wait({bench.task}, timeout=0.3)
        assert not bench.task.done(), "it waits for what is in hand"
        bench.let_go(first)
        bench.let_go(second)
        await asyncio.gather(bench.task, return_exceptions=True)
        assert (bench.begun, bench.ended) == ([first], [first])

    played(story)
