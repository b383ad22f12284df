"""Setting mailboxes up, one or thousands at a time: profile, method, approval, off (R5, R9, R13, R14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.plan.ready import ready
from fieldcal.setup import addresses
from fieldcal.setup.permissions import Action, require, require_for
from fieldcal.setup.profiles import same_server
from fieldcal.setup_model import Actor, Approval, Mailbox, Method, Selection, TrialStatus
from fieldcal.state import accounts, audit, environments, links, mailboxes, profiles

#: Mailboxes that a refusal names.
_NAMED_AT_MOST = 5
#: A test in hand would switch a mailbox on.
_GOING = (TrialStatus.SCHEDULED, TrialStatus.IN_PROGRESS)


def permitted(
    tx: Connection, actor: Actor, action: Action, environment: str, wanted: Sequence[MailboxId]
) -> list[Mailbox]:
    """These mailboxes, when this person may do this to all of them; `NotAllowed` otherwise."""
    place = environments.get(tx, environment)
    found = mailboxes.some(tx, environment, wanted)
    require_for(actor, action, found, place.settings)
    return found


def edit(
    tx: Connection, actor: Actor, now: datetime, environment: str, wanted: Sequence[MailboxId], *,
    profile: str | None = None, method: Method | None = None,
) -> int:  # fmt: skip
    """Choose the server profile, the appointments method, or both; returns for how many."""
    if profile is None and method is None:
        raise ConfigError("nothing to change: name a profile, a method, or both")
    found = permitted(tx, actor, Action.SET_UP, environment, wanted)
    chosen = [mailbox.id for mailbox in found]
    detail = []
    if profile is not None:
        lost = move(tx, environment, found, profile)
        detail.append(f"profile {profile}" + (f" ({lost} own secrets forgotten)" if lost else ""))
    if method is not None:
        mailboxes.set_method(tx, environment, chosen, method)
        detail.append(f"method {method.value}")
    audit.record(tx, actor, now, "mailbox edit", _subjects(found), ", ".join(detail))
    return len(found)


def move(tx: Connection, environment: str, found: Sequence[Mailbox], profile: str) -> int:
    """Write these mailboxes through this profile; returns how many lose their own secret, given for another server.

    What we remember of a mailbox's events are ids at one server; at another one none of them is found, which looks as
    if the worker had deleted them. So no mailbox goes to another server while events of ours stand in it, or may
    stand: a `ConfigError`, and none is moved.
    """
    standing = bound(tx, environment, found, profile)
    if standing:
        held = [mailbox.address or mailbox.id for mailbox in found if mailbox.id in standing]
        more = f" and {len(held) - _NAMED_AT_MOST} more" if len(held) > _NAMED_AT_MOST else ""
        raise ConfigError(
            f"{sum(standing.values())} events of ours stand in {', '.join(held[:_NAMED_AT_MOST])}{more}, and it is not "
            f"sure that they are at the server of the profile {profile} too: take them out first "
            "(`fieldcal mailbox clean`), then choose the profile"
        )
    leaving = _leaving(tx, found, profile)
    mailboxes.set_profile(tx, environment, [mailbox.id for mailbox in found], profile)
    return accounts.forget(tx, environment, leaving)


def _leaving(tx: Connection, found: Sequence[Mailbox], profile: str) -> list[MailboxId]:
    """Those of these whose profile stands at another server, and those that had none: their secret is for nobody."""
    places = {one.id: addresses.origin(one.end.url) for one in profiles.everyone(tx)}
    return [box.id for box in found if box.profile is None or places[box.profile] != places[profile]]


def losing(tx: Connection, environment: str, wanted: Sequence[MailboxId], profile: str) -> int:
    """How many of these mailboxes would lose a secret of their own if they were written through this profile."""
    profiles.get(tx, profile)
    known = accounts.some(tx, environment, _leaving(tx, mailboxes.some(tx, environment, wanted), profile))
    return sum(bool(account.secret) for account in known.values())


def bound(tx: Connection, environment: str, found: Sequence[Mailbox], profile: str) -> dict[MailboxId, int]:
    """Those of these that may not go to this profile's server, with how many events of ours stand where they are."""
    new = profiles.get(tx, profile)
    away = {old.id for old in profiles.everyone(tx) if not same_server(old, new)}
    return links.standing(tx, environment, [mailbox.id for mailbox in found if mailbox.profile in away])


