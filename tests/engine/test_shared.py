"""A service whose work is shared: one that schedules and one that works, in one process, over PostgreSQL's queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, text
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs
from tests.conftest import NewState
from tests.engine.queue_worker import BEATS
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.engine import service as service_module
from fieldcal.engine.cluster import ClusterEngine
from fieldcal.engine.schedule import WINDOW, Job, Kind, Priority
from fieldcal.engine.service import Service
from fieldcal.engine.shared import UNBEGUN, Asker, Part, hand_out, left_over, taken
from fieldcal.errors import ConfigError, StateAway
from fieldcal.model import BookingId, MailboxId
from fieldcal.state import beside, feeds, history, leases, mailboxes, queue_schema
from fieldcal.state.database import Database
from fieldcal.state.history import Pass, Tally
from fieldcal.state.pass_tables import passes
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)


class RunningClock:
    """Runs as the machine's does, from the story's beginning on; can be put forward."""

    def __init__(self) -> None:
        self._began, self._ahead = time.monotonic(), timedelta(0)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - self._began) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))

    def advance(self, by: timedelta) -> None:
        self._ahead += by


class Shared:
    """A schedule and as many workers as wanted over one world, whose state lies in PostgreSQL."""

    def __init__(self, world: World) -> None:
        self.world, self.clock = world, world.clock
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.sites: Callable[[str], Coroutine[Any, Any, Site]] = self.site
        self._address = beside.address(make_url(world.database_url), beside.QUEUE)
        self.schedule = self.service(schedules=True)

    async def site(self, _environment: str) -> Site:
        return self.world.site

    def service(self, *, schedules: bool) -> Service:
        engine = ClusterEngine(self._address, self.clock, works=not schedules, beats=BEATS)

        async def opened(environment: str) -> Site:
            return await self.sites(environment)

        return Service(self.world.database, self.clock, opened, part=Part(engine, schedules), tick=0.1)

    def start(self, *, workers: int = 1) -> None:
        for service in (self.schedule, *(self.service(schedules=False) for _ in range(workers))):
            self._tasks.append(self.world.loop.create_task(service.run(self._stop)))

    def asks(self, *names: str) -> Any:
        only = frozenset(self.world.box(name) for name in names) or None
        return self.run(self.schedule.ask(ENVIRONMENT, only))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.world.run(asyncio.wait_for(work, 90))

    def until(self, condition: Callable[[], bool]) -> None:
        async def look() -> None:
            while not condition():
                assert not any(task.done() for task in self._tasks), self._tasks
                await asyncio.sleep(0.02)

        self.run(look())

    def passes(self) -> list[Pass]:
        with self.world.database.read() as tx:
            return history.last_passes(tx, ENVIRONMENT, 50)[::-1]

    def end(self) -> None:
        self._stop.set()
        self.run(asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))
        for task in self._tasks:
            task.result()


@pytest.fixture
def world(new_postgres: NewState, tmp_path: Path) -> Iterator[World]:
    url = new_postgres()
    database = Database(url)
    queue_schema.upgrade(database)
    database.close()
    made = World(tmp_path, url, clock=RunningClock())
    made.worker("Anna")
    made.worker("Bernd")
    with made.database.write() as tx:
        tx.execute(delete(passes))
    yield made
    made.close()


@pytest.fixture
def shared(world: World) -> Iterator[Shared]:
    made = Shared(world)
    yield made
    made.end()


def test_what_is_asked_for_announced_and_hinted_at_is_written_by_the_workers(shared: Shared) -> None:
    world = shared.world
    for hour in range(3):
        world.book("Anna", TOMORROW + timedelta(hours=3 * hour))
    world.book("Bernd", TOMORROW)
    shared.start(workers=2)
    first = shared.asks()
    assert (len(world.events("Anna")), len(world.events("Bernd")), first.error, first.tally.busy) == (3, 1, "", 0)
    again = shared.asks("Bernd")
    assert (again.tally.writes, again.mailboxes) == (0, 0)

    async def says(word: Callable[[], None]) -> None:
        word()

    world.book("Anna", TOMORROW + timedelta(hours=20))
    shared.run(says(lambda: shared.schedule.announce(ENVIRONMENT)))
    shared.until(lambda: len(world.events("Anna")) == 4)
    booking = world.book("Bernd", TOMORROW + timedelta(hours=5))
    shared.run(says(lambda: shared.schedule.hint(ENVIRONMENT, BookingId(booking))))
    shared.until(lambda: len(world.events("Bernd")) == 2)
    shared.until(lambda: {one.kind for one in shared.passes()} == {"scheduled", "asked", "announced", "hinted"})


def test_what_a_mailbox_gets_after_the_pass_that_marked_it_has_ended_is_no_churn(shared: Shared) -> None:
    world = shared.world
    world.worker("Early shift", box="Anna")
    shared.start()
    shared.asks()
    booking = world.book("Anna", TOMORROW)
    shared.asks()
    # Another worker, the same mailbox, the same bytes.
    world.reassign(booking, "Early shift")
    shared.asks()
    # With which pass each is counted is chance.
    shared.until(lambda: sum((one.tally for one in shared.passes()), Tally()).updated == 1)
    assert [one.churn for one in shared.passes() if one.churn] == []


def test_a_pass_that_cannot_be_had_and_one_that_nobody_takes_are_told_to_whoever_asked(shared: Shared) -> None:
    async def closed(_environment: str) -> Site:
        raise ConfigError("the profile is another organization's")

    async def ask_and_wait_long() -> None:
        asked = asyncio.create_task(shared.schedule.ask(ENVIRONMENT))
        await asyncio.sleep(0.1)
        shared.clock.advance(UNBEGUN + timedelta(seconds=1))
        await asked

    with pytest.raises(ConfigError, match="no worker has begun the pass"):
        shared.run(ask_and_wait_long())
    shared.sites = closed
    shared.start()
    assert "the profile is another organization's" in shared.asks().error


def test_an_answer_to_a_person_is_a_pass_that_has_read_whatever_became_of_others(world: World) -> None:
    clock = world.clock

    async def story() -> str:
        asked: list[Job] = []
        person = Asker(world.database, clock, asked.append)
        asker = asyncio.create_task(person.ask(ENVIRONMENT, {MailboxId("nobody's")}, lambda *_: None))
        while not asked:  # noqa: ASYNC110 - it has looked what there was before
            await asyncio.sleep(0.01)
        ends = {"killed": history.INTERRUPTED, "too late": history.OVERTAKEN, "good": "HTTP 503"}
        for number, (run, error) in enumerate(ends.items()):
            assert not asker.done()
            at = NOW + timedelta(seconds=number)
            await world.database.writing(history.begin, ENVIRONMENT, run, "asked", at)
            await world.database.writing(history.end, run, Tally(), error, at)
            await asyncio.sleep(0.6)
        report = await asyncio.wait_for(asker, 30)
        assert asked == [Job(Priority.PERSON, Kind.PASS, ENVIRONMENT, named=("nobody's",))]
        return f"{report.run}: {report.error}"

    assert world.run(asyncio.wait_for(story(), 60)) == "good: HTTP 503"


def test_passes_of_a_worker_that_died_are_closed_by_who_comes_next_to_the_same_work(shared: Shared) -> None:
    world = shared.world
    with world.database.write() as tx:
        for kind in ("scheduled", "hinted", "clean"):
            history.begin(tx, ENVIRONMENT, kind, kind, NOW - timedelta(minutes=5))
        held = leases.take(tx, f"pull:{ENVIRONMENT}", "the dead", NOW, timedelta(seconds=120))
    assert held is not None
    shared.start()

    def told() -> dict[str, str]:
        return {one.id: one.error for one in shared.passes() if one.ended_at}

    shared.until(lambda: "clean" in told())
    assert told() == {"clean": history.INTERRUPTED}, "another may be at the others"
    with world.database.write() as tx:
        leases.give_back(tx, held)
    shared.until(lambda: told().get("scheduled") == history.INTERRUPTED)

    async def hint() -> None:
        shared.schedule.hint(ENVIRONMENT, BookingId("no-such-booking"))

    shared.run(hint())
    shared.until(lambda: told().get("hinted") == history.INTERRUPTED)


@pytest.mark.parametrize("seconds", [1.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_the_database_goes_for_a_while_and_schedule_and_workers_go_on_by_themselves(
    seconds: float, shared: Shared
) -> None:
    world = shared.world
    shared.start(workers=2)
    shared.asks()
    world.exchange.control.change(latency=0.05)
    for hour in range(6):
        world.book("Anna", TOMORROW + timedelta(hours=3 * hour))

    async def say() -> None:
        shared.schedule.announce(ENVIRONMENT)

    shared.run(say())
    shared.until(lambda: len(world.events("Anna")) > 0)
    with capture_logs() as lines:
        with away(world.database_url):
            world.book("Bernd", TOMORROW)
            shared.run(asyncio.sleep(seconds))
            shared.until(lambda: any(line["action"] == "state_away" for line in lines))
        shared.run(say())
        shared.clock.advance(timedelta(minutes=16))
        shared.until(lambda: (len(world.events("Anna")), len(world.events("Bernd"))) == (6, 1))
    shared.until(lambda: all(one.ended_at for one in shared.passes()))
    with world.database.read() as tx:
        assert feeds.load(tx, ENVIRONMENT).refused is False
    last = shared.asks()
    assert (last.tally.writes, last.error) == (0, "")
    assert [len(world.ours(name)) for name in ("Anna", "Bernd")] == [6, 1]


@contextmanager
def away(state: str) -> Iterator[None]:
    """Nobody reaches the database while the block runs; who had a connection has lost it."""
    name = make_url(state).database
    address = make_url(state).set(drivername="postgresql+psycopg", database="postgres")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")

    def allow(words: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {words}"))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )

    try:
        allow("false")
        yield
    finally:
        with suppress(Exception):
            allow("true")
        admin.dispose()


def test_an_engine_that_breaks_ends_the_service_with_its_error(world: World) -> None:
    class Broken:
        def enqueue(self, job: Job) -> None:
            raise AssertionError(job)

        async def run(self, _handle: Any) -> None:
            raise RuntimeError("planted")

    service = Service(world.database, world.clock, lambda _name: world.site, part=Part(Broken(), False))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="planted"):
        world.run(asyncio.wait_for(service.run(asyncio.Event()), 30))


def test_a_state_that_a_newer_version_has_brought_up_ends_the_service_and_says_so(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldcal.engine.outgrown.LOOK", 0.1)
    service, world = shared.service(schedules=False), shared.world

    async def story() -> None:
        task = asyncio.create_task(service.run(asyncio.Event()))
        await asyncio.sleep(0.3)
        assert not task.done()
        await world.database.writing(_revised, "9999")
        await asyncio.wait_for(task, 30)

    with pytest.raises(ConfigError, match=r"at revision 9999, which this Fieldcal .* a newer version wrote it"):
        shared.run(story())


def _revised(tx: Any, revision: str) -> None:
    tx.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


class Kept:
    """An engine that keeps what is enqueued."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def enqueue(self, job: Job) -> None:
        self.jobs.append(job)

    async def run(self, _handle: Any) -> None:
        return


