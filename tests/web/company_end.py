"""The demo's small organization behind a running service and its admin centre, for stories told over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from tests.web.centre_end import OPERATOR, Browser
from yarl import URL

from fieldcal import runfile
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.demo import organization, setup
from fieldcal.demo.exchange import AtExchange
from fieldcal.embedded.exchange.hands import Hands
from fieldcal.ends import Embedded, serving
from fieldcal.model import MailboxId
from fieldcal.runfile import Running
from fieldcal.serving import work
from fieldcal.setup import sign_in, users
from fieldcal.setup.tries import Place
from fieldcal.setup_model import Role, Selection
from fieldcal.sites import Sites
from fieldcal.state import links, mailboxes
from fieldcal.state import users as user_rows
from fieldcal.state.links import Link
from fieldcal.sync.passes import run_pass

_ANY = ("127.0.0.1:0",)


class Staffed:
    """A company whose mailboxes are set up and whose first pass is done."""

    def __init__(self, app: App, embedded: Embedded, running: Running) -> None:
        self.app, self.embedded, self.running = app, embedded, running
        self.browsers: list[Browser] = []

    @property
    def boxes(self) -> list[MailboxId]:
        with self.app.database.read() as tx:
            return mailboxes.ids(tx, setup.ENVIRONMENT, Selection())

    @property
    def hands(self) -> Hands:
        return self.embedded.exchange.hands

    def busiest(self) -> MailboxId:
        """The mailbox with the most events in it."""
        return max(self.boxes, key=lambda box: len(self.hands.look(box)))

    def coming(self) -> tuple[MailboxId, list[Link]]:
        """The mailbox with the most events to come, and their links; they depend on the day and the hour."""
        now = self.app.clock.now()
        with self.app.database.read() as tx:
            found = {box: links.of_mailbox(tx, setup.ENVIRONMENT, box) for box in self.boxes}
        coming = {
            box: [one for one in had if one.event and one.start and one.start > now] for box, had in found.items()
        }
        return max(coming.items(), key=lambda one: len(one[1]))

    async def signed_in(self, name: str, *roles: Role, sign_in_as: str = "") -> Browser:
        """A browser in which a new person with these roles is signed in."""
        now = self.app.clock.now()
        browser = Browser(self.running.url)
        self.browsers.append(browser)

        def make(tx: Connection) -> str:
            users.add(tx, OPERATOR, now, name, sign_in=sign_in_as)
            for role in roles:
                users.grant(tx, OPERATOR, now, name, role)
            return sign_in.open_session(tx, user_rows.get(tx, name), now, Place("127.0.0.1"), "password").secret

        secret = await self.app.database.writing(make)
        browser.session.cookie_jar.update_cookies({"fieldcal": secret}, URL(browser.url))
        await browser.get("/account")
        return browser


def tell(folder: Path, story: Callable[[Staffed], Awaitable[Any]], *, workers: int = 3, bookings: int = 40) -> None:
    """Tell the story at a company of its own."""

    async def run() -> None:
        async with _opened(folder, workers, bookings) as at:
            try:
                await story(at)
            finally:
                for browser in at.browsers:
                    await browser.session.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def _opened(folder: Path, workers: int, bookings: int) -> AsyncIterator[Staffed]:
    config = Config(data=folder, listen=_ANY, listen_hooks=_ANY)
    with runfile.locked(config.data):
        async with serving(config, sandbox=True) as embedded, App(config, ends=embedded.ends) as app:
            side = AtExchange(embedded)
            organization.fill(embedded, side, app.clock.now(), workers, bookings)
            async with Sites(app) as sites:
                site = await setup.attach(app, sites, OPERATOR, side)
                await setup.set_up_mailboxes(app, OPERATOR, side, lambda _done, _of, _box: None)
                await run_pass(site)
            stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()

            async def ready(running: Running, _embedded: Embedded | None, _first: str) -> None:
                started.set_result(running)

            service = asyncio.create_task(work(app, embedded, stop, ready))
            try:
                done, _ = await asyncio.wait([service, started], return_when=asyncio.FIRST_COMPLETED)
                if service in done:
                    await service
                yield Staffed(app, embedded, started.result())
            finally:
                stop.set()
                await service
