"""Work on many mailboxes: a pass, a check, a clean; several at once, and one that fails never stops the others (I7)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from fieldcal import counted, sent
from fieldcal.errors import (
    ConfigError,
    ConnectorError,
    Damaged,
    FieldcalError,
    Incomplete,
    LeaseLost,
    StateAway,
    Stranger,
    Throttled,
    WrongClock,
)
from fieldcal.model import EventId, MailboxId
from fieldcal.state import feeds, findings, history, links, mailboxes, marks
from fieldcal.state.findings import Finding
from fieldcal.state.held import LEASE
from fieldcal.state.history import Tally
from fieldcal.sync import drift, duplicates, gate
from fieldcal.sync.check import check
from fieldcal.sync.clean import Cleaned, Job, clean
from fieldcal.sync.duplicates import Found, Removed
from fieldcal.sync.pull import Pulled, pull
from fieldcal.sync.reconcile import reconcile
from fieldcal.sync.site import Site
from fieldcal.sync.survey import Survey, survey
from fieldcal.sync.throttle import waits_for

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")

#: Mailboxes worked on at once. Each has one batch in flight, so the server sees no more than this from a pass; of ten
#: about eight are on the wire while what the others have written is stored, so that it is seldom idle.
AT_ONCE = 10
#: How long a person's pass waits for a mailbox that another is at work in, or was when it died; how often it looks.
PATIENCE, LOOK = LEASE + timedelta(seconds=30), 1.0

#: What speaks of the state or of the source, and so of all mailboxes. Anything else an operator has to mend keeps those
#: waiting that it is about: one server profile's secret, one environment's address.
OF_ALL = (StateAway, Damaged, Stranger, WrongClock)

#: what is done with one mailbox
Work = Callable[[MailboxId], Awaitable[Tally]]
#: told after each mailbox: how many are done, of how many
Progress = Callable[[int, int], None]


def _silent(_done: int, _of: int) -> None:
    return


@dataclass(frozen=True, slots=True)
class Report:
    """What one pass did; `error`: why the source could not be read ("" when it was)."""

    run: str
    tally: Tally
    mailboxes: int
    error: str = ""
    #: bookings that the source's changes have marked: what a notification should have announced
    news: int = 0
    #: when the source that asked to wait may be asked again
    again: datetime | None = None
    #: another worker was reading the source, so that nothing was read here
    busy: bool = False


@sent.recorded
async def run_pass(
    site: Site,
    kind: str = "scheduled",
    *,
    only: Collection[MailboxId] | None = None,
    workers_in_full: bool = False,
    patient: bool = False,
    progress: Progress = _silent,
    run: str = "",
) -> Report:
    """Read what changed and make the calendars say it. A source that does not answer stops no calendar.

    `patient`: a person waits for the outcome, so a mailbox that another is at work in is waited for. One that stays
    so is counted as busy; what is due in it remains due. `run`: the id that its notification was told under.
    """
    run = sent.under(run or history.new_run(site.clock.now()))
    await site.database.writing(history.begin, site.environment, run, kind, site.clock.now())
    pulled, error, again = Pulled(), "", None
    try:
        pulled = await pull(site, workers_in_full=workers_in_full)
    except (ConnectorError, Incomplete) as failure:
        error = str(failure)
        if isinstance(failure, Throttled):
            again = await site.pace.paused([waits_for(site)])
        await site.database.writing(feeds.change, site.environment, last_error=error)
        log.warning("the source could not be read", action="pull_failed", environment=site.environment, error=error)
    except ConfigError as failure:
        # A stranger answers, say: nothing is planned.
        await site.database.writing(history.end, run, Tally(), str(failure), site.clock.now(), sent.so_far())
        raise
    tally, count = await work_off(site, run, only=only, patient=patient, progress=progress)
    tally = replace(tally, changes=pulled.changes)
    await finish(site, run, tally, history.OVERTAKEN if pulled.busy else error)
    return Report(run, tally, count, error, pulled.news, again, pulled.busy)


async def finish(site: Site, run: str, tally: Tally, error: str = "") -> None:
    """Remember how the pass ended; what it wrote without a cause is a fault of ours that an operator should report."""
    if tally.churn:
        told = {"environment": site.environment, "run": run, "writes": tally.churn}
        log.warning("a pass wrote what no change and no fault called for", action="churn", **told)
    await site.database.writing(history.end, run, tally, error, site.clock.now(), sent.so_far())


async def work_off(
    site: Site,
    run: str,
    *,
    only: Collection[MailboxId] | None = None,
    patient: bool = False,
    progress: Progress = _silent,
) -> tuple[Tally, int]:
    """Reconcile every mailbox in which something is due; returns what was done, and in how many mailboxes."""
    due = await site.database.reading(_due, site)
    wanted = [mailbox for mailbox in due if only is None or mailbox in only]
    until = site.clock.now() + (PATIENCE if patient else timedelta(0))
    return await _each(site, wanted, lambda mailbox: _reconcile(site, mailbox, run, until), progress), len(wanted)


async def work_in(site: Site, run: str, mailbox: MailboxId) -> Tally:
    """Reconcile this mailbox alone, whatever else is due."""
    return await _alone(site, mailbox, lambda one: reconcile(site, one, run))


async def _reconcile(site: Site, mailbox: MailboxId, run: str, until: datetime) -> Tally:
    while True:
        tally = await reconcile(site, mailbox, run)
        if not tally.busy or site.clock.now() >= until:
            return tally
        await site.clock.sleep(LOOK)


def _due(tx: Connection, site: Site) -> list[MailboxId]:
    """Mailboxes with due marks, and those to be read first: events may stand there that the state knows nothing of."""
    due = marks.due_mailboxes(tx, site.environment, site.clock.now())
    return [*due, *(mailbox for mailbox in mailboxes.unread(tx, site.environment) if mailbox not in set(due))]


@sent.recorded
async def run_check(
    site: Site, boxes: Collection[MailboxId], *, everything: bool = False, progress: Progress = _silent
) -> Report:
    """Check these mailboxes, then work off what the checks have marked.

    One that could not be asked at all is read when it comes back, before anything is written into it.
    """
    run = sent.under(history.new_run(site.clock.now()))
    await site.database.writing(history.begin, site.environment, run, "check", site.clock.now())
    owed: set[MailboxId] = set()

    async def work(mailbox: MailboxId) -> Tally:
        try:
            return await check(site, mailbox, run, everything=everything)
        except OF_ALL:
            raise
        except ConfigError:
            # The night counts as checked; this mailbox's check is owed.
            owed.add(mailbox)
            await site.database.writing(mailboxes.check_first, site.environment, [mailbox])
            raise

    found = await _each(site, list(boxes), work, progress)
    done, _ = await work_off(site, run, only=set(boxes) - owed)
    await site.database.writing(feeds.change, site.environment, last_check_at=site.clock.now())
    await finish(site, run, found + done)
    return Report(run, found + done, len(boxes))


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of findings that a person wanted written again."""

    run: str
    tally: Tally
    written: int
    #: events that stay as they are, each with why
    left: Mapping[EventId, str]


