"""Bulk work in hand, watched while it lasts: what it is, how far it is, and each result as it comes.

It lives as long as the service. What it changes is in the state, mailbox by mailbox; a restart loses only the view.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import structlog

from fieldcal.errors import ConfigError, FieldcalError, StateAway
from fieldcal.web import away
from fieldcal.web.texts import text

R = TypeVar("R")
log = structlog.get_logger()

#: Finished works that can still be looked at; the oldest goes first.
KEPT = 50


@dataclass(slots=True)
class Work(Generic[R]):
    """One piece of bulk work."""

    id: str
    kind: str
    environment: str
    #: whose it is, and who else may look at it: whoever may do the same
    user: str
    total: int
    begun_at: datetime
    done: int = 0
    results: list[R] = field(default_factory=list)
    ended: bool = False
    #: why it ended before all was done
    error: str = ""
    #: the page it was begun on, "" where it is none in particular
    origin: str = ""
    #: what it is about: ids of mailboxes
    about: frozenset[str] = frozenset()
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def step(self, done: int, result: R) -> None:
        """One more is done."""
        self.done = done
        self.results.append(result)
        self._tell()

    def far(self, done: int, of: int) -> None:
        """So many are done, of so many; results come by themselves."""
        self.done, self.total = done, of
        self._tell()

    def tell(self, result: R) -> None:
        """One result more; how far it is stays as it is."""
        self.results.append(result)
        self._tell()

    def end(self, error: str = "") -> None:
        """Nothing more comes."""
        self.ended, self.error = True, error
        self._tell()

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    async def watch(self, every: float = 0.2) -> AsyncIterator[int]:
        """How many are done, now and whenever that has changed, at most once in `every` seconds, until the end."""
        while True:
            changed = self.changed
            yield self.done
            if self.ended:
                return
            await changed.wait()
            await asyncio.sleep(every)


def named(once: str, *what: object) -> str:
    """The key of a form that is about `what`: the same form about something else is another one; "" stays ""."""
    return hashlib.sha256(repr((once, what)).encode()).hexdigest() if once else ""


class Works:
    """Every piece of work since the service started."""

    def __init__(self) -> None:
        self._known: dict[str, Work[object]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: the form a work was begun by: pressed twice, it begins once
        self._once: dict[str, str] = {}

    def find(self, work: str) -> Work[object] | None:
        """The work of this id, while it is remembered."""
        return self._known.get(work)

    def newest(self, kind: str) -> Work[object] | None:
        """The work of this kind that began last, while it is remembered."""
        return next((work for work in reversed(self._known.values()) if work.kind == kind), None)

    def begun_by(self, once: str) -> Work[object] | None:
        """The work that this very form began before."""
        return self._known.get(self._once.get(once, ""))

    def under_way(self, kind: str, environment: str, about: Collection[str]) -> Work[object] | None:
        """The work of this kind, not ended yet, that does all of this already."""
        wanted = frozenset(about)
        alike = (work for work in self._known.values() if (work.kind, work.environment) == (kind, environment))
        return next((work for work in alike if not work.ended and wanted <= work.about), None)

    def forget(self, once: str) -> None:
        """Let this form begin its work anew; what it began before is remembered for those who look at it."""
        self._once.pop(once, None)

    def begin(
        self, kind: str, environment: str, user: str, total: int, now: datetime, once: str,
        run: Callable[[Work[object]], Awaitable[None]],
    ) -> Work[object]:  # fmt: skip
        """Begin this work in the background, unless this form began it already."""
        if not once:
            raise ConfigError("the form does not say which one it is; load its page again, and send it from there")
        known = self.begun_by(once)
        if known is not None and (known.kind, known.environment, known.user) == (kind, environment, user):
            return known
        work: Work[object] = Work(secrets.token_urlsafe(9), kind, environment, user, total, now)
        self._known[work.id], self._once[once] = work, work.id
        self._forget()
        task = asyncio.create_task(self._run(work, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return work

    async def _run(self, work: Work[object], run: Callable[[Work[object]], Awaitable[None]]) -> None:
        try:
            await run(work)
            work.end()
        except StateAway as error:
            away.noted(work.kind, error)
            work.end(text("refused.text.away"))
        except FieldcalError as error:
            work.end(str(error))
        except Exception as error:
            work.end(f"it failed ({type(error).__name__}); the service's log says more")
            log.exception("bulk work failed", action="work_failed", work=work.kind)

    def _forget(self) -> None:
        over = [work.id for work in self._known.values() if work.ended]
        for old in over[: max(len(self._known) - KEPT, 0)]:
            del self._known[old]
        self._once = {once: work for once, work in self._once.items() if work in self._known}

    async def stop(self) -> None:
        """End what is under way; the state knows what is left, and the service goes on with it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
