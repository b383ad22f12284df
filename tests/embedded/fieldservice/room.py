"""A field service with a few rows, and a client that speaks plain HTTP to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import msgspec

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORGANIZATION = "0a000000-0000-4000-8000-000000000001"
TENANT = "0a000000-0000-4000-8000-000000000002"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
NOBODY = "ffffffff-0000-4000-8000-00000000000f"


@dataclass
class Answer:
    status: int
    body: object
    headers: object

    @property
    def rows(self):
        assert self.status == 200, self.body
        return self.body["value"]

    @property
    def error(self):
        return self.body["error"]


class Client:
    """Requests to one field service. A path without a slash is below `/api/data/v9.2/`; a URL is asked as it is."""

    def __init__(self, session, url):
        self.session, self.url = session, url

    async def ask(self, method, path, body=None, *, token=None, **headers):
        url = (
            path
            if path.startswith("http")
            else f"{self.url}{path}"
            if path.startswith("/")
            else self.url + "/api/data/v9.2/" + path
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["authorization"] = token
        async with self.session.request(method, url, json=body, headers=named) as answer:
            raw = await answer.read()
            kind = answer.headers.get("content-type", "")
            return Answer(
                answer.status, msgspec.json.decode(raw) if raw and "json" in kind else raw.decode(), answer.headers
            )

    async def get(self, path, **headers):
        return await self.ask("GET", path, **headers)


class Room:
    """One field service at a held instant: a status, two workers with users, an account, a contact, a work order."""

    def __init__(self, database=":memory:", **more):
        self.clock = SandboxClock(lambda: NOW)
        self.service = FieldService(
            database, organization_id=ORGANIZATION, tenant_id=TENANT, sandbox=True, clock=self.clock, **more
        )
        self.store, self.control = self.service.store, self.service.control

    def fill(self):
        make = self.store.create
        self.status = make("bookingstatus", {"name": "Scheduled", "status": 2, "msdyn_fieldservicestatus": 690970000})
        self.user = make("systemuser", {"fullname": "Anna Berg", "internalemailaddress": "anna@contoso.example"})
        self.anna = make("bookableresource", {"name": "Anna", "timezone": 110, "userid": self.user})
        self.bert = make("bookableresource", {"name": "Bert", "timezone": 35})
        self.contact = make("contact", {"firstname": "Kim", "lastname": "Meyer"})
        self.account = make("account", {"name": "Contoso", "primarycontactid": self.contact})
        self.priority = make("msdyn_priority", {"msdyn_name": "High"})
        self.order = make(
            "msdyn_workorder",
            {
                "msdyn_name": "00042",
                "msdyn_serviceaccount": self.account,
                "msdyn_priority": self.priority,
                "msdyn_address1": "Main Street 1",
                "msdyn_city": "Lyon",
                "msdyn_postalcode": "69001",
                "msdyn_country": "France",
            },
        )
        return self

    def book(self, start="2026-11-24T09:00:00Z", end="2026-11-24T10:00:00Z", **more):
        values = {"starttime": start, "endtime": end, "resource": self.anna, "bookingstatus": self.status}
        return self.store.create("bookableresourcebooking", values | {"msdyn_workorder": self.order} | more)

    @asynccontextmanager
    async def open(self):
        async with serving(self.service.app) as url:
            token = {"authorization": f"Bearer {self.service.tokens.grant(url)}"}
            async with aiohttp.ClientSession(headers=token) as session:
                yield Client(session, url)

    def run(self, story):
        """Run `story(client)` against the served room; what it returns."""

        async def go():
            async with self.open() as client:
                return await story(client)

        return asyncio.run(go())

    def get(self, path, **headers):
        """One GET."""
        return self.run(lambda client: client.get(path, **headers))

    def ask(self, method, path, body=None, **headers):
        """One request."""
        return self.run(lambda client: client.ask(method, path, body, **headers))
