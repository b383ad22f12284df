"""How a mailbox stands, in one word: written to, failing, or what it lacks. Pure."""

from __future__ import annotations

from fieldcal.plan.ready import strangers
from fieldcal.setup_model import (
    WIDE,
    Approval,
    Environment,
    Mailbox,
    MailboxStanding,
    Method,
    ServerProfile,
    TrialStatus,
)

_UNTRIED = {
    TrialStatus.NOT_RUN: MailboxStanding.UNTESTED, TrialStatus.SCHEDULED: MailboxStanding.TESTING,
    TrialStatus.IN_PROGRESS: MailboxStanding.TESTING, TrialStatus.FAILURE: MailboxStanding.FAILED,
    TrialStatus.SUCCESS: MailboxStanding.DISABLED,
}  # fmt: skip


def wide(one: MailboxStanding) -> MailboxStanding:
    """The one of `WIDE` that this is told as where few words do, or this itself."""
    return next((several for several, fine in WIDE.items() if one in fine), one)


def standing(mailbox: Mailbox, profile: ServerProfile | None, environment: Environment) -> MailboxStanding:
    """The first thing that stands in the way, in the order of `ready`; else whether the last try went well."""
    if not environment.enabled:
        return MailboxStanding.CLOSED
    if profile is None:
        return MailboxStanding.NO_PROFILE
    if not profile.active:
        return MailboxStanding.INACTIVE
    if strangers(profile, environment):
        return MailboxStanding.STRANGER
    if mailbox.method is not Method.SERVER_SIDE_SYNC:
        return MailboxStanding.NO_METHOD
    if not mailbox.approved:
        changed = mailbox.approved_address and mailbox.approved_address.casefold() != mailbox.address.casefold()
        rejected = mailbox.approval is Approval.REJECTED and not changed
        return MailboxStanding.REJECTED if rejected else MailboxStanding.UNAPPROVED
    if not mailbox.enabled:
        return _UNTRIED[mailbox.status]
    return MailboxStanding.TROUBLED if mailbox.failures or mailbox.trouble else MailboxStanding.WRITTEN
