"""Taking over who is set up in the source already (R6, D9): shown first, and carried out when a person says so.

Method and approval are taken over; that our own application may write is proven by Test & Enable, which follows (R3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId, SetUpList, SetUpThere
from fieldcal.setup.mailboxes import bound, move, permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Actor, Approval, Mailbox, Method, Selection
from fieldcal.state import audit, mailboxes, profiles


class Standing(StrEnum):
    """What an import makes of one mailbox."""

    IMPORT = "to be imported"
    SERVED = "served by Microsoft's own booking sync"
    HERE = "set up here already"
    REJECTED = "rejected here"
    NOT_THERE = "not set up in the source"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of our mailboxes, what an import makes of it, and why."""

    mailbox: Mailbox
    standing: Standing
    detail: str = ""


def candidates(ours: Sequence[Mailbox], there: SetUpList) -> list[Candidate]:
    """Each of our mailboxes with what an import makes of it. Pure.

    Nothing that a person has decided here is overruled, and an address is approved only if it is the one that was
    approved there. Where it cannot be told whom Microsoft's own booking sync serves, everybody may be served.
    """
    by_id = {row.object_id: row for row in there.mailboxes if row.object_id}
    by_address = {row.address: row for row in there.mailboxes if row.address and not row.object_id}
    return [_candidate(box, by_id.get(box.id) or by_address.get(box.address), there.doubt) for box in ours]


def _candidate(box: Mailbox, row: SetUpThere | None, doubt: str) -> Candidate:
    if box.approval is Approval.REJECTED:
        return Candidate(box, Standing.REJECTED, "approve it to have it set up")
    if box.enabled or box.approval is Approval.APPROVED:
        return Candidate(box, Standing.HERE, "" if box.enabled else "`fieldcal mailbox test` switches it on")
    if row is None:
        return Candidate(box, Standing.NOT_THERE, "the source has no mailbox for this user")
    if row.missing:
        return Candidate(box, Standing.NOT_THERE, row.missing)
    if not row.address or row.address != box.address.casefold():
        return Candidate(box, Standing.NOT_THERE, f"the address approved there is another: {row.address or 'none'}")
    if row.served_at is not None:
        return Candidate(box, Standing.SERVED, f"it last wrote at {row.served_at:%Y-%m-%d %H:%M} UTC")
    if doubt:
        return Candidate(box, Standing.SERVED, f"it cannot be told: {doubt}")
    return Candidate(box, Standing.IMPORT)


def chosen(found: Sequence[Candidate], *, accept_copies: bool) -> list[Candidate]:
    """Those that are imported; whom Microsoft's own sync serves only where a person accepts the copies (F53)."""
    wanted = {Standing.IMPORT, Standing.SERVED} if accept_copies else {Standing.IMPORT}
    return [candidate for candidate in found if candidate.standing in wanted]


def profile_for(tx: Connection, named: str | None) -> str:
    """The server profile to write through: the one named, else the only active one."""
    if named is not None:
        return profiles.get(tx, named).id
    active = [profile.id for profile in profiles.everyone(tx) if profile.active]
    if not active:
        raise ConfigError("there is no active server profile yet; `fieldcal profile add` makes one")
    if len(active) > 1:
        raise ConfigError(f"name the server profile with --profile; there are: {', '.join(active)}")
    return active[0]


def allowed(tx: Connection, actor: Actor, environment: str) -> list[Mailbox]:
    """Every mailbox of the environment, when this person may import; `NotAllowed` otherwise."""
    return permitted(tx, actor, Action.IMPORT, environment, mailboxes.ids(tx, environment, Selection()))


def carry_out(
    tx: Connection, actor: Actor, now: datetime, environment: str, wanted: Sequence[Candidate], profile: str
) -> list[MailboxId]:
    """Choose profile and method, and approve the address that was approved in the source; a test has to follow."""
    boxes = permitted(tx, actor, Action.IMPORT, environment, [candidate.mailbox.id for candidate in wanted])
    served = {candidate.mailbox.id for candidate in wanted if candidate.standing is Standing.SERVED}
    ids = [box.id for box in boxes]
    # One with events of ours at another server goes on being written there, and holds up nobody else's import.
    staying = bound(tx, environment, boxes, profile)
    for box in boxes:
        detail = f"{box.address}, profile {box.profile if box.id in staying else profile}"
        if box.id in served:
            detail += "; copies accepted: Microsoft's own booking sync may serve it too"
        audit.record(tx, actor, now, "mailbox import", [f"{environment}/{box.id}"], detail)
    move(tx, environment, [box for box in boxes if box.id not in staying], profile)
    mailboxes.set_method(tx, environment, ids, Method.SERVER_SIDE_SYNC)
    mailboxes.approve(tx, environment, ids, actor.name)
    return ids
