"""A mailbox, and what Exchange answers for each state that one can be in. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from fieldcal.embedded.exchange.errors import GraphError, access_denied

State = Literal["ok", "disabled", "not_enabled", "moving", "moving_by_name", "full", "denied"]
STATES: frozenset[str] = frozenset(get_args(State))


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """What a mailbox is made from. `zone` is a Windows name; without an address the UPN is the address."""

    object_id: UUID
    upn: str
    name: str
    address: str = ""
    zone: str = "UTC"
    state: State = "ok"
    can_edit: bool = True


#: Who has an address or object id and is to have a mailbox from the first request on, made of this; None: nobody.
Directory = Callable[[str], NewMailbox | None]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox as stored. `row` is its number in this store only."""

    row: int
    object_id: UUID
    upn: str
    address: str
    name: str
    zone: str
    state: State
    can_edit: bool
    feed_token: str
    #: invitations and cancellations that a real Exchange would have sent
    mails_sent: int

    @property
    def feed_path(self) -> str:
        """Where the feed is, below the server's address."""
        return f"/feeds/{self.feed_token}.ics"


def unknown_user(named: str) -> GraphError:
    return GraphError(404, "ErrorInvalidUser", f"The requested user '{named[:120]}' is invalid.")


def unknown_directory_object(named: str) -> GraphError:
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{named[:120]}' does not exist or one of its queried reference-property objects are not present.",
    )


def refuse_unready(mailbox: Mailbox, named: str) -> None:
    """Raise what Exchange answers to every request on a mailbox in this state; nothing where it can be used.

    A mailbox that just moved can stay stale when addressed by name while its object id works.
    """
    refusal = _REFUSALS.get(mailbox.state)
    if mailbox.state == "moving_by_name" and named.casefold() == str(mailbox.object_id):
        return
    if refusal is not None:
        raise refusal()


def refuse_unwritable(mailbox: Mailbox, *, growing: bool) -> None:
    """Raise what Exchange answers to a write; a full mailbox still takes what does not make it grow."""
    if mailbox.state == "full" and growing:
        raise GraphError(507, "ErrorQuotaExceeded", "The mailbox has exceeded its quota and cannot take more items.")
    if not mailbox.can_edit:
        raise access_denied()


def _stale() -> GraphError:
    return GraphError(503, "MailboxInfoStale", "Mailbox info is stale.")


_REFUSALS: dict[str, Callable[[], GraphError]] = {
    "disabled": lambda: GraphError(404, "ResourceNotFound", "Resource could not be discovered."),
    "not_enabled": lambda: GraphError(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    ),
    "moving": _stale,
    "moving_by_name": _stale,
    "denied": access_denied,
}
