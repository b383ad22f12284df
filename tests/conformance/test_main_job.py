"""The main job, with strangers at both ends: Microsoft's Dataverse client books, Microsoft's Graph client and O365 read."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Self

import pytest
from tests.conftest import NewState
from tests.sync.world import NOW, World

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
pytest.importorskip("msgraph", reason="the independent clients are installed by `make conformance`")

with warnings.catch_warnings():
    # The clients use deprecated parts of their own libraries while they are imported.
    warnings.simplefilter("ignore")
    import httpx
    from azure.core.credentials import AccessToken
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph_core import GraphClientFactory
    from O365 import Account, MSGraphProtocol
    from O365.utils.token import MemoryTokenBackend
    from PowerPlatform.Dataverse.aio.async_client import AsyncDataverseClient

START = NOW + timedelta(days=1, hours=2)


class Granted:
    """A credential that has its token already."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3000)

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return self._token


class GrantedLater:
    """The same for clients that await it."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3000)

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return self._token

    async def close(self) -> None:
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return


class Stored(MemoryTokenBackend):
    """A token store that has its token already; O365 signs in at Microsoft's own address only."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def get_access_token(self, *, username: str | None = None) -> dict[str, str]:  # noqa: ARG002 -- as O365 asks for it
        return {"secret": self._token}

    def should_refresh_token(self, con: object = None, *, username: str | None = None) -> bool:  # noqa: ARG002 -- as O365 asks for it
        return False


@pytest.fixture
def world(new_sqlite: NewState, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, new_sqlite())
    made.worker("Ana")
    yield made
    made.close()


async def book(world: World) -> str:
    """A dispatcher's job through PowerPlatform-Dataverse-Client: account, work order, booking."""
    credential = GrantedLater(world.source_token())
    async with AsyncDataverseClient(world.source_url, credential) as client:
        account = await client.records.create("account", {"name": "Lindenhof Care Home"})
        order = await client.records.create(
            "msdyn_workorder",
            {
                "msdyn_name": "WO-00042",
                "msdyn_workordersummary": "Boiler loses pressure",
                "msdyn_address1": "Lindenstr. 12",
                "msdyn_city": "Berlin",
                "msdyn_serviceaccount@odata.bind": f"/accounts({account})",
                "msdyn_workordertype@odata.bind": f"/msdyn_workordertypes({world.type})",
            },
        )
        return await client.records.create(
            "bookableresourcebooking",
            {
                "name": "Boiler",
                "starttime": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "endtime": (START + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Resource@odata.bind": f"/bookableresources({world.resources['Ana']})",
                "BookingStatus@odata.bind": f"/bookingstatuses({world.statuses['Scheduled']})",
                "msdyn_workorder@odata.bind": f"/msdyn_workorders({order})",
            },
        )


async def read_with_msgraph(world: World) -> list[tuple[str, str, str, str, str]]:
    # Its middleware forgets to close the connections that httpx keeps; so none is kept.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits) as plain:
        transport = GraphClientFactory.create_with_default_middleware(client=plain)
        provider = AzureIdentityAuthenticationProvider(Granted(world.exchange.token()), allowed_hosts=["127.0.0.1"])
        adapter = GraphRequestAdapter(provider, transport)
        adapter.base_url = f"{world.graph_url}/v1.0"
        client = GraphServiceClient(request_adapter=adapter)
        found = await client.users.by_user_id(world.boxes["Ana"]).events.get()
    return [
        (event.subject, event.start.date_time, event.end.date_time, event.location.display_name, event.body.content)
        for event in found.value
    ]


def read_with_o365(world: World) -> list[tuple[str, object, object, str]]:
    class Local(MSGraphProtocol):
        _protocol_url = f"{world.graph_url}/"

    account = Account(
        ("app", "secret"),
        protocol=Local(timezone="UTC"),
        auth_flow_type="credentials",
        tenant_id=str(world.exchange.tenant_id),
        main_resource="ana@northwind-trades.example",
        token_backend=Stored(world.exchange.token()),
        requests_delay=0,
        request_retries=0,
    )
    calendar = account.schedule(resource="ana@northwind-trades.example").get_default_calendar()
    events = [
        (event.subject, event.start, event.end, event.location.get("displayName", ""))
        for event in calendar.get_events(include_recurring=False)
    ]
    for session in (account.connection.session, account.connection.naive_session):
        if session is not None:
            session.close()
    return events


def test_a_job_booked_by_one_client_is_read_by_two_others_from_the_workers_calendar(world: World) -> None:
    world.run(book(world))
    report = world.pass_()
    assert report.tally.created == 1
    [(subject, start, end, place, body)] = world.run(read_with_msgraph(world))
    assert subject == "WO-00042 · Repair · Lindenhof Care Home"
    assert start.startswith(START.strftime("%Y-%m-%dT%H:%M:%S"))
    assert end.startswith((START + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S"))
    assert "Lindenstr. 12" in place
    assert "Boiler loses pressure" in body
    [(subject, start, end, place)] = world.run(asyncio.to_thread(read_with_o365, world))
    assert subject == "WO-00042 · Repair · Lindenhof Care Home"
    assert (start.astimezone(UTC), end.astimezone(UTC)) == (START, START + timedelta(hours=2))
    assert "Lindenstr. 12" in place
