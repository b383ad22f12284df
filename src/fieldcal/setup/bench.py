"""What the set-up of one mailbox works with: its rows as they stand, its server's end, and its lease."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId, Window
from fieldcal.ports import BeforeSend, Calendars, Pace
from fieldcal.setup.claims import Claim
from fieldcal.setup_model import Account, Environment, Mailbox, ServerProfile
from fieldcal.state import accounts, environments, feeds, held, leases, mailboxes, schema
from fieldcal.state import profiles as profile_rows
from fieldcal.state.database import Database

#: How long a test is taken to be under way; one that is not done by then was cut off.
UNDER_WAY = timedelta(seconds=240)


@dataclass(frozen=True, slots=True)
class Bench:
    """What testing needs: the state, the time, and the server profiles' ends."""

    database: Database
    clock: Clock
    #: the end of a server profile, as it is set now; raises `ConfigError` where it cannot be opened
    calendars: Callable[[ServerProfile], Calendars]
    #: who we are among the workers; in every lease
    worker: str
    #: the limits that all workers share
    pace: Pace


@dataclass(frozen=True, slots=True)
class Case:
    """One mailbox under test, as its test began."""

    environment: Environment
    mailbox: Mailbox
    profile: ServerProfile | None
    installation: str
    holder: Mailbox | None
    account: Account

    @property
    def claim(self) -> Claim:
        return Claim(self.installation, self.environment.organization, self.environment.id)


def load(tx: Connection, environment: str, mailbox: MailboxId) -> Case:
    """Everything that our own rows say about this mailbox."""
    known = mailboxes.load(tx, environment, mailbox)
    if known is None:
        raise ConfigError(f"the mailbox {mailbox} is not known any more")
    profile = profile_rows.find(tx, known.profile) if known.profile else None
    place, holder = environments.get(tx, environment), mailboxes.holder(tx, known)
    return Case(place, known, profile, schema.installation(tx), holder, accounts.of(tx, environment, mailbox))


def window(tx: Connection, environment: Environment, now: datetime) -> Window:
    """What of a mailbox is marked: up to the far edge that was reached, for what lies before it enters no more (D3)."""
    plain, reached = environment.settings.window(now), feeds.load(tx, environment.id).far_edge
    return Window(plain.near, max(plain.far, reached or plain.far))


def working(environment: Environment) -> Environment:
    """The environment, when anything may be sent for it (R13) and it is known which organization it is."""
    if not environment.enabled:
        raise ConfigError(
            f"the environment {environment.id} is switched off, so nothing is sent; "
            f"`fieldcal environment set {environment.id} --enable`"
        )
    if not environment.organization:
        raise ConfigError(f"the environment {environment.id} was never signed in to; run `fieldcal sync --dry-run`")
    return environment


@asynccontextmanager
async def holding(bench: Bench, mailbox: MailboxId) -> AsyncIterator[BeforeSend | None]:
    """Hold the mailbox's lease, the same that its synchronization takes (I8); None while another has it."""
    async with held.holding(bench, f"{leases.MAILBOX}{mailbox}") as lease:
        yield None if lease is None else lease.may_begin
