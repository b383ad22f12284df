"""Which command takes away what keeps a mailbox from being written to; its sentence is `ready`'s. Pure."""

from __future__ import annotations

from fieldcal.plan.ready import strangers
from fieldcal.setup_model import Environment, Mailbox, Method, ServerProfile


def remedy(mailbox: Mailbox, profile: ServerProfile | None, environment: Environment) -> str:
    """What to run for the first thing that stands in the way, in the order of `ready`; "" when all is well.

    The commands name this mailbox; `for_all` makes the one for several of the same trouble.
    """
    here = f"{mailbox.address or mailbox.id}"
    if not environment.enabled:
        return f"`fieldcal environment set {environment.id} --enable`"
    if profile is None:
        return f"`fieldcal mailbox edit {here} --profile PROFILE`"
    if not profile.active:
        return f"`fieldcal profile activate {profile.id}`"
    if strangers(profile, environment):
        return f"`fieldcal mailbox edit {here} --profile` with a profile of the environment's tenant"
    if mailbox.method is not Method.SERVER_SIDE_SYNC:
        return f"`fieldcal mailbox edit {here} --method server-side-sync`"
    if not mailbox.approved:
        return f"`fieldcal mailbox approve {here}`"
    if not mailbox.enabled:
        return f"`fieldcal mailbox enable {here}`"
    return ""


def for_all(command: str, mailbox: Mailbox, number: int) -> str:
    """The remedy as it is told for `number` mailboxes, of which `mailbox` is the first.

    Never with `--all`: that would switch on again what was switched off for other reasons.
    """
    here = f"{mailbox.address or mailbox.id}"
    return command if number == 1 else command.replace(f" {here}", " ADDRESS ...")
