"""What a service does of its own accord beside passes: one mailbox's due marks, and the nightly check."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal import sent
from fieldcal.engine import news
from fieldcal.engine.schedule import Job, Kind, check_due
from fieldcal.engine.tallies import Tallies
from fieldcal.model import MailboxId
from fieldcal.setup_model import MailboxState, Selection
from fieldcal.state import feeds, history, mailboxes, pauses
from fieldcal.state.history import Tally
from fieldcal.sync.passes import Report, run_check, work_in, work_off
from fieldcal.sync.site import Site

#: When a nightly check that could not be done is begun again.
CHECK_AGAIN = timedelta(minutes=15)


@sent.recorded
async def in_mailbox(site: Site, mailbox: MailboxId) -> bool:
    """What is due in one mailbox between two passes: second tries, pauses that have ended; True if another has it."""
    run, began, since = sent.under(history.new_run(site.clock.now())), site.clock.now(), site.clock.monotonic()
    tally, number = await work_off(site, run, only={mailbox})
    tally = _of_passes_before(tally)
    if replace(tally, busy=0) == Tally():
        return tally.busy > 0

    asked = sent.so_far()

    def store(tx: Connection) -> None:
        history.begin(tx, site.environment, run, "retry", began)
        history.end(tx, run, tally, "", site.clock.now(), asked)

    await site.database.writing(store)
    feed = await site.database.reading(feeds.load, site.environment)
    report = Report(run, tally, number)
    news.pass_done(site.environment, "retry", report, site.clock.monotonic() - since, feed.next_pull_at)
    return tally.busy > 0


@sent.recorded
async def handed_out(site: Site, mailbox: MailboxId, run: str, tallies: Tallies) -> bool:
    """What is due in one mailbox where passes only read, counted with the pass `run`; True if another has it.

    `run`: the pass that found it due; "" where it is not known, and then the last one is taken for it.
    """
    since = site.clock.monotonic()
    if not run:
        last = await site.database.glancing(history.last_ended, site.environment)
        run = last or history.new_run(site.clock.now())
    tally = _of_passes_before(await work_in(site, run, mailbox))
    if replace(tally, busy=0) != Tally():
        tallies.add(run, tally)
        news.pass_done(site.environment, "mailbox", Report(run, tally, 1), site.clock.monotonic() - since, None)
    return tally.busy > 0


def _of_passes_before(tally: Tally) -> Tally:
    """The same bytes again are no churn here: what is written is what passes before have found to have changed."""
    return replace(tally, same=0)


async def check(site: Site) -> None:
    """The nightly check of every mailbox that is switched on, unless it was asked for while another was under way."""
    feed = await site.database.reading(feeds.load, site.environment)
    if not check_due(feed.last_check_at, site.clock.now()):
        return
    switched_on, since = Selection(state=MailboxState.ENABLED), site.clock.monotonic()
    report = await run_check(site, await site.database.reading(mailboxes.ids, site.environment, switched_on))
    feed = await site.database.reading(feeds.load, site.environment)
    news.pass_done(site.environment, "check", report, site.clock.monotonic() - since, feed.next_pull_at)


def put_off_check(tx: Connection, environment: str, error: str, now: datetime) -> None:
    """Begin the nightly check again in a while: it could not be done, so the night does not count as checked."""
    pauses.pause(tx, _check(environment), now + CHECK_AGAIN, error)


def not_put_off(tx: Connection, jobs: list[Job], now: datetime) -> list[Job]:
    """These jobs without a check that waits to be begun again."""
    checks = [_check(job.environment) for job in jobs if job.kind is Kind.CHECK]
    waits = bool(checks) and pauses.until(tx, checks, now) is not None
    return [job for job in jobs if job.kind is not Kind.CHECK] if waits else jobs


def _check(environment: str) -> str:
    return f"check:{environment}"
