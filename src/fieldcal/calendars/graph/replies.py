"""What a reply of Graph means: a receipt, or the error that says who must act next. Pure.

Decided by codes, never by messages. Sources: learn.microsoft.com/graph/errors and graph/throttling-limits; a used key:
alcionai/corso#2490; one mailbox's concurrency: alcionai/corso#3695;
stale change keys: microsoftgraph/microsoft-graph-docs-contrib#7934; one 403 under overload:
elie222/inbox-zero#3580.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fieldcal.calendars.graph import wire
from fieldcal.errors import (
    Changed,
    FieldcalError,
    Forbidden,
    Full,
    Gone,
    KeyUsed,
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
from fieldcal.model import Create, Delete, Receipt, Write

#: A 404 of these means the mailbox, not the event: what is missing, in words that tell what to mend.
NO_USER = "the tenant has no such user"
NO_MAILBOX_YET = "the user has no mailbox in Exchange Online, or not yet"
HOSTED_ELSEWHERE = "the mailbox is not served here: hosted on-premises, or out of the application's reach"
NO_MAILBOX = {
    "errorinvaliduser": NO_USER,
    "request_resourcenotfound": NO_USER,
    "mailboxnotenabledforrestapi": NO_MAILBOX_YET,
    "mailboxnotsupportedforrestapi": NO_MAILBOX_YET,
    "resourcenotfound": NO_MAILBOX_YET,
    "errornonexistentmailbox": NO_MAILBOX_YET,
    "extensionerror": HOSTED_ELSEWHERE,
}
#: The mailbox is there but cannot be used just now; what became of a write is not known.
NOT_NOW = {"mailboxinfostale": "the mailbox is being moved", "mailboxstoreunavailable": "the mailbox's store is down"}
NO_ROOM = frozenset({"errorquotaexceeded", "quotalimitreached"})
KEY_USED = frozenset({"errorduplicatetransactionid"})
ITEM_GONE = frozenset({"erroritemnotfound"})
#: 429 of these concerns the application everywhere; any other one this mailbox
EVERYWHERE = frozenset({"toomanyrequests", "activitylimitreached"})
#: 509: over the bandwidth that the application has (learn.microsoft.com/graph/errors)
THROTTLES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, 509})
#: not carried out, and right again later: locked by another write, sent too early
_LATER = frozenset({*THROTTLES, HTTPStatus.FAILED_DEPENDENCY, HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY})

_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request, sent alone or inside a batch; `body` is decoded JSON, None where there was none."""

    status: int
    body: object = None
    retry_after: float | None = None
    #: no instant before it can belong to this sending, by the server's own clock; None where it told none
    earliest: datetime | None = None

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the 2xx class

    @property
    def failing(self) -> bool:
        return self.status >= 500  # noqa: PLR2004 - the 5xx class

    @property
    def throttled(self) -> bool:
        return self.status in THROTTLES

    def refusal(self) -> Refusal:
        return refusal(self.status, self.body, self.retry_after)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success: its codes from the outside in (lower case), and what else it tells."""

    status: int
    code: str = ""
    codes: frozenset[str] = frozenset()
    message: str = ""
    #: id of the event that used the key first (`@event.existingEventId`)
    existing: str | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        return one_line(f"HTTP {self.status} {self.code}: {self.message}" if self.code else f"HTTP {self.status}")


def refusal(status: int, body: object, retry_after: float | None) -> Refusal:
    """Read an error body, whatever shape it has."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return Refusal(status, retry_after=retry_after)
    existing = error.get("@event.existingEventId")
    codes = _codes(error)
    return Refusal(
        status=status,
        code=one_line(codes[0], 80) if codes else "",
        codes=frozenset(code.lower() for code in codes),
        message=one_line(error.get("message", "")),
        existing=existing if isinstance(existing, str) and existing else None,
        retry_after=retry_after,
    )


def _codes(error: Mapping[str, object]) -> list[str]:
    codes: list[str] = []
    inner: object = error
    for _ in range(_DEPTH):
        if not isinstance(inner, dict):
            break
        code = inner.get("code")
        if isinstance(code, str) and code:
            codes.append(code)
        inner = inner.get("innerError", inner.get("innererror"))
    return codes


def scope(told: Refusal) -> str:
    """Whom a 429 concerns: "mailbox" or "connector"."""
    return "connector" if told.codes & EVERYWHERE else "mailbox"


