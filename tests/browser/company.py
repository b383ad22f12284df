"""The demo's organization behind a running service, with its admin centre, for people in browsers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from sqlalchemy import Connection, select
from tests.browser.chromium import browsing

from fieldcal import runfile
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.demo import organization, setup
from fieldcal.demo.exchange import AtExchange
from fieldcal.demo.people import sign_ins
from fieldcal.ends import Embedded, serving
from fieldcal.runfile import Running
from fieldcal.serving import work
from fieldcal.setup import sign_in, users
from fieldcal.setup_model import Actor, Role, Selection
from fieldcal.sites import Sites
from fieldcal.state import history, mailboxes
from fieldcal.state.tables import links

OPERATOR = Actor("tests")
#: What a person sees is waited for as long as a busy machine may take; milliseconds.
_PATIENCE = 30_000
expect.set_options(timeout=_PATIENCE)
_ANY = ("127.0.0.1:0",)
#: What a browser, and htmx in it, writes as an error into the console of an answer that is none, or not the one hoped for.
_ASKED_FOR = ("htmx:responseError", "htmx:sendError")
#: Hashes that are true and cost nothing: what they are to cost is asked in `tests/web/test_sign_in.py`.
_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash


@dataclass
class Company:
    """What a story has at hand."""

    home: str
    app: App
    embedded: Embedded
    passwords: Mapping[str, str]
    browser: Browser
    #: ends the service and starts it anew at the same address, as an update of Fieldcal does
    restart: Callable[[], Awaitable[None]]
    #: what the consoles of all its browsers called an error; a story that leaves some fails (`telling`)
    complaints: list[str] = field(default_factory=list)

    def filled(self, path: str) -> str:
        """The path with `{mailbox}` named: the first one's id."""
        with self.app.database.read() as tx:
            first = mailboxes.ids(tx, setup.ENVIRONMENT, Selection())[0]
        return path.replace("{mailbox}", first)

    async def path(self, shown: str) -> str:
        """The path with `{mailbox}` named, `{booking}`: one that is in a calendar, or `{pass}`: the one that wrote it."""
        if "{booking}" not in shown and "{pass}" not in shown:
            return self.filled(shown) if "{mailbox}" in shown else shown
        while not (found := await self.app.database.reading(_written)):  # noqa: ASYNC110 - the state rings no bell
            await asyncio.sleep(0.1)
        run = await self.app.database.reading(_pass_of, found) if "{pass}" in shown else ""
        return shown.replace("{booking}", found).replace("{pass}", run)

    def hire(self, name: str, *roles: Role) -> None:
        """Somebody more, who signs in with the administrator's password."""
        now = self.app.clock.now()
        with self.app.database.write() as tx:
            users.add(tx, OPERATOR, now, name)
            for role in roles:
                users.grant(tx, OPERATOR, now, name, role)
            sign_in.set_password(tx, OPERATOR, now, name, _QUICK(self.passwords["admin"]))

    async def context(self, *, dark: bool = False, narrow: bool = False, keeps: bool = True) -> BrowserContext:
        """A person's own browser: wide or a phone, light or dark, in Vienna; `keeps`: it may keep pages offline."""
        size = {"width": 390, "height": 844} if narrow else {"width": 1280, "height": 860}
        made = await self.browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", timezone_id="Europe/Vienna",
            locale="en-GB", base_url=self.home, service_workers="allow" if keeps else "block",
        )  # fmt: skip
        made.set_default_timeout(_PATIENCE)
        made.on("console", lambda line: self.complaints.append(line.text) if _complains(line) else None)
        return made

    async def signed_in(self, name: str = "admin", **looks: bool) -> Page:
        """A page on which this person is signed in, with what its console said kept in `page.complaints`."""
        page = await (await self.context(**looks)).new_page()
        listen(page)
        await page.goto("/sign-in")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Password").fill(self.passwords.get(name, self.passwords["admin"]))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "sign-in" not in url)
        return page


def _written(tx: Connection) -> str:
    return tx.scalar(select(links.c.booking).where(links.c.event.is_not(None)).limit(1)) or ""


def _pass_of(tx: Connection, booking: str) -> str:
    return history.of_booking(tx, setup.ENVIRONMENT, booking)[0].run


def listen(page: Page) -> list[str]:
    """Keep what scripts, htmx and our policy call an error, in the list that comes back and in `page.complaints`."""
    said: list[str] = []
    page.complaints = said  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if _complains(line) else None)
    return said


