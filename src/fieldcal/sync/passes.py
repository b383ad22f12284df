"""One pass: pull, then every due mailbox, several at once; one that fails never stops the others (I7)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace

import structlog

from fieldcal.errors import ConfigError, ConnectorError, FieldcalError, Incomplete
from fieldcal.model import MailboxId
from fieldcal.state import feeds, history, marks
from fieldcal.state.history import Tally
from fieldcal.sync.check import check
from fieldcal.sync.pull import pull
from fieldcal.sync.reconcile import reconcile
from fieldcal.sync.site import Site

log = structlog.get_logger()

#: Mailboxes worked on at once. Each has one batch in flight, so the server sees no more than this from a pass.
AT_ONCE = 8

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


async def run_pass(
    site: Site,
    kind: str = "scheduled",
    *,
    only: Collection[MailboxId] | None = None,
    workers_in_full: bool = False,
    progress: Progress = _silent,
) -> Report:
    """Read what changed and make the calendars say it. A source that does not answer stops no calendar."""
    run = uuid.uuid4().hex
    await site.database.writing(history.begin, site.environment, run, kind, site.clock.now())
    changes, error = 0, ""
    try:
        changes = (await pull(site, workers_in_full=workers_in_full)).changes
    except (ConnectorError, Incomplete) as failure:
        error = str(failure)
        await site.database.writing(feeds.change, site.environment, last_error=error)
        log.warning("the source could not be read", action="pull_failed", environment=site.environment, error=error)
    tally, count = await work_off(site, run, only=only, progress=progress)
    tally = replace(tally, changes=changes)
    await site.database.writing(history.end, run, tally, error, site.clock.now())
    return Report(run, tally, count, error)


async def work_off(
    site: Site, run: str, *, only: Collection[MailboxId] | None = None, progress: Progress = _silent
) -> tuple[Tally, int]:
    """Reconcile every mailbox in which something is due; returns what was done, and in how many mailboxes."""
    due = await site.database.reading(marks.due_mailboxes, site.environment, site.clock.now())
    wanted = [mailbox for mailbox in due if only is None or mailbox in only]
    return await _each(site, wanted, lambda mailbox: reconcile(site, mailbox, run), progress), len(wanted)


async def run_check(
    site: Site, boxes: Collection[MailboxId], *, everything: bool = False, progress: Progress = _silent
) -> Report:
    """Check these mailboxes, then work off what the checks have marked."""
    run = uuid.uuid4().hex
    await site.database.writing(history.begin, site.environment, run, "check", site.clock.now())
    found = await _each(site, list(boxes), lambda mailbox: check(site, mailbox, run, everything=everything), progress)
    done, _ = await work_off(site, run, only=set(boxes))
    await site.database.writing(feeds.change, site.environment, last_check_at=site.clock.now())
    await site.database.writing(history.end, run, found + done, "", site.clock.now())
    return Report(run, found + done, len(boxes))


async def _each(site: Site, boxes: Collection[MailboxId], work: Work, progress: Progress) -> Tally:
    places = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(mailbox: MailboxId) -> Tally:
        nonlocal done
        async with places:
            tally = await _alone(site, mailbox, work)
        done += 1
        progress(done, len(boxes))
        return tally

    total = Tally()
    for tally in await asyncio.gather(*(one(mailbox) for mailbox in boxes)):
        total += tally
    return total


async def _alone(site: Site, mailbox: MailboxId, work: Work) -> Tally:
    """Keep one mailbox's failure to itself; only a state that cannot be used ends the pass."""
    try:
        return await work(mailbox)
    except ConfigError:
        raise
    except FieldcalError as error:
        log.warning("a mailbox was left", action="mailbox_left", mailbox=mailbox, error=str(error))
    except Exception:
        # A fault of ours in one mailbox must not keep the others' bookings from their calendars (I7).
        log.exception("a mailbox failed", action="mailbox_failed", mailbox=mailbox, environment=site.environment)
    return Tally(failed=1)
