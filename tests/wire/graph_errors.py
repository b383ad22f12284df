"""What Microsoft Graph answers when it does not do what it was asked, and what Fieldcal does then: the whole table.

The one list that the tests of the reading (`test_graph_error_table`) and of the whole way
(`tests/sync/test_every_refusal`) go through. Sources: learn.microsoft.com/graph/errors, graph/throttling,
graph/throttling-limits, graph/json-batching; alcionai/corso#3695 and #2490; microsoftgraph/microsoft-graph-docs#2350;
microsoft-graph-docs-contrib#7934 and #8883; elie222/inbox-zero#3580.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

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
)


class Action(StrEnum):
    """Whom the answer stops."""

    ONCE_MORE = "the item is tried once more in the same pass, with what the answer taught"
    LATER = "the item fails alone and is tried again later"
    ASIDE = "the item fails alone and is set aside until its booking changes"
    MAILBOX = "the mailbox pauses; the others go on"
    APPLICATION = "everything behind the server profile pauses"


@dataclass(frozen=True)
class Row:
    """One answer to an item of a batch; `alone`: the action where nothing else of the batch was carried out."""

    status: int
    code: str
    #: what a write comes to, and a read
    write: type[FieldcalError]
    read: type[FieldcalError]
    action: Action
    alone: Action | None = None
    #: the write that is answered so
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        waits = "-told-to-wait" if self.headers else ""
        return f"{self.method}-{self.status}-{self.code or 'without-a-code'}{waits}"

    @property
    def body(self) -> str:
        """The answer's body; without a code, what a machine on the way may say."""
        if not self.code:
            return "<html>not ours</html>"
        return f'{{"error": {{"code": "{self.code}", "message": "m", "innerError": {{"request-id": "r"}}}}}}'


ONCE_MORE, LATER, ASIDE = Action.ONCE_MORE, Action.LATER, Action.ASIDE
MAILBOX, APPLICATION = Action.MAILBOX, Action.APPLICATION
WAIT = {"Retry-After": "9"}

ROWS = (
    # asked to wait
    Row(429, "ApplicationThrottled", NotSent, Throttled, MAILBOX, headers=WAIT),
    Row(429, "ApplicationThrottled", NotSent, Throttled, MAILBOX),
    Row(429, "MailboxConcurrency", NotSent, Throttled, MAILBOX),
    Row(429, "", NotSent, Throttled, MAILBOX),
    Row(429, "TooManyRequests", NotSent, Throttled, APPLICATION, headers=WAIT),
    Row(429, "activityLimitReached", NotSent, Throttled, APPLICATION),
    Row(509, "activityLimitReached", NotSent, Throttled, APPLICATION),
    # the server is in trouble: nobody knows what became of a write
    Row(500, "ErrorInternalServerError", OutcomeUnknown, Unreachable, LATER),
    Row(500, "", OutcomeUnknown, Unreachable, LATER, method="PATCH"),
    Row(502, "", OutcomeUnknown, Unreachable, LATER),
    Row(503, "serviceNotAvailable", OutcomeUnknown, Unreachable, LATER),
    Row(503, "serviceNotAvailable", OutcomeUnknown, Unreachable, MAILBOX, headers=WAIT),
    Row(503, "MailboxStoreUnavailable", Unavailable, Unavailable, MAILBOX),
    Row(503, "MailboxInfoStale", Unavailable, Unavailable, MAILBOX),
    Row(504, "UnknownError", OutcomeUnknown, Unreachable, LATER),
    Row(504, "UnknownError", OutcomeUnknown, Unreachable, LATER, method="DELETE"),
    Row(408, "", OutcomeUnknown, Unreachable, LATER),
    # the mailbox
    Row(507, "", Full, Full, MAILBOX),
    Row(507, "ErrorQuotaExceeded", Full, Full, MAILBOX),
    Row(403, "ErrorQuotaExceeded", Full, Full, MAILBOX),
    Row(500, "quotaLimitReached", Full, Full, MAILBOX),
    Row(403, "ErrorAccessDenied", Forbidden, Forbidden, LATER, MAILBOX),
    Row(403, "", Forbidden, Forbidden, LATER, MAILBOX),
    Row(404, "MailboxNotEnabledForRESTAPI", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    Row(404, "MailboxNotSupportedForRESTAPI", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    Row(404, "ErrorInvalidUser", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    Row(404, "ResourceNotFound", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    Row(404, "Request_ResourceNotFound", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    Row(404, "ErrorNonExistentMailbox", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    Row(404, "extensionError", NotAMailbox, NotAMailbox, LATER, MAILBOX),
    # the token
    Row(401, "InvalidAuthenticationToken", SignInFailed, SignInFailed, ONCE_MORE),
    # the item
    Row(409, "ErrorIrresolvableConflict", Changed, Unreachable, ONCE_MORE, method="PATCH"),
    Row(412, "ErrorIrresolvableConflict", Changed, Unreachable, ONCE_MORE, method="PATCH"),
    Row(412, "", Changed, Unreachable, ONCE_MORE, method="DELETE"),
    Row(409, "ConcurrentItemSave", Changed, Unreachable, ONCE_MORE),
    Row(404, "ErrorItemNotFound", Gone, Unreachable, ONCE_MORE, method="PATCH"),
    Row(404, "ErrorItemNotFound", Gone, Unreachable, ONCE_MORE, method="DELETE"),
    Row(400, "ErrorDuplicateTransactionId", KeyUsed, Unreachable, ONCE_MORE),
    Row(409, "ErrorDuplicateTransactionId", KeyUsed, Unreachable, ONCE_MORE),
    Row(404, "", OutcomeUnknown, Unreachable, LATER),
    Row(404, "UnknownError", OutcomeUnknown, Unreachable, LATER),
    Row(404, "ErrorItemNotFound", OutcomeUnknown, Unreachable, LATER),
    Row(400, "", NotSent, Unreachable, LATER),
    Row(407, "", NotSent, Unreachable, LATER),
    Row(423, "resourceLocked", NotSent, Unreachable, LATER),
    Row(424, "FailedDependency", NotSent, Unreachable, LATER),
    Row(400, "TimeZoneNotSupportedException", Rejected, Unreachable, ASIDE),
    Row(400, "ErrorInvalidRequest", Rejected, Unreachable, ASIDE),
    Row(400, "ErrorPropertyValidationFailure", Rejected, Unreachable, ASIDE),
    Row(400, "ErrorOccurrenceCrossingBoundary", Rejected, Unreachable, ASIDE, method="PATCH"),
    Row(413, "RequestEntityTooLarge", Rejected, Unreachable, ASIDE),
)
#: Answers to reads alone: no delta of a calendar is kept, so a token that expired proves nothing and costs nothing.
READS = (
    (410, "SyncStateNotFound", Unreachable),
    (410, "resyncRequired", Unreachable),
    (400, "ErrorInvalidProperty", Unreachable),
    (302, "", Unreachable),
    (0, "", Unreachable),
)
