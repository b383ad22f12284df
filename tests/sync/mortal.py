"""Processes that can be killed or held up at any store write or request, and the wire that knows who sends.

Nothing of the product is replaced by a stand-in: the state is the real one behind a door that closes on the dead, and
the wire stands before the embedded systems' own apps.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection
from tests.hostile.proxy import LATE

from fieldcal.clock import Clock
from fieldcal.embedded.control import ENTRY, Entry
from fieldcal.embedded.faults import App, Message, Receive, Scope, Send
from fieldcal.engine.pace import StoredPace
from fieldcal.model import MailboxId
from fieldcal.state.database import Database

T = TypeVar("T")

#: Where a process can die: its transaction is lost or kept; its request was never handed over, or was carried out
#: and the answer never read. Requests that write are counted apart, for they are the ones that matter most.
Where = Literal["before commit", "after commit", "before request", "after request", "before write", "after write"]
WHERE: tuple[Where, ...] = (
    "before commit", "after commit", "before request", "after request", "before write", "after write",
)  # fmt: skip

#: methods that change nothing, in whatever protocol
READS = frozenset({"GET", "PROPFIND", "REPORT"})

_OWNER: ContextVar[Life | None] = ContextVar("owner", default=None)


class Died(BaseException):
    """The process is dead. Not an `Exception`, so that nothing of it can catch it and go on."""


class Life:
    """One process of the sync: whether it lives, where it is to die, and where it is to be held up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.passed: Counter[str] = Counter()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._cut: tuple[str, int] | None = None
        self._hold: tuple[str, int] | None = None
        self.held = asyncio.Event()
        self._go = asyncio.Event()
        #: where two processes go on in turns
        self.baton: Baton | None = None

    def dies(self, where: Where, nth: int) -> None:
        """Die when `where` is reached for the `nth` time from now (1 is the next)."""
        self._cut = (where, self.passed[where] + nth)

    def inherits(self, other: Life) -> None:
        """Go on counting where another process stopped, towards the same end."""
        self.passed, self._cut = Counter(other.passed), other._cut

    @property
    def dies_after(self) -> bool:
        """Whether it is to die after some request: then no answer may slip out first."""
        return self._cut is not None and self._cut[0] in ("after request", "after write")

    def spare(self) -> None:
        """Not to die or be held up after all."""
        self._cut = self._hold = None

    def holds(self, where: str, nth: int) -> None:
        """Be held up when `where` is reached for the `nth` time from now, until `go_on`."""
        self._hold = (where, self.passed[where] + nth)
        self.held.clear()
        self._go.clear()

    def go_on(self) -> None:
        self._hold = None
        self._go.set()

    def reach(self, where: str) -> None:
        """Called at every such place; raises `Died` where it is the end."""
        self.must_live()
        self.passed[where] += 1
        if self._cut is not None and self._cut == (where, self.passed[where]):
            self.alive = False
            raise Died

    async def wait_at(self, where: str) -> bool:
        """Called where a process can be held up; True where it was."""
        self.passed[where] += 1
        if self.baton is not None:
            await self.baton.pass_on()
        if self._hold is None or self._hold != (where, self.passed[where]):
            return False
        self.held.set()
        await self._go.wait()
        return True

    def must_live(self) -> None:
        if not self.alive:
            raise Died

    async def live(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Run `work` as this process; None where it died, and nothing of it runs on."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_owned_task)
        loop.set_exception_handler(_complain_of_the_living)
        token = _OWNER.set(self)
        try:
            task = loop.create_task(work)
        finally:
            _OWNER.reset(token)
        await asyncio.wait([task])
        if self.alive:
            return task.result()
        while running := {each for each in self.tasks if not each.done()}:
            for each in running:
                each.cancel()
            await asyncio.wait(running)
        for each in self.tasks:
            if not each.cancelled():
                each.exception()  # looked at, so that nobody complains of it
        return None


class Baton:
    """Of those that go in turns as many go on as have not been made to wait; at each gate it is drawn who waits."""

    def __init__(self, draw: random.Random, *, alone: bool) -> None:
        self._draw, self._alone = draw, alone
        self._waiting: list[asyncio.Event] = []

    async def pass_on(self) -> None:
        """Go on, or let another go on who waits, until somebody lets us; the first at its first gate waits."""
        if self._alone:
            return
        mine = asyncio.Event()
        self._waiting.append(mine)
        if len(self._waiting) > 1:
            self._waiting.pop(self._draw.randrange(len(self._waiting))).set()
        try:
            await mine.wait()
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)

    def drop(self) -> None:
        """One has come to its end, or died: whoever is left goes on alone."""
        self._alone = True
        for each in self._waiting:
            each.set()
        self._waiting.clear()


