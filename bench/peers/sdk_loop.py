"""What somebody writes with Microsoft's own client for Python: the same as over O365, eight mailboxes at once.

python -m bench.peers.sdk_loop GRAPH TOKEN FILE one|batches      FILE: wanted events by mailbox, as JSON

`one`: a request for each event; `batches`: its own batches of twenty. Run by the environment of the independent clients.
It is led to another server by its adapter's `base_url`, and given its token by a credential that has it already.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
import types
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# msgraph-core's batches load this package and do not ask for it to be installed; all that they take of it is a decorator.
if importlib.util.find_spec("deprecated") is None:
    sys.modules["deprecated"] = types.ModuleType("deprecated")
    sys.modules["deprecated"].deprecated = lambda *_reason: lambda what: what

with warnings.catch_warnings():
    # It uses deprecated parts of its own libraries while it is imported.
    warnings.simplefilter("ignore")
    from azure.core.credentials import AccessToken
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_abstractions.request_information import RequestInformation
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
    from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.models.body_type import BodyType
    from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
    from msgraph.generated.models.event import Event
    from msgraph.generated.models.event_collection_response import EventCollectionResponse
    from msgraph.generated.models.item_body import ItemBody
    from msgraph.generated.models.location import Location
    from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import CalendarViewRequestBuilder
    from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
    from msgraph_core.requests.batch_request_content import BatchRequestContent
    from msgraph_core.requests.batch_request_item import BatchRequestItem

AT_ONCE, PAGE, BATCH = 8, 999, 20
#: What is compared. An event as a whole costs it several times as much processor to read.
SHOWN = ["id", "transactionId", "subject", "start", "end", "location"]
Query = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters
Wanted = dict[str, str]


class Granted:
    """A credential that has its token already."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3000)

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return self._token


def made(wanted: Wanted, *, new: bool) -> Event:
    event = Event(
        subject=wanted["subject"],
        body=ItemBody(content_type=BodyType.Html, content=wanted["body"]),
        start=DateTimeTimeZone(date_time=wanted["start"], time_zone="UTC"),
        end=DateTimeTimeZone(date_time=wanted["end"], time_zone="UTC"),
        location=Location(display_name=wanted["location"]),
    )
    if new:
        event.transaction_id, event.is_reminder_on = wanted["key"], False
    return event


def shown(event: Any) -> tuple[str, str, str, str]:
    return event.subject, event.start.date_time[:19], event.end.date_time[:19], event.location.display_name


def same(event: Any, wanted: Wanted) -> bool:
    return shown(event) == (wanted["subject"], wanted["start"][:19], wanted["end"][:19], wanted["location"])


class Loop:
    def __init__(self, graph: str, token: str, window: Sequence[str], *, batches: bool) -> None:
        provider = AzureIdentityAuthenticationProvider(Granted(token), allowed_hosts=["127.0.0.1"])
        self._adapter = GraphRequestAdapter(provider)
        self._adapter.base_url = f"{graph}/v1.0"
        self._client = GraphServiceClient(request_adapter=self._adapter)
        self._window, self._batches = window, batches

    async def mailbox(self, mailbox: str, wanted: Sequence[Wanted]) -> int:
        user = self._client.users.by_user_id(mailbox)
        span = Query(start_date_time=self._window[0], end_date_time=self._window[1], top=PAGE, select=SHOWN)
        page = await user.calendar_view.get(RequestConfiguration(query_parameters=span))
        there = {event.transaction_id: event for event in page.value}
        calls: list[RequestInformation] = []
        written = 0
        for item in wanted:
            event = there.get(item["key"])
            if event is not None and same(event, item):
                continue
            body, events = made(item, new=event is None), user.events
            if self._batches:
                one = events if event is None else events.by_event_id(event.id)
                calls.append(
                    one.to_post_request_information(body) if event is None else one.to_patch_request_information(body)
                )
                continue
            await (events.post(body) if event is None else events.by_event_id(event.id).patch(body))
            written += 1
        for n in range(0, len(calls), BATCH):
            written += await self._batch(calls[n : n + BATCH])
        return written

    async def _batch(self, calls: Sequence[RequestInformation]) -> int:
        content = BatchRequestContent()
        for place, call in enumerate(calls):
            content.add_request(str(place), BatchRequestItem(call, str(place)))
        told = await BatchRequestBuilder(self._adapter).post(content)
        return sum(status < 300 for status in told.get_response_status_codes().values())


def load() -> None:
    """Have it load its models, which it does when it first meets one and which takes seconds of processor."""
    wanted = dict.fromkeys(("subject", "body", "start", "end", "location", "key"), "")
    made(wanted, new=True).serialize(JsonSerializationWriter())
    node = JsonParseNodeFactory().get_root_parse_node("application/json", _SHOWN)
    node.get_object_value(EventCollectionResponse.create_from_discriminator_value(node))


_SHOWN = b"""{"value": [{"id": "1", "subject": "", "body": {"contentType": "html", "content": ""}, "bodyPreview": "",
"start": {"dateTime": "2026-01-01T09:00:00.0000000", "timeZone": "UTC"}, "showAs": "busy", "importance": "normal",
"end": {"dateTime": "2026-01-01T10:00:00.0000000", "timeZone": "UTC"}, "sensitivity": "normal", "type": "singleInstance",
"location": {"displayName": "", "locationType": "default", "uniqueIdType": "private"}, "locations": [{"displayName": ""}],
"attendees": [], "organizer": {"emailAddress": {"name": "", "address": ""}}, "responseStatus": {"response": "organizer"},
"categories": [], "transactionId": "1", "recurrence": null, "onlineMeetingProvider": "unknown"}]}"""


async def main(graph: str, token: str, given: dict[str, Any], what: str) -> None:
    load()
    loop, places = Loop(graph, token, given["window"], batches=what == "batches"), asyncio.Semaphore(AT_ONCE)

    async def one(mailbox: str, wanted: Sequence[Wanted]) -> int:
        async with places:
            return await loop.mailbox(mailbox, wanted)

    wall, cpu = time.perf_counter(), time.process_time()
    written = sum(await asyncio.gather(*(one(mailbox, wanted) for mailbox, wanted in given["mailboxes"].items())))
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "written": written}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], json.loads(Path(sys.argv[3]).read_text()), sys.argv[4]))
