"""Who may pass through a route: each is registered with what it takes, and what is not said is refused. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from fieldcal.plan.settings import ApprovalRule
from fieldcal.setup.permissions import BY_RULE, OWN, Action, allowed
from fieldcal.setup_model import Actor, Role


class Open(Enum):
    """What takes no role."""

    #: anybody, signed in or not
    PUBLIC = "public"
    #: whoever is signed in, whatever the roles
    SIGNED_IN = "signed in"


Needs = Action | Open


@dataclass(frozen=True, slots=True)
class Gate:
    """What a route takes. `own`: also open to whom the table grants it for the own booking or mailbox only.

    The handler of an `own` route has to narrow what it shows or changes by `permissions.allowed_for`.
    """

    needs: Needs
    own: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.needs, Action | Open):
            raise TypeError(f"a route needs an Action or `Open`, not {self.needs!r}")


def opens(gate: Gate, actor: Actor | None, rules: Collection[ApprovalRule]) -> bool:
    """May this person pass? None: nobody is signed in. `rules`: D12's readings in the environments there are."""
    if gate.needs is Open.PUBLIC:
        return True
    if actor is None or actor.user is None:
        return False
    if isinstance(gate.needs, Open):
        return True
    if gate.own and gate.needs in OWN and Role.WORKER in actor.roles:
        return True
    if gate.needs in BY_RULE:
        return any(allowed(actor, gate.needs, rule) for rule in rules or (ApprovalRule.PAGE,))
    return allowed(actor, gate.needs)
