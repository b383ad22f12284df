"""Microsoft's own client for Python works on a calendar of the embedded Exchange, unpatched."""

from __future__ import annotations

import asyncio
import time
import uuid
import warnings
from datetime import UTC, datetime

import pytest

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.server import serving

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
pytest.importorskip("msgraph", reason="the independent clients are installed by `make conformance`")

with warnings.catch_warnings():
    # The clients use deprecated parts of their own libraries while they are imported.
    warnings.simplefilter("ignore")
    import httpx
    from azure.core.credentials import AccessToken
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.models.body_type import BodyType
    from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
    from msgraph.generated.models.event import Event
    from msgraph.generated.models.free_busy_status import FreeBusyStatus
    from msgraph.generated.models.item_body import ItemBody
    from msgraph.generated.models.location import Location
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError
    from msgraph.generated.models.single_value_legacy_extended_property import (
        SingleValueLegacyExtendedProperty,
    )
    from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import (
        CalendarViewRequestBuilder,
    )
    from msgraph.generated.users.item.calendar_view.delta.delta_request_builder import DeltaRequestBuilder
    from msgraph.generated.users.item.events.events_request_builder import EventsRequestBuilder
    from msgraph_core import GraphClientFactory

MARK = "String {8ECCC264-6880-4EBE-992F-8888D2EEAA1D} Name BookingId"
UPN = "tech@contoso.test"
SEARCH = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'booking-1')"
EXPAND = [f"singleValueExtendedProperties($filter=id eq '{MARK}')"]


class Granted:
    """A credential that has its token already."""

    def __init__(self, token):
        self._token = AccessToken(token, int(time.time()) + 3000)

    def get_token(self, *scopes, **options):  # noqa: ARG002 # as azure.core asks for it
        return self._token


def client_of(url, exchange, transport):
    provider = AzureIdentityAuthenticationProvider(Granted(exchange.token()), allowed_hosts=["127.0.0.1"])
    adapter = GraphRequestAdapter(provider, transport)
    adapter.base_url = f"{url}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


@pytest.fixture
def with_client(tmp_path):
    """Runs a coroutine function with a client of a served Exchange and that Exchange."""

    def run(work):
        async def served():
            with Exchange(tmp_path / "exchange.db") as exchange:
                exchange.store.mailboxes.add([NewMailbox(uuid.uuid4(), UPN, "Tech")])
                # Its middleware forgets to close the connections that httpx keeps; so none is kept.
                limits = httpx.Limits(max_keepalive_connections=0)
                async with serving(exchange.app) as url, httpx.AsyncClient(limits=limits) as plain:
                    transport = GraphClientFactory.create_with_default_middleware(client=plain)
                    return await work(client_of(url, exchange, transport), exchange)

        return asyncio.run(served())

    return run


def an_event(**more):
    return Event(
        subject="WO-1 Boiler",
        body=ItemBody(content_type=BodyType.Text, content="Cellar"),
        start=DateTimeTimeZone(date_time="2026-11-24T09:00:00", time_zone="UTC"),
        end=DateTimeTimeZone(date_time="2026-11-24T10:00:00", time_zone="UTC"),
        location=Location(display_name="Harry's Bar"),
        show_as=FreeBusyStatus.Busy,
        transaction_id="key-1",
        single_value_extended_properties=[SingleValueLegacyExtendedProperty(id=MARK, value="booking-1")],
        **more,
    )


def configured(builder, **query):
    parameters = getattr(builder, f"{builder.__name__}GetQueryParameters")(**query)
    return RequestConfiguration(query_parameters=parameters)


def test_it_creates_finds_updates_and_deletes_an_event(with_client):
    async def work(graph, exchange):
        events = graph.users.by_user_id(UPN).events
        made = await events.post(an_event())
        again = await events.post(an_event())
        assert again.id == made.id
        assert made.transaction_id == "key-1"
        assert made.body.content_type == BodyType.Html
        assert made.start.date_time == "2026-11-24T09:00:00.0000000"
        found = await events.get(configured(EventsRequestBuilder, filter=SEARCH, expand=EXPAND))
        assert [event.id for event in found.value] == [made.id]
        assert found.value[0].single_value_extended_properties[0].value == "booking-1"
        assert found.value[0].location.display_name == "Harry's Bar"
        changed = await events.by_event_id(made.id).patch(Event(subject="WO-1 moved"))
        assert (changed.subject, changed.location.display_name) == ("WO-1 moved", "Harry's Bar")
        await events.by_event_id(made.id).delete()
        with pytest.raises(ODataError) as gone:
            await events.by_event_id(made.id).get()
        assert (gone.value.response_status_code, gone.value.error.code) == (404, "ErrorItemNotFound")
        return exchange.control.counts()

    assert with_client(work)["request"] == {"DELETE": 1, "GET": 2, "PATCH": 1, "POST": 2}


def test_it_reads_the_calendar_view_and_follows_a_delta(with_client):
    window = {"start_date_time": "2026-11-23T00:00:00Z", "end_date_time": "2026-11-30T00:00:00Z"}

    async def work(graph, exchange):
        user = graph.users.by_user_id(UPN)
        made = await user.events.post(an_event())
        view = await user.calendar_view.get(configured(CalendarViewRequestBuilder, **window))
        assert [event.subject for event in view.value] == ["WO-1 Boiler"]
        first = await user.calendar_view.delta.get(configured(DeltaRequestBuilder, **window))
        assert [event.id for event in first.value] == [made.id]
        await user.events.by_event_id(made.id).delete()
        second = await user.calendar_view.delta.with_url(first.odata_delta_link).get()
        assert [event.id for event in second.value] == [made.id]
        assert second.value[0].additional_data["@removed"] is not None
        exchange.store.expire_delta_tokens()
        with pytest.raises(ODataError) as expired:
            await user.calendar_view.delta.with_url(second.odata_delta_link).get()
        return expired.value

    error = with_client(work)
    assert (error.response_status_code, error.error.code) == (410, "SyncStateNotFound")


def test_it_reads_the_organization_the_user_and_the_calendar(with_client):
    async def work(graph, exchange):
        organizations = await graph.organization.get()
        user = await graph.users.by_user_id(UPN).get()
        calendar = await graph.users.by_user_id(UPN).calendar.get()
        return organizations.value[0].id, exchange.tenant_id, user.mail, calendar.can_edit

    tenant, expected, mail, can_edit = with_client(work)
    assert (tenant, mail, can_edit) == (str(expected), UPN, True)


def test_an_error_is_typed_and_carries_its_request_id(with_client):
    async def work(graph, exchange):
        with pytest.raises(ODataError) as refused:
            await graph.users.by_user_id("nobody@contoso.test").events.get()
        return refused.value

    error = with_client(work)
    assert (error.response_status_code, error.error.code) == (404, "ErrorInvalidUser")
    assert error.error.inner_error.request_id
    assert isinstance(error.error.inner_error.date, datetime)
    assert error.error.inner_error.date.replace(tzinfo=UTC) is not None
