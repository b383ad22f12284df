"""The running service over both ends: its schedule, announcements, wishes, troubles and its end, on a played clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.conftest import NewState
from tests.sync.world import ENVIRONMENT, NOW, PlayedTime, World

from fieldcal.clock import PlayedClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.engine.errands import CHECK_AGAIN
from fieldcal.engine.fared import FIRST_PAUSE
from fieldcal.engine.schedule import CHECK_HOUR, Job, Kind, Priority
from fieldcal.engine.service import GATHER, Service
from fieldcal.errors import ConfigError
from fieldcal.model import BookingId, Identity, SetUpList
from fieldcal.sources.dataverse import set_up
from fieldcal.sources.pinned import PinnedSource
from fieldcal.state import alerts, feeds, history, leases, mailboxes, marks, plans, waiting
from fieldcal.state.history import Pass
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)
MINUTE = timedelta(minutes=1)


class WatchedClock(PlayedClock):
    """Tells whether the schedule is asleep, whoever else sleeps beside it."""

    resting = False

    async def sleep(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None or task.get_coro().__qualname__ != "Service._schedule":
            await super().sleep(seconds)
            return
        self.resting = True
        try:
            await super().sleep(seconds)
        finally:
            self.resting = False


class Served:
    """A service at work in the world's loop; it runs while the test waits for something."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = WatchedClock(NOW)
        self.stop = asyncio.Event()
        self.service = Service(world.database, self.clock, self.site, self.there)
        self.task = world.loop.create_task(self.service.run(self.stop))

    async def site(self, _environment: str) -> Site:
        return self.world.site

    async def there(self, _environment: str) -> SetUpList:
        world = self.world
        http = world._http("source", world.source_url, world.source_token, "import")
        try:
            return await set_up.read(http, world.clock.now())
        finally:
            await http.close()

    def later(self, by: timedelta) -> None:
        """Let time pass for the service, the ends and the sync, and the service take notice of it.

        Its schedule has to be asleep: one that is still looking at the state would sleep from the new time on.
        """
        self.world.run(self._asleep())
        self.world.clock.advance(by)
        self.clock.advance(by)
        self.world.run(asyncio.sleep(0.02))
        self.world.run(self._asleep())

    async def _asleep(self) -> None:
        deadline = time.monotonic() + 100
        await asyncio.sleep(0)
        while not self.clock.resting and not self.task.done():
            assert time.monotonic() < deadline, "the schedule does not come to rest"
            await asyncio.sleep(0.005)

    def announce(self) -> None:
        async def announce() -> None:
            self.service.announce(ENVIRONMENT)

        self.world.run(announce())

    def until(self, condition: Callable[[], bool]) -> None:
        async def look() -> None:
            while not condition():
                assert not self.task.done(), self.task
                self.clock.advance(timedelta(seconds=0))
                await asyncio.sleep(0.005)

        self.world.run(asyncio.wait_for(look(), 100))

    def tick(self) -> None:
        """Have the schedule look once more, and let what it began come to rest."""
        self.later(timedelta(seconds=1))
        self.until(lambda: all(one.ended_at for one in self.passes()))

    def passes(self) -> list[Pass]:
        """Oldest first."""
        with self.world.database.read() as tx:
            return history.last_passes(tx, ENVIRONMENT, 50)[::-1]

    def done(self, number: int) -> Callable[[], bool]:
        return lambda: len(self.passes()) >= number and all(one.ended_at for one in self.passes())

    def end(self) -> None:
        self.stop.set()
        self.world.run(asyncio.wait_for(self.task, 60))


def eventually(served: Served, condition: Callable[[], bool]) -> None:
    """Return when it holds; time passes meanwhile, so that no sleeper who came late is forgotten."""
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        served.later(timedelta(seconds=0.5))


@contextmanager
def reading_elsewhere(world: World) -> Iterator[None]:
    """Another process reads the environment while the block runs."""
    with world.database.write() as tx:
        lease = leases.take(tx, f"pull:{ENVIRONMENT}", "another", world.clock.now(), 2 * MINUTE)
    assert lease is not None
    yield
    with world.database.write() as tx:
        leases.give_back(tx, lease)


