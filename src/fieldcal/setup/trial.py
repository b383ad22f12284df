"""Test & Enable (R9): look at everything that must hold, then switch the mailbox on, claim it, and have it read first.

Nothing is switched on half: the claim is written first, and one transaction then stores the result, the marks and the
alert. A permanent failure switches the mailbox off; a transient one waits with growing pauses and goes on by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.errors import FieldcalError
from fieldcal.model import Check, MailboxId
from fieldcal.plan.retry import pause
from fieldcal.ports import BeforeSend, Calendar
from fieldcal.setup import checks, claims, profiles
from fieldcal.setup.bench import UNDER_WAY, Bench, Case, holding, load, window, working
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Actor, Mailbox, TrialStatus
from fieldcal.state import accounts, alerts, audit, environments, mailboxes, marks, pauses
from fieldcal.state import profiles as profile_rows

#: Mailboxes tested at once; each has one request in flight.
AT_ONCE = 16
#: The first pause after a transient failure, seconds; it doubles up to a quarter of an hour.
_FIRST_PAUSE = 30.0
_ALERT = "test-enable"
_WAITING = frozenset({TrialStatus.SCHEDULED, TrialStatus.IN_PROGRESS})

#: told after each mailbox: how many are done, of how many, and this one as it now stands
Progress = Callable[[int, int, Mailbox], None]


def _silent(_done: int, _of: int, _mailbox: Mailbox) -> None:
    return


async def run_now(
    bench: Bench, actor: Actor, environment: str, wanted: Sequence[MailboxId], progress: Progress = _silent
) -> list[Mailbox]:
    """Test these mailboxes now and switch on those that pass; returns them as they then stand, by address."""
    now = bench.clock.now()

    chosen = await bench.database.writing(schedule, actor, environment, wanted, now)
    return await _run(bench, environment, chosen, progress)


def schedule(
    tx: Connection, actor: Actor, environment: str, wanted: Sequence[MailboxId], now: datetime
) -> list[MailboxId]:
    """Have these tested: by whoever asked, else by the service, which goes on with tests that wait."""
    working(environments.get(tx, environment))
    chosen = [mailbox.id for mailbox in permitted(tx, actor, Action.SET_UP, environment, wanted)]
    mailboxes.schedule(tx, environment, chosen)
    audit.record(tx, actor, now, "mailbox test", [f"{environment}/{mailbox}" for mailbox in chosen])
    return chosen


async def go_on(bench: Bench, environment: str, progress: Progress = _silent) -> list[Mailbox]:
    """Go on with the tests whose pause has ended or that a crash cut off; nobody has to press a button.

    A server that asked to wait is not asked before its time, by tests neither.
    """
    now = bench.clock.now()

    def due(tx: Connection) -> list[MailboxId]:
        if not environments.get(tx, environment).enabled:
            return []
        paused = pauses.lasting(tx, now).keys()
        return [
            mailbox.id
            for mailbox in mailboxes.waiting_tests(tx, environment)
            if _due(mailbox, now) and not paused & {mailbox.id, f"connector:{mailbox.profile}"}
        ]

    return await _run(bench, environment, await bench.database.reading(due), progress)


def _due(mailbox: Mailbox, now: datetime) -> bool:
    if mailbox.tested_at is None or mailbox.tested_at > now:
        return True
    if mailbox.status is TrialStatus.IN_PROGRESS:
        return now >= mailbox.tested_at + UNDER_WAY
    return now >= mailbox.tested_at + timedelta(seconds=pause(max(mailbox.failures, 1), 0.0, first=_FIRST_PAUSE))


async def _run(bench: Bench, environment: str, chosen: Sequence[MailboxId], progress: Progress) -> list[Mailbox]:
    await _ask_tenants(bench, environment, chosen)
    places, tested = asyncio.Semaphore(AT_ONCE), list[Mailbox]()

    async def one(mailbox: MailboxId) -> None:
        async with places:
            after = await _test_one(bench, environment, mailbox)
        tested.append(after)
        progress(len(tested), len(chosen), after)

    faults = await asyncio.gather(*(one(mailbox) for mailbox in chosen), return_exceptions=True)
    # One mailbox's fault is told when all the others have had their turn (I7).
    for fault in faults:
        if fault is not None:
            raise fault
    return sorted(tested, key=lambda mailbox: (mailbox.address, mailbox.id))


async def _ask_tenants(bench: Bench, environment: str, chosen: Sequence[MailboxId]) -> None:
    """Have each profile say its tenant (R7), once for all mailboxes. One that does not answer fails at its sign-in."""
    found = await bench.database.reading(mailboxes.some, environment, chosen)
    for name in sorted({mailbox.profile for mailbox in found if mailbox.profile}):
        profile = await bench.database.reading(profile_rows.find, name)
        if profile is None or not profile.active:
            continue
        try:
            identity = await bench.calendars(profile).identity()
        except FieldcalError:
            # Told by each mailbox's own sign-in line, with its remedy.
            continue
        await bench.database.writing(profiles.pin, name, identity)


async def _test_one(bench: Bench, environment: str, mailbox: MailboxId) -> Mailbox:
    async with holding(bench, mailbox) as may_begin:
        if may_begin is None:
            return await bench.database.writing(_step_aside, environment, mailbox)

        def begin(tx: Connection) -> tuple[bool, Case]:
            waits = load(tx, environment, mailbox).mailbox.status in _WAITING
            if waits:
                mailboxes.begin_test(tx, environment, mailbox, bench.clock.now())
            return waits, load(tx, environment, mailbox)

        waits, case = await bench.database.writing(begin)
        if not waits:
            # Whoever goes on with waiting tests was quicker, or somebody switched it off meanwhile.
            return case.mailbox
        lines = await _look(bench, case, may_begin)
        return await bench.database.writing(_finish, case, lines, bench.clock.now())


async def _look(bench: Bench, case: Case, may_begin: BeforeSend) -> list[Check]:
    """Every line up to the first that fails; where all hold, the claim is ours."""
    lines = checks.local(case.mailbox, case.profile, case.environment, case.account)
    if case.holder is not None and lines[-1].ok:
        lines.append(checks.held_by(case.holder.environment))
    if not lines[-1].ok or case.profile is None:
        return lines
    step = "sign-in"
    try:
        calendar = bench.calendars(case.profile).open(case.mailbox.id, case.environment.organization)
        lines += await calendar.test(may_begin)
        if lines[-1].ok:
            step = claims.NAME
            lines.append(await _claim(bench, case, calendar, may_begin))
    except FieldcalError as error:
        lines.append(checks.failed(step, error))
    return lines


async def _claim(bench: Bench, case: Case, calendar: Calendar, may_begin: BeforeSend) -> Check:
    ours, standing = case.claim, await calendar.claim(may_begin)
    verdict = claims.judge(standing, ours)
    if not verdict.ok:
        return verdict
    if claims.read(standing) == ours:
        return verdict
    kept = await calendar.set_claim(ours.text(bench.clock.now()), may_begin)
    if case.mailbox.claimless is kept:
        await bench.database.writing(accounts.keeps_claim, case.environment.id, case.mailbox.id, kept=kept)
    if not kept:
        return Check(claims.NAME, ok=True, detail=claims.UNKEPT)
    # Two installations that claim a calendar in one moment: the one whose claim stands goes on, the other sees it.
    return claims.judge(await calendar.claim(may_begin), ours)


def _finish(tx: Connection, case: Case, lines: Sequence[Check], now: datetime) -> Mailbox:
    """Store what the test came to, unless somebody changed the mailbox's set-up while it ran."""
    environment, mailbox = case.environment.id, case.mailbox.id
    now_case = load(tx, environment, mailbox)
    if now_case.mailbox.status is TrialStatus.IN_PROGRESS:
        bad = next((line for line in lines if not line.ok), None)
        # What our own rows say may have changed while the network was asked.
        bad = bad or next((line for line in _again(now_case) if not line.ok), None)
        if bad is None:
            _enable(tx, now_case, lines, now)
        elif bad.transient:
            _put_off(tx, environment, mailbox, lines, now)
        else:
            mailboxes.fail(tx, environment, mailbox, lines, checks.failure(bad))
            alerts.raise_alert(tx, environment, mailbox, _ALERT, "error", checks.failure(bad), now)
    return load(tx, environment, mailbox).mailbox


