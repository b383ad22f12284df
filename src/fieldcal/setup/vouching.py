"""Who answers for an account being the person's whose name and address it has (D13 stands on that, and so R7 does).

Whoever adds a user names the sign-in name, and whoever sets a password can become that user. Were that enough to set
up the mailbox of the same address as its worker, one system administrator alone could get around D12. So an account
owns a mailbox for set-up only while somebody answers for it who may approve mailboxes, or the directory does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import NotAllowed
from fieldcal.plan.settings import ApprovalRule
from fieldcal.setup.permissions import EXCHANGE_GRANTS, Action, allowed, may_grant
from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import audit, environments, proofs, tokens, users


def may_vouch(tx: Connection, actor: Actor) -> bool:
    """Whether this person may approve everybody's mailbox in every environment there is."""
    rules = {place.settings.approval_rule for place in environments.everyone(tx)} or {ApprovalRule.PAGE}
    return all(allowed(actor, Action.APPROVE, rule) for rule in rules)


def vouch(tx: Connection, actor: Actor, now: datetime, name: str) -> User:
    """Answer for this account. Links and tokens that others made for it who may not do so end."""
    user = users.get(tx, name)
    if not may_vouch(tx, actor):
        raise NotAllowed(f"{actor.name} may not answer for {user.id}; that takes who may approve every mailbox")
    end_others(tx, actor, now, user, lambda maker: may_vouch(tx, maker))
    if not user.vouched:
        users.vouch(tx, user.id, good=True)
        audit.record(tx, actor, now, "user vouch", [user.id])
    return users.get(tx, name)


def doubt(tx: Connection, actor: Actor, now: datetime, user: User) -> None:
    """This person sets how that user signs in: nobody answers for the account any more, unless this person may."""
    if user.vouched and not may_vouch(tx, actor):
        users.vouch(tx, user.id, good=False)
        audit.record(tx, actor, now, "user unvouch", [user.id], "nobody answers for the account any more")


def granted(tx: Connection, actor: Actor, now: datetime, user: User, role: Role) -> None:
    """The user has this role from now on: links and tokens made by others who may not give it end."""
    if role in EXCHANGE_GRANTS:
        end_others(tx, actor, now, user, lambda maker: may_grant(maker, role))


def end_others(tx: Connection, actor: Actor, now: datetime, user: User, able: Callable[[Actor], bool]) -> None:
    """End the link and the tokens that stand for this user and were made by others than those who are able."""
    waiting = proofs.invited(tx, now).get(user.id)
    if waiting is not None and not _could(tx, waiting.made_by, able):
        proofs.drop_invitations(tx, user.id)
        audit.record(tx, actor, now, "user uninvite", [user.id], f"the link that {waiting.made_by} made")
    for token in tokens.everyone(tx, user.id):
        if token.made_by != user.id and not _could(tx, token.made_by, able):
            tokens.remove(tx, token.name)
            audit.record(tx, actor, now, "token revoke", [token.name], f"of {user.id}, made by {token.made_by}")


def _could(tx: Connection, maker: str, able: Callable[[Actor], bool]) -> bool:
    if maker == "operator":
        return able(Actor("operator"))
    known = users.find(tx, maker)
    return known is not None and able(Actor("", known))