@sent.recorded
async def run_write_again(site: Site, chosen: Sequence[Finding], by: str, progress: Progress = _silent) -> Rewritten:
    """Write these again where the rules want them, and forget them as findings once it is done (D8)."""
    run = sent.under(history.new_run(site.clock.now()))
    boxes = {MailboxId(one.mailbox) for one in chosen}

    def mark(tx: Connection) -> dict[EventId, str]:
        now, left = site.clock.now(), dict[EventId, str]()
        history.begin(tx, site.environment, run, "write again", now)
        for mailbox in sorted(boxes):
            here = [one for one in chosen if one.mailbox == mailbox]
            kept, lines = drift.write_again(tx, site, mailbox, here, by, now)
            left |= kept
            history.write(tx, site.environment, run, lines)
        return left

    left = await site.database.writing(mark)
    wanted = [one for one in chosen if one.event not in left]
    tally, _ = await work_off(site, run, only=boxes, patient=True, progress=progress)
    open_still = await site.database.writing(_forget_written, site.environment, wanted)
    await finish(site, run, tally)
    told = dict.fromkeys(open_still, "it could not be written yet; what is due is tried again by itself")
    return Rewritten(run, tally, len(wanted) - len(open_still), {**left, **told})


def _forget_written(tx: Connection, environment: str, wanted: Sequence[Finding]) -> list[EventId]:
    """Drop what was written from the findings; returns the events of those that wait."""
    waiting: list[EventId] = []
    for mailbox in sorted({one.mailbox for one in wanted}):
        here = [one for one in wanted if one.mailbox == mailbox]
        known = links.load(tx, environment, mailbox, [one.booking for one in here])
        due = {link.booking for link in known.values() if link.rewrite or link.intent is not None}
        waiting += [EventId(one.event) for one in here if one.booking in due]
        findings.drop(tx, environment, mailbox, [one.event for one in here if one.booking not in due])
    return waiting


