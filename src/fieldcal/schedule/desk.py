"""The schedule of one running service: its store, and who waits to hear of its changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from fieldcal.embedded.fieldservice.store import Store
from fieldcal.schedule.last_steps import LastSteps

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds after which who waits looks by himself: another process may have written.
_LOOKS = 1.0


class Desk:
    """One for a service. `ring`: told after each change from here, so that a pass follows."""

    def __init__(self, store: Store, ring: Callable[[], None]) -> None:
        self._store, self._ring = store, ring
        self._told = asyncio.Event()
        self.steps = LastSteps()
        #: until the service ends; who waits then waits no longer
        self.open = True

    async def read(self, ask: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One consistent view of the field service, in a thread."""

        def run() -> T:
            with self._store.reading() as tx:
                return ask(tx, *args, **kwargs)

        return await asyncio.to_thread(run)

    async def write(self, change: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One change, in a thread; those who wait hear of it, and a pass follows. Finished though we are cancelled."""
        work = asyncio.ensure_future(asyncio.to_thread(change, self._store, *args, **kwargs))
        try:
            return await asyncio.shield(work)
        finally:
            if not work.done():
                await asyncio.wait([work])
            self._ring()
            self.changed()

    def changed(self) -> None:
        """Something was written, from here or over the wire."""
        told, self._told = self._told, asyncio.Event()
        told.set()

    def close(self) -> None:
        """The service ends: whoever waits is answered at once."""
        self.open = False
        self.changed()

    async def version(self) -> int:
        """The last version that the field service gave out; it grows with every change."""
        return await asyncio.to_thread(self._store.version)

    async def after(self, version: int, seconds: float) -> int:
        """The last version, as soon as it is another than this one, else when so many seconds have passed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            told = self._told
            now = await self.version()
            left = until - loop.time()
            if now != version or left <= 0 or not self.open:
                return now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), min(left, _LOOKS))