@pytest.mark.parametrize("kind", [Kind.PASS, Kind.CHECK, Kind.LOOK])
def test_a_state_that_was_away_is_no_word_about_the_source_and_the_job_is_asked_for_again(
    world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_environment: str) -> Site:
        raise StateAway("the connection to the state broke")

    monkeypatch.setattr(service_module, "AWAY", 0.0)
    engine, job = Kept(), Job(Priority.CHANGE, kind, ENVIRONMENT, named=("b",))
    service = Service(world.database, world.clock, gone, part=Part(engine, schedules=False))
    with world.database.read() as tx:
        before = feeds.load(tx, ENVIRONMENT)
    world.run(service._handle(job))
    with world.database.read() as tx:
        assert feeds.load(tx, ENVIRONMENT) == before
    assert engine.jobs == [job]


def test_a_pass_hands_out_what_it_found_due_those_first_that_a_person_named(world: World) -> None:
    anna, bernd = sorted([world.box("Anna"), world.box("Bernd")])
    asked = Job(Priority.PERSON, Kind.PASS, ENVIRONMENT, named=(bernd,))
    with world.database.write() as tx:
        mailboxes.check_first(tx, ENVIRONMENT, [anna, bernd])
        found = hand_out(tx, asked, "run", world.clock.now())
    assert [(job.priority, job.kind, job.mailbox) for job in found] == [
        (Priority.PERSON, Kind.MAILBOX, bernd), (Priority.CHANGE, Kind.MAILBOX, anna),
    ]  # fmt: skip