def _owned_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    owner = _OWNER.get()
    if owner is not None:
        owner.tasks.add(task)
        task.add_done_callback(_forget_living(owner))
    return task


def _complain_of_the_living(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a dead process left unread is nobody's concern."""
    if not isinstance(context.get("exception"), Died):
        loop.default_exception_handler(context)


def _forget_living(owner: Life) -> Callable[[asyncio.Task[Any]], None]:
    def forget(task: asyncio.Task[Any]) -> None:
        if owner.alive:
            owner.tasks.discard(task)

    return forget


class MortalDatabase(Database):
    """The state as one process sees it: nothing is read or written any more when it is dead."""

    def __init__(self, url: str, life: Life) -> None:
        super().__init__(url)
        self._life = life

    async def writing(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        await self._life.wait_at("about to store")
        return await super().writing(work, *args, **kwargs)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._life.must_live()
        with super().write() as tx:
            yield tx
            self._life.reach("before commit")
        self._life.reach("after commit")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._life.must_live()
        with super().read() as tx:
            yield tx

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        self._life.must_live()
        with super().glance() as tx:
            yield tx


class HeldPace(StoredPace):
    """The product's pace, at which a process can be held up right before it asks its lease and sends."""

    def __init__(self, database: Database, clock: Clock, life: Life) -> None:
        super().__init__(database, clock)
        self._life = life

    async def take(self, mailbox: MailboxId, cost: int, application: str = "") -> None:
        await self._life.wait_at("about to send")
        await super().take(mailbox, cost, application)


class Wire:
    """Stands before an embedded system: what is sent by the dead never arrives; who looks on is told of each request."""

    def __init__(self, app: App) -> None:
        self._app = app
        #: the processes, by the name that they send as their user agent
        self.lives: MutableMapping[str, Life] = {}
        #: called after each request: its entry in the ledger (None: it never arrived), who sent it, whether it could
        #: write, whether it came late
        self.watch: Callable[[Entry | None, str, bool, bool], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _user_agent(scope)
        life = self.lives.get(name)
        writing = scope["method"] not in READS and "/oauth2/" not in scope["path"]
        if life is None:
            await self._app(scope, receive, send)
            return
        held_up = any(header == LATE for header, _ in scope["headers"])
        late = await life.wait_at("on its way" if writing else "asking") or held_up
        await self._of(life, writing, scope, receive, send)
        if self.watch is not None:
            # Whose sender died meanwhile was handed over before: on a busy machine the next process may be at it by now.
            self.watch(scope.get(ENTRY), name, writing, late or not life.alive)

    async def _of(self, life: Life, writing: bool, scope: Scope, receive: Receive, send: Send) -> None:
        if not _passes(life, "before request") or (writing and not _passes(life, "before write")):
            await _hang_up(scope, receive)
            return
        if not life.dies_after:
            await self._app(scope, receive, send)
            _passes(life, "after request")
            if writing:
                _passes(life, "after write")
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if not _passes(life, "after request") or (writing and not _passes(life, "after write")):
            await _hang_up(scope, receive)
            return
        for message in answer:
            await send(message)


def _passes(life: Life, where: str) -> bool:
    try:
        life.reach(where)
    except Died:
        # The process is not running here: it finds out when it next does anything.
        for task in life.tasks:
            task.cancel()
        return False
    return True


def _user_agent(scope: Scope) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode() for name, value in headers if name == b"user-agent"), "")


async def _hang_up(scope: Mapping[str, Any], receive: Receive) -> None:
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue
