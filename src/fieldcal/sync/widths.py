"""How many writes are handed out at once, so that the wire is not idle and no batch lasts long. Pure.

A server that takes writes one by one, eight at a time, stands idle at the end of each batch; so the wider the better.
But nothing of a batch is stored before its end, nor is a mailbox that was switched off meanwhile left alone before, and
one mailbox's requests wait among those of the others. So the first batch is small, and one is followed by a wider one
only where it was quick: none lasts much over a minute. What the calendar likes (`Calendar.width`) is never exceeded.
"""

from __future__ import annotations

#: Writes in a mailbox's first batch of a pass: what ten mailboxes have done in time at 3 s for each request.
FIRST = 20
#: Seconds: a batch done sooner is followed by a wider one, one that took longer than `SLOW` by a narrower one.
QUICK, SLOW = 10.0, 30.0


def lanes(writes: int, most: int) -> int:
    """In how many lanes so many writes go, where at most `most` may be under way: no lane without a batch."""
    return max(min(most, writes // FIRST), 1)


def after(width: int, sent: int, seconds: float) -> int:
    """The width of the next batch, where `sent` writes of at most `width` took `seconds`; at least 1."""
    if seconds > SLOW:
        return max(sent // 2, 1)
    if seconds < QUICK and sent == width:
        return width * 2
    return width