def approve(tx: Connection, actor: Actor, now: datetime, environment: str, wanted: Sequence[MailboxId]) -> int:
    """Approve the addresses that these mailboxes have now; a changed address needs approval again.

    Returns for how many it holds. Those that were approved before stay approved by whom they were, without a new line
    in the audit; so it is with `reject` and `disable`.
    """
    found = permitted(tx, actor, Action.APPROVE, environment, wanted)
    nameless = [mailbox.name or mailbox.id for mailbox in found if not mailbox.address]
    if nameless:
        raise ConfigError(f"{', '.join(nameless[:5])}: without an address there is nothing to approve")
    meant = [mailbox for mailbox in found if not mailbox.approved]
    mailboxes.approve(tx, environment, [mailbox.id for mailbox in meant], actor.name)
    for mailbox in meant:
        audit.record(tx, actor, now, "mailbox approve", [_subject(mailbox)], mailbox.address)
    return len(found)


def reject(tx: Connection, actor: Actor, now: datetime, environment: str, wanted: Sequence[MailboxId]) -> int:
    """Reject these addresses; nothing more is written, nothing is removed."""
    found = permitted(tx, actor, Action.APPROVE, environment, wanted)
    meant = [mailbox for mailbox in found if mailbox.approval is not Approval.REJECTED]
    mailboxes.reject(tx, environment, [mailbox.id for mailbox in meant])
    audit.record(tx, actor, now, "mailbox reject", _subjects(meant))
    return len(found)


def disable(tx: Connection, actor: Actor, now: datetime, environment: str, wanted: Sequence[MailboxId]) -> int:
    """Switch these off: nothing is sent and nothing removed, marks wait (R13)."""
    found = permitted(tx, actor, Action.SET_UP, environment, wanted)
    meant = [mailbox for mailbox in found if mailbox.enabled or mailbox.status in _GOING]
    mailboxes.disable(tx, environment, [mailbox.id for mailbox in meant], f"switched off by {actor.name}")
    audit.record(tx, actor, now, "mailbox disable", _subjects(meant))
    return len(found)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a listing, each mailbox with why nothing is written into it (None: all is well)."""

    rows: tuple[tuple[Mailbox, str | None], ...]
    total: int


def listed(
    tx: Connection, actor: Actor, environment: str, selection: Selection, *,
    sort: str = "address", offset: int = 0, limit: int = 100,
) -> Listed:  # fmt: skip
    """The mailboxes of this selection, sorted by a column (`-column`: descending), a page at a time."""
    require(actor, Action.SEE_OVERVIEW)
    place = environments.get(tx, environment)
    page = mailboxes.page(
        tx, environment, selection,
        sort=sort.removeprefix("-"), descending=sort.startswith("-"), offset=offset, limit=limit,
    )  # fmt: skip
    known = {profile.id: profile for profile in profiles.everyone(tx)}
    return Listed(tuple((box, ready(box, known.get(box.profile or ""), place)) for box in page.rows), page.total)


def in_order(
    tx: Connection, actor: Actor, environment: str, selection: Selection, sort: str
) -> list[MailboxId]:  # fmt: skip
    """All that a listing of this selection would hold, page after page."""
    require(actor, Action.SEE_OVERVIEW)
    return mailboxes.in_order(tx, environment, selection, sort)


def told(
    tx: Connection, actor: Actor, environment: str, wanted: Sequence[MailboxId]
) -> list[tuple[Mailbox, str | None]]:
    """These mailboxes in this order, as `listed` tells them; one that is gone meanwhile is left out."""
    require(actor, Action.SEE_OVERVIEW)
    place = environments.get(tx, environment)
    servers = {profile.id: profile for profile in profiles.everyone(tx)}
    boxes = {box.id: box for box in mailboxes.some(tx, environment, wanted)}
    found = [boxes[key] for key in wanted if key in boxes]
    return [(box, ready(box, servers.get(box.profile or ""), place)) for box in found]


def _subject(mailbox: Mailbox) -> str:
    return f"{mailbox.environment}/{mailbox.id}"


def _subjects(found: Sequence[Mailbox]) -> list[str]:
    return [_subject(mailbox) for mailbox in found]
