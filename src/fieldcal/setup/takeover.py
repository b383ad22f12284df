"""The claim on a mailbox's calendar, seen and moved (R14): one environment writes into a mailbox, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, FieldcalError, Unavailable
from fieldcal.model import MailboxId
from fieldcal.ports import BeforeSend, Calendar
from fieldcal.setup.bench import Bench, Case, holding, load, window, working
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Mailbox
from fieldcal.state import accounts, audit, environments, mailboxes, marks

#: Calendars that are asked at once.
AT_ONCE = 8


async def claim_of(bench: Bench, actor: Actor, environment: str, mailbox: MailboxId) -> str | None:
    """The claim that stands on this mailbox's calendar, as it is written there; None where there is none."""
    require(actor, Action.SEE_OVERVIEW)
    case = await bench.database.reading(load, environment, mailbox)
    async with _calendar(bench, case) as (calendar, may_begin):
        return await calendar.claim(may_begin)


async def take_over(bench: Bench, actor: Actor, environment: str, mailbox: MailboxId) -> Mailbox:
    """Have this mailbox served by this environment and no other (R14).

    An environment of this installation that held it is switched off there first, so that at no moment two write. Then
    the claim on the calendar is rewritten; a mailbox that is enabled here is read whole before anything is written.
    """
    require(actor, Action.TAKE_OVER)
    now = bench.clock.now()

    def release(tx: Connection) -> Case:
        working(environments.get(tx, environment))
        case = load(tx, environment, mailbox)
        if case.holder is not None:
            mailboxes.disable(
                tx, case.holder.environment, [case.holder.id], f"taken over by the environment {environment}"
            )
        detail = f"from the environment {case.holder.environment}" if case.holder else ""
        audit.record(tx, actor, now, "mailbox take over", [f"{environment}/{mailbox}"], detail)
        return case

    case = await bench.database.writing(release)
    async with _calendar(bench, case) as (calendar, may_begin):
        kept = await calendar.set_claim(case.claim.text(bench.clock.now()), may_begin)
        return await bench.database.writing(_taken, case, bench.clock.now(), kept)


@dataclass(frozen=True, slots=True)
class TakenOver:
    """One mailbox that was to be served from here; `problem`: why it is not, "" where it is."""

    mailbox: MailboxId
    address: str
    problem: str = ""


async def take_over_all(
    bench: Bench, actor: Actor, environment: str, wanted: Sequence[Mailbox], step: Callable[[int, TakenOver], None]
) -> None:
    """Have these served from here, some at once; one that cannot be is told with why, and the others go on (I7)."""
    require(actor, Action.TAKE_OVER)
    places, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(box: Mailbox) -> None:
        nonlocal done
        problem = ""
        async with places:
            try:
                await take_over(bench, actor, environment, box.id)
            except FieldcalError as error:
                problem = str(error)
        done += 1
        step(done, TakenOver(box.id, box.address or box.name, problem))

    await asyncio.gather(*(one(box) for box in wanted))


def _taken(tx: Connection, case: Case, now: datetime, kept: bool) -> Mailbox:
    environment, mailbox = case.environment, case.mailbox.id
    accounts.keeps_claim(tx, environment.id, mailbox, kept=kept)
    mailboxes.check_first(tx, environment.id, [mailbox])
    marks.mark_mailbox(tx, environment.id, mailbox, window(tx, environment, now), now, "taken over")
    return load(tx, environment.id, mailbox).mailbox


@asynccontextmanager
async def _calendar(bench: Bench, case: Case) -> AsyncIterator[tuple[Calendar, BeforeSend]]:
    """The calendar of a mailbox that has an active profile, under its lease."""
    if case.profile is None or not case.profile.active:
        raise ConfigError(f"the mailbox {case.mailbox.address} has no active server profile")
    async with holding(bench, case.mailbox.id) as may_begin:
        if may_begin is None:
            raise Unavailable(f"the mailbox {case.mailbox.address} is being synchronized; try again in a moment")
        organization = working(case.environment).organization
        yield bench.calendars(case.profile).open(case.mailbox.id, organization), may_begin