@pytest.fixture
def world(new_sqlite: NewState, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, new_sqlite())
    made.worker("Anna")
    made.worker("Bernd")
    with made.database.write() as tx:
        from sqlalchemy import delete

        from fieldcal.state.pass_tables import passes

        tx.execute(delete(passes))
    yield made
    made.close()


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    made = Served(world)
    yield made
    if not made.task.done():
        made.end()


def test_r1_a_pass_runs_at_start_and_then_every_15_minutes(world: World) -> None:
    world.book("Anna", TOMORROW)  # before the service is there, whose first pass might overtake it
    served = Served(world)
    served.until(served.done(1))
    assert (served.passes()[0].kind, served.passes()[0].tally.created) == ("scheduled", 1)
    served.later(14 * MINUTE)
    served.tick()
    assert len(served.passes()) == 1
    served.later(MINUTE)
    served.until(served.done(2))
    served.later(16 * MINUTE)
    served.until(served.done(3))
    assert [one.tally.writes for one in served.passes()] == [1, 0, 0]
    served.end()


def test_r1_changes_that_are_announced_together_come_into_the_calendar_with_one_pass(served: Served) -> None:
    served.until(served.done(1))
    for hour in range(3):
        served.world.book("Anna", TOMORROW + timedelta(hours=3 * hour))
        served.announce()
    served.later(timedelta(seconds=GATHER))
    served.until(served.done(2))
    served.tick()
    assert [(one.kind, one.tally.created) for one in served.passes()] == [("scheduled", 0), ("announced", 3)]
    assert len(served.world.events("Anna")) == 3


def test_a_person_gets_the_report_of_a_pass_that_began_after_asking(served: Served) -> None:
    served.until(served.done(1))
    served.world.book("Anna", TOMORROW)
    told: list[tuple[int, int]] = []

    async def ask() -> None:
        everything = served.service.ask(ENVIRONMENT, progress=lambda done, of: told.append((done, of)))
        only = served.service.ask(ENVIRONMENT, frozenset({served.world.box("Bernd")}))
        first, second = await asyncio.gather(everything, only)
        assert first == second
        assert (first.tally.created, first.error) == (1, "")

    served.world.run(asyncio.wait_for(ask(), 60))
    assert told == [(1, 1)]
    assert [one.kind for one in served.passes()] == ["scheduled", "asked"]


def test_a_wish_for_one_mailbox_leaves_the_others_for_the_schedule(served: Served) -> None:
    served.until(served.done(1))
    for name in ("Anna", "Bernd"):
        served.world.book(name, TOMORROW)
    served.world.run(asyncio.wait_for(served.service.ask(ENVIRONMENT, frozenset({served.world.box("Bernd")})), 60))
    assert (len(served.world.events("Anna")), len(served.world.events("Bernd"))) == (0, 1)
    served.tick()
    served.until(lambda: len(served.world.events("Anna")) == 1)
    served.until(served.done(3))
    assert [one.kind for one in served.passes()] == ["scheduled", "asked", "retry"]


def test_a_source_that_does_not_answer_is_asked_again_with_growing_pauses_and_an_alert_that_ends(
    served: Served,
) -> None:
    served.until(served.done(1))
    world = served.world
    number = world.field_service.control.add_fault(Fault(kind="status", status=500, times=None))
    with pytest.raises(AssertionError):  # the dispatcher sees the same outage
        world.book("Anna", TOMORROW)

    def told(times: int | None) -> bool:
        """The pass has ended *and* the service has put the next one off, or (None) found the source well again."""
        with world.database.read() as tx:
            return [alert.times for alert in alerts.standing(tx, ENVIRONMENT)] == ([times] if times else [])

    served.later(15 * MINUTE)
    served.until(lambda: told(1))
    assert "HTTP 500" in served.passes()[1].error
    served.tick()
    assert len(served.passes()) == 2
    served.later(timedelta(seconds=FIRST_PAUSE))
    served.until(lambda: told(2))
    served.later(timedelta(seconds=FIRST_PAUSE))
    served.tick()
    assert len(served.passes()) == 3
    with world.database.read() as tx:
        (alert,) = alerts.standing(tx, ENVIRONMENT)
        feed = feeds.load(tx, ENVIRONMENT)
    assert (alert.code, alert.times) == ("source", 2)
    assert "HTTP 500" in feed.last_error
    world.field_service.control.clear_faults(number)
    world.book("Anna", TOMORROW)
    served.later(timedelta(seconds=2 * FIRST_PAUSE))
    served.until(lambda: told(None))
    assert len(world.events("Anna")) == 1


