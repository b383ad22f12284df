"""What a token may be for, and how long it holds: known without the state, for `fieldcal --help` is quick. Pure."""

from __future__ import annotations

from enum import StrEnum

from fieldcal.setup.permissions import Action

#: Days that a token holds, if nothing else is said, and at most.
LASTS, LONGEST = 90, 366


class Scope(StrEnum):
    """A part of what a user may, as a token may have it."""

    READ = "read"
    MAILBOXES = "mailboxes"
    SYNC = "sync"
    PLANS = "plans"
    ALERTS = "alerts"
    CLEAN = "clean"
    USERS = "users"
    SCHEDULE = "schedule"
    DATA = "data"
    METRICS = "metrics"
    ADMIN = "admin"


#: Which actions of the permission table each scope lets through; an action in none is for no token. What takes events
#: out of calendars, and gives roles, asks for a scope of its own beside its action.
SCOPES: dict[Scope, frozenset[Action]] = {
    Scope.READ: frozenset(
        {Action.SEE_OVERVIEW, Action.SEE_BOOKINGS, Action.SEE_USERS, Action.AUDIT, Action.OWN}
    ),
    Scope.MAILBOXES: frozenset({Action.APPROVE, Action.SET_UP, Action.IMPORT}),
    Scope.SYNC: frozenset({Action.SYNC}),
    Scope.PLANS: frozenset({Action.TAKE_OVER}),
    Scope.ALERTS: frozenset({Action.ALERTS}),
    Scope.CLEAN: frozenset(),
    Scope.METRICS: frozenset(),
    Scope.USERS: frozenset({Action.USERS}),
    Scope.SCHEDULE: frozenset({Action.SCHEDULE}),
    Scope.DATA: frozenset({Action.DATA, Action.ERASE}),
    Scope.ADMIN: frozenset({Action.ENVIRONMENTS, Action.PROFILES, Action.DOCTOR}),
}  # fmt: skip