def _again(case: Case) -> list[Check]:
    lines = checks.local(case.mailbox, case.profile, case.environment, case.account)
    return [*lines, checks.held_by(case.holder.environment)] if case.holder else lines


def _enable(tx: Connection, case: Case, lines: Sequence[Check], now: datetime) -> None:
    environment, mailbox = case.environment, case.mailbox
    mailboxes.enable(tx, environment.id, mailbox.id, lines)
    pauses.lift(tx, mailbox.id)
    if not mailbox.enabled:
        marks.mark_mailbox(tx, environment.id, mailbox.id, window(tx, environment, now), now, "enabled")
    alerts.raise_alert(tx, environment.id, mailbox.id, _ALERT, "information", "Test & Enable succeeded", now)


def _step_aside(tx: Connection, environment: str, mailbox: MailboxId) -> Mailbox:
    """Somebody else is at work in the mailbox: a test, which tells its own end, or a synchronization."""
    known = load(tx, environment, mailbox).mailbox
    if known.status is TrialStatus.IN_PROGRESS:
        return known
    busy = Check("free", ok=False, detail="The mailbox is being synchronized just now.", transient=True)
    return _put_off(tx, environment, mailbox, [busy])


def _put_off(
    tx: Connection, environment: str, mailbox: MailboxId, lines: Sequence[Check], now: datetime | None = None
) -> Mailbox:
    known = load(tx, environment, mailbox).mailbox
    bad = next(line for line in lines if not line.ok)
    reason = checks.failure(bad)
    mailboxes.put_off(tx, environment, mailbox, lines, known.failures + 1, reason)
    if now is not None:
        alerts.raise_alert(tx, environment, mailbox, _ALERT, "warning", f"Test & Enable waits. {reason}", now)
    return load(tx, environment, mailbox).mailbox
