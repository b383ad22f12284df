"""Microsoft's own client for Dataverse works on the embedded Field Service, unpatched, signed in by azure-identity."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import AsyncExitStack

import pytest

from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.fieldservice.sample import load_sample
from fieldcal.embedded.server import serving, serving_in_thread

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
pytest.importorskip("PowerPlatform.Dataverse", reason="the independent clients are installed by `make conformance`")

with warnings.catch_warnings():
    # The clients use deprecated parts of their own libraries while they are imported.
    warnings.simplefilter("ignore")
    from azure.core.credentials import AccessToken
    from azure.identity import ClientSecretCredential
    from PowerPlatform.Dataverse.aio.async_client import AsyncDataverseClient
    from PowerPlatform.Dataverse.client import DataverseClient
    from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError

TENANT = "0a000000-0000-4000-8000-000000000002"
CLIENTS = {"conformance-app": "s3cret"}
FORMATTED = "OData.Community.Display.V1.FormattedValue"


@pytest.fixture
def service():
    with FieldService(":memory:", tenant_id=TENANT, clients=CLIENTS, sandbox=True) as made:
        made.sample = load_sample(made.store)
        yield made


@pytest.fixture
def client(service, trusted):
    """The synchronous client over TLS; its credential signs in at the field service's own token endpoint."""
    with serving_in_thread(service.app, tls=trusted) as url:
        credential = ClientSecretCredential(
            TENANT, "conformance-app", "s3cret", authority=url, disable_instance_discovery=True
        )
        with credential, DataverseClient(url, credential) as made:
            yield made


def make_booking(client, service, **more):
    status = service.sample.statuses["Scheduled"]
    return client.records.create(
        "bookableresourcebooking",
        {
            "name": "Conformance",
            "starttime": "2026-11-24T09:00:00Z",
            "endtime": "2026-11-24T11:00:00Z",
            "Resource@odata.bind": f"/bookableresources({service.sample.technicians[0]})",
            "BookingStatus@odata.bind": f"/bookingstatuses({status})",
            **more,
        },
    )


def test_the_client_signs_in_with_its_secret(client, service):
    client.records.list("account", select=["name"], top=1)
    assert service.control.count("sign-in") >= 1


def test_accounts_a_work_order_and_a_booking_are_made_read_changed_and_deleted(client, service):
    account = client.records.create("account", {"name": "Contoso Boilers", "telephone1": "555-0100"})
    order = client.records.create(
        "msdyn_workorder",
        {
            "msdyn_workordersummary": "Boiler locks out",
            "msdyn_city": "Leeds",
            "msdyn_serviceaccount@odata.bind": f"/accounts({account})",
        },
    )
    booking = make_booking(client, service, **{"msdyn_workorder@odata.bind": f"/msdyn_workorders({order})"})
    row = client.records.retrieve("bookableresourcebooking", booking, select=["duration", "_msdyn_workorder_value"])
    assert (row["duration"], row["_msdyn_workorder_value"]) == (120, order)

    client.records.update("bookableresourcebooking", booking, {"endtime": "2026-11-24T10:00:00Z"})
    assert client.records.retrieve("bookableresourcebooking", booking, select=["duration"])["duration"] == 60

    client.records.delete("msdyn_workorder", order)
    row = client.records.retrieve("bookableresourcebooking", booking, select=["_msdyn_workorder_value"])
    assert row["_msdyn_workorder_value"] is None

    client.records.delete("bookableresourcebooking", booking)
    assert client.records.retrieve("bookableresourcebooking", booking) is None


def test_several_rows_are_made_and_changed_at_once(client):
    ids = client.records.create("account", [{"name": f"Account {n}"} for n in range(3)])
    assert len(set(ids)) == 3
    client.records.update("account", ids, {"telephone1": "555-0101"})
    rows = client.records.list("account", filter="telephone1 eq '555-0101'", select=["name"], orderby=["name desc"])
    assert [row["name"] for row in rows] == ["Account 2", "Account 1", "Account 0"]


def test_lists_are_filtered_expanded_annotated_and_paged(client, service):
    rows = list(
        client.records.list(
            "bookableresourcebooking",
            filter="msdyn_workorder/msdyn_city eq 'Leeds' and statecode eq 0",
            select=["starttime", "_resource_value"],
            expand=["Resource($select=name;$expand=UserId($select=internalemailaddress))"],
            orderby=["starttime"],
            page_size=3,
            include_annotations="*",
        )
    )
    assert len(rows) > 3
    assert [row["starttime"] for row in rows] == sorted(row["starttime"] for row in rows)
    for row in rows:
        assert row[f"_resource_value@{FORMATTED}"] == row["Resource"]["name"]
        assert row["_resource_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "bookableresource"
    asked = [entry.url for entry in service.control.ledger() if "skiptoken" in entry.url]
    assert len(asked) == -(-len(rows) // 3) - 1


def test_pages_come_one_by_one(client):
    pages = list(client.records.list_pages("bookableresourcebooking", select=["name"], page_size=40))
    assert [len(page) for page in pages] == [40, 40, 40, 30]


def test_labels_are_taken_for_choices(client):
    status = client.records.create("bookingstatus", {"name": "Parts ordered", "status": "Committed"})
    assert client.records.retrieve("bookingstatus", status, select=["status"])["status"] == 2


def test_errors_reach_the_caller_with_their_codes(client, service):
    with pytest.raises(HttpError) as refused:
        client.records.list("account", select=["colour"])
    assert refused.value.details["service_error_code"] == "0x0"
    assert "Could not find a property named 'colour'" in str(refused.value)
    with pytest.raises(MetadataError):
        client.records.list("frobnicator")
    service.control.change(max_requests=0)
    with pytest.raises(HttpError) as throttled:
        client.records.list("account")
    assert (throttled.value.status_code, throttled.value.is_transient) == (429, True)


class Granted:
    """An asynchronous credential that has its token already."""

    def __init__(self, token):
        self._token = AccessToken(token, 4_000_000_000)

    async def get_token(self, *scopes, **options):  # noqa: ARG002 # as azure.core asks for it
        return self._token

    async def close(self):
        self._token = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.close()


def test_the_asynchronous_client_does_the_same_over_http(service):
    async def story():
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(serving(service.app))
            credential = Granted(service.tokens.grant(url))
            client = await stack.enter_async_context(AsyncDataverseClient(url, credential))
            account = await client.records.create("account", {"name": "Async"})
            await client.records.update("account", account, {"telephone1": "1"})
            row = await client.records.retrieve("account", account, select=["name", "telephone1"])
            rows = await client.records.list("bookableresourcebooking", select=["name"], page_size=70)
            await client.records.delete("account", account)
            return row["telephone1"], len(list(rows)), await client.records.retrieve("account", account)

    assert asyncio.run(story()) == ("1", 150, None)
