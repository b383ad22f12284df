"""What keeps a mailbox from being written to, and which command takes it away; its sentence is `ready`'s. Pure."""

from __future__ import annotations

from enum import StrEnum

from fieldcal.plan.ready import strangers
from fieldcal.setup_model import Environment, Mailbox, Method, ServerProfile


class Lack(StrEnum):
    """What keeps a mailbox from being written to, in the order in which it is put right."""

    ENVIRONMENT = "environment"
    PROFILE = "profile"
    INACTIVE = "inactive"
    TENANT = "tenant"
    METHOD = "method"
    APPROVAL = "approval"
    TEST = "test"


def lack(mailbox: Mailbox, profile: ServerProfile | None, environment: Environment) -> Lack | None:
    """The first thing that stands in the way, in the order of `ready`; None when all is well."""
    if not environment.enabled:
        return Lack.ENVIRONMENT
    if profile is None:
        return Lack.PROFILE
    if not profile.active:
        return Lack.INACTIVE
    if strangers(profile, environment):
        return Lack.TENANT
    if mailbox.method is not Method.SERVER_SIDE_SYNC:
        return Lack.METHOD
    if not mailbox.approved:
        return Lack.APPROVAL
    return None if mailbox.enabled else Lack.TEST


def remedy(mailbox: Mailbox, profile: ServerProfile | None, environment: Environment) -> str:
    """What to run for the first thing that stands in the way; "" when all is well.

    The commands name this mailbox; `for_all` makes the one for several of the same trouble.
    """
    here = f"{mailbox.address or mailbox.id}"
    match lack(mailbox, profile, environment):
        case None:
            return ""
        case Lack.ENVIRONMENT:
            return f"`fieldcal environment set {environment.id} --enable`"
        case Lack.PROFILE:
            return f"`fieldcal mailbox edit {here} --profile PROFILE`"
        case Lack.INACTIVE:
            return f"`fieldcal profile activate {mailbox.profile}`"
        case Lack.TENANT:
            return f"`fieldcal mailbox edit {here} --profile` with a profile of the environment's tenant"
        case Lack.METHOD:
            return f"`fieldcal mailbox edit {here} --method server-side-sync`"
        case Lack.APPROVAL:
            return f"`fieldcal mailbox approve {here}`"
        case Lack.TEST:
            return f"`fieldcal mailbox enable {here}`"


def for_all(command: str, mailbox: Mailbox, number: int) -> str:
    """The remedy as it is told for `number` mailboxes, of which `mailbox` is the first.

    Never with `--all`: that would switch on again what was switched off for other reasons.
    """
    here = f"{mailbox.address or mailbox.id}"
    return command if number == 1 else command.replace(f" {here}", " ADDRESS ...")
