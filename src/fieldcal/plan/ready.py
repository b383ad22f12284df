"""Why nothing may be written into a mailbox (R3, R13, R7). Pure."""

from __future__ import annotations

from fieldcal.setup_model import Approval, Environment, Mailbox, Method, ServerProfile, TrialStatus


def ready(mailbox: Mailbox, profile: ServerProfile | None, environment: Environment) -> str | None:
    """The first thing that stands in the way, in the words for an administrator; None when all is well."""
    if not environment.enabled:
        return f"the environment {environment.id} is switched off"
    if profile is None:
        return "no server profile is chosen"
    if not profile.active:
        return f"the server profile {profile.id} is not active"
    if strangers(profile, environment):
        return f"the server profile {profile.id} and the environment {environment.id} are in different tenants"
    if mailbox.method is not Method.SERVER_SIDE_SYNC:
        return "the appointments method is not Server-Side Synchronization"
    if not mailbox.approved:
        return unapproved(mailbox)
    if not mailbox.enabled:
        return _not_enabled(mailbox)
    return None


def strangers(profile: ServerProfile, environment: Environment) -> bool:
    """Both ends have told their tenant, and it is not the same (R7)."""
    return bool(profile.tenant and environment.tenant) and profile.tenant.casefold() != environment.tenant.casefold()


def unapproved(mailbox: Mailbox) -> str:
    """Why the address of this mailbox does not count as approved."""
    if mailbox.approved_address and mailbox.approved_address.casefold() != mailbox.address.casefold():
        return "the e-mail address changed since it was approved"
    if mailbox.approval is Approval.REJECTED:
        return "the e-mail address was rejected"
    return "the e-mail address is not approved"


def _not_enabled(mailbox: Mailbox) -> str:
    match mailbox.status:
        case TrialStatus.NOT_RUN:
            return "Test & Enable has not been run"
        case TrialStatus.SCHEDULED:
            return "Test & Enable is scheduled and has not succeeded yet"
        case TrialStatus.IN_PROGRESS:
            return "Test & Enable is in progress"
        case TrialStatus.FAILURE:
            return f"Test & Enable failed: {mailbox.disabled_reason or 'no reason is known'}"
        case TrialStatus.SUCCESS:
            return mailbox.disabled_reason or "the mailbox is switched off"
