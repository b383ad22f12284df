"""Calls the registered webhooks after each commit, as Dataverse's asynchronous service does; and, asked to, badly.

60 seconds for an answer, one more try after 502, 503 or 504, and a failed system job for everything else
(https://learn.microsoft.com/en-us/power-apps/developer/data-platform/use-webhooks).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any

import aiohttp

from fieldcal.embedded.control import Control
from fieldcal.embedded.fieldservice.context import BadAuthValue, Request, request
from fieldcal.embedded.fieldservice.hook_tables import FAILED, JOB, SUCCEEDED
from fieldcal.embedded.fieldservice.outbox import Notice
from fieldcal.embedded.fieldservice.settings import FieldServiceSettings
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.embedded.fieldservice.times import instant_text

#: seconds that an answer may take
TIMEOUT = 60.0
#: Calls under way at once; there is no order among them, as there is none in Dataverse.
AT_ONCE = 8
_AGAIN = frozenset({502, 503, 504})
#: the error that a secret of the wrong form has in the failed job
BAD_AUTH_VALUE = "0x80050203"


class Webhooks:
    """The asynchronous service. `wake` after each change, in the loop that serves; `close` before that ends."""

    def __init__(
        self, store: Store, control: Control[FieldServiceSettings], organization: str, worker: Executor
    ) -> None:
        """Read and write through `store` in `worker` only."""
        self._store, self._control, self._organization, self._worker = store, control, organization, worker
        self._host = ""
        self._places = asyncio.Semaphore(AT_ONCE)
        self._pump: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def wake(self, host: str) -> None:
        """Send what waits; `host`: the name under which the service was reached, or is where nobody asked over HTTP."""
        self._host = host
        if self._store.outbox.waiting and (self._pump is None or self._pump.done()):
            self._pump = asyncio.create_task(self._send())

    async def idle(self) -> None:
        """Return when everything that waited was sent, or given up."""
        while self._working():
            await asyncio.gather(*self._working())

    async def close(self) -> None:
        """Send no more; what waits is lost."""
        for task in self._working():
            task.cancel()
        await asyncio.gather(*self._working(), return_exceptions=True)

    def _working(self) -> list[asyncio.Task[None]]:
        return [task for task in (self._pump, *self._calls) if task is not None and not task.done()]

    def release(self) -> None:
        """Send what is held, the last first, one after the other."""
        held = [*self._store.outbox.waiting]
        self._store.outbox.waiting.clear()

        async def send() -> None:
            for notice in reversed(held):
                await self._call(notice, 0.0)

        self._begin(send())

    async def _send(self) -> None:
        waiting = self._store.outbox.waiting
        while waiting and (mode := self._control.settings.webhooks) != "hold":
            notice, delay = waiting.popleft(), self._control.settings.webhook_delay
            for _ in range({"lose": 0, "double": 2}.get(mode, 1)):
                await self._places.acquire()
                self._begin(self._call(notice, delay)).add_done_callback(lambda _: self._places.release())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        call = asyncio.create_task(work)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    async def _call(self, notice: Notice, delay: float) -> None:
        await asyncio.sleep(delay)
        retries, problem = 0, ""
        try:
            made = request(notice, SCHEMA, self._organization, self._host)
            status = await _post(made)
            if status in _AGAIN:
                retries, status = 1, await _post(made)
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                problem = f"The webhook call failed because the http request returned {status}."
        except BadAuthValue as error:
            problem = f"{BAD_AUTH_VALUE}: {error}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            problem = f"The webhook call failed because there was no answer ({type(error).__name__})."
        if problem or not notice.step.autodelete:
            keep: Callable[[], object] = lambda: self._job(notice, retries, problem)  # noqa: E731 - for the thread
            await asyncio.get_running_loop().run_in_executor(self._worker, keep)

    def _job(self, notice: Notice, retries: int, problem: str) -> None:
        happened = notice.happened
        row = {
            JOB.id: str(uuid.uuid4()), "name": notice.step.name, "message": problem or None, "retrycount": retries,
            "messagename": happened.message, "primaryentitytype": happened.table,
            "correlationid": happened.correlation, "completedon": instant_text(self._control.clock.now()),
            "statuscode": FAILED if problem else SUCCEEDED, "owningextensionid": notice.step.id,
        }  # fmt: skip
        self._store.load(JOB.name, [row])


async def _post(made: Request) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session,
        session.post(made.url, data=made.body, headers=made.headers, allow_redirects=False) as answer,
    ):
        return answer.status