def test_a_source_that_asks_to_wait_is_asked_again_when_it_said_and_not_before(served: Served) -> None:
    served.until(served.done(1))
    world = served.world
    headers = {"Retry-After": "40"}
    world.field_service.control.add_fault(
        Fault(kind="status", status=429, code="0x80072321", headers=headers, match=Match(method="GET", path="bookings"))
    )
    world.book("Anna", TOMORROW)
    served.later(15 * MINUTE)
    served.until(lambda: "0x80072321" in _last_error(served))
    sent = world.field_service.control.count(method="GET")
    for seconds in (FIRST_PAUSE, 20):
        served.later(timedelta(seconds=seconds))
        served.tick()
    assert world.field_service.control.count(method="GET") == sent
    served.later(timedelta(seconds=5))
    served.until(lambda: len(world.events("Anna")) == 1)


def test_a_source_that_turns_out_to_be_a_stranger_plans_nothing_and_due_marks_stay(served: Served) -> None:
    served.until(served.done(1))
    world, sign_in, strange = served.world, ["first"], [True]

    async def token() -> str:
        return sign_in[0]

    async def confirm(_identity: Identity) -> None:
        if strange[0]:
            raise ConfigError("the source is another organization")

    world.site = replace(world.site, source=PinnedSource(world.site.source, token, confirm))
    booking = world.book("Anna", TOMORROW)
    with world.database.write() as tx:
        marks.mark(tx, ENVIRONMENT, [(world.box("Anna"), booking)], NOW, "planted")
    sent = world.exchange.control.count()
    served.announce()
    served.later(timedelta(seconds=GATHER))
    served.until(lambda: _last_error(served) != "")
    for _ in range(3):
        served.tick()
    assert world.exchange.control.count() == sent
    with world.database.read() as tx:
        assert marks.one(tx, ENVIRONMENT, world.box("Anna"), booking) is not None
    strange[0] = False
    served.later(timedelta(seconds=FIRST_PAUSE))
    served.until(lambda: len(world.events("Anna")) == 1)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PASS])
def test_a_job_that_fails_answers_nobody_who_waits_for_a_pass_and_begins_nothing(world: World, kind: Kind) -> None:
    async def closed(_environment: str) -> Site:
        raise ConfigError("the profile is another organization's")

    async def story() -> str:
        service = Service(world.database, PlayedClock(NOW), closed)
        waiting = asyncio.create_task(service.ask(ENVIRONMENT))
        await asyncio.sleep(0)
        await service._handle(Job(Priority.CHANGE, kind, ENVIRONMENT))
        assert not waiting.done()
        due = await world.database.reading(service._due, ENVIRONMENT)
        assert due == [Job(Priority.REGULAR, Kind.PASS, ENVIRONMENT)]
        await service._handle(Job(Priority.PERSON, Kind.PASS, ENVIRONMENT))
        with pytest.raises(ConfigError) as told:
            await asyncio.wait_for(waiting, 60)
        return str(told.value)

    assert world.run(story()) == "the profile is another organization's"


