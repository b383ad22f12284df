"""How many evidenced removals an hour may carry before a person has to look (design §4, Removals)."""

from __future__ import annotations

import math
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


def worth_counting(wanted: int, already: int) -> int:
    """So many links that have not ended allow all of `wanted`; 0: they are always allowed. More need not be counted."""
    asked = wanted + already
    return 0 if asked <= AT_LEAST else math.ceil(asked / SHARE) + 1


#: So many mailboxes are named; the others are counted.
_NAMED = 5


def too_many(held: dict[str, int]) -> str:
    """Why a plan waits for a person: how many removals are held, and in whose mailboxes (by address)."""
    total = sum(held.values())
    more = f"{total:,} more {'removal' if total == 1 else 'removals'}"
    if len(held) == 1:
        return f"{more} in {next(iter(held))} than the hour allows"
    ordered = sorted(held.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{number:,} in {address}" for address, number in ordered[:_NAMED])
    rest = f" and {len(held) - _NAMED} others" if len(held) > _NAMED else ""
    return f"{more} than the hour allows: {named}{rest}"
