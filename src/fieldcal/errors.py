"""Errors, by who must act next.

FieldcalError
├── ConfigError             the operator: a setting, a database, an address; shown without a traceback
│   ├── WrongClock          the operator: this machine's time
│   ├── Stranger            the operator: the source is another organization than before
│   ├── StateAway           time: the state's database does not answer, or gave a transaction up; nothing of it is kept
│   ├── Overtaken           the person: another has changed the same meanwhile; look again
│   └── Damaged             the operator: the state's file is broken; a backup has to be put back
├── this event (EventError)
│   ├── Rejected            nobody: never sent again unchanged; set aside with its reason
│   ├── Changed             we: the etag is stale; read, decide anew, once
│   ├── Gone                we: the event is not there any more; next generation of its key
│   └── KeyUsed             we: the create key was used for other content; find, adopt, or next generation
├── this mailbox (MailboxError)
│   ├── Unavailable         time: later, with growing pauses
│   ├── Forbidden           the administrator: permission or scope
│   └── Full                the worker: the mailbox has no room
├── this connector (ConnectorError)
│   ├── Throttled           time: `retry_after` seconds, for `scope` (one mailbox, or all of the connector)
│   ├── SignInFailed        the administrator: credential (of all, or refused for one request)
│   └── Unreachable         time: no answer, a 5xx, or an answer that is not what it should be
├── the source
│   ├── CursorExpired       we: read everything again
│   └── Incomplete          time: a read that is not proven whole; nothing may be concluded from it
├── the plan
│   └── OverBudget          a person: removals are held
├── LeaseLost               nobody: another worker has the mailbox; begin nothing more
└── NotAllowed              the person: lacks the role for this action
"""

from __future__ import annotations


def one_line(text: object, limit: int = 200) -> str:
    """What a server said, fit for a message: one line, printable, at most `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class FieldcalError(Exception):
    """The root; `str()` of every one is one line that says what, where, and what to do."""


class ConfigError(FieldcalError):
    """Something the operator has set is wrong; shown as one line, exit status not 0."""


class WrongClock(ConfigError):
    """Our clock is not the source's: what is due, past and in the window cannot be told, so nothing is planned."""


class Stranger(ConfigError):
    """Another than the environment's organization answers as its source; nothing is planned from what it says."""


class StateAway(ConfigError):
    """The state cannot be used at this moment. It says nothing of sources and calendars, and what is due stays due.

    `said`: the database's own words where the message must not have them, for they name its address; for the log only.
    """

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class Overtaken(ConfigError):
    """What was to be changed is not as it was looked at any more; nothing was done."""


class Damaged(ConfigError):
    """A database file holds what no database does; nothing of it is used."""


class NotAllowed(FieldcalError):
    """The person lacks the role for this action."""


class LeaseLost(FieldcalError):
    """Another worker has taken this lease, or its time is nearly up; no request may begin."""


class OverBudget(FieldcalError):
    """More evidenced removals than the hour allows; they are held for a person."""


class EventError(FieldcalError):
    """One event could not be written; its neighbours are not concerned.

    `code` is the server's own code (Graph: `error.code`), `status` the HTTP status, 0 where there was none.
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Rejected(EventError):
    """The server refuses this content for good."""


class Changed(EventError):
    """The event changed since we last saw it (etag)."""


class Gone(EventError):
    """The event does not exist."""


class KeyUsed(EventError):
    """The create key stands for other content already; `existing` is that event's id where the server told it."""

    def __init__(self, message: str, *, code: str = "", status: int = 0, existing: str | None = None) -> None:
        super().__init__(message, code=code, status=status)
        self.existing = existing


class OutcomeUnknown(EventError):
    """Nobody knows whether this write was carried out (no answer, 5xx); its intent stays and is resolved first."""


class NotSent(EventError):
    """This write was certainly not carried out (throttled, a failed neighbour it depended on); try it again later.

    `retry_after`: seconds, None where the server named none.
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after


class MailboxError(FieldcalError):
    """One mailbox cannot be written to; the others go on. `code`, `status` as in `EventError`."""

    def __init__(self, message: str, *, code: str = "", status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class Unavailable(MailboxError):
    """Not now: being moved, its store is down."""


class Forbidden(MailboxError):
    """The server denies this mailbox to us."""


class NotAMailbox(MailboxError):
    """There is no such mailbox, or it is not one that can be written to over this connector."""


class Full(MailboxError):
    """The mailbox is over its quota."""


class ConnectorError(FieldcalError):
    """Everything behind one connector is concerned. `retry_after`: seconds, None where the server named none."""

    def __init__(self, message: str, *, code: str = "", status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after

    @property
    def refused(self) -> bool:
        """The server answered, and will not do this however often it is asked (a 4xx)."""
        return 400 <= self.status < 500  # noqa: PLR2004 - the class of a status


class Throttled(ConnectorError):
    """The server asks us to wait. `scope`: "mailbox" or "connector"."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 429,
        retry_after: float | None = None,
        scope: str = "connector",
    ) -> None:
        super().__init__(message, code=code, status=status, retry_after=retry_after)
        self.scope = scope


class SignInFailed(ConnectorError):
    """The credential was refused, also after one renewal.

    `everywhere`: no token was to be had, so all of the connector is concerned; else a token was given and this one
    request was refused with it.
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0, everywhere: bool = True) -> None:
        super().__init__(message, code=code, status=status)
        self.everywhere = everywhere


class Denied(ConnectorError):
    """Signed in, but the application lacks a privilege there (a 403 of the source)."""


#: `Unreachable.code` where no connection stood yet: the request was certainly not carried out
NOT_CONNECTED = "NotConnected"


class Unreachable(ConnectorError):
    """No answer, a 5xx, or garbage; nothing may be concluded from it."""

    @property
    def everywhere(self) -> bool:
        """The server as a whole was not reached; else only this one request is known to have failed."""
        return self.code == NOT_CONNECTED


class CursorExpired(FieldcalError):
    """The delta link is too old; everything has to be read again."""


class SourceSilent(FieldcalError):
    """The check needs a word of the source that it does not get now; it begins again later."""


class Incomplete(FieldcalError):
    """The read is not proven whole; nothing may be concluded from what is missing in it."""
