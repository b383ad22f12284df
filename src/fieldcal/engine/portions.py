"""A limit wider than a mailbox, shared by all workers: each takes a portion of it at a time and spends it from memory.

The span is cut into slots, and each slot has its part of the limit, less what may slip in from the slots before it. A
worker that sends little asks nobody: what a hundred such workers send is set aside. A portion that is not spent lapses
with its slot, so a worker that died owes nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from fieldcal.clock import Clock
from fieldcal.state import portions
from fieldcal.state.database import Database

#: Slots in a span. A portion is good for its own slot and the next, another's clock may be a slot away, and a span need
#: not begin with a slot: so many more slots may send into it.
SLOTS, BESIDE = 10, 3
#: Which part of a slot's requests is set aside for workers that ask nobody, for how many of them, and which part of the
#: rest is one portion.
ASIDE, WORKERS, PORTION = 5, 100, 20


@dataclass(slots=True)
class _Purse:
    """What one worker may still spend. `slot`: in which it was given."""

    slot: int
    left: int
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Portions:
    """`limit` requests in `span` seconds for each scope, over all processes on this state."""

    def __init__(self, database: Database, clock: Clock, limit: int, span: float) -> None:
        self._database, self._clock = database, clock
        self._seconds = span / SLOTS
        each = limit // (SLOTS + BESIDE)
        self._free = each // ASIDE // WORKERS
        self._shared = each - each // ASIDE
        self._portion = max(self._shared // PORTION, 1)
        self._purses: dict[str, _Purse] = {}

    async def take(self, scope: str, cost: int) -> float:
        """Spend `cost` requests and answer 0, or answer the seconds until there may be some again."""
        purse = self._purse(scope)
        if purse.left < cost:
            async with purse.asking:
                if self._purse(scope).left < cost and not await self._fill(scope, purse, cost):
                    return self._rest()
        purse.left -= cost
        return 0.0

    async def _fill(self, scope: str, purse: _Purse, cost: int) -> bool:
        """Take a portion, or what this one request needs; it counts for the slot in which it was asked for.

        More than a whole slot has goes when nothing else is sent in it.
        """
        slot = self._slot()
        kept = purse.left if purse.slot == slot else 0
        wanted = min(max(self._portion, cost - kept), self._shared)
        if not await self._database.writing(portions.reserve, scope, slot, wanted, self._shared):
            return False
        purse.slot, purse.left = slot, kept + wanted
        return self._slot() <= slot + 1  # else the state was slow, and the portion has lapsed

    def _purse(self, scope: str) -> _Purse:
        purse, slot = self._purses.get(scope), self._slot()
        if purse is None:
            purse = self._purses[scope] = _Purse(slot, self._free)
        elif not purse.slot <= slot <= purse.slot + 1:
            purse.slot, purse.left = slot, self._free
        return purse

    def _slot(self) -> int:
        return int(self._clock.now().timestamp() // self._seconds)

    def _rest(self) -> float:
        return self._seconds - self._clock.now().timestamp() % self._seconds
