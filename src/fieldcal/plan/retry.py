"""When a failed write is tried again: never, or at an instant. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from fieldcal.errors import (
    Changed,
    ConnectorError,
    EventError,
    FieldcalError,
    Forbidden,
    Full,
    Gone,
    KeyUsed,
    MailboxError,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    Rejected,
)

#: First pause and the longest one, seconds. They double; a fifth of the pause is spread by `spread`.
FIRST, LONGEST = 4.0, 900.0
#: A mailbox that has no room or denies us is not asked again sooner than this, seconds.
SLOW = 600.0


def pause(attempt: int, spread: float, retry_after: float | None = None, *, first: float = FIRST) -> float:
    """Seconds to wait after the `attempt`-th failure in a row (1 is the first); `spread` in [0, 1) parts the crowd.

    The server's own Retry-After is a floor, never a ceiling: some answer a constant 1 (F23).
    """
    grown = min(first * 2.0 ** min(attempt - 1, 20), LONGEST)
    return max(grown, retry_after or 0.0) * (1.0 + 0.2 * spread)


#: So often in one pass a booking is tried again at once: event gone, key used, next key; and so often after the event
#: was read and decided anew (some servers call an etag stale for minutes).
AT_ONCE, ANEW = 3, 1


def next_try(
    error: FieldcalError, attempt: int, now: datetime, spread: float, *, here: int | None = None
) -> datetime | None:
    """When to try this write again; None: never unchanged.

    `here`: the how-manieth try of this pass it was, where failures of earlier passes are not to slow it down.
    """
    tries = attempt if here is None else here
    match error:
        case Rejected():
            return None
        case Gone() | KeyUsed() if tries <= AT_ONCE:
            return now  # decided anew at once, with what the answer taught
        case Changed() if tries <= ANEW:
            return now
        case NotSent(retry_after=after):
            return now + timedelta(seconds=pause(attempt, spread, after))
        case OutcomeUnknown() | EventError():
            return now + timedelta(seconds=pause(attempt, spread, first=1.0))
        case Full() | Forbidden() | NotAMailbox():
            return now + timedelta(seconds=pause(attempt, spread, first=SLOW))
        case MailboxError(retry_after=after) | ConnectorError(retry_after=after):
            return now + timedelta(seconds=pause(attempt, spread, after))
        case _:
            return now + timedelta(seconds=pause(attempt, spread))
