"""Make one mailbox say what the rules want of its marked bookings. Never calls the source.

Under the mailbox's lease: load marks and links, find out about writes that went unanswered, decide, store intents,
ask the lease, write, store what came back. The intents of one batch and the results of the batch before it share a
transaction, so a write costs one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from fieldcal.errors import ConnectorError, MailboxError, SourceSilent
from fieldcal.model import BookingId, MailboxId, Mark
from fieldcal.plan.budget import too_many
from fieldcal.plan.decide import Candidate, Place
from fieldcal.plan.rules import SENTENCES
from fieldcal.ports import Calendar, Outcome
from fieldcal.setup_model import Mailbox, ServerProfile
from fieldcal.state import bookings, feeds, history, leases, links, mailboxes, marks, plans, refused, workers
from fieldcal.state.feeds import Feed
from fieldcal.state.held import LEASE, Held, kept
from fieldcal.state.history import Line, Tally
from fieldcal.sync import gate, unanswered, widths
from fieldcal.sync.apply import Armed, Settled, another_wrote, learn, settle
from fieldcal.sync.check import check_held
from fieldcal.sync.site import Site
from fieldcal.sync.sort import Sorted, Work, sort_out

#: Marks loaded at once.
LOAD = 500
#: How often a pass comes back to one mailbox while something is due at once (adopted, then updated).
ROUNDS = 1000

#: First pause, seconds, of a mailbox that has to be checked first while the source does not answer.
SILENCE = 60.0


@dataclass(slots=True)
class Run:
    """One reconciliation under way: what it holds, and the results that wait for the next transaction."""

    site: Site
    held: Held
    mailbox: MailboxId
    calendar: Calendar
    #: the profile's name, whose pauses concern us
    profile: str
    id: str
    unsettled: list[Settled] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    #: how often each booking was tried in this pass
    tries: Counter[BookingId] = field(default_factory=Counter)
    #: the mailbox was switched off meanwhile: nothing more is sent (R13)
    closed: bool = False
    #: something settled is due again at once (adopted, then updated; gone, then made anew)
    again: bool = False
    #: the calendar has answered
    reached: bool = False
    #: how many writes the next batch has
    width: int = widths.FIRST
    #: the claim on the calendar was seen to be ours, and nothing speaks against it since (R14)
    claimed: bool = False


async def reconcile(site: Site, mailbox: MailboxId, run_id: str) -> Tally:
    """Work off what is due in this mailbox; returns what was done. Not ready: nothing. Somebody else at it: busy.

    A mailbox with one change costs three transactions: take the lease and load; store the intent; store the result
    and give the lease back.
    """
    begun = await kept(site.database, site.database.writing(_begin, site, mailbox), _lease_of)
    if not isinstance(begun, Begun):
        return begun
    held = Held(site, begun.lease)
    try:
        opened = gate.opened(site, begun.mailbox, begun.profile)
        run = Run(site, held, mailbox, opened.calendar, opened.profile, run_id)
        run.claimed = gate.claim_is_fresh(begun.mailbox, site.clock.now())
        if await gate.paused(site, mailbox, run.profile):
            return Tally()
        if opened.check_first:
            run.reached = True
            found = await check_held(site, run.held, mailbox, opened.calendar, None)
            run.tally, run.closed = run.tally + (found or Tally()), found is None
            run.claimed = True
        await _work_off(run, begun.work)
        await _end(run, opened)
    except SourceSilent as error:
        await gate.left(site, mailbox, str(error), first=SILENCE)
    except (MailboxError, ConnectorError) as error:
        await _step(run, ())
        await gate.went_wrong(site, run.held, mailbox, opened, error)
    finally:
        if not held.left:
            await held.give_back()
    return run.tally


@dataclass(frozen=True, slots=True)
class Begun:
    """What the first transaction gives: the lease, the mailbox as it stands with its profile, and what is due in it."""

    lease: leases.Lease
    mailbox: Mailbox
    profile: ServerProfile
    #: None: it has to be checked first
    work: Work | None


def _lease_of(begun: Begun | Tally) -> leases.Lease | None:
    return begun.lease if isinstance(begun, Begun) else None


def _begin(tx: Connection, site: Site, mailbox: MailboxId) -> Begun | Tally:
    """Take the lease and load what is due; the tally when somebody else has it or nothing may be written (R3, R13).

    Nothing is planned either where another than the environment's organization answers, or did when it was last asked.
    """
    lease = leases.take(tx, f"mailbox:{mailbox}", site.worker, site.clock.now(), LEASE)
    if lease is None:
        return Tally(busy=1)
    feed = feeds.load(tx, site.environment)
    found = None if feed.refused else gate.look(tx, site, mailbox)
    if found is None:
        leases.give_back(tx, lease)
        return Tally()
    row, profile = found
    return Begun(lease, row, profile, None if row.check_first else _load(tx, site, mailbox, feed))


async def _work_off(run: Run, work: Work | None) -> None:
    for _ in range(ROUNDS):
        if work is None:
            work = await run.site.database.reading(_load_anew, run.site, run.mailbox)
        if run.closed or not work.marked or await gate.paused(run.site, run.mailbox, run.profile):
            return
        await _round(run, work)
        run.again = run.again or _due_again(run, run.unsettled)
        if len(work.marked) < LOAD and not run.again:
            return  # what is marked from now on is the next dispatch's
        await _step(run, ())
        work, run.again = None, False


def _due_again(run: Run, settled: Sequence[Settled]) -> bool:
    now = run.site.clock.now()
    return any(item.later is not None and item.later.due is not None and item.later.due <= now for item in settled)


def _load_anew(tx: Connection, site: Site, mailbox: MailboxId) -> Work:
    return _load(tx, site, mailbox, feeds.load(tx, site.environment))


def _load(tx: Connection, site: Site, mailbox: MailboxId, feed: Feed) -> Work:
    """The due marks with all that is known of their bookings here: five queries, however many marks."""
    place = Place(site.organization, mailbox, site.settings, site.moment(feed.far_edge))
    due = marks.due(tx, site.environment, mailbox, place.moment.now, LOAD)
    ids = [marked.booking for marked in due]
    stored = bookings.load(tx, site.environment, ids)
    linked = links.load(tx, site.environment, mailbox, ids)
    people = workers.load(tx, site.environment, {item.known.booking.worker for item in stored.values()})
    candidates: dict[BookingId, Candidate] = {}
    for key, item in stored.items():
        worker, gone = people.get(item.known.booking.worker or "", (None, False))
        candidates[key] = Candidate(item.known, worker, gone, linked.get(key))
    said = plans.verdicts(tx, site.environment, mailbox, ids)
    others = {worker.mailbox for worker, _ in people.values() if worker.mailbox not in (None, mailbox)}
    homes = frozenset(box for box in others if box and gate.why_not(tx, site, box) is None)
    return Work(place, feed.first_read_at is not None, tuple(due), candidates, said, homes)


async def _round(run: Run, work: Work) -> None:
    found = await unanswered.find_out(run.held, run.calendar, work)
    run.reached = run.reached or bool(found.changed or found.resends)
    if found.changed:
        await run.site.database.writing(_store_found, run, found)
        run.tally += Tally(adopted=sum(1 for link in found.changed if link.event))
    sorted_out = sort_out(found.work, found.resends, run.site.render)
    sorted_out.waiting += found.waiting
    if sorted_out.idle or sorted_out.waiting or sorted_out.lapsed or sorted_out.learned:
        await run.site.database.writing(_put_by, run, sorted_out)
    armed = [replace(item, tries=run.tries[item.marked.booking]) for item in sorted_out.armed]
    # one lane alone until it is known that the calendar is ours to write
    lanes = 1 if not run.claimed else widths.lanes(len(armed), run.calendar.lanes)
    if lanes == 1:
        await _lane(run, armed, run.calendar.width)
        return
    for told in await asyncio.gather(
        *(_lane(run, armed, run.calendar.width // lanes) for _ in range(lanes)), return_exceptions=True
    ):
        if isinstance(told, BaseException):
            raise told


async def _lane(run: Run, armed: list[Armed], most: int) -> None:
    """Take batch after batch off `armed`, of at most `most`, until nothing is left or something stands in the way.

    Another lane's requests are on the wire while this one's transaction is under way. What stops one stops all.
    """
    try:
        while armed:
            if run.closed or await gate.paused(run.site, run.mailbox, run.profile) or await _taken_over(run):
                armed.clear()
                return
            width = min(run.width, most)
            batch = armed[:width]
            del armed[:width]
            began = run.site.clock.monotonic()
            await _write(run, batch)
            run.width = widths.after(width, len(batch), run.site.clock.monotonic() - began)
    except BaseException:
        armed.clear()
        raise


async def _taken_over(run: Run) -> bool:
    """Whether another installation serves the mailbox by now (R14); asked before a write, and only if it may be so."""
    if run.claimed:
        return False
    site = run.site
    run.reached = True
    run.closed = await gate.claimed_elsewhere(site, run.held, run.mailbox, run.calendar)
    if not run.closed:
        await site.database.writing(mailboxes.claim_seen, site.environment, run.mailbox, site.clock.now())
        run.claimed = True
    return run.closed


def _store_found(tx: Connection, run: Run, found: unanswered.Found) -> None:
    leases.check(tx, run.held.lease)
    links.store(tx, run.site.environment, found.changed, None)
    history.write(tx, run.site.environment, run.id, found.lines)
    plans.finish(tx, run.site.environment, run.mailbox, found.removed)


def _put_by(tx: Connection, run: Run, sorted_out: Sorted) -> None:
    """Clear the marks that ask for nothing, postpone those that wait; a needless held removal is dropped."""
    leases.check(tx, run.held.lease)
    environment = run.site.environment
    marks.clear(tx, environment, run.mailbox, sorted_out.idle)
    marks.postpone(tx, environment, run.mailbox, sorted_out.waiting)
    marks.recompute(tx, environment, [run.mailbox])
    links.store(tx, environment, sorted_out.learned, None)
    plans.drop(tx, environment, run.mailbox, sorted_out.lapsed)


async def _write(run: Run, armed: Sequence[Armed]) -> None:
    """One batch: store the intents, ask the lease, send; what comes back waits for the next transaction."""
    ready = [replace(item, request=run.calendar.request(item.action)) for item in await _step(run, armed)]
    if not ready:
        return
    run.tries.update(item.marked.booking for item in ready)
    outcomes: dict[Mark, Outcome] = dict(await run.calendar.write([item.action for item in ready], run.held.may_begin))
    run.reached = run.reached or any(map(gate.answered, outcomes.values()))
    seen = await learn(run.calendar, ready, outcomes, run.held.may_begin)
    if another_wrote(ready, seen):
        await run.site.database.writing(mailboxes.claim_seen, run.site.environment, run.mailbox, None)
        run.claimed = False
    now, spread = run.site.clock.now(), run.site.spread()
    run.unsettled += [settle(item, outcomes.get(item.action.mark), seen, now, spread) for item in ready]
    waiting = await gate.asked_to_wait(run.site, run.mailbox, run.profile)
    trouble = gate.concerning(list(outcomes.values()), waiting)
    if trouble is not None:
        raise trouble


async def _step(run: Run, armed: Sequence[Armed]) -> list[Armed]:
    """One transaction: what the last batch came to, and the intents of the next; returns those that may be sent."""
    if not armed and not run.unsettled:
        return []
    settled, run.unsettled = run.unsettled, []
    async with run.held.turn:
        ready, held_back, run.held.lease = await run.site.database.writing(_settle_and_arm, run, settled, armed)
    run.closed = run.closed or len(ready) + held_back < len(armed)
    run.again = run.again or _due_again(run, settled)
    run.tally += sum((item.tally for item in settled), Tally(held=held_back))
    return ready


async def _end(run: Run, opened: gate.Opened) -> None:
    """The last transaction: what the last batch came to, that the mailbox was reached, and the lease given back."""
    settled, run.unsettled = run.unsettled, []

    def store(tx: Connection) -> None:
        leases.end(tx, run.held.lease)
        _settle(tx, run, settled, recompute=not run.reached)  # else `went_well` does
        gate.went_well(
            tx, run.site, run.mailbox, opened, reached=run.reached, sent=bool(run.tries), recompute=bool(settled)
        )
        refused.tell(tx, run.site.environment, run.mailbox, run.site.clock.now(), anew=False)

    await run.site.database.writing(store)
    run.held.leave()
    run.tally += sum((item.tally for item in settled), Tally())


def _settle_and_arm(
    tx: Connection, run: Run, settled: Sequence[Settled], armed: Sequence[Armed]
) -> tuple[list[Armed], int, leases.Lease]:
    site, now = run.site, run.site.clock.now()
    lease = leases.renew(tx, run.held.lease, now, LEASE)
    # The mailbox stays as it is until the intents are stored: it could take on another id in between, and what is sent
    # would be an event that nobody looks for.
    may_write = bool(armed) and gate.why_not(tx, site, run.mailbox, alone=True) is None
    _settle(tx, run, settled)
    ready: list[Armed] = []
    held_back: list[Armed] = []
    if may_write:
        ready, held_back = _within_budget(tx, run, armed)
    links.store(tx, site.environment, [item.link for item in ready], None)
    if held_back:
        marks.clear(tx, site.environment, run.mailbox, [item.marked for item in held_back])
        marks.recompute(tx, site.environment, [run.mailbox])
    return ready, len(held_back), lease


def _settle(tx: Connection, run: Run, settled: Sequence[Settled], *, recompute: bool = True) -> None:
    """Links, marks, history and plans as the outcomes leave them."""
    if not settled:
        return
    environment = run.site.environment
    marks.clear(tx, environment, run.mailbox, [item.armed.marked for item in settled if item.later is None])
    marks.postpone(tx, environment, run.mailbox, [item.later for item in settled if item.later is not None])
    if recompute:
        marks.recompute(tx, environment, [run.mailbox])
    for written_at in (None, run.site.clock.now()):
        these = [item.link for item in settled if item.wrote is (written_at is not None) and item.link is not None]
        links.store(tx, environment, these, written_at)
    history.write(tx, environment, run.id, [item.line for item in settled])
    if any(item.later is not None and item.later.due is None for item in settled):
        refused.tell(tx, environment, run.mailbox, run.site.clock.now(), anew=True)
    plans.finish(tx, environment, run.mailbox, [item.armed.marked.booking for item in settled if item.closes_plan])
    plans.return_budget(tx, environment, sum(item.unspent for item in settled))


def _within_budget(tx: Connection, run: Run, armed: Sequence[Armed]) -> tuple[list[Armed], list[Armed]]:
    """Part those that may go from the removals that a person has to look at; only removals are ever held."""
    site, now = run.site, run.site.clock.now()
    counted = [item for item in armed if item.counted]
    if not counted:
        return list(armed), []
    granted = plans.take_budget(tx, site.environment, len(counted), now)
    held_back = counted[granted:]
    if held_back:
        _hold(tx, run, held_back)
    refused = {item.marked.booking for item in held_back}
    return [item for item in armed if item.marked.booking not in refused], held_back


def _hold(tx: Connection, run: Run, held_back: Sequence[Armed]) -> None:
    """Keep these removals for a person, who is told of all that the plan holds, by address."""
    site, now = run.site, run.site.clock.now()
    rows = [(run.mailbox, item.marked.booking, item.evidence) for item in held_back]
    plan = plans.hold(tx, site.environment, rows, "", now)
    held = plans.held_in(tx, plan)
    addresses = {box.id: box.address for box in mailboxes.some(tx, site.environment, list(held))}
    plans.retell(tx, plan, too_many({addresses.get(box) or box: number for box, number in held.items()}))
    answer = f"it waits in plan {plan}, for more were to be removed than the hour allows"
    lines = [
        Line(run.mailbox, item.marked.booking, "hold", SENTENCES[item.decision.reason], answer, ok=True, at=now)
        for item in held_back
    ]
    history.write(tx, site.environment, run.id, lines)
