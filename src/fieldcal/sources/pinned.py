"""Holds an environment to the organization and tenant it was pinned to, and to one time with us.

Who the source is, is asked at start and after every sign-in; what time it has, every answer tells.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from fieldcal.errors import WrongClock
from fieldcal.model import BookingId, Identity, Way, Window
from fieldcal.ports import BookingSource
from fieldcal.source_model import Details, Page, Swept, WorkerPage

T = TypeVar("T")

#: Seconds by which our clock and the source's may differ.
FARTHEST = 300.0


class PinnedSource:
    """A source that answers only while it is the organization that it should be.

    `token` tells the bearer token in use: another one means that the service signed in anew. `confirm` is shown who
    the source is then and raises `Stranger` for another; nothing that a stranger answered gets in. `ahead`
    tells by how many seconds our clock was ahead of the source's at its last answer (None: it told no time); while
    they are `FARTHEST` apart every answer is refused with `WrongClock`, and the first one after is taken again.
    """

    def __init__(
        self,
        source: BookingSource,
        token: Callable[[], Awaitable[str]],
        confirm: Callable[[Identity], Awaitable[object]],
        ahead: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._source, self._token, self._confirm, self._ahead = source, token, confirm, ahead
        #: the token under which the source last said who it is
        self._verified = ""

    async def identity(self) -> Identity:
        """The organization and tenant; asked anew whenever it is called."""
        found = await self._source.identity()
        await self._confirm(found)
        return found

    async def way(self) -> Way:
        return await self._proven(self._source.way)

    async def workers(self, cursor: str | None) -> WorkerPage:
        return await self._proven(lambda: self._source.workers(cursor))

    async def changes(self, cursor: str | None) -> Page:
        return await self._proven(lambda: self._source.changes(cursor))

    async def bookings(self, ids: Sequence[BookingId]) -> Details:
        return await self._proven(lambda: self._source.bookings(ids))

    async def sweep(self, window: Window, changed_since: datetime | None = None) -> AsyncIterator[Swept]:
        await self.verify()
        async for found in self._source.sweep(window, changed_since):
            await self.verify()
            self._same_time()
            yield found

    async def affected(self, work_orders: Sequence[str]) -> Sequence[BookingId]:
        return await self._proven(lambda: self._source.affected(work_orders))

    async def close(self) -> None:
        await self._source.close()

    async def _proven(self, ask: Callable[[], Awaitable[T]]) -> T:
        await self.verify()
        answer = await ask()
        # A sign-in in the middle of the call: its answer counts only once the new one is known to be no stranger.
        await self.verify()
        self._same_time()
        return answer

    def _same_time(self) -> None:
        ahead = self._ahead()
        if ahead is not None and abs(ahead) > FARTHEST:
            way = "ahead of" if ahead > 0 else "behind"
            raise WrongClock(
                f"this machine's clock is {abs(ahead) / 60:,.0f} minutes {way} the source's; nothing is planned until "
                "both agree: set the time (NTP), the next pass then goes on by itself"
            )

    async def verify(self) -> None:
        """Ask the source who it is, unless it said so under this sign-in already."""
        token = await self._token()
        if token != self._verified:
            await self.identity()
            self._verified = token
