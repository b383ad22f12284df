"""What a refusal of a CalDAV server means: the error that says who must act next. Pure.

Decided by conditions (RFC 4918 16, RFC 4791 5.3.2.1, RFC 3744 7.1.1, RFC 4331) and statuses. By a server's own words
only where it has nothing else: SabreDAV, under Nextcloud, told a used UID by a plain 400 (nextcloud/server#30096,
#61640 gives it its condition) and a full trash bin by a plain 403 (nextcloud/server#42582).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from fieldcal.calendars.caldav import dav
from fieldcal.calendars.caldav.dav import CAL, DAV, Told
from fieldcal.errors import (
    FieldcalError,
    Forbidden,
    Full,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
    one_line,
)

UID_USED = f"{CAL}no-uid-conflict"
NO_ROOM = frozenset({f"{DAV}quota-not-exceeded", f"{DAV}sufficient-disk-space"})
NO_RIGHT = frozenset({f"{DAV}need-privileges"})
LOCKED = frozenset({f"{DAV}lock-token-submitted", f"{DAV}no-conflicting-lock"})
#: Refused for good whoever says it: too large, not this type, not understood.
_FOR_GOOD = frozenset({413, 415, 422})
#: Not carried out, and right again later.
_THROTTLES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, 509})
_LATER = frozenset({*_THROTTLES, HTTPStatus.FAILED_DEPENDENCY, HTTPStatus.TOO_EARLY})
_USED_WORDS = "object with uid already exists"
_TRASH_WORDS = "be moved into the trashbin"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success, and what it tells besides its status."""

    status: int
    told: Told = dav.NOTHING_TOLD
    retry_after: float | None = None

    @property
    def code(self) -> str:
        """The server's own word for it: a condition's local name, or SabreDAV's exception; "" for none."""
        names = sorted(name.rpartition("}")[2] for name in self.told.conditions)
        return names[0] if names else self.told.exception

    @property
    def throttled(self) -> bool:
        return self.status in _THROTTLES

    @property
    def asks_to_wait(self) -> bool:
        """The server limits us, or is in trouble and names a time."""
        failing = self.status >= 500 and self.status != HTTPStatus.INSUFFICIENT_STORAGE  # noqa: PLR2004 - the 5xx class
        return self.throttled or (failing and self.retry_after is not None)

    @property
    def uid_used(self) -> bool:
        """Another object of the calendar, perhaps one in its trash bin, has the UID already."""
        return UID_USED in self.told.conditions or (
            self.status == HTTPStatus.BAD_REQUEST and _USED_WORDS in self.told.message.lower()
        )

    @property
    def of_event(self) -> bool:
        """Said of this one event, for good: each condition that CalDAV has for a write is about its object.

        RFC 4791 5.3.2.1 (what it holds), RFC 6638 3.2.4 (who may change an invitation), RFC 7809, RFC 8607.
        """
        return any(name.startswith(CAL) for name in self.told.conditions)

    def __str__(self) -> str:
        said = f"HTTP {self.status} {self.code}".rstrip()
        return one_line(f"{said}: {self.told.message}" if self.told.message else said)


def refusal(status: int, body: bytes, retry_after: float | None) -> Refusal:
    """Read a refusal's body, whatever it is."""
    return Refusal(status, dav.error_of(body), retry_after)


def of_mailbox(told: Refusal) -> FieldcalError | None:
    """The error of the calendar as a whole, None where the refusal is not about it."""
    conditions, code, status = told.told.conditions, told.code, told.status
    if status == HTTPStatus.INSUFFICIENT_STORAGE or conditions & NO_ROOM:
        return Full(f"the account has no room ({told})", code=code, status=status)
    if status == HTTPStatus.LOCKED or conditions & LOCKED:
        return Unavailable(f"the calendar is locked ({told})", code=code, status=status, retry_after=told.retry_after)
    if conditions & NO_RIGHT or status in {HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED}:
        return Forbidden(f"the server denies it ({told})", code=code, status=status)
    if 300 <= status < 400:  # noqa: PLR2004 - the 3xx class
        return NotAMailbox(f"the calendar has moved to another address ({told})", code=code, status=status)
    return None


def of_write(told: Refusal, *, own: bool) -> FieldcalError:
    """What became of one write that was refused; anything not known to be without effect is `OutcomeUnknown`.

    `own`: it was signed with the mailbox's own credential. A 404 or 409 says that the calendar is not there.
    """
    code, status = told.code, told.status
    if status in _LATER:
        return NotSent(f"not carried out ({told})", retry_after=told.retry_after, code=code, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        return unsigned(told, own=own)
    if status in _FOR_GOOD or told.of_event or _TRASH_WORDS in told.told.message.lower():
        return Rejected(f"refused for good ({told})", code=code or f"HTTP {status}", status=status)
    mailbox = of_mailbox(told)
    if mailbox is not None:
        return mailbox
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE}:
        return NotAMailbox(f"the calendar is not there ({told})", code=code, status=status)
    if 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT:  # noqa: PLR2004 - the 4xx class
        # for good where the server says why; without a word it may be somebody's on the way
        if code and status == HTTPStatus.BAD_REQUEST:
            return Rejected(f"refused for good ({told})", code=code, status=status)
        return NotSent(f"refused without a reason ({told})", retry_after=told.retry_after, status=status)
    return OutcomeUnknown(f"nobody knows whether it was carried out ({told})", code=code, status=status)


def of_read(told: Refusal, *, own: bool) -> FieldcalError:
    """Why a read gave nothing."""
    code, status = told.code, told.status
    if told.throttled:
        return Throttled(f"asked to wait ({told})", retry_after=told.retry_after, code=code, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        return unsigned(told, own=own)
    if status == HTTPStatus.INSUFFICIENT_STORAGE:
        # of a report it means too many answers (RFC 6352 8.6.2), and so a list that is not whole
        return Unreachable(f"the server cuts its answer off ({told})", code=code, status=status)
    mailbox = of_mailbox(told)
    if mailbox is not None:
        return mailbox
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return NotAMailbox(f"there is no such calendar ({told})", code=code, status=status)
    text = f"the server did not answer the question ({told})"
    return Unreachable(text, retry_after=told.retry_after, code=code, status=status)


def unsigned(told: Refusal, *, own: bool) -> SignInFailed:
    whose = "the mailbox's credential" if own else "the profile's credential"
    return SignInFailed(f"{whose} is refused ({told})", code=told.code, status=told.status, everywhere=not own)
