"""May this mailbox be written to now, and what its last try came to (R3, R13, pauses, refusals)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.errors import (
    ConnectorError,
    Forbidden,
    MailboxError,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    SignInFailed,
    Throttled,
    Unreachable,
)
from fieldcal.model import MailboxId, Receipt
from fieldcal.plan.retry import pause
from fieldcal.ports import Calendar, Outcome
from fieldcal.setup import claims
from fieldcal.setup_model import Mailbox, ServerProfile
from fieldcal.state import alerts, mailboxes, schema, troubles
from fieldcal.state.held import Held
from fieldcal.sync.site import Site

#: The alert of a mailbox that somebody else serves.
CLAIMED = "claimed-elsewhere"
#: How long a claim that was seen to be ours is believed; before a write that comes later it is read again. So long, and
#: no longer, two installations may write into one calendar after a take-over (R14).
CLAIM_HOLDS = timedelta(hours=12)
#: First pause, seconds, of a mailbox that was left for a reason which is not its own.
LEFT = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A mailbox that may be written to."""

    calendar: Calendar
    profile: str
    #: read everything that is ours in it before anything else
    check_first: bool
    #: failures in a row so far
    failures: int


def why_not(tx: Connection, site: Site, mailbox: MailboxId, *, alone: bool = False) -> str | None:
    """Why nothing may be written into this mailbox (R3, R13); None when all is well, and `alone` until the end."""
    return mailboxes.why_not(tx, site.environment, mailbox, alone=alone)


def look(tx: Connection, site: Site, mailbox: MailboxId) -> tuple[Mailbox, ServerProfile] | None:
    """The mailbox and its profile as they stand; None when nothing may be written into it."""
    return mailboxes.ready_one(tx, site.environment, mailbox)


def opened(site: Site, row: Mailbox, profile: ServerProfile) -> Opened:
    """The calendar of a mailbox that may be written to."""
    calendar = site.calendars(profile).open(row.id, site.organization)
    return Opened(calendar, profile.id, row.check_first, row.failures)


async def enter(site: Site, mailbox: MailboxId) -> Opened | None:
    """The mailbox's calendar; None when it is not set up, switched off or paused: then nothing is sent (R13)."""
    found = await site.database.reading(look, site, mailbox)
    if found is None or await paused(site, mailbox, found[1].id):
        return None
    return opened(site, *found)


def claim_is_fresh(row: Mailbox, now: datetime) -> bool:
    """Whether the claim on the calendar was seen to be ours not long ago; a clock set back makes nothing fresh.

    A server that keeps no claims is not asked for one.
    """
    if row.claimless:
        return True
    return row.claimed_at is not None and timedelta(0) <= now - row.claimed_at < CLAIM_HOLDS


def scopes(mailbox: MailboxId, profile: str) -> list[str]:
    """What may be paused that concerns this mailbox."""
    return [mailbox, f"connector:{profile}"]


async def paused(site: Site, mailbox: MailboxId, profile: str) -> datetime | None:
    """Until when this mailbox or its whole connector is paused; None when neither is."""
    return await site.pace.paused(scopes(mailbox, profile))


def went_well(
    tx: Connection, site: Site, mailbox: MailboxId, opened: Opened, *, reached: bool, sent: bool, recompute: bool
) -> None:
    """Remember that the mailbox was reached; an alert about it is over.

    Not reached, for nothing had to be sent or what was sent was not answered: its last failure stands while anything
    waits in it. `recompute`: as for `troubles.went_well`, once it was reached.
    """
    if not reached:
        if sent:
            troubles.unanswered(tx, site.environment, mailbox)
        if troubles.nothing_left(tx, site.environment, mailbox):
            alerts.clear(tx, site.environment, mailbox, "mailbox-failing")
        return
    troubles.went_well(tx, site.environment, mailbox, site.clock.now(), recompute=recompute)
    if opened.failures:
        alerts.clear(tx, site.environment, mailbox, "mailbox-failing")


def answered(outcome: Outcome) -> bool:
    """The calendar has said what became of this write, well or not."""
    return not isinstance(outcome, NotSent | OutcomeUnknown | MailboxError | ConnectorError)


async def asked_to_wait(site: Site, mailbox: MailboxId, profile: str) -> str:
    """Whom a server has asked to wait: "connector", else "mailbox"; "" for nobody."""
    own, all_of_it = scopes(mailbox, profile)
    if await site.pace.paused([all_of_it]):
        return "connector"
    return "mailbox" if await site.pace.paused([own]) else ""


