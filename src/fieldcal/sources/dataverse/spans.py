"""A list that is longer than a server counts is read in parts that it can count: cut by a column of instants. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
#: nothing is looked for before this; Dataverse's own calendar begins in 1753
_BEGINNING = datetime(1753, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, [begin, end); None: everything before the end."""

    begin: datetime | None
    end: datetime


def cut(span: Span, anchor: datetime) -> tuple[Span, Span] | None:
    """Two spans that make up this one, the earlier first; None where it cannot be cut any more.

    A span without a beginning is cut at the anchor, then ever farther back; another in the middle, down to a second.
    """
    begin, end = span.begin, span.end
    if begin is None:
        middle = anchor if end > anchor else end - max(_DAY, 2 * (anchor - end))
        if middle < _BEGINNING:
            return None
    elif end - begin <= _SECOND:
        return None
    else:
        middle = begin + (end - begin) / 2
    return Span(begin, middle), Span(middle, end)
