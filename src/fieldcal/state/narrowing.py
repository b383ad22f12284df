"""Mailboxes narrowed by everything at once: how they stand, approval, test, server profile, method, alerts, words.

A narrowed list is read by an index of `mailboxes`. What profiles and the environment say is few rows, read before.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select, true

from fieldcal.plan.ready import strangers
from fieldcal.setup_model import (
    NO_PROFILE,
    NO_REASON,
    WIDE,
    AddressState,
    AlertState,
    Approval,
    MailboxStanding,
    MailboxState,
    Method,
    PauseState,
    Selection,
    TrialStatus,
)
from fieldcal.state import environments, profiles
from fieldcal.state.believed import lasts
from fieldcal.state.pace_tables import pauses
from fieldcal.state.tables import alerts, mailboxes

_APPROVED = (mailboxes.c.approval == Approval.APPROVED.value) & (
    func.lower(mailboxes.c.approved_address) == func.lower(mailboxes.c.address)
)
_CHANGED = (mailboxes.c.approved_address != "") & (
    func.lower(mailboxes.c.approved_address) != func.lower(mailboxes.c.address)
)
_REJECTED = and_(not_(_APPROVED), not_(_CHANGED), mailboxes.c.approval == Approval.REJECTED.value)
_TROUBLED = or_(mailboxes.c.failures > 0, mailboxes.c.trouble != "")
_TESTS = {
    MailboxStanding.UNTESTED: (TrialStatus.NOT_RUN,),
    MailboxStanding.TESTING: (TrialStatus.SCHEDULED, TrialStatus.IN_PROGRESS),
    MailboxStanding.FAILED: (TrialStatus.FAILURE,),
    MailboxStanding.DISABLED: (TrialStatus.SUCCESS,),
}


def narrowed(tx: Connection, environment: str, selection: Selection) -> list[ColumnElement[bool]]:
    """What a mailbox of this environment has to fulfil to be in the selection, its names aside."""
    where = [mailboxes.c.environment == environment]
    if selection.state is not None:
        where.append(_in_state(selection.state))
    if selection.standing is not None:
        where.append(_standing(tx, environment, selection.standing))
    if selection.approval is not None:
        where.append(_address(selection.approval))
    if selection.test is not None:
        where.append(mailboxes.c.test == selection.test.value)
    if selection.server_profile:
        none = selection.server_profile == NO_PROFILE
        where.append(mailboxes.c.profile.is_(None) if none else mailboxes.c.profile == selection.server_profile)
    if selection.appointments is not None:
        where.append(mailboxes.c.method == selection.appointments.value)
    where += _told(environment, selection)
    if selection.search:
        where.append(_called(selection.search))
    return where


def _told(environment: str, selection: Selection) -> list[ColumnElement[bool]]:
    """What is told of it besides how it is set up: alerts, pauses, and why it is off."""
    where: list[ColumnElement[bool]] = []
    if selection.alerts is not None:
        where.append(_alerted(environment, selection.alerts))
    if selection.paused is not None:
        if selection.now is None:
            raise ValueError("whether a mailbox is paused takes an instant")
        paused = _paused(selection.now)
        where.append(paused if selection.paused is PauseState.PAUSED else ~paused)
    if selection.reason:
        where.append(mailboxes.c.disabled_reason == ("" if selection.reason == NO_REASON else selection.reason))
    return where


def _called(words: str) -> ColumnElement[bool]:
    part = words.lower()
    return or_(
        func.lower(mailboxes.c.address).contains(part, autoescape=True),
        func.lower(mailboxes.c.name).contains(part, autoescape=True),
    )


def _in_state(state: MailboxState) -> ColumnElement[bool]:
    match state:
        case MailboxState.ENABLED:
            return mailboxes.c.enabled.is_(True)
        case MailboxState.DISABLED:
            return mailboxes.c.enabled.is_(False)
        case MailboxState.UNAPPROVED:
            return not_(_APPROVED)
        case _:
            return mailboxes.c.test == state.value


def _address(state: AddressState) -> ColumnElement[bool]:
    match state:
        case AddressState.APPROVED:
            return _APPROVED
        case AddressState.CHANGED:
            return _CHANGED
        case AddressState.REJECTED:
            return _REJECTED
    return and_(not_(_APPROVED), not_(_CHANGED), not_(_REJECTED))


def _alerted(environment: str, state: AlertState) -> ColumnElement[bool]:
    levels = ("error",) if state is AlertState.ERROR else ("warning", "error")
    told = (
        select(alerts.c.mailbox)
        .where(
            alerts.c.environment == environment, alerts.c.mailbox == mailboxes.c.id, alerts.c.level.in_(levels),
            alerts.c.acknowledged_by == "",
        )
        .exists()
    )  # fmt: skip
    return ~told if state is AlertState.NONE else told


def _paused(now: datetime) -> ColumnElement[bool]:
    """Nothing may be asked of the mailbox now, or of its server."""
    scopes = or_(pauses.c.scope == mailboxes.c.id, pauses.c.scope == "connector:" + mailboxes.c.profile)
    return select(pauses.c.scope).where(scopes, lasts(pauses.c.until, now)).exists()


def _standing(tx: Connection, environment: str, wanted: MailboxStanding) -> ColumnElement[bool]:
    """In the words of SQL what `plan.standing` tells of one mailbox; a test holds them together."""
    place, known = environments.get(tx, environment), profiles.everyone(tx)
    if not place.enabled:
        return true() if MailboxStanding.CLOSED in WIDE.get(wanted, (wanted,)) else false()
    inactive = [one.id for one in known if not one.active]
    strange = [one.id for one in known if one.active and strangers(one, place)]
    good = [one.id for one in known if one.active and one.id not in strange]
    return or_(*(_fine(one, good, inactive, strange) for one in WIDE.get(wanted, (wanted,))))


def _fine(
    wanted: MailboxStanding, good: list[str], inactive: list[str], strange: list[str]
) -> ColumnElement[bool]:  # fmt: skip
    profile, asked = mailboxes.c.profile, mailboxes.c.method == Method.SERVER_SIDE_SYNC.value
    match wanted:
        case MailboxStanding.CLOSED:
            return false()
        case MailboxStanding.NO_PROFILE:
            return or_(profile.is_(None), not_(_one_of([*good, *inactive, *strange])))
        case MailboxStanding.INACTIVE:
            return _one_of(inactive)
        case MailboxStanding.STRANGER:
            return _one_of(strange)
        case MailboxStanding.NO_METHOD:
            return and_(_one_of(good), not_(asked))
        case MailboxStanding.REJECTED:
            return and_(_one_of(good), asked, _REJECTED)
        case MailboxStanding.UNAPPROVED:
            return and_(_one_of(good), asked, not_(_APPROVED), not_(_REJECTED))
    on = mailboxes.c.enabled
    reached = and_(_one_of(good), asked, _APPROVED)
    if wanted in _TESTS:
        return and_(reached, not_(on), mailboxes.c.test.in_([one.value for one in _TESTS[wanted]]))
    return and_(reached, on, _TROUBLED if wanted is MailboxStanding.TROUBLED else not_(_TROUBLED))


def _one_of(servers: list[str]) -> ColumnElement[bool]:
    return mailboxes.c.profile.in_(servers) if servers else false()
