"""An admin centre over HTTP on loopback, with a client that keeps cookies and sends forms as a browser does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from fieldcal.app import App
from fieldcal.clock import PlayedClock, SystemClock
from fieldcal.config import Config
from fieldcal.embedded.server import serving
from fieldcal.engine.service import Service
from fieldcal.schedule.desk import Desk
from fieldcal.setup import environments, passwords, sign_in, users
from fieldcal.setup.tries import Place
from fieldcal.setup_model import Actor, Endpoint, Role, User
from fieldcal.state.tables import mailboxes as mailbox_table
from fieldcal.subscribing import FeedLinks
from fieldcal.web.centre import centre
from fieldcal.web.house import House
from fieldcal.web.oidc import provider
from fieldcal.web.section import Section

PASSWORD = "correct horse battery"
OPERATOR = Actor("tests")
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_hashes: dict[str, str] = {}


def hashed(password: str = PASSWORD) -> str:
    """The hash of a password, made once, for it takes a tenth of a second."""
    if password not in _hashes:
        _hashes[password] = passwords.hashed(password)
    return _hashes[password]


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def token(self) -> str:
        """The token of the page's first form."""
        return _TOKEN.search(self.text)[1]

    @property
    def to(self) -> str:
        """Where it leads to."""
        return self.headers.get("location") or self.headers.get("hx-redirect", "")


class Browser:
    """One browser: cookies of its own; it follows nothing by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.token = ""

    @property
    def cookie(self) -> str:
        found = self.session.cookie_jar.filter_cookies(URL(self.url)).get("fieldcal")
        return found.value if found else ""

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, self.url + path, allow_redirects=False, **options) as answer:
            told = Answer(answer.status, dict(answer.headers.items()), await answer.text())
            told.headers = {name.lower(): value for name, value in answer.headers.items()}
            told.cookies = answer.headers.getall("set-cookie", [])  # type: ignore[attr-defined]
        if found := _TOKEN.search(told.text):
            self.token = found[1]
        return told

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def post(self, path: str, form: Any = (), *, token: str | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = list(form.items()) if isinstance(form, dict) else list(form)
        used = self.token if token is None else token
        return await self.ask("POST", path, data=[*pairs, *([("csrf", used)] if used else [])], headers=named)

    async def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> Answer:
        await self.get("/sign-in")
        answer = await self.post("/sign-in", {"name": name, "password": password, **more})
        if answer.status == 303:
            await self.get("/account")
        return answer


class Centre:
    """One admin centre over a fresh state; `play` serves it for one story."""

    def __init__(self, folder: Path, url: str, sections: list[Section] | None = None, **settings: Any) -> None:
        self.clock = PlayedClock(SystemClock().now())
        self.config = Config(data=folder, database_url=url, listen=("127.0.0.1:0",), **settings)
        self.sections = sections
        #: the schedule of an embedded Field Service
        self.desk: Desk | None = None
        #: links to calendars of an embedded Exchange
        self.feeds: FeedLinks | None = None
        self.app: App

    def play(self, story: Callable[..., Awaitable[Any]]) -> Any:
        async def run() -> Any:
            async with App(self.config, clock=self.clock) as self.app:
                service = Service(self.app.database, self.clock, _nothing)
                self.house = House(self.app, service, self.clock.now(), provider(self.app), self.desk, self.feeds)
                async with serving(centre(self.house, self.sections)) as self.url:
                    self.browsers: list[Browser] = []
                    try:
                        return await story(self)
                    finally:
                        for browser in self.browsers:
                            await browser.session.close()
                        await self.house.works.stop()

        return asyncio.run(run())

    def browser(self) -> Browser:
        self.browsers.append(Browser(self.url))
        return self.browsers[-1]

    def person(self, name: str, *roles: Role, password: str = PASSWORD) -> None:
        """A user with these roles who can sign in."""
        now = self.clock.now()
        with self.app.database.write() as tx:
            users.add(tx, OPERATOR, now, name)
            for role in roles:
                users.grant(tx, OPERATOR, now, name, role)
            sign_in.set_password(tx, OPERATOR, now, name, hashed(password))

    def environment(self, name: str = "main") -> None:
        end = Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE")
        with self.app.database.write() as tx:
            environments.add(tx, OPERATOR, self.clock.now(), name, end)

    def mailboxes(self, number: int, environment: str = "main") -> None:
        """So many mailboxes that wait for approval."""
        rows = [
            {"environment": environment, "id": f"box-{n:05}", "name": f"Worker {n}", "address": f"w{n:05}@x.example",
             "approval": "pending"} for n in range(number)
        ]  # fmt: skip
        with self.app.database.write() as tx:
            tx.execute(mailbox_table.insert(), rows)

    def actor(self, roles: Iterable[Role]) -> Actor:
        """Somebody with these roles."""
        return Actor("tests", User("somebody", "Somebody", "somebody", "", frozenset(roles), self.clock.now()))

    async def signed_in(self, name: str, *roles: Role) -> Browser:
        """A browser in which a new person with these roles is signed in, without the tenth of a second."""
        self.person(name, *roles)
        browser = self.browser()
        from fieldcal.state import users as rows

        with self.app.database.write() as tx:
            opened = sign_in.open_session(tx, rows.get(tx, name), self.clock.now(), Place("127.0.0.1"), "password")
        browser.session.cookie_jar.update_cookies({"fieldcal": opened.secret}, URL(self.url))
        await browser.get("/account")
        return browser

    def advance(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


async def _nothing(_environment: str) -> Any:
    raise AssertionError("no pass is run here")
