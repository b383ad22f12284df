"""Take everything of ours out of a mailbox (a pilot that ends, a leaver), then give its claim back.

A person approves it and it is on record as a plan (I4, I5). The mailbox is switched off first, so that nothing writes
into it meanwhile. Each removal goes the way of any write: under the mailbox's lease, its intent stored before it is
sent, its outcome in the history. Nothing has to be remembered of one that was broken off: the next looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, ConnectorError, Gone, MailboxError, Rejected, Unavailable
from fieldcal.model import Delete, EventId, Link, MailboxId, Mark, Observed, Receipt
from fieldcal.plan import clean as parting
from fieldcal.plan.clean import Parted
from fieldcal.plan.retry import pause
from fieldcal.ports import Calendar, Outcome
from fieldcal.state import findings, history, leases, links, mailboxes, marks, plans, refused
from fieldcal.state.findings import Finding
from fieldcal.state.held import LEASE, Held, holding
from fieldcal.state.history import Line
from fieldcal.sync.site import Site
from fieldcal.sync.survey import PASSING, Survey, claimed_by_us, look, opened

#: Removals sent together; failures in a row without any progress before a mailbox is left for another run.
BATCH, TRIES = 20, 8
#: How long a create without an answer may still turn up; the calendar's search lags behind.
LAG = timedelta(seconds=120)
#: How the reason of each removal begins in the history; `why` knows it by that.
CLEANED = "the mailbox was cleaned on behalf of "


@dataclass(slots=True)
class Cleaned:
    """What became of one mailbox. `problem`: why something of ours may stand there still, "" when all is done."""

    mailbox: MailboxId
    address: str
    removed: int = 0
    copies: int = 0
    claim_returned: bool = False
    problem: str = ""
    #: events that are dealt with: removed ("", a lagging list may still name them), or refused for good, with why
    settled: dict[EventId, str] = field(default_factory=dict)


#: told after each batch how many events were removed by it
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One approved clean: whose it is, in which plan, and the run under which its removals stand in the history."""

    plan: int
    run: str
    by: str
    progress: Progress


def approve(tx: Connection, site: Site, surveys: Sequence[Survey], by: str) -> int:
    """Switch these mailboxes off and put on record what is to be taken out of them; returns the plan's number."""
    chosen = [one.mailbox for one in surveys]
    mailboxes.disable(tx, site.environment, chosen, f"cleaned on behalf of {by}")
    rows = [(one.mailbox, event.mark.booking) for one in surveys for event in one.found.ours if event.mark]
    return plans.approve_clean(tx, site.environment, rows, by, f"clean {len(chosen)} mailboxes", site.clock.now())


async def clean(site: Site, job: Job, mailbox: MailboxId, address: str) -> Cleaned:
    """Carry the plan out in one mailbox; waits while the server asks for it, and goes on."""
    done, failures = Cleaned(mailbox, address), 0
    while True:
        before = done.removed
        try:
            async with holding(site, f"mailbox:{mailbox}") as held:
                if held is None:
                    raise Unavailable("the mailbox is being worked on")
                await _clean(site, job, held, done)
                return done
        except PASSING as error:
            failures = 1 if done.removed > before else failures + 1
            if failures > TRIES:
                done.problem = f"{error}; run it again to go on"
                return done
            after = getattr(error, "retry_after", None)
            await site.clock.sleep(pause(failures, site.spread(), after))
        except (MailboxError, ConnectorError, ConfigError) as error:
            done.problem = str(error)
            return done


async def _clean(site: Site, job: Job, held: Held, done: Cleaned) -> None:
    calendar = await opened(site, done.mailbox)
    ours = await claimed_by_us(site, calendar, held)
    while True:
        found = await look(site, held, done.mailbox, calendar)
        await _store(site, held, done.mailbox, gone=found.gone)
        wanted = [event for event in found.ours if event.id not in done.settled]
        if not wanted:
            break
        before = len(done.settled)
        for batch in parting.batches(wanted, BATCH):
            await _remove(site, job, held, calendar, batch, done)
        if len(done.settled) == before:
            raise Unavailable("the calendar carried no removal out")
    now = site.clock.now()
    young = [link.intent.at + LAG - now for link in found.unseen if link.intent and link.intent.at + LAG > now]
    if young:
        raise Unavailable("a write went unanswered; it is looked for", retry_after=max(young).total_seconds())
    await _store(site, held, done.mailbox, gone=found.unseen)
    refused = [why for why in done.settled.values() if why]
    if refused:
        done.problem = f"{len(refused)} events cannot be removed: {refused[0]}"
        return
    if ours:
        await calendar.set_claim(None, held.may_begin)
    done.claim_returned, done.copies = ours, len(found.copies)
    await _store(site, held, done.mailbox, finished=found)