def _complains(line: ConsoleMessage) -> bool:
    """Something of ours is wrong: not that a server refused, or could not be reached, which stories ask for."""
    htmx = line.text.startswith("htmx:") and not line.text.startswith(_ASKED_FOR)
    return htmx or "Content Security" in line.text


Story = Callable[[Company], Awaitable[Any]]
#: Tells a story at a company that is there already.
Tell = Callable[[Story], None]


@dataclass(frozen=True)
class Stage:
    """Where a test process tells all its stories: one loop, and in it one browser, of which each story opens windows."""

    runner: asyncio.Runner
    browser: Browser
    #: a migrated state, which is copied for each company
    state: Path

    def play(self, story: Story, folder: Path, *, set_up: bool = False, workers: int = 12, bookings: int = 60) -> None:
        """Tell the story at a company of its own; `set_up`: its mailboxes are switched on already."""
        with self.telling(folder, set_up=set_up, workers=workers, bookings=bookings) as tell:
            tell(story)

    @contextlib.contextmanager
    def telling(self, folder: Path, *, set_up: bool, workers: int, bookings: int) -> Iterator[Tell]:
        """One company for stories that do not disturb each other, told one after the other, each with windows of its own."""
        stack = contextlib.AsyncExitStack()
        state = folder / "state.sqlite3"
        shutil.copyfile(self.state, state)
        state.chmod(0o600)

        async def begin() -> Company:
            made = opened(folder, self.browser, set_up=set_up, workers=workers, bookings=bookings)
            return await stack.enter_async_context(made)

        async def told(story: Story, at: Company) -> None:
            at.complaints.clear()
            try:
                await story(at)
                assert at.complaints == [], "the console of a browser tells of errors"
            finally:
                at.embedded.exchange.control.clear_faults()
                for context in at.browser.contexts:
                    await context.close()

        try:
            at = self.runner.run(begin())
            yield lambda story: self.runner.run(told(story, at))
        finally:
            self.runner.run(stack.aclose())


@contextlib.contextmanager
def stage(state: Path) -> Iterator[Stage]:
    """A stage, for a process: a browser takes a second to start and stop, and what one person did is not seen by another."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            yield Stage(runner, runner.run(stack.enter_async_context(browsing())), state)
        finally:
            runner.run(stack.aclose())


@contextlib.asynccontextmanager
async def opened(
    folder: Path, browser: Browser, *, set_up: bool, workers: int, bookings: int
) -> AsyncIterator[Company]:
    config = Config(data=folder, listen=(_free_address(),), listen_hooks=_ANY)
    with runfile.locked(config.data):
        async with serving(config, sandbox=True) as embedded, App(config, ends=embedded.ends) as app:
            side = AtExchange(embedded)
            organization.fill(embedded, side, app.clock.now(), workers, bookings)
            async with Sites(app) as sites:
                await setup.attach(app, sites, OPERATOR, side)
                if set_up:
                    await setup.set_up_mailboxes(app, OPERATOR, side, lambda _done, _of, _box: None)
            await app.database.writing(_tie_worker, app.clock.now())
            people = {one.name: one.password for one in await sign_ins(app, OPERATOR, _QUICK)}
            service = _Service(app, embedded)
            home = await service.start()
            try:
                yield Company(home, app, embedded, people, browser, service.restart)
            finally:
                await service.end()


def _tie_worker(tx: Connection, now: datetime) -> None:
    """The demo's technician, before any calendar is written: the worker with the first mailbox."""
    box = mailboxes.some(tx, setup.ENVIRONMENT, mailboxes.ids(tx, setup.ENVIRONMENT, Selection())[:1])[0]
    users.add(tx, OPERATOR, now, "worker", sign_in=box.address, object_id=str(box.id))


def _free_address() -> str:
    """An address on loopback that nobody listens at: one of our own choice, for a service that comes back to it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


class _Service:
    """The service of a company, which may end and come back."""

    def __init__(self, app: App, embedded: Embedded) -> None:
        self._app, self._embedded = app, embedded

    async def start(self) -> str:
        started = asyncio.get_running_loop().create_future()

        async def ready(running: Running, _embedded: Embedded | None, _first: str) -> None:
            started.set_result(running.url)

        self._stop = asyncio.Event()
        self._task = asyncio.create_task(work(self._app, self._embedded, self._stop, ready))
        await asyncio.wait([self._task, started], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            await self._task
        return str(started.result())

    async def end(self) -> None:
        self._stop.set()
        await self._task

    async def restart(self) -> None:
        await self.end()
        await self.start()