def test_the_schedule_asks_for_the_mailboxes_that_are_due_for_the_longest_and_for_all_else() -> None:
    boxes = [Job(Priority.CHANGE, Kind.MAILBOX, "main", f"box-{n}") for n in range(3 * WINDOW)]
    check = Job(Priority.CHECK, Kind.CHECK, "main")
    asked = left_over([*boxes, check], lambda: "run-7")
    assert asked[0] == check
    assert [job.mailbox for job in asked[1:]] == [job.mailbox for job in boxes[: 2 * WINDOW]]
    assert {(job.priority, job.run) for job in asked[1:]} == {(Priority.REGULAR, "run-7")}


@pytest.mark.parametrize(
    ("named", "waited", "anything"),
    [(("b",), 0, False), (("b",), 1.9, False), (("b",), 2.1, True), (("b",), -30, False), (("b",), None, False), ((), 0, True)],
)  # fmt: skip
def test_looks_that_pile_up_become_a_pass(named: tuple[str, ...], waited: float | None, anything: bool) -> None:
    run = "" if waited is None else history.new_run(NOW - timedelta(seconds=waited))
    found = taken(Job(Priority.CHANGE, Kind.LOOK, ENVIRONMENT, named=named, heard=3, run=run), NOW)
    assert (found.bookings, found.anything, found.heard, found.run) == (named, anything, 3, run)


def test_what_a_worker_puts_back_is_not_lost_to_the_next_look_that_it_takes(world: World) -> None:
    async def site(_environment: str) -> Site:
        return world.site

    world.pass_()
    engine = Kept()
    worker = Service(world.database, world.clock, site, part=Part(engine, schedules=False))
    one, two = (
        Job(Priority.CHANGE, Kind.LOOK, ENVIRONMENT, named=(world.book(name, TOMORROW),)) for name in ("Anna", "Bernd")
    )
    with world.database.write() as tx:
        elsewhere = leases.take(tx, f"pull:{ENVIRONMENT}", "another", world.clock.now(), timedelta(minutes=1))
    assert elsewhere is not None
    world.run(worker._handle(one))
    with world.database.write() as tx:
        leases.give_back(tx, elsewhere)
    world.run(worker._handle(two))
    assert len(world.events("Bernd")) == 1

    async def asked_for() -> None:
        while not engine.jobs:  # noqa: ASYNC110 - the engine rings no bell
            await asyncio.sleep(0.02)

    world.run(asyncio.wait_for(asked_for(), 60))
    assert [job.named for job in engine.jobs] == [one.named]
