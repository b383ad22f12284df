from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp
import msgspec
import pytest
from multidict import CIMultiDict
from yarl import URL

from fieldcal.embedded.control import Control, SandboxClock
from fieldcal.embedded.exchange import Exchange, NewMailbox, Settings
from fieldcal.embedded.server import serving

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ANNA = uuid.UUID("11111111-2222-4333-8444-555555555555")
BEN = uuid.UUID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


class World:
    """An Exchange that is served, and a plain client of it. The server runs while a request of the client does."""

    def __init__(self, path, loop):
        self.loop = loop
        self.clock = SandboxClock()
        self.clock.set(NOW, held=True)
        self.control = Control(Settings(), sandbox=True, clock=self.clock)
        self.path = path / "exchange.db"
        #: whom the directory knows, by the name that is asked for
        self.known = {}
        self.exchange = Exchange(self.path, control=self.control, clients={"app": "secret"}, directory=self.known.get)
        self.exchange.store.mailboxes.add(
            [
                NewMailbox(ANNA, "Anna@contoso.test", "Anna Berg", zone="W. Europe Standard Time"),
                NewMailbox(BEN, "ben@contoso.test", "Ben Ott", address="ben.ott@contoso.test"),
            ]
        )
        self._serving = serving(self.exchange.app)
        self.url = loop.run_until_complete(self._serving.__aenter__())
        self.session = loop.run_until_complete(self._session())

    async def _session(self):
        return aiohttp.ClientSession()

    def close(self):
        self.loop.run_until_complete(self.session.close())
        self.loop.run_until_complete(self._serving.__aexit__(None, None, None))
        self.exchange.close()

    async def ask(self, method, path, body=None, headers=None, **params):
        """The answer as status, json, text, headers. `path` starts after the version, or is a whole address."""
        url = path if path.startswith("http") else f"{self.url}/v1.0{path}"
        sent = CIMultiDict(headers or {})
        sent.setdefault("Authorization", f"Bearer {self.exchange.token()}")
        data = None
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)

        target = URL(url, encoded=True)
        if params:
            target = target.update_query({name.replace("_", "$", 1): value for name, value in params.items()})
        async with self.session.request(method, target, data=data, headers=sent) as response:
            raw = await response.read()
            parsed = msgspec.json.decode(raw) if "json" in response.headers.get("Content-Type", "") else None
            return SimpleNamespace(status=response.status, json=parsed, raw=raw, headers=response.headers)

    def __call__(self, method, path, body=None, headers=None, **params):
        return self.loop.run_until_complete(self.ask(method, path, body, headers, **params))

    def batch(self, *requests):
        """The answers of a batch by id."""
        answer = self("POST", "/$batch", {"requests": list(requests)})
        assert answer.status == 200, answer.json
        return {one["id"]: one for one in answer.json["responses"]}


def an_event(subject="Boiler service", day=24, **more):
    return {
        "subject": subject,
        "start": {"dateTime": f"2026-11-{day:02}T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": f"2026-11-{day:02}T10:00:00", "timeZone": "UTC"},
        **more,
    }


@pytest.fixture
def world(tmp_path):
    loop = asyncio.new_event_loop()
    made = World(tmp_path, loop)
    yield made
    made.close()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture
def events():
    return f"/users/{ANNA}/events"


@pytest.fixture
def make():
    return an_event


@pytest.fixture
def immutable():
    return dict(IMMUTABLE)


@pytest.fixture
def anna():
    return ANNA


@pytest.fixture
def ben():
    return BEN