def concerning(outcomes: Sequence[Outcome], waiting: str) -> MailboxError | ConnectorError | None:
    """What the outcomes of one batch say of the mailbox or its connector; None where each event stands for itself.

    A refusal beside writes that were carried out is that one event's, as servers under load refuse now and then.
    `waiting`: as `asked_to_wait`. A batch of which nothing got through then, or of which several went without an
    answer, counts as a failure, so that pauses grow though the server asks for a second each time.
    """
    carried_out = any(isinstance(outcome, Receipt) for outcome in outcomes)
    for outcome in outcomes:
        if isinstance(outcome, MailboxError | ConnectorError) and not (carried_out and _of_one(outcome)):
            return outcome
    if any(map(answered, outcomes)):
        return None
    unsent = [outcome for outcome in outcomes if isinstance(outcome, NotSent)]
    refused = [outcome for outcome in unsent if outcome.status]  # by the server, not by a limit that we keep ourselves
    if refused and waiting:
        longest = max(outcome.retry_after or 0.0 for outcome in unsent)
        return Throttled(f"nothing got through: {refused[0]}", retry_after=longest, scope=waiting)
    if not unsent and len(outcomes) > 1:
        return Unreachable(f"none of {len(outcomes)} writes was answered: {outcomes[0]}")
    return None


def _of_one(error: MailboxError | ConnectorError) -> bool:
    refused = isinstance(error, Forbidden | NotAMailbox)
    return refused or (isinstance(error, SignInFailed) and not error.everywhere)


async def left(site: Site, mailbox: MailboxId, text: str, *, first: float = LEFT) -> None:
    """Come back to a mailbox that could not be worked on after `first` seconds, then more each time; it is told of.

    For what speaks neither of the mailbox nor of its server: a source that does not say what must be known first, a
    fault of ours. It counts as no refusal.
    """
    now = site.clock.now()

    def store(tx: Connection) -> int:
        row = mailboxes.load(tx, site.environment, mailbox)
        failures = 1 if row is None else row.failures + 1
        alerts.raise_alert(tx, site.environment, mailbox, "mailbox-failing", "warning", text, now)
        troubles.went_wrong(tx, site.environment, mailbox, text, failures, refused=False)
        return failures

    failures = await site.database.writing(store)
    seconds = pause(failures, site.spread(), first=first)
    await site.pace.pause(mailbox, now + timedelta(seconds=seconds), text)


async def went_wrong(
    site: Site, held: Held, mailbox: MailboxId, opened: Opened, error: MailboxError | ConnectorError
) -> None:
    """Remember the failure and pause with growing steps: the mailbox, or all of the connector where all are concerned.

    A request without a sound answer, or refused with a token that was just given, concerns its own mailbox alone: one
    that answers 500 or 401 for weeks must not hold up the others (I7). Where the whole server is ill, each mailbox
    finds out by itself, at growing intervals. A mailbox that is refused again and again, on passes of its own and
    nothing else in between, is tested once more under the lease `held`; it is switched off only when the test is
    refused too (F54). Anything else goes on by itself when the server is back.
    """
    failures, now = opened.failures + 1, site.clock.now()
    refused = isinstance(error, Forbidden | NotAMailbox)
    seconds = pause(failures, site.spread(), error.retry_after, first=30.0 if isinstance(error, MailboxError) else 4.0)
    whole = _concerns_all(error)
    scope = f"connector:{opened.profile}" if whole else mailbox
    await site.pace.pause(scope, now + timedelta(seconds=seconds), str(error))

    def store(tx: Connection) -> bool:
        alerts.raise_alert(tx, site.environment, mailbox, "mailbox-failing", "warning", str(error), now)
        return troubles.went_wrong(tx, site.environment, mailbox, str(error), failures, refused=refused)

    def switch_off(tx: Connection) -> None:
        troubles.switch_off(tx, site.environment, mailbox, str(error))
        alerts.raise_alert(tx, site.environment, mailbox, "mailbox-failing", "error", f"switched off: {error}", now)

    if await site.database.writing(store) and await _refused_again(held, opened.calendar):
        await site.database.writing(switch_off)


async def _refused_again(held: Held, calendar: Calendar) -> bool:
    """Whether a test finds what only a person can mend; one that is not answered says nothing, the next pass will."""
    await held.renew()
    try:
        return any(not line.ok and not line.transient for line in await calendar.test(held.may_begin))
    except (Forbidden, NotAMailbox):
        return True
    except (MailboxError, ConnectorError):
        return False


async def claimed_elsewhere(site: Site, held: Held, mailbox: MailboxId, calendar: Calendar) -> bool:
    """Whether another environment or installation serves this mailbox by now (R14): then it is switched off here.

    Nothing is written, neither events nor the claim; a person takes it over, or lets it go.
    """
    ours = claims.Claim(await site.database.reading(schema.installation), site.organization, site.environment)
    verdict = claims.still_ours(await calendar.claim(held.may_begin), ours)
    if verdict.ok:
        return False

    def switch_off(tx: Connection) -> None:
        text = f"{verdict.detail} {verdict.remedy}"
        mailboxes.disable(tx, site.environment, [mailbox], verdict.detail)
        alerts.raise_alert(tx, site.environment, mailbox, CLAIMED, "error", f"switched off: {text}", site.clock.now())

    await site.database.writing(switch_off)
    return True


def _concerns_all(error: MailboxError | ConnectorError) -> bool:
    match error:
        case Throttled(scope=scope):
            return scope == "connector"
        case Unreachable() | SignInFailed():
            return error.everywhere
        case _:
            return isinstance(error, ConnectorError)
