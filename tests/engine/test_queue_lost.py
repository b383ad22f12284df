"""What the queue's database does not hear or does not answer: no job is lost, none holds its key up, the worker goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text
from structlog.testing import capture_logs
from tests.engine.queue_place import Place, box, ended, held, played, told, until, worker
from tests.engine.queue_worker import BEATS
from tests.values import NOW

from fieldcal.clock import PlayedClock
from fieldcal.engine.cluster import Beats, ClusterEngine
from fieldcal.engine.schedule import Job
from fieldcal.engine.steady import AGAIN

SOON = 20
ROWS = "SELECT args->>'mailbox', status::text FROM procrastinate_jobs ORDER BY id"


async def one_in_hand(
    address: str, at_once: int = 8, beats: Beats = BEATS
) -> tuple[ClusterEngine, asyncio.Task[None], list[Job], asyncio.Event]:
    """A worker that has begun the first box, and ends it when the gate is open."""
    engine, gate = worker(address, at_once, beats), asyncio.Event()
    begun: list[Job] = []
    task = asyncio.create_task(engine.run(held(begun, gate, box(1))))
    engine.enqueue(box(1))
    await until(lambda: box(1) in begun)
    return engine, task, begun, gate


def test_the_end_of_a_job_that_was_lost_is_told_again_and_its_key_is_free(place: Place, address: str) -> None:
    async def story() -> None:
        engine, task, begun, gate = await one_in_hand(address)
        with place.inside().connect() as other:
            other.execute(text("SELECT id FROM procrastinate_jobs FOR UPDATE")).all()
            gate.set()
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            await until(lambda: bool(place.ask(cut)))
        await until(lambda: not place.ask(ROWS))
        assert begun == [box(1)], "nobody has to run it again"
        engine.enqueue(box(1))
        await until(lambda: len(begun) == 2)
        await ended(task)

    played(story, SOON)


def test_a_job_that_was_lost_on_its_way_here_waits_again_and_what_is_in_hand_does_not(
    place: Place, address: str
) -> None:
    async def story() -> None:
        _, task, begun, gate = await one_in_hand(address)
        place.ask(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)"
            " SELECT queue_name, task_name, 'MAILBOX:main:box-2', jsonb_set(args, '{mailbox}', '\"box-2\"'), status,"
            " worker_id FROM procrastinate_jobs"
        )
        await until(lambda: box(2) in begun)
        assert begun == [box(1), box(2)]
        assert place.ask(ROWS)[0] == ("box-1", "doing")
        gate.set()
        await ended(task)

    played(story, SOON)


def test_while_a_long_job_is_in_hand_a_database_that_was_away_keeps_no_other_job_waiting(
    place: Place, address: str
) -> None:
    async def story() -> None:
        engine, task, begun, gate = await one_in_hand(address)
        with capture_logs() as lines:
            await place.goes()
            await until(
                lambda: {"no job can", "the queue cannot"} <= {" ".join(line["event"].split()[:3]) for line in lines}
            )
        await place.returns()
        engine.enqueue(box(2))
        await until(lambda: box(2) in begun)
        assert begun == [box(1), box(2)]
        gate.set()
        await ended(task)

    played(story, SOON)


def test_a_worker_that_is_stopped_shows_that_it_lives_until_what_it_has_in_hand_is_done(
    place: Place, address: str
) -> None:
    async def story() -> None:
        others: list[Job] = []
        _, task, begun, gate = await one_in_hand(address)
        ((first, at),) = place.ask("SELECT id, last_heartbeat FROM procrastinate_workers")
        task.cancel()
        other = asyncio.create_task(worker(address).run(told(others)))
        later = "SELECT 1 FROM procrastinate_workers WHERE id = :id AND last_heartbeat > :at + interval '2 seconds'"
        await until(lambda: bool(place.ask(later, id=first, at=at)))
        assert (task.done(), begun, others) == (False, [box(1)], [])
        gate.set()
        await asyncio.gather(task, return_exceptions=True)
        assert (place.ask(ROWS), others) == ([], [])
        await ended(other)

    played(story, SOON)


def test_a_worker_that_is_stopped_while_the_database_is_away_ends_and_another_does_what_it_could_not_tell(
    place: Place, address: str
) -> None:
    async def story() -> None:
        _, task, begun, gate = await one_in_hand(address)
        await place.goes()
        task.cancel()
        gate.set()
        await asyncio.gather(task, return_exceptions=True)
        assert begun == [box(1)]
        await place.returns()
        other = asyncio.create_task(worker(address).run(told(begun)))
        await until(lambda: begun == [box(1), box(1)])
        await ended(other)

    played(story, SOON)


def test_what_a_job_in_hand_asks_for_when_its_worker_is_stopped_waits_for_another(place: Place, address: str) -> None:
    async def story() -> None:
        begun: list[Job] = []
        gate = asyncio.Event()
        engine = worker(address)

        async def handle(job: Job) -> None:
            begun.append(job)
            await gate.wait()
            engine.enqueue(box(2))

        task = asyncio.create_task(engine.run(handle))
        engine.enqueue(box(1))
        await until(lambda: box(1) in begun)
        task.cancel()
        gate.set()
        await asyncio.gather(task, return_exceptions=True)
        assert begun == [box(1)]
        assert place.ask(ROWS) == [("box-2", "todo")]

    played(story, SOON)


def test_a_worker_that_was_taken_off_the_list_stands_there_again_and_takes_jobs(place: Place, address: str) -> None:
    async def story() -> None:
        begun: list[Job] = []
        engine = worker(address)
        task = asyncio.create_task(engine.run(told(begun)))
        await until(lambda: bool(place.ask("DELETE FROM procrastinate_workers RETURNING id")))
        engine.enqueue(box(1))
        await until(lambda: box(1) in begun)
        assert len(place.ask("SELECT id FROM procrastinate_workers")) == 1
        await ended(task)

    played(story, SOON)


def test_whose_job_another_has_taken_over_does_not_end_it_for_the_other(place: Place, address: str) -> None:
    async def story() -> None:
        engine, task, begun, gate = await one_in_hand(address, at_once=1)
        place.ask(
            "WITH other AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '1 hour')"
            " RETURNING id) UPDATE procrastinate_jobs SET worker_id = other.id FROM other"
        )
        engine.enqueue(box(2))
        gate.set()
        await until(lambda: box(2) in begun)
        await ended(task)
        assert place.ask(ROWS) == [("box-1", "doing")]

    played(story, SOON)


def test_after_the_database_was_away_nobody_is_taken_for_dead_before_he_could_show_that_he_lives(
    place: Place, address: str
) -> None:
    async def story() -> None:
        others: list[Job] = []
        clock, hour = PlayedClock(NOW), timedelta(hours=1).total_seconds()
        _, task, _, gate = await one_in_hand(address, 1, replace(BEATS, beat=hour, look=hour))
        other = worker(address, beats=replace(BEATS, dead=hour), clock=clock)
        at_work = asyncio.create_task(other.run(told(others)))
        await until(lambda: place.ask("SELECT count(*) FROM procrastinate_workers") == [(2,)])

        async def passes(condition: Callable[[], bool]) -> None:
            while not condition():
                clock.advance(timedelta(seconds=BEATS.look))
                await asyncio.sleep(0.01)

        with capture_logs() as lines:
            await place.goes()
            await passes(lambda: any("dead workers" in line["event"] for line in lines))
        await place.returns()
        place.ask("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 hours'")
        since = clock.monotonic()
        await passes(lambda: clock.monotonic() > since + 10 * AGAIN)
        other.enqueue(box(2))
        await passes(lambda: box(2) in others)
        assert others == [box(2)]
        assert place.ask(ROWS) == [("box-1", "doing")]
        gate.set()
        await ended(task, at_work)

    played(story, SOON)