def test_a_night_s_check_that_could_not_be_done_does_not_count_and_is_begun_again_in_a_while(world: World) -> None:
    night = NOW.replace(hour=CHECK_HOUR)
    clock, job = PlayedClock(night), Job(Priority.CHECK, Kind.CHECK, ENVIRONMENT)

    async def closed(_environment: str) -> Site:
        raise ConfigError("the secret of the source is not set in this process")

    async def due(service: Service) -> list[Job]:
        read = clock.now() + MINUTE
        await world.database.writing(feeds.change, ENVIRONMENT, next_pull_at=read)
        return [one for one in await world.database.reading(service._due, ENVIRONMENT) if one.kind is Kind.CHECK]

    async def story() -> None:
        service = Service(world.database, clock, closed)
        service._desk(ENVIRONMENT).begun = True
        assert await due(service) == [job]
        await service._handle(job)
        assert (await world.database.reading(feeds.load, ENVIRONMENT)).last_check_at is None
        assert await due(service) == []
        clock.advance(CHECK_AGAIN)
        assert await due(service) == [job]

    world.run(story())


def _last_error(served: Served) -> str:
    with served.world.database.read() as tx:
        return feeds.load(tx, ENVIRONMENT).last_error


def test_a_mailbox_that_failed_is_tried_again_when_its_pause_has_ended_without_a_pass(served: Served) -> None:
    served.until(served.done(1))
    world = served.world
    world.exchange.control.add_fault(Fault(kind="status", status=503, times=1, match=Match(method="POST")))
    world.book("Anna", TOMORROW)
    served.announce()
    served.later(timedelta(seconds=GATHER))
    served.until(served.done(2))
    reads = world.field_service.control.count(method="GET")
    assert world.events("Anna") == []
    for _ in range(3):
        served.later(MINUTE)
        served.tick()
    served.until(lambda: len(world.events("Anna")) == 1)
    assert world.field_service.control.count(method="GET") == reads
    served.until(lambda: served.passes()[-1].kind == "retry")


def test_a_mailbox_that_waits_and_is_switched_off_costs_nothing(served: Served) -> None:
    world = served.world
    world.worker("Clara", enabled=False)
    world.book("Clara", TOMORROW)
    served.until(served.done(1))
    served.tick()
    with world.database.read() as tx:
        assert marks.due_mailboxes(tx, ENVIRONMENT, world.clock.now()) == []
        assert waiting.ready(tx, ENVIRONMENT, world.clock.now()) == []
        assert waiting.backlog(tx, ENVIRONMENT).waiting == 0
    assert world.events("Clara") == []


def test_a_mailbox_that_a_command_switches_on_is_filled_without_waiting_for_the_next_pass(served: Served) -> None:
    world = served.world
    world.worker("Clara", enabled=False)
    world.book("Clara", TOMORROW)
    served.until(served.done(1))
    world.enable("Clara")
    with world.database.write() as tx:
        window, now = world.settings.window(world.clock.now()), world.clock.now()
        marks.mark_mailbox(tx, ENVIRONMENT, world.box("Clara"), window, now, "enabled")
    served.tick()
    served.until(lambda: len(world.events("Clara")) == 1)
    # Which job wrote it is chance; that a pass has read what it lacked is not.
    assert "announced" in [one.kind for one in served.passes()]


def test_at_night_every_mailbox_is_checked_once(served: Served) -> None:
    served.until(served.done(1))
    served.later(timedelta(hours=18))
    served.until(served.done(2))
    for _ in range(3):
        served.tick()
    served.until(served.done(3))
    kinds = [one.kind for one in served.passes()]
    assert kinds == ["scheduled", "scheduled", "check"]


def test_while_another_process_reads_the_source_the_service_waits_and_writes_no_pass(served: Served) -> None:
    served.until(served.done(1))
    world = served.world
    with world.database.write() as tx:
        lease = leases.take(tx, f"pull:{ENVIRONMENT}", "another", world.clock.now() + 15 * MINUTE, MINUTE)
    assert lease is not None
    served.later(15 * MINUTE)
    for _ in range(3):
        served.tick()
    assert len(served.passes()) == 1
    with world.database.write() as tx:
        leases.give_back(tx, lease)
    served.later(timedelta(seconds=5))
    served.until(served.done(2))


