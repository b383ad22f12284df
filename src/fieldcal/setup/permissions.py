"""Who may do what: the one table (design §6). Pure; web, REST and command line ask it.

D12, D13 and "those two roles" are the three places where a table of yes and no is not enough.
"""

from __future__ import annotations

from enum import StrEnum

from fieldcal.errors import NotAllowed
from fieldcal.plan.settings import ApprovalRule, Settings
from fieldcal.setup_model import Actor, Mailbox, Role


class Action(StrEnum):
    """What may be asked for; the text is what a refusal says."""

    SEE_OVERVIEW = "see the overview, mailboxes, passes and alerts"
    SEE_BOOKINGS = "see bookings and why"
    ENVIRONMENTS = "see and change environments, settings and templates"
    PROFILES = "see and change server profiles"
    APPROVE = "approve or reject e-mail addresses"
    SET_UP = "set mailboxes up: profile, method, Test & Enable, disable"
    IMPORT = "import mailboxes that are set up elsewhere"
    TAKE_OVER = "take over or clean mailboxes, decide held plans"
    SYNC = "synchronize now"
    SCHEDULE = "schedule bookings and work orders"
    USERS = "add users"
    SEE_USERS = "see users and their roles"
    AUDIT = "read the audit"
    ALERTS = "acknowledge alerts"
    DOCTOR = "run the doctor"
    DATA = "see what is kept how long, and have what is old forgotten"
    ERASE = "erase persons"
    OWN = "see the own calendar, feed and mailbox"


_SYSTEM, _EXCHANGE, _APPROVER = Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER
_ADMINS = frozenset({_SYSTEM, _EXCHANGE, _APPROVER})

#: Which roles may, whoever is concerned. By-D12 actions are not here: `_by_rule` decides them.
TABLE: dict[Action, frozenset[Role]] = {
    Action.SEE_OVERVIEW: _ADMINS | {Role.READER},
    Action.SEE_BOOKINGS: _ADMINS | {Role.DISPATCHER, Role.READER},
    Action.ENVIRONMENTS: frozenset({_SYSTEM}),
    Action.PROFILES: frozenset({_SYSTEM, _EXCHANGE}),
    Action.TAKE_OVER: frozenset({_SYSTEM}),
    Action.SYNC: _ADMINS | {Role.DISPATCHER},
    Action.SCHEDULE: frozenset({_SYSTEM, Role.DISPATCHER}),
    Action.USERS: frozenset({_SYSTEM}),
    Action.SEE_USERS: frozenset({_SYSTEM, _EXCHANGE}),
    Action.AUDIT: frozenset({_SYSTEM, _EXCHANGE}),
    Action.ALERTS: _ADMINS,
    Action.DOCTOR: frozenset({_SYSTEM, _EXCHANGE}),
    Action.DATA: frozenset({_SYSTEM}),
    Action.ERASE: frozenset({_SYSTEM}),
    Action.OWN: frozenset(Role),
}
#: Which of them D12 decides.
BY_RULE = frozenset({Action.APPROVE, Action.SET_UP, Action.IMPORT})
#: What a worker may where only the own booking, mailbox or status is concerned.
OWN = frozenset({Action.SEE_BOOKINGS, Action.SYNC, Action.SCHEDULE, Action.APPROVE, Action.SET_UP})
#: Granted by an Exchange administrator only.
EXCHANGE_GRANTS = frozenset({_EXCHANGE, _APPROVER})


def _by_rule(roles: frozenset[Role], rule: ApprovalRule) -> bool:
    """D12: may these roles approve e-mail and set others up?"""
    system, exchange, approver = (role in roles for role in (_SYSTEM, _EXCHANGE, _APPROVER))
    match rule:
        case ApprovalRule.PAGE:
            return (exchange and system) or approver
        case ApprovalRule.STRICT:
            return system and (exchange or approver)
        case ApprovalRule.EXCHANGE:
            return exchange and (system or approver)


def allowed(actor: Actor, action: Action, rule: ApprovalRule = ApprovalRule.PAGE) -> bool:
    """May this person do this, whoever is concerned? The operator may do everything."""
    if actor.is_operator:
        return True
    if action in BY_RULE:
        return _by_rule(actor.roles, rule)
    return bool(actor.roles & TABLE[action])


def allowed_own(actor: Actor, action: Action) -> bool:
    """May this person do this where only the own booking or own status is concerned?"""
    return allowed(actor, action) or (action in OWN - BY_RULE and Role.WORKER in actor.roles)


def allowed_for(actor: Actor, action: Action, mailbox: Mailbox, settings: Settings) -> bool:
    """May this person approve or set up this mailbox (R5, R7, D12, D13)?"""
    if allowed(actor, action, settings.approval_rule):
        return True
    if Role.WORKER not in actor.roles or action not in OWN or not (actor.user and actor.user.vouched):
        return False
    if action is Action.APPROVE:
        return settings.self_approval and actor.approves_own(mailbox)
    return actor.owns(mailbox)


def may_grant(actor: Actor, role: Role) -> bool:
    """May this person give or take this role?"""
    if actor.is_operator:
        return True
    return (_EXCHANGE if role in EXCHANGE_GRANTS else _SYSTEM) in actor.roles


def require(actor: Actor, action: Action) -> None:
    """Return when this person may; raise `NotAllowed` that says what and by whom it may be done."""
    if not allowed(actor, action):
        roles = ", ".join(sorted(role.value for role in TABLE[action]))
        raise NotAllowed(f"{actor.name} may not {action.value}; that takes one of the roles {roles}")


def require_for(actor: Actor, action: Action, mailboxes: list[Mailbox], settings: Settings) -> None:
    """Return when this person may do this to every one of these mailboxes; nothing is done to some of them only."""
    refused = [mailbox for mailbox in mailboxes if not allowed_for(actor, action, mailbox, settings)]
    if refused:
        of = f"{refused[0].address or refused[0].id}" + (f" and {len(refused) - 1} more" if refused[1:] else "")
        raise NotAllowed(f"{actor.name} may not {action.value} ({of}); that takes {RULES[settings.approval_rule]}")


#: D12 in words.
RULES: dict[ApprovalRule, str] = {
    ApprovalRule.PAGE: "exchange_admin together with system_admin, or mailbox_approver",
    ApprovalRule.STRICT: "system_admin together with exchange_admin or mailbox_approver",
    ApprovalRule.EXCHANGE: "exchange_admin together with system_admin or mailbox_approver",
}


def require_grant(actor: Actor, role: Role) -> None:
    """Return when this person may give or take this role; raise `NotAllowed` otherwise."""
    if not may_grant(actor, role):
        by = _EXCHANGE if role in EXCHANGE_GRANTS else _SYSTEM
        raise NotAllowed(f"{actor.name} may not grant or revoke {role.value}; that takes the role {by.value}")