async def run_survey(site: Site, boxes: Sequence[MailboxId], progress: Progress = _silent) -> list[Survey]:
    """What a clean of these mailboxes would do, in their order."""
    return await _all(lambda mailbox: survey(site, mailbox), boxes, progress)


@sent.recorded
async def run_clean(site: Site, plan: int, by: str, surveys: Sequence[Survey], progress: Progress) -> list[Cleaned]:
    """Carry out the approved clean `plan` in the mailboxes that were surveyed, in their order; waits where it must.

    `progress`: after each batch, how many events are removed, of how many that the surveys have found.
    """
    run, removed, of = sent.under(history.new_run(site.clock.now())), 0, sum(len(one.found.ours) for one in surveys)

    def tell(number: int) -> None:
        nonlocal removed
        removed += number
        progress(removed, max(of, removed))

    await site.database.writing(history.begin, site.environment, run, "clean", site.clock.now())
    job = Job(plan, run, by, tell)
    done = await _all(lambda one: clean(site, job, one.mailbox, one.address), surveys, _silent)
    tally = Tally(removed=sum(one.removed for one in done), failed=sum(bool(one.problem) for one in done))
    await site.database.writing(history.end, run, tally, "", site.clock.now(), sent.so_far())
    return done


async def run_find(site: Site, boxes: Sequence[MailboxId], progress: Progress = _silent) -> list[Found]:
    """What stands double in these mailboxes, in their order."""
    return await _all(lambda mailbox: duplicates.find(site, mailbox), boxes, progress)


@sent.recorded
async def run_remove(
    site: Site, plan: int, by: str, chosen: Mapping[MailboxId, tuple[str, frozenset[EventId]]], progress: Progress
) -> list[Removed]:
    """Carry out the approved removal `plan` of duplicates: by mailbox its address, and the events."""
    run = sent.under(history.new_run(site.clock.now()))
    job = duplicates.Job(plan, run, by)
    await site.database.writing(history.begin, site.environment, run, duplicates.PLAN, site.clock.now())
    done = await _all(lambda box: duplicates.remove(site, job, box, *chosen[box]), list(chosen), progress)
    tally = Tally(removed=sum(len(one.removed) for one in done), failed=sum(bool(one.problem) for one in done))
    await site.database.writing(history.end, run, tally, "", site.clock.now(), sent.so_far())
    return done


async def _all(work: Callable[[T], Awaitable[R]], given: Sequence[T], progress: Progress) -> list[R]:
    """Do this with all of them, several at once; a fault of ours in one is raised when all have had their turn (I7)."""
    places, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(item: T) -> R:
        nonlocal done
        async with places:
            result = await work(item)
        done += 1
        progress(done, len(given))
        return result

    results = await asyncio.gather(*(one(item) for item in given), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def _each(site: Site, boxes: Collection[MailboxId], work: Work, progress: Progress) -> Tally:
    left, done, total = deque(boxes), 0, Tally()

    async def one_after_another() -> None:
        nonlocal done, total
        try:
            while left:
                tally = await _alone(site, left.popleft(), work)
                done, total = done + 1, total + tally
                progress(done, len(boxes))
        except BaseException:
            left.clear()
            raise

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return total


async def _alone(site: Site, mailbox: MailboxId, work: Work) -> Tally:
    """Keep one mailbox's failure to itself; only what speaks of all of them ends the pass (`OF_ALL`).

    The schedule looks at what is due every second, so a mailbox that fails is paused, longer each time.
    """
    try:
        return await work(mailbox)
    except OF_ALL:
        raise
    except LeaseLost as error:
        counted.add("leases", site.environment)
        # Another works in the mailbox; a pause would be his. The schedule comes back less and less often.
        log.warning("a mailbox was left", action="mailbox_left", mailbox=mailbox, error=str(error))
        return Tally(failed=1, busy=1)
    except FieldcalError as error:
        log.warning("a mailbox was left", action="mailbox_left", mailbox=mailbox, error=str(error))
        reason = str(error)
    except Exception as error:
        # A fault of ours in one mailbox must not keep the others' bookings from their calendars (I7).
        log.exception("a mailbox failed", action="mailbox_failed", mailbox=mailbox, environment=site.environment)
        # Its words may hold what no log and no page may show.
        reason = f"a fault of Fieldcal's own ({type(error).__name__}); please report it, with what the log says"
    await gate.left(site, mailbox, reason)
    return Tally(failed=1)