async def _remove(
    site: Site, job: Job, held: Held, calendar: Calendar, batch: Sequence[Observed], done: Cleaned
) -> None:
    """One batch: store the intents, ask the lease, send, store what came back."""
    handed_out = await _arm(site, job, held, done.mailbox, batch)
    actions = [link.intent.action for link in handed_out if link.intent]
    outcomes = await calendar.write(actions, held.may_begin)
    removed, lines = _outcomes(job, handed_out, outcomes, done, site.clock.now())
    await _store(site, held, done.mailbox, gone=removed, lines=lines, run=job.run)
    done.removed += len(removed)
    job.progress(len(removed))
    for outcome in outcomes.values():
        if isinstance(outcome, MailboxError | ConnectorError):
            raise outcome


async def _arm(site: Site, job: Job, held: Held, mailbox: MailboxId, batch: Sequence[Observed]) -> list[Link]:
    bookings = [event.mark.booking for event in batch if event.mark]

    def arm(tx: Connection) -> tuple[list[Link], leases.Lease]:
        now = site.clock.now()
        lease = leases.renew(tx, held.lease, now, LEASE)
        known = mailboxes.load(tx, site.environment, mailbox)
        if known is None or known.enabled:
            raise ConfigError("it was switched on again meanwhile, so nothing more is removed")
        before = links.load(tx, site.environment, mailbox, bookings)
        after = [parting.armed(event, before.get(booking), now) for event, booking in zip(batch, bookings, strict=True)]
        links.store(tx, site.environment, after, None)
        plans.add_to_clean(tx, site.environment, job.plan, [(mailbox, booking) for booking in bookings])
        return after, lease

    handed_out, held.lease = await site.database.writing(arm)
    return handed_out


def _outcomes(
    job: Job, handed_out: Sequence[Link], outcomes: Mapping[Mark, Outcome], done: Cleaned, now: datetime
) -> tuple[list[Link], list[Line]]:
    """Which removals are done, and a line for each; what is not done keeps its intent and is looked at again."""
    removed: list[Link] = []
    lines: list[Line] = []
    for link in handed_out:
        assert link.intent is not None
        assert isinstance(link.intent.action, Delete)
        outcome = outcomes.get(link.intent.action.mark)
        good = isinstance(outcome, Receipt | Gone)
        if good:
            removed.append(link)
        if good or isinstance(outcome, Rejected):
            done.settled[link.intent.action.id] = "" if good else str(outcome)
        answer = "done" if good else str(outcome or "no answer")
        reason = f"{CLEANED}{job.by}"
        lines.append(Line(link.mailbox, link.booking, "remove", reason, answer, ok=good, at=now))
    return removed, lines


async def _store(
    site: Site, held: Held, mailbox: MailboxId, *, gone: Sequence[Link] = (), lines: Sequence[Line] = (),
    run: str = "", finished: Parted | None = None,
) -> None:  # fmt: skip
    """One transaction, while the lease is ours: links whose event is gone keep their generation, raised by one."""

    def store(tx: Connection) -> leases.Lease:
        now = site.clock.now()
        lease = leases.renew(tx, held.lease, now, LEASE)
        if finished is not None:
            marks.drop_all(tx, site.environment, mailbox)
        links.store(tx, site.environment, [parting.removed(link) for link in gone], None)
        plans.finish(tx, site.environment, mailbox, [link.booking for link in gone])
        history.write(tx, site.environment, run, lines)
        if finished is not None:
            refused.tell(tx, site.environment, mailbox, now, anew=False)
            plans.finish_cleans(tx, site.environment, mailbox)
            findings.replace_all(tx, site.environment, mailbox, _copies(mailbox, finished), now)
        return lease

    held.lease = await site.database.writing(store)


def _copies(mailbox: MailboxId, found: Parted) -> list[Finding]:
    detail = "a copy of our event; it is never touched"
    return [Finding(mailbox, event.id, event.mark.booking, "copy", detail) for event in found.copies if event.mark]
