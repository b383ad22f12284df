"""Find events of ours that stand beside the one that counts; take out those that a person has approved (I4).

No intent is stored for these removals: a link remembers one event, the true one, and that is not touched. Nothing has
to be known of a removal without an answer either, for whoever looks again sees whether it was carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from fieldcal.errors import Changed, ConfigError, ConnectorError, FieldcalError, Gone, MailboxError, Unavailable
from fieldcal.model import Delete, EventId, MailboxId, Mark, Receipt
from fieldcal.plan import clean as parting
from fieldcal.plan import duplicates as pure
from fieldcal.plan.duplicates import Double
from fieldcal.ports import Calendar, Outcome
from fieldcal.state import findings, history, leases, links, mailboxes, plans
from fieldcal.state.held import LEASE, Held, holding
from fieldcal.state.history import Line
from fieldcal.sync import gate
from fieldcal.sync.site import Site

#: Removals sent together.
BATCH = 20
PLAN = "duplicates"


@dataclass(frozen=True, slots=True)
class Found:
    """What stands double in one mailbox. `problem`: why that is not known, "" where it is."""

    mailbox: MailboxId
    address: str
    doubles: tuple[Double, ...] = ()
    problem: str = ""


@dataclass(slots=True)
class Removed:
    """What became of one mailbox's approved removals."""

    mailbox: MailboxId
    address: str
    removed: list[EventId] = field(default_factory=list)
    #: events that stay, each with why
    left: dict[EventId, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def count(self) -> int:
        """How many were removed."""
        return len(self.removed)


@dataclass(frozen=True, slots=True)
class Job:
    """One approved removal: in which plan, under which run, on whose behalf."""

    plan: int
    run: str
    by: str


async def find(site: Site, mailbox: MailboxId) -> Found:
    """Look, touch nothing; an error of the calendar is this mailbox's problem."""
    known = await site.database.reading(mailboxes.load, site.environment, mailbox)
    address = known.address if known and known.address else str(mailbox)
    try:
        async with holding(site, f"mailbox:{mailbox}") as held:
            if held is None:
                raise Unavailable("the mailbox is being worked on; try again in a moment")
            calendar = await _opened(site, mailbox)
            return Found(mailbox, address, await _look(site, held, mailbox, calendar))
    except FieldcalError as error:
        return Found(mailbox, address, problem=str(error))


async def _opened(site: Site, mailbox: MailboxId) -> Calendar:
    """The calendar of a mailbox that may be written to (I5) and whose events are known."""
    opened = await gate.enter(site, mailbox)
    if opened is None:
        why = await site.database.reading(mailboxes.why_not, site.environment, mailbox)
        raise ConfigError(why or "the calendar asked to wait; try again later")
    if opened.check_first:
        raise ConfigError("it has to be read first, to know which event counts; run `fieldcal check`")
    return opened.calendar


async def _look(site: Site, held: Held, mailbox: MailboxId, calendar: Calendar) -> tuple[Double, ...]:
    await held.renew()
    owned = await calendar.owned(None, held.may_begin)
    linked = await site.database.reading(links.of_mailbox, site.environment, mailbox)
    missing = parting.absent([link for link in linked if not link.declined], owned)
    there = await calendar.get(missing, held.may_begin) if missing else {}
    events = [*owned, *(event for event in there.values() if event is not None)]
    return pure.doubles(site.organization, mailbox, linked, events)


def approve(tx: Connection, site: Site, chosen: Sequence[tuple[MailboxId, Double]], by: str) -> int:
    """Put on record what a person has approved; returns the plan's number."""
    ids: dict[tuple[MailboxId, str], list[str]] = {}
    for mailbox, one in chosen:
        assert one.event.mark is not None  # `doubles` tells nothing else
        ids.setdefault((mailbox, one.event.mark.booking), []).append(one.event.id)
    rows = [(mailbox, booking, ", ".join(events)) for (mailbox, booking), events in ids.items()]
    return plans.approve(tx, site.environment, PLAN, rows, by, f"{len(chosen)} duplicates", site.clock.now())


async def remove(site: Site, job: Job, mailbox: MailboxId, address: str, chosen: frozenset[EventId]) -> Removed:
    """Take these out, each only while it stands as it was shown and the true one is proven to stand there too."""
    done = Removed(mailbox, address)
    try:
        async with holding(site, f"mailbox:{mailbox}") as held:
            if held is None:
                raise Unavailable("the mailbox is being worked on; run it again in a moment")
            calendar = await _opened(site, mailbox)
            if await gate.claimed_elsewhere(site, held, mailbox, calendar):
                done.problem = "another serves the mailbox by now; it was switched off here, and nothing was removed"
            else:
                found = await _look(site, held, mailbox, calendar)
                await _remove(site, job, held, calendar, _still(done, found, chosen), done)
    except FieldcalError as error:
        # A lost lease, too: whatever ended it, the plan has to be closed, for nobody takes it up again.
        done.problem = str(error)
    await site.database.writing(plans.close, site.environment, job.plan, mailbox)
    return done


def _still(done: Removed, found: Sequence[Double], chosen: frozenset[EventId]) -> list[Double]:
    """Those of the chosen that are there still and may be removed; the others are told."""
    here = {one.event.id: one for one in found}
    for event in sorted(chosen):
        if event not in here:
            done.left[event] = "it is not there any more, or it is the one that counts by now"
        elif here[event].obstacle:
            done.left[event] = here[event].obstacle
    return [here[event] for event in sorted(chosen) if event in here and not here[event].obstacle]


async def _remove(
    site: Site, job: Job, held: Held, calendar: Calendar, wanted: Sequence[Double], done: Removed
) -> None:
    by_id = {one.event.id: one for one in wanted}
    for batch in parting.batches([one.event for one in wanted], BATCH):
        await held.renew()
        # Right before it is needed: the list may lag behind what stands there.
        trues = {one.true.id for event in batch if (one := by_id[event.id]).true is not None}
        there = await calendar.get(sorted(trues), held.may_begin)
        safe: list[Delete] = []
        for event in batch:
            one = by_id[event.id]
            assert one.true is not None
            assert event.mark is not None
            if pure.proven(one, there.get(one.true.id)):
                safe.append(Delete(event.mark, event.id, event.etag))
            else:
                done.left[event.id] = "the event that counts is not there any more"
        outcomes = await calendar.write(safe, held.may_begin) if safe else {}
        await _store(site, job, held, safe, outcomes, done)
        for outcome in outcomes.values():
            if isinstance(outcome, MailboxError | ConnectorError):
                raise outcome


async def _store(
    site: Site, job: Job, held: Held, sent: Sequence[Delete], outcomes: Mapping[Mark, Outcome], done: Removed
) -> None:
    """A line for each removal; what is gone is no finding any more."""
    now = site.clock.now()
    lines: list[Line] = []
    gone: list[EventId] = []
    for action in sent:
        outcome = outcomes.get(action.mark)
        good = isinstance(outcome, Receipt | Gone)
        answer = "done" if good else str(outcome or "no answer")
        if good:
            gone.append(action.id)
        else:
            done.left[action.id] = "it was changed meanwhile; look again" if isinstance(outcome, Changed) else answer
        reason = f"it stood beside the event that counts, and was removed on behalf of {job.by}"
        line = Line(done.mailbox, action.mark.booking, "remove duplicate", reason, answer, ok=good, at=now)
        lines.append(line)
    done.removed += gone

    def store(tx: Connection) -> leases.Lease:
        lease = leases.renew(tx, held.lease, site.clock.now(), LEASE)
        history.write(tx, site.environment, job.run, lines)
        findings.drop(tx, site.environment, done.mailbox, gone)
        removed = [action.mark.booking for action in sent if action.id in gone]
        plans.close(tx, site.environment, job.plan, done.mailbox, removed)
        return lease

    held.lease = await site.database.writing(store)