def of_mailbox(told: Refusal) -> FieldcalError | None:
    """The error of the mailbox as a whole, None where the refusal is not about it."""
    if told.status == HTTPStatus.INSUFFICIENT_STORAGE or told.codes & NO_ROOM:
        return Full(f"the mailbox is full ({told})", code=told.code, status=told.status)
    busy, missing = _word(NOT_NOW, told), _word(NO_MAILBOX, told)
    if busy:
        return Unavailable(f"{busy} ({told})", retry_after=told.retry_after, code=told.code, status=told.status)
    if missing:
        return NotAMailbox(f"{missing} ({told})", code=told.code, status=told.status)
    if told.status == HTTPStatus.FORBIDDEN:
        return Forbidden(f"access to the mailbox is denied ({told})", code=told.code, status=told.status)
    return None


def _word(words: Mapping[str, str], told: Refusal) -> str:
    return next((words[code] for code in sorted(told.codes) if code in words), "")


def of_write(told: Refusal) -> FieldcalError:
    """What became of one write that was refused; anything not known to be without effect is `OutcomeUnknown`."""
    if told.codes & KEY_USED:
        return KeyUsed(
            f"the key was used for other content ({told})", existing=told.existing, code=told.code, status=told.status
        )
    if told.status in _LATER:
        return NotSent(f"not carried out ({told})", retry_after=told.retry_after, code=told.code, status=told.status)
    if told.status == HTTPStatus.UNAUTHORIZED:
        return _unsigned(told)
    mailbox = of_mailbox(told)
    if mailbox is not None:
        return mailbox
    if told.status == HTTPStatus.NOT_FOUND and told.codes & ITEM_GONE:
        return Gone(f"the event is not there any more ({told})", code=told.code, status=told.status)
    if told.status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}:
        return Changed(f"the event changed since it was read ({told})", code=told.code, status=told.status)
    # a timeout (408) and a 404 without a known code prove nothing; any other 4xx refuses what we sent, for good where
    # the server says why; without a word it may be somebody's on the way
    if 400 <= told.status < 500 and told.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT}:  # noqa: PLR2004 - the 4xx class
        if told.code:
            return Rejected(f"refused for good ({told})", code=told.code, status=told.status)
        return NotSent(f"refused without a reason ({told})", retry_after=told.retry_after, status=told.status)
    return OutcomeUnknown(f"nobody knows whether it was carried out ({told})", code=told.code, status=told.status)


def _unsigned(told: Refusal) -> SignInFailed:
    text = f"the token is refused, also a new one ({told})"
    return SignInFailed(text, code=told.code, status=told.status, everywhere=False)


def of_read(told: Refusal) -> FieldcalError:
    """Why a read gave nothing."""
    if told.status in THROTTLES:
        return Throttled(
            f"asked to wait ({told})",
            retry_after=told.retry_after,
            scope=scope(told),
            code=told.code,
            status=told.status,
        )
    if told.status == HTTPStatus.UNAUTHORIZED:
        return _unsigned(told)
    mailbox = of_mailbox(told)
    if mailbox is not None:
        return mailbox
    return Unreachable(
        f"the server did not answer the question ({told})",
        retry_after=told.retry_after,
        code=told.code,
        status=told.status,
    )


def outcome(action: Write, reply: Reply) -> Receipt | FieldcalError:
    """What became of one write, from the server's reply to it."""
    if not reply.good:
        error = of_write(reply.refusal())
        if isinstance(error, Gone) and isinstance(action, Delete):
            return Receipt(action.id, "")  # a removal, first or repeated, of what is gone is done
        if isinstance(error, Gone) and isinstance(action, Create):
            # nothing was there to be gone, so this says nothing of the event
            return OutcomeUnknown(f"no answer to a creation ({error})", code=error.code, status=error.status)
        return error
    try:
        if isinstance(action, Create):
            return wire.receipt(action, reply.body, reply.earliest)
        if reply.status == HTTPStatus.NO_CONTENT:
            return Receipt(action.id, "")
        # A removal is answered without content; anything else is the word of somebody on the way.
        if isinstance(reply.body, dict) and not isinstance(action, Delete):
            return Receipt(wire.event_id(reply.body), wire.etag(reply.body))
    except wire.Malformed as error:
        return OutcomeUnknown(f"the answer is not an event ({error})", status=reply.status)
    return OutcomeUnknown("the answer is not an event", status=reply.status)
