"""What is different where several processes share a service's work: a pass only reads, and hands the mailboxes out.

Whoever asks for a pass cannot be answered by a function call: it is seen in the state how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.engine.hints import Taken
from fieldcal.engine.schedule import WINDOW, Job, Kind, Priority
from fieldcal.engine.tallies import SPACE
from fieldcal.errors import ConfigError
from fieldcal.model import BookingId, MailboxId
from fieldcal.ports import Engine
from fieldcal.state import environments, feeds, history, living, waiting
from fieldcal.state.database import Database
from fieldcal.state.history import Pass, Tally
from fieldcal.sync.passes import PATIENCE, Progress, Report

#: How often it is looked how far a pass is that somebody waits for, seconds.
LOOK = 0.25
#: How long nobody may begin a pass that a person asked for.
UNBEGUN = timedelta(minutes=2)
#: A look that has waited longer than this since its first notification stands in a row of them.
PILED = timedelta(seconds=2)
#: Mailboxes that the schedule asks the queue for at a time: what is in hand, and what follows it.
MOST = 2 * WINDOW
#: Passes that are looked through for the one that was asked for: many are run while a large one is under way.
_LAST = 50
#: How passes end that are no answer: another follows.
_READ_NOTHING = frozenset({history.INTERRUPTED, history.OVERTAKEN})


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the work this process has; `schedules`: it looks what is due and puts it into the queue."""

    engine: Engine[Job]
    schedules: bool


def begin(tx: Connection) -> list[Job]:
    """What a schedule begins with: a pass of every environment that is switched on."""
    places = [place.id for place in environments.everyone(tx) if place.enabled]
    return [Job(Priority.REGULAR, Kind.PASS, place) for place in places]


def left_over(jobs: list[Job], last_ended: Callable[[], str | None]) -> list[Job]:
    """What the schedule found due, as the queue is asked for it: the mailboxes that are due for the longest.

    `last_ended`: tells the last pass that has ended; it is asked for once here rather than for each mailbox.
    """
    boxes = [job for job in jobs if job.kind is Kind.MAILBOX][:MOST]
    run = (last_ended() if boxes else None) or ""
    asked = (replace(job, priority=Priority.REGULAR, run=run) for job in boxes)
    return [*(job for job in jobs if job.kind is not Kind.MAILBOX), *asked]


def hand_out(tx: Connection, job: Job, run: str, now: datetime) -> list[Job]:
    """The mailboxes that the pass `run` of this job has found to be due; those that a person named go first."""
    named = set(job.named)
    due = waiting.ready(tx, job.environment, now, None if named else WINDOW)

    def ask(urgency: Priority, box: MailboxId) -> Job:
        return Job(urgency, Kind.MAILBOX, job.environment, box, run=run)

    first = [ask(Priority.PERSON, box) for box in due if box in named]
    return first + [ask(Priority.CHANGE, box) for box in due if box not in named][:WINDOW]


def taken(job: Job, now: datetime) -> Taken:
    """What a look is about, as the queue has carried it; where looks pile up, that a pass is needed.

    Looks go one after the other, each about what was named within a moment. Where they are named more quickly than
    they are looked at, a pass reads at once what all that wait have named, and they have nothing left to do.
    """
    began = history.began_at(job.run)
    piled = began is not None and now - began > PILED
    return Taken(tuple(map(BookingId, job.named)), piled or not job.named, job.heard, job.run)


def could_not_begin(tx: Connection, job: Job, error: str, now: datetime) -> None:
    """Leave word for whoever asked for a pass that no pass was to be had."""
    run = history.new_run(now)
    history.begin(tx, job.environment, run, "asked", now)
    history.end(tx, run, Tally(), error, now)


@dataclass(frozen=True, slots=True)
class Asker:
    """Has passes run by whichever worker, and waits for them."""

    database: Database
    clock: Clock
    enqueue: Callable[[Job], None]

    async def ask(self, environment: str, only: Collection[MailboxId] | None, progress: Progress) -> Report:
        """Have a pass run that begins from now on; returns when what it found due is written, or waits for long."""
        before = {one.id for one in await self._passes(environment)}
        self.enqueue(Job(Priority.PERSON, Kind.PASS, environment, named=tuple(sorted(only or ()))))
        read = await self._read(environment, before)
        since = self.clock.now()
        of = left = await self._left(environment, since, only)
        until = since + PATIENCE
        while left and self.clock.now() < until:
            progress(of - left, of)
            await self.clock.sleep(LOOK)
            # A pause that has ended meanwhile adds one to those that are left; there were never more than `of`.
            now = min(await self._left(environment, since, only), of)
            left, until = now, self.clock.now() + PATIENCE if now < left else until
        progress(of - left, of)
        if of:
            # What was done is counted a moment after it is done (`tallies`).
            await self.clock.sleep(SPACE + LOOK)
        done = [one.tally for one in await self._passes(environment) if one.id not in before]
        return Report(read.id, replace(sum(done, Tally()), busy=left), of, read.error)

    async def _read(self, environment: str, before: set[str]) -> Pass:
        """The first pass that was asked for since and has read the source, or could not; a worker may die meanwhile."""
        since = self.clock.now()
        while True:
            new = [one for one in await self._passes(environment) if one.id not in before and one.kind == "asked"]
            ended = [one for one in new if one.ended_at is not None and one.error not in _READ_NOTHING]
            if ended:
                return ended[-1]
            if await self.database.reading(waiting.held_until, f"pull:{environment}", self.clock.now()) is not None:
                since = self.clock.now()  # somebody is reading, or was when he died: another begins when it ends
            elif (nobody := await self.database.reading(living.unworked)) is not None:
                raise ConfigError(f"the pass has not begun: {nobody.why}; {living.REMEDY}")
            elif self.clock.now() - since > UNBEGUN:
                raise ConfigError("no worker has begun the pass for two minutes; see that `fieldcal worker` is running")
            await self.clock.sleep(LOOK)

    async def _passes(self, environment: str) -> list[Pass]:
        return await self.database.reading(history.last_passes, environment, _LAST)

    async def _left(self, environment: str, since: datetime, only: Collection[MailboxId] | None) -> int:
        return await self.database.reading(_workable, environment, since, self.clock.now(), only)


def _workable(
    tx: Connection, environment: str, since: datetime, now: datetime, only: Collection[MailboxId] | None
) -> int:
    """None while the source is refused: nothing is planned then, however long somebody waits."""
    return 0 if feeds.load(tx, environment).refused else waiting.left(tx, environment, since, now, only)
