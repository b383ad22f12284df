"""How many evidenced removals an hour may carry before a person has to look (design §4, Removals)."""

from __future__ import annotations

from datetime import timedelta

#: The span over which removals are counted.
SPAN = timedelta(hours=1)
#: What is always allowed, and the share of the links that have not ended.
AT_LEAST, SHARE = 50, 0.2


def budget(links_not_ended: int) -> int:
    """The number of removals that one environment may carry out in an hour."""
    return max(AT_LEAST, int(links_not_ended * SHARE))


def allowed(wanted: int, links_not_ended: int, already: int) -> int:
    """How many of `wanted` removals may go, `already` having gone in the last hour; the rest is held."""
    return max(0, min(wanted, budget(links_not_ended) - already))
