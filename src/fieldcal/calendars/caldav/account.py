"""Which account of a CalDAV server stands for a mailbox: where it lies, and who signs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fieldcal.http import AnyCredential
from fieldcal.model import MailboxId


@dataclass(frozen=True, slots=True)
class Account:
    """One mailbox at the server."""

    #: where discovery begins: the whole address, placeholders filled in
    url: str
    credential: AnyCredential
    #: the credential is the mailbox's own; False: one service account signs in for all, whose own calendar is nobody's
    own: bool
    #: the calendar's path on the server, as the last Test & Enable found it; "" none yet
    collection: str = ""


class Accounts(Protocol):
    """What is set and remembered of each mailbox; the app keeps it in the state."""

    def of(self, mailbox: MailboxId) -> Account:
        """The mailbox's account as it is set now; `NotAMailbox` or `SignInFailed`, of it alone, where it has none."""
        ...

    async def found(self, mailbox: MailboxId, collection: str) -> None:
        """Remember the calendar's path; "" forgets it.

        Raises `NotAMailbox` where another mailbox stands on that very calendar: each technician's has to be another.
        """
        ...
