"""What a clean would take out of a mailbox: looked at for the person who approves, and again when it is done.

Reads only. A clean needs no set-up mailbox (I5), but a profile to write through and a calendar that no other
installation serves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, FieldcalError, Forbidden, LeaseLost, Throttled, Unavailable, Unreachable
from fieldcal.model import MailboxId
from fieldcal.plan import clean as parting
from fieldcal.plan.clean import Parted
from fieldcal.ports import Calendar
from fieldcal.setup import claims
from fieldcal.setup_model import ServerProfile
from fieldcal.state import links, mailboxes, profiles, schema
from fieldcal.state.held import Held, holding
from fieldcal.sync import gate
from fieldcal.sync.site import Site

#: What time heals.
PASSING = (Throttled, Unavailable, Unreachable, LeaseLost)


#: How often a mailbox is asked for that another holds, and seconds between.
TRIES, BETWEEN = 40, 0.25


@dataclass(frozen=True, slots=True)
class Survey:
    """What a clean would do in one mailbox. `problem`: why that is not known, "" when it is."""

    mailbox: MailboxId
    address: str
    found: Parted = field(default_factory=lambda: Parted((), (), (), ()))
    problem: str = ""
    #: the problem is one that time heals: the clean itself waits for that
    passing: bool = False


async def survey(site: Site, mailbox: MailboxId) -> Survey:
    """Look, touch nothing; an error of the calendar is the survey's problem."""
    known = await site.database.reading(mailboxes.load, site.environment, mailbox)
    address = known.address if known else mailbox
    try:
        for _ in range(TRIES):
            async with holding(site, f"mailbox:{mailbox}") as held:
                if held is not None:
                    calendar = await opened(site, mailbox)
                    await claimed_by_us(site, calendar, held)
                    return Survey(mailbox, address, await look(site, held, mailbox, calendar))
            # a pass is at it, for a moment: what stands there is not "nothing"
            await site.clock.sleep(BETWEEN)
        raise Unavailable("the mailbox is being worked on")
    except FieldcalError as error:
        return Survey(mailbox, address, problem=str(error), passing=isinstance(error, PASSING))


async def opened(site: Site, mailbox: MailboxId) -> Calendar:
    """The mailbox's calendar, set up or not; raises while it is paused and where no profile leads there."""

    def profile_of(tx: Connection) -> ServerProfile:
        known = mailboxes.load(tx, site.environment, mailbox)
        if known is None or known.profile is None:
            raise ConfigError("no server profile is chosen, so nothing was ever written into it")
        found = profiles.get(tx, known.profile)
        if not found.active:
            raise ConfigError(f"its server profile is not active; `fieldcal profile activate {known.profile}`")
        return found

    profile = await site.database.reading(profile_of)
    until = await gate.paused(site, mailbox, profile.id)
    if until is not None:
        seconds = (until - site.clock.now()).total_seconds()
        raise Unavailable(f"the calendar asked to wait until {until:%Y-%m-%d %H:%M:%S} UTC", retry_after=seconds)
    return site.calendars(profile).open(mailbox, site.organization)


async def claimed_by_us(site: Site, calendar: Calendar, held: Held) -> bool:
    """Whether the claim is ours to give back. Events of ours that another installation serves by now are its own."""
    ours = claims.Claim(await site.database.reading(schema.installation), site.organization, site.environment)
    text = await calendar.claim(held.may_begin)
    standing, verdict = claims.read(text), claims.judge(text, ours)
    # Of another organization: its marks are others than ours, so nothing of its is found.
    if not verdict.ok and (standing is None or standing.organization == ours.organization):
        raise ConfigError(f"{verdict.detail} Nothing is removed. {verdict.remedy}")
    return standing == ours


async def look(site: Site, held: Held, mailbox: MailboxId, calendar: Calendar) -> Parted:
    """Everything of ours in the mailbox, known to the state or forgotten by it."""
    await held.renew()
    owned = await calendar.owned(None, held.may_begin)
    linked = await site.database.reading(links.of_mailbox, site.environment, mailbox)
    ids = parting.absent(linked, owned)
    there = await calendar.get(ids, held.may_begin) if ids else {}
    kept = set(ids) - there.keys()
    if kept:
        raise Forbidden(
            f"{len(kept)} events of ours cannot be read, so nothing is removed; the server denies them to us"
        )
    return parting.part(site.organization, mailbox, linked, owned, there)
