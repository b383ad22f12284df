"""What a reply of Graph means: a receipt, or the error that says who must act next. Pure.

Decided by codes, never by messages. Sources: learn.microsoft.com/graph/errors and graph/throttling-limits; a used key:
alcionai/corso#2490; one mailbox's concurrency: alcionai/corso#3695;
stale change keys: microsoftgraph/microsoft-graph-docs-contrib#7934.
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

#: A 404 of these means the mailbox, not the event.
NO_MAILBOX = frozenset(
    {
        "mailboxnotenabledforrestapi",
        "mailboxnotsupportedforrestapi",
        "errorinvaliduser",
        "resourcenotfound",
        "request_resourcenotfound",
        "errornonexistentmailbox",
        "extensionerror",
    }
)
MAILBOX_MOVING = frozenset({"mailboxinfostale"})
NO_ROOM = frozenset({"errorquotaexceeded", "quotalimitreached"})
KEY_USED = frozenset({"errorduplicatetransactionid"})
ITEM_GONE = frozenset({"erroritemnotfound"})
#: 429 of these concerns the application everywhere; any other one this mailbox
EVERYWHERE = frozenset({"toomanyrequests", "activitylimitreached"})

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
    if told.codes & MAILBOX_MOVING:
        return Unavailable(
            f"the mailbox is being moved ({told})", retry_after=told.retry_after, code=told.code, status=told.status
        )
    if told.codes & NO_MAILBOX:
        return NotAMailbox(f"there is no mailbox to write to ({told})", code=told.code, status=told.status)
    if told.status == HTTPStatus.FORBIDDEN:
        return Forbidden(f"access to the mailbox is denied ({told})", code=told.code, status=told.status)
    return None


def of_write(told: Refusal) -> FieldcalError:
    """What became of one write that was refused; anything not known to be without effect is `OutcomeUnknown`."""
    if told.codes & KEY_USED:
        return KeyUsed(
            f"the key was used for other content ({told})", existing=told.existing, code=told.code, status=told.status
        )
    if told.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.FAILED_DEPENDENCY}:
        return NotSent(f"not carried out ({told})", retry_after=told.retry_after, code=told.code, status=told.status)
    if told.status == HTTPStatus.UNAUTHORIZED:
        return SignInFailed(f"the token is refused, also a new one ({told})", code=told.code, status=told.status)
    mailbox = of_mailbox(told)
    if mailbox is not None:
        return mailbox
    if told.status == HTTPStatus.NOT_FOUND and told.codes & ITEM_GONE:
        return Gone(f"the event is not there any more ({told})", code=told.code, status=told.status)
    if told.status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}:
        return Changed(f"the event changed since it was read ({told})", code=told.code, status=told.status)
    # a timeout (408) and a 404 without a known code prove nothing; any other 4xx refuses what we sent
    if 400 <= told.status < 500 and told.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT}:  # noqa: PLR2004 - the 4xx class
        return Rejected(f"refused for good ({told})", code=told.code, status=told.status)
    return OutcomeUnknown(f"nobody knows whether it was carried out ({told})", code=told.code, status=told.status)


def of_read(told: Refusal) -> FieldcalError:
    """Why a read gave nothing."""
    if told.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(
            f"asked to wait ({told})",
            retry_after=told.retry_after,
            scope=scope(told),
            code=told.code,
            status=told.status,
        )
    if told.status == HTTPStatus.UNAUTHORIZED:
        return SignInFailed(f"the token is refused, also a new one ({told})", code=told.code, status=told.status)
    mailbox = of_mailbox(told)
    if mailbox is not None:
        return mailbox
    if told.status == HTTPStatus.SERVICE_UNAVAILABLE and "mailboxstoreunavailable" in told.codes:
        return Unavailable(
            f"the mailbox's store is down ({told})", retry_after=told.retry_after, code=told.code, status=told.status
        )
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
        # a removal, first or repeated, of what is gone is done
        return Receipt(action.id, "") if isinstance(action, Delete) and isinstance(error, Gone) else error
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
