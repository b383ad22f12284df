"""What a running service does: passes by schedule, sooner when a change is announced, at once when a person asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.engine import cut, errands, importing, news, outgrown, quiet, shared
from fieldcal.engine.elsewhere import Elsewhere
from fieldcal.engine.fared import LONGEST_PAUSE, Reading
from fieldcal.engine.hints import Hinted
from fieldcal.engine.schedule import Job, Kind, Priority, due
from fieldcal.engine.shared import Asker, Part
from fieldcal.engine.single import SingleEngine
from fieldcal.engine.tallies import Tallies
from fieldcal.engine.wishes import Wish, all_told, answer, silent, together
from fieldcal.errors import ConfigError, FieldcalError, LeaseLost, StateAway
from fieldcal.model import BookingId, MailboxId
from fieldcal.ports import Engine
from fieldcal.setup import trial
from fieldcal.setup.bench import Bench
from fieldcal.state import bookings, environments, feeds, history, waiting
from fieldcal.state.database import Database
from fieldcal.sync.look import look
from fieldcal.sync.passes import Progress, Report, run_pass
from fieldcal.sync.site import Site

log = structlog.get_logger()

#: How often the state is asked what is due, seconds: a few indexed reads.
TICK = 1.0
#: Changes announced within this many seconds are taken in one pass.
GATHER = 0.5
#: How often a schedule that others share looks whether the state can be used again, seconds.
AWAY = 2.0
#: How often tests that wait for their next try are looked at, seconds.
TESTS = 15.0
#: Details that the source does not give are not asked for more often than this between two passes.
REFRESH = timedelta(minutes=1)
#: How long a pass by schedule waits where another process is at it.
BUSY = timedelta(seconds=5)


@dataclass(slots=True)
class _Desk:
    """What is kept of one environment between two passes."""

    #: what notifications named, and how soon it may be looked at
    hinted: Hinted
    wishes: list[Wish] = field(default_factory=list)
    #: no pass by schedule before; another process is at it
    not_before: datetime | None = None
    #: a pass was run since the service started
    begun: bool = False
    gathering: asyncio.Task[None] | None = None
    #: no pass because of details that wait before
    refresh_at: datetime | None = None
    #: what the log has told; None: nothing yet, and what stands at the start is no news
    seen: news.Seen | None = None


class Service:
    """Runs the jobs of every environment until stopped. Use it in one loop; `run` once.

    `sites` opens an environment as it is set now; it is asked before each job and may raise `FieldcalError`.
    `there` tells who is set up in an environment's source, where that is imported (D9), while its passes go well.
    `part`: several processes share the work, and this is ours; None: all of it.
    """

    def __init__(
        self, database: Database, clock: Clock, sites: Callable[[str], Awaitable[Site]],
        there: importing.There | None = None, part: Part | None = None, *, tick: float = TICK,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._sites, self._there, self._tick = database, clock, sites, there, tick
        self._part, self._elsewhere, self._source = part, Elsewhere(clock), Reading(database, clock)
        self._tallies = Tallies(database, clock)
        self._engine: Engine[Job] = part.engine if part else SingleEngine()
        self._desks: dict[str, _Desk] = {}
        #: when the schedule last asked the state what is due
        self._turned: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; what is in hand is then finished. Raises what makes work impossible."""
        await self._begin()
        parts = [
            asyncio.create_task(self._schedule()),
            asyncio.create_task(outgrown.watch(self._database, self._clock)),
            asyncio.create_task(self._engine.run(self._handle)),
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*parts, stopped], return_when=asyncio.FIRST_COMPLETED)
            log.info("the service stops; work in hand is finished first", action="stopping")
        finally:
            for task in (*parts, stopped):
                task.cancel()
            await asyncio.gather(*parts, stopped, return_exceptions=True)
            await self._give_up_wishes()
            await self._tallies.close()
        for part in done - {stopped}:
            # Whoever runs us has to be told: a service that ends by itself is no service that was stopped.
            await part

    def late(self) -> float | None:
        """Seconds since the schedule last asked the state what is due; None before the first time."""
        return None if self._turned is None else self._clock.monotonic() - self._turned

    @property
    def _schedules(self) -> bool:
        return self._part is None or self._part.schedules

    async def _begin(self) -> None:
        if self._part is not None:
            # What has not ended is another process's; and whoever takes a pass has not run it here.
            for job in await self._database.reading(shared.begin) if self._part.schedules else []:
                self._engine.enqueue(job)
            if self._part.schedules:
                await cut.close_others(self._database, self._clock)
            return
        await cut.close_all(self._database, self._clock)

    def announce(self, environment: str) -> None:
        """Something changed there: a pass follows in about a second, together with what changes until then."""
        desk = self._desk(environment)
        if desk.gathering is None or desk.gathering.done():
            desk.gathering = asyncio.create_task(self._gather(environment))

    def hint(self, environment: str, booking: BookingId | None) -> None:
        """Somebody outside says that this booking changed (None: that something did): it is looked at soon.

        Harmless whatever is said and however often: it costs reads, at a bounded rate, and holds a few ids.
        """
        hinted = self._desk(environment).hinted
        run = hinted.hints.add(booking, history.new_run(self._clock.now()))
        log.info("a notification came in", action="hinted", environment=environment, booking=booking, run=run)
        hinted.look_soon()

    async def ask(
        self, environment: str, only: frozenset[MailboxId] | None = None, progress: Progress = silent
    ) -> Report:
        """Have a pass run now and wait for it. Raises what the pass raised, or reports it where another ran it."""
        if self._part is not None:
            return await Asker(self._database, self._clock, self._engine.enqueue).ask(environment, only, progress)
        wish = Wish(only, progress, asyncio.get_running_loop().create_future())
        self._desk(environment).wishes.append(wish)
        self._engine.enqueue(Job(Priority.PERSON, Kind.PASS, environment))
        return await wish.answer

    def _desk(self, environment: str) -> _Desk:
        if environment not in self._desks:
            have_passed = partial(self._engine.enqueue, Job(Priority.CHANGE, Kind.PASS, environment))
            hinted = Hinted(self._clock, partial(self._have_looked, environment), have_passed)
            self._desks[environment] = _Desk(hinted)
        return self._desks[environment]

    def _have_looked(self, environment: str) -> None:
        job = Job(Priority.CHANGE, Kind.LOOK, environment)
        if self._part is not None:
            # Whoever takes it does not know what was hinted at here.
            taken = self._desk(environment).hinted.hints.take()
            job = replace(job, named=taken.bookings, heard=taken.heard, run=taken.run)
        self._engine.enqueue(job)

    async def _gather(self, environment: str) -> None:
        await self._clock.sleep(GATHER)
        self._engine.enqueue(Job(Priority.CHANGE, Kind.PASS, environment))

    async def _look(self, site: Site, desk: _Desk, job: Job) -> None:
        """Look at what notifications named, or have a pass look at everything."""
        # Where the work is shared the hints kept here are what was put back: they wait for a look of their own.
        taken = shared.taken(job, self._clock.now()) if self._part else desk.hinted.hints.take()
        if taken.heard:
            await self._database.writing(quiet.heard, site.environment, taken.heard, self._clock.now())
        place = await self._database.reading(environments.get, site.environment)
        feed = await self._database.reading(feeds.load, site.environment)
        if not place.enabled or feed.refused or feed.failures or not (taken.bookings or taken.anything):
            # Nothing is sent while it is off (R13); a source in trouble is asked by its growing pauses only.
            return
        if taken.anything or not (desk.begun or self._part):
            desk.hinted.pass_soon(taken.run)
            return
        await cut.close(self._database, self._clock, job, queued=self._part is not None)
        began = self._clock.monotonic()
        looked = await look(site, taken.bookings, taken.run)
        desk.hinted.charge(looked.absent)
        if looked.report is not None:
            news.pass_done(site.environment, "hinted", looked.report, self._clock.monotonic() - began, None)
        if looked.busy:
            desk.hinted.hints.put_back(taken)
            desk.hinted.look_soon()
        elif looked.report is not None and looked.report.error:
            await self._source.put_off(site.environment, looked.report.error, looked.report.again)
        elif looked.pass_needed:
            desk.hinted.pass_soon()

    async def _give_up_wishes(self) -> None:
        for desk in self._desks.values():
            await desk.hinted.stop()
            if desk.gathering is not None:
                desk.gathering.cancel()
                await asyncio.gather(desk.gathering, return_exceptions=True)
            for wish in _taken(desk):
                wish.answer.set_exception(ConfigError("the service was stopped before the pass began"))

    async def _schedule(self) -> None:
        if not self._schedules:
            await asyncio.Event().wait()  # another process's schedule is at it
        while True:
            try:
                await self._look_often()
            except ConfigError as error:
                if self._part is None:
                    raise
                log.warning("the schedule waits for the state", action="state_away", error=str(error))
            await self._clock.sleep(AWAY)

    async def _look_often(self) -> None:
        tests_at = forecast_at = self._clock.monotonic()
        while True:
            names = await self._database.reading(_working)
            self._turned = self._clock.monotonic()
            for name in names:
                for job in await self._database.reading(self._due, name):
                    self._engine.enqueue(job)
                await self._tell_news(name)
            if self._clock.monotonic() >= forecast_at:
                forecast_at = self._clock.monotonic() + news.EVERY
                for name in names:
                    found = await self._database.reading(news.foretell, name, self._clock.now())
                    news.tell_forecast(name, found)
            if self._clock.monotonic() >= tests_at:
                tests_at = self._clock.monotonic() + TESTS
                for name in names:
                    self._engine.enqueue(Job(Priority.REGULAR, Kind.TESTS, name))
            await self._clock.sleep(self._tick)

    async def _tell_news(self, environment: str) -> None:
        seen, desk = await self._database.reading(news.look, environment), self._desk(environment)
        news.tell(environment, desk.seen if desk.seen is not None else seen, seen)
        desk.seen = seen

    def _due(self, tx: Connection, environment: str) -> list[Job]:
        now, desk = self._clock.now(), self._desk(environment)
        elsewhere = _ahead(desk.not_before, now, BUSY)
        if not (desk.begun or self._part or elsewhere):
            return [Job(Priority.REGULAR, Kind.PASS, environment)]
        farthest = max(timedelta(minutes=environments.get(tx, environment).settings.interval), LONGEST_PAUSE)
        most = None if self._part is None else shared.MOST + self._elsewhere.many()
        found = waiting.ready(tx, environment, now, most)
        ready = [box for box in found if not self._elsewhere.waits(environment, box)]
        feed = feeds.load(tx, environment)
        jobs = errands.not_put_off(tx, due(environment, feed, ready, now, farthest), now)
        if not elsewhere and not _ahead(desk.refresh_at, now, REFRESH) and bookings.stale(tx, environment, 1):
            # A mailbox was switched on by a command: what it lacks has to be read before it can be written.
            desk.refresh_at = now + REFRESH
            jobs.append(Job(Priority.CHANGE, Kind.PASS, environment))
        if elsewhere:
            jobs = [job for job in jobs if job.kind is not Kind.PASS]
        if feed.refused:
            jobs = [job for job in jobs if job.kind is Kind.PASS and job.priority is Priority.REGULAR]
        return jobs if self._part is None else shared.left_over(jobs, partial(history.last_ended, tx, environment))

    async def _handle(self, job: Job) -> None:
        try:
            site = await self._opened(job)
            match job.kind:
                case Kind.PASS:
                    await self._pass(site, job)
                case Kind.MAILBOX:
                    await self._in_mailbox(site, job)
                case Kind.CHECK:
                    await cut.close(self._database, self._clock, job, queued=self._part is not None)
                    await errands.check(site)
                case Kind.TESTS:
                    await self._test(site)
                case Kind.LOOK:
                    await self._look(site, self._desk(job.environment), job)
        except FieldcalError as error:
            await self._failed(job, error)

    async def _opened(self, job: Job) -> Site:
        try:
            return await self._sites(job.environment)
        except FieldcalError as error:
            if self._part is not None and job.kind is Kind.PASS and job.priority is Priority.PERSON:
                await self._database.writing(shared.could_not_begin, job, str(error), self._clock.now())
            raise

    async def _in_mailbox(self, site: Site, job: Job) -> None:
        mailbox = MailboxId(job.mailbox)
        if self._part is None:
            busy = await errands.in_mailbox(site, mailbox)
            self._elsewhere.tell(job.environment, mailbox, busy=busy)
        elif not self._elsewhere.waits(job.environment, mailbox):
            busy = await errands.handed_out(site, mailbox, job.run, self._tallies)
            self._elsewhere.tell(job.environment, mailbox, busy=busy)

    async def _pass(self, site: Site, job: Job) -> None:
        desk, theirs = self._desk(job.environment), self._part is not None and job.priority is Priority.PERSON
        while (held := await self._held(job.environment)) is not None:
            # Another process reads this environment, or died doing so: its lease ends by itself.
            if not (desk.wishes or theirs):
                desk.not_before = min(held, self._clock.now() + BUSY)
                if job.priority is Priority.CHANGE:
                    # What was announced may have changed after it was read there.
                    self.announce(job.environment)
                return
            await self._clock.sleep(GATHER)
        await cut.close(self._database, self._clock, job, queued=self._part is not None)
        wishes = _taken(desk)
        # Where the work is shared a pass reads, and what it finds due is handed out.
        only = together(wishes, everything=job.priority is not Priority.PERSON) if self._part is None else frozenset()
        in_full = job.priority is Priority.PERSON or not desk.begun
        kind = {Priority.PERSON: "asked", Priority.CHANGE: "announced"}.get(job.priority, "scheduled")
        began = self._clock.monotonic()
        before = await self._database.reading(feeds.load, job.environment)
        since = before.last_pull_at if desk.begun else None
        try:
            report = await run_pass(
                site, kind, only=only, workers_in_full=in_full, patient=bool(wishes), progress=all_told(wishes),
                run=desk.hinted.run_of_pass(),
            )  # fmt: skip
        except BaseException as error:
            answer(wishes, error)
            raise
        if report.busy:
            # Another began to read after we had looked: what was asked for is not read yet.
            desk.wishes[:0] = wishes
            self._engine.enqueue(job)
            return
        desk.begun, desk.not_before = True, None
        answer(wishes, report)
        await self._source.fared(job.environment, report, before)
        if self._part is not None:
            for found in await self._database.reading(shared.hand_out, job, report.run, self._clock.now()):
                self._engine.enqueue(found)
        if kind == "scheduled" and since is not None:
            await self._database.writing(quiet.watch, job.environment, report.news, since, self._clock.now())
        feed = await self._database.reading(feeds.load, job.environment)
        news.pass_done(job.environment, kind, report, self._clock.monotonic() - began, feed.next_pull_at)

    async def _held(self, environment: str) -> datetime | None:
        return await self._database.reading(waiting.held_until, f"pull:{environment}", self._clock.now())

    async def _test(self, site: Site) -> None:
        """Import if it is due, and go on with the tests that wait; what they switch on is read and written at once."""
        desk = self._desk(site.environment)
        feed = await self._database.reading(feeds.load, site.environment)
        if self._there and (desk.begun or self._part) and not (feed.refused or feed.failures):
            await importing.run(self._database, self._clock, site.environment, self._there)
        bench = Bench(site.database, site.clock, site.calendars, site.worker, site.pace)
        if any(mailbox.enabled for mailbox in await trial.go_on(bench, site.environment)):
            self.announce(site.environment)

    async def _failed(self, job: Job, error: FieldcalError) -> None:
        desk = self._desk(job.environment)
        log.warning("a job failed", action="job_failed", job=job.kind.name, environment=job.environment,
                    error=str(error))  # fmt: skip
        if isinstance(error, LeaseLost):
            news.lease_lost(job.environment)
        if isinstance(error, StateAway):
            # It says nothing of the source, which is not put off: what was due still is, and done when it is back.
            if self._part is not None:
                await self._clock.sleep(AWAY)
                self._engine.enqueue(job)
            elif job.kind is Kind.PASS:
                answer(_taken(desk), error)
        elif job.kind is Kind.PASS:
            news.pass_failed(job.environment)
            # Nobody waits for another kind of job: whoever asked is told how the pass went.
            desk.begun = True
            answer(_taken(desk), error)
            await self._source.put_off(job.environment, str(error), refused=isinstance(error, ConfigError))
        elif job.kind is Kind.CHECK:
            await self._database.writing(errands.put_off_check, job.environment, str(error), self._clock.now())


def _ahead(instant: datetime | None, now: datetime, farthest: timedelta) -> bool:
    """It has to be waited for; one farther ahead than it can have been set is a wrong clock's."""
    return instant is not None and now < instant <= now + farthest


def _working(tx: Connection) -> list[str]:
    return [environment.id for environment in environments.everyone(tx) if environment.enabled]


def _taken(desk: _Desk) -> list[Wish]:
    """The wishes that wait; the desk is empty then."""
    wishes, desk.wishes = desk.wishes, []
    return wishes