def test_r1_what_is_announced_while_another_reads_is_in_the_calendar_soon_after(served: Served) -> None:
    served.until(served.done(1))
    with reading_elsewhere(served.world):
        served.world.book("Anna", TOMORROW)
        served.announce()
        for _ in range(5):
            served.later(timedelta(seconds=GATHER))
        assert len(served.passes()) == 1
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    # By schedule the next would come a quarter of an hour later. Which job wrote what the pass has read is chance.
    assert [one.kind for one in served.passes() if one.kind != "retry"] == ["scheduled", "announced"]


def test_what_a_service_reads_in_full_at_its_start_is_so_read_after_another_was_at_it(world: World) -> None:
    world.pass_()
    with reading_elsewhere(world):
        served = Served(world)
        for _ in range(3):
            served.later(timedelta(seconds=1))
        before = len(served.passes())
        world.forget_requests()
    eventually(served, served.done(before + 1))
    served.end()
    urls = [entry.url for entry in world.field_service.control.ledger() if entry.method == "GET"]
    assert any("/bookableresources?" in url and "$orderby" in url for url in urls), urls


class Meddled(PlayedTime):
    """A clock at whose first reading, in a pass, another process begins to read the environment."""

    def __init__(self, world: World) -> None:
        super().__init__(NOW)
        self._world, self.left = world, ExitStack()

    def now(self) -> datetime:
        world, self._world = self._world, None
        if world is not None:
            self.left.enter_context(reading_elsewhere(world))
        return super().now()


def test_a_pass_that_another_got_ahead_of_is_run_again_for_whoever_asked(served: Served) -> None:
    served.until(served.done(1))
    world, plain = served.world, served.world.site
    world.book("Anna", TOMORROW)
    clock = Meddled(world)
    world.site = replace(plain, clock=clock)
    asked = world.loop.create_task(served.service.ask(ENVIRONMENT))
    served.until(served.done(2))
    assert (served.passes()[1].tally.changes, asked.done()) == (0, False)
    world.site = plain
    clock.left.close()
    eventually(served, asked.done)
    assert asked.result().tally.changes == 1


def test_when_it_is_stopped_the_pass_in_hand_is_finished_and_later_wishes_are_told(served: Served) -> None:
    served.until(served.done(1))
    world = served.world
    world.exchange.control.change(latency=0.05)
    for hour in range(4):
        world.book("Anna", TOMORROW + timedelta(hours=3 * hour))

    async def story() -> None:
        first = asyncio.create_task(served.service.ask(ENVIRONMENT))
        while len(served.passes()) < 2:  # noqa: ASYNC110 - the state tells of it, no event does
            await asyncio.sleep(0.005)
        late = asyncio.create_task(served.service.ask(ENVIRONMENT))
        await asyncio.sleep(0)
        served.stop.set()
        report = await asyncio.wait_for(first, 60)
        assert report.tally.created == 4
        with pytest.raises(ConfigError, match="stopped before the pass began"):
            await asyncio.wait_for(late, 60)

    world.run(story())
    served.end()
    assert len(world.events("Anna")) == 4
    assert all(one.ended_at for one in served.passes())


def test_an_environment_that_is_switched_off_has_no_jobs(served: Served) -> None:
    from fieldcal.state import environments

    served.until(served.done(1))
    world = served.world
    with world.database.write() as tx:
        environments.save(tx, replace(environments.get(tx, ENVIRONMENT), enabled=False))
    before = world.field_service.control.count()
    served.later(timedelta(hours=3))
    for _ in range(3):
        served.tick()
    assert (len(served.passes()), world.field_service.control.count()) == (1, before)


def test_a_check_that_was_asked_for_while_one_was_under_way_is_not_done_again(served: Served) -> None:
    served.until(served.done(1))
    served.later(timedelta(hours=18))
    served.until(served.done(2))
    check = Job(Priority.CHECK, Kind.CHECK, ENVIRONMENT)

    async def twice() -> None:
        await served.service._handle(check)
        await served.service._handle(check)

    served.world.run(asyncio.wait_for(twice(), 60))
    assert [one.kind for one in served.passes()].count("check") == 1


