"""The lines of Test & Enable that need no calendar server, and what an error counts as. Pure."""

from __future__ import annotations

from fieldcal.errors import (
    ConfigError,
    FieldcalError,
    Forbidden,
    Full,
    NotAMailbox,
    SignInFailed,
)
from fieldcal.model import Check
from fieldcal.plan.ready import strangers, unapproved
from fieldcal.setup.addresses import account_name, fill
from fieldcal.setup.claims import NAME as CLAIM
from fieldcal.setup.profiles import authentication
from fieldcal.setup_model import CALDAV, Account, Environment, Mailbox, Method, ServerProfile

PROFILE, TENANT, APPROVED, METHOD = "profile active", "same tenant", "e-mail approved", "method"
#: Of CalDAV only: somebody can sign in for the mailbox.
ACCOUNT = "account"
#: What no waiting mends.
_FOR_GOOD = (ConfigError, Forbidden, Full, NotAMailbox, SignInFailed)


def local(
    mailbox: Mailbox, profile: ServerProfile | None, environment: Environment, account: Account | None = None
) -> list[Check]:
    """What our own rows say, in the order of design §6, up to the first that fails."""
    dav = profile is not None and profile.kind == CALDAV
    lines: list[Check] = []
    for check in (
        _profile(mailbox, profile),
        _tenant(profile, environment),
        _approved(mailbox),
        _method(mailbox),
        *([_account(mailbox, profile, account or Account())] if dav and profile else []),
    ):
        lines.append(check)
        if not check.ok:
            break
    return lines


def _bad(name: str, detail: str, remedy: str) -> Check:
    return Check(name, ok=False, detail=detail, remedy=remedy)


def _profile(mailbox: Mailbox, profile: ServerProfile | None) -> Check:
    if mailbox.profile is None:
        return _bad(PROFILE, "No server profile is chosen.", "`fieldcal mailbox edit ADDRESS --profile NAME`")
    if profile is None:
        detail = f"There is no server profile {mailbox.profile} any more."
        return _bad(PROFILE, detail, "`fieldcal mailbox edit ADDRESS --profile NAME`")
    if not profile.active:
        detail = f"The server profile {profile.id} is not active."
        return _bad(PROFILE, detail, f"`fieldcal profile activate {profile.id}`")
    return Check(PROFILE, ok=True, detail=profile.id)


def _account(mailbox: Mailbox, profile: ServerProfile, account: Account) -> Check:
    if not fill(profile.end.url, account.user, mailbox.address):
        detail = "The profile's --url has a placeholder for which this mailbox has no name."
        return _bad(ACCOUNT, detail, f"`fieldcal mailbox edit {mailbox.address or mailbox.id} --user-name NAME`")
    if account.secret:
        return Check(ACCOUNT, ok=True, detail=f"its own: {account_name(account.user, mailbox.address)}")
    if profile.end.secret:
        return Check(ACCOUNT, ok=True, detail=authentication(profile))
    detail = "It has no secret of its own, and the server profile has none for all."
    how = f"`fieldcal mailbox edit {mailbox.address or mailbox.id} --user-name NAME --secret env:NAME`"
    return _bad(ACCOUNT, detail, f"{how}, or `fieldcal mailbox credentials FILE` for many.")


def _tenant(profile: ServerProfile | None, environment: Environment) -> Check:
    if profile is not None and profile.kind == CALDAV:
        return Check(TENANT, ok=True, detail="CalDAV knows no tenants.")
    if profile is None or not (profile.tenant and environment.tenant):
        return Check(TENANT, ok=True, detail="One of the ends does not tell its tenant.")
    if strangers(profile, environment):
        detail = f"The calendars are in the tenant {profile.tenant}, the bookings in {environment.tenant}."
        return _bad(TENANT, detail, "Choose a server profile that signs in to the bookings' own tenant.")
    return Check(TENANT, ok=True)


def _approved(mailbox: Mailbox) -> Check:
    if mailbox.approved:
        return Check(APPROVED, ok=True, detail=mailbox.address)
    detail = unapproved(mailbox)
    return _bad(APPROVED, f"{detail[0].upper()}{detail[1:]}.", "`fieldcal mailbox approve ADDRESS`")


def _method(mailbox: Mailbox) -> Check:
    if mailbox.method is Method.SERVER_SIDE_SYNC:
        return Check(METHOD, ok=True)
    detail = "The appointments method is not Server-Side Synchronization."
    return _bad(METHOD, detail, "`fieldcal mailbox edit ADDRESS --method server-side-sync`")


def failure(bad: Check) -> str:
    """What is said of a check that failed: what it looked for was not found."""
    name = bad.name.removesuffix(" found")
    return f"{name if name == bad.name else f'{name} not found'}: {bad.detail}"


def held_by(other: str) -> Check:
    """Another environment of this installation writes into the mailbox (R14)."""
    detail = f"The environment {other} of this installation serves this mailbox."
    remedy = "Disable it there, or take it over: `fieldcal mailbox claim ADDRESS --take-over`."
    return _bad(CLAIM, detail, remedy)


def failed(name: str, error: FieldcalError) -> Check:
    """The line that an error makes; what time may heal is told apart from what a person has to mend."""
    transient = not isinstance(error, _FOR_GOOD)
    remedy = "Nothing to do: it is tried again." if transient else "Mend this, then run Test & Enable again."
    return Check(name, ok=False, detail=str(error), remedy=remedy, transient=transient)