def test_the_log_tells_of_passes_that_did_something_and_is_quiet_of_others(world: World) -> None:
    world.book("Anna", TOMORROW)
    with capture_logs() as lines:
        served = Served(world)
        served.until(lambda: any(line.get("action") == "pass" for line in lines))
        served.later(16 * MINUTE)
        served.until(lambda: len([line for line in lines if line.get("action") == "pass"]) > 1)
        served.end()
    first, second, *_ = [line for line in lines if line.get("action") == "pass"]
    assert (first["log_level"], first["created"], first["kind"]) == ("info", 1, "scheduled")
    assert {"run", "seconds", "next_pass", "environment", "mailboxes"} <= first.keys()
    assert "removed" not in first
    assert second["log_level"] == "debug"


def test_the_log_tells_of_alerts_of_mailboxes_that_go_off_and_of_held_plans_once(served: Served) -> None:
    world = served.world
    served.until(served.done(1))
    served.tick()
    box = world.box("Anna")
    with capture_logs() as lines:

        def told(action: str) -> list[Any]:
            return [line for line in lines if line.get("action") == action]

        with world.database.write() as tx:
            alerts.raise_alert(tx, ENVIRONMENT, box, "mailbox-failing", "warning", "HTTP 503", NOW)
            plans.hold(tx, ENVIRONMENT, [(box, BookingId("b"), "deleted@1")], "why", NOW)
        served.tick()
        served.until(lambda: bool(told("alert") and told("held")))
        with world.database.write() as tx:
            mailboxes.disable(tx, ENVIRONMENT, [box], "refused")
            alerts.raise_alert(tx, ENVIRONMENT, box, "mailbox-failing", "error", "switched off: refused", NOW)
        served.tick()
        served.until(lambda: bool(told("mailbox_off")))
        with world.database.write() as tx:
            alerts.clear(tx, ENVIRONMENT, box, "mailbox-failing")
        served.tick()
        served.until(lambda: bool(told("alert_over")))
    found = [(one["log_level"], one["action"]) for one in lines if one.get("action") != "pass"]
    assert found == [("warning", "alert"), ("warning", "held"), ("error", "mailbox_off"), ("info", "alert_over")]
    assert told("held")[0]["hint"] == "fieldcal plan show 1"
    assert told("mailbox_off")[0]["mailbox"] == box
    assert "anna" not in str(lines).lower()


def test_a_pass_of_a_command_that_was_killed_beside_the_service_is_told_as_interrupted_by_the_next(
    served: Served,
) -> None:
    served.until(served.done(1))
    with served.world.database.write() as tx:
        history.begin(tx, ENVIRONMENT, "killed", "asked", NOW)
        history.begin(tx, ENVIRONMENT, "at work", "clean", NOW)
    served.announce()
    served.later(timedelta(seconds=GATHER))
    served.until(lambda: any(one.kind == "announced" and one.ended_at for one in served.passes()))
    told = {one.id: (one.ended_at is not None, one.error) for one in served.passes()}
    assert told["killed"] == (True, history.INTERRUPTED)
    assert told["at work"] == (False, ""), "it is nothing that a pass does"


def test_the_log_foretells_a_large_backlog_and_tells_of_passes_that_were_cut_off(world: World) -> None:
    box = world.box("Anna")
    with world.database.write() as tx:
        history.begin(tx, ENVIRONMENT, "killed", "scheduled", NOW - MINUTE)
        # tomorrow's second tries: nothing of them can be written just now
        marks.mark(tx, ENVIRONMENT, [(box, BookingId(f"b{n}")) for n in range(200)], NOW + 9 * MINUTE, "enabled")
    with capture_logs() as lines:
        served = Served(world)
        served.until(lambda: any(line.get("action") == "forecast" for line in lines))
        served.end()
    (told,) = [line for line in lines if line.get("action") == "forecast"]
    assert (told["log_level"], told["waiting"]) == ("info", 200)
    assert told["text"].startswith("first load: 200 bookings wait")
    assert [line["passes"] for line in lines if line.get("action") == "interrupted"] == [1]
