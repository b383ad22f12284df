"""What the facts mark as unconfirmed and a tenant can be asked without harm; each answer is a sentence for the table.

Calendar questions make events in the test mailbox, marked, and take them away; source questions only read.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.live.end import HEADERS, LIVE, LiveCalendarEnd
from tests.live.tenant import Answer, Hands

from fieldcal.calendars.graph import wire

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
API = "/api/data/v9.2"
TRACKED = f"{API}/bookableresourcebookings?$select=name,starttime,_bookingstatus_value"
FORMATTED = "OData.Community.Display.V1.FormattedValue"


def event(key: str = "", **changes: Any) -> dict[str, Any]:
    moments = {"start": START, "end": START + timedelta(hours=1)}
    times = {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, at in moments.items()}
    made: dict[str, Any] = {"subject": "Fieldcal asks", **times, "showAs": "free", "isReminderOn": False}
    made["singleValueExtendedProperties"] = [{"id": LIVE, "value": "question"}]
    return made | ({"transactionId": key} if key else {}) | changes


class Asked:
    """The test mailbox, for one question."""

    def __init__(self, end: LiveCalendarEnd) -> None:
        self._end = end

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self._end.hands.ask(method, self._end._user + path, body, {**HEADERS, **headers})

    def batch(self, url: str) -> Answer:
        body = {"requests": [{"id": "1", "method": "GET", "url": url}]}
        return self._end.hands.ask("POST", f"{self._end._root}/$batch", body)

    def absolute(self, path: str) -> str:
        return self._end.hands.base + self._end._user + path


def key_of_a_deleted_event(ask: Asked) -> str:
    key = uuid.uuid4().hex
    first = ask("POST", "/events", event(key))
    ask("DELETE", f"/events/{first.body['id']}")
    again = ask("POST", "/events", event(key))
    if again.status != 201:
        return f"refused: {again}"
    there = ask("GET", f"/events/{again.body['id']}").status
    return (
        f"201 with {'the dead event' if again.body['id'] == first.body['id'] else 'a new event'} (reading it: {there})"
    )


def key_repeated(ask: Asked) -> str:
    key = uuid.uuid4().hex
    first, again = (ask("POST", "/events", event(key)) for _ in range(2))
    return f"{again}, {'the same' if again.body.get('id') == first.body['id'] else 'another'} event"


def key_with_other_content(ask: Asked) -> str:
    key = uuid.uuid4().hex
    ask("POST", "/events", event(key))
    other = ask("POST", "/events", event(key, subject="Other words"))
    error = other.body.get("error", {}) if isinstance(other.body, dict) else {}
    return f"{other}; names the event: {'yes' if '@event.existingEventId' in error else 'no'}"


def longest_key(ask: Asked) -> str:
    taken = [size for size in (64, 128, 255, 512) if ask("POST", "/events", event("k" * size)).status == 201]
    return f"keys of {max(taken)} characters are taken" if taken else "none of 64 to 512 characters is taken"


def search_after_create(ask: Asked) -> str:
    word = uuid.uuid4().hex
    ask("POST", "/events", event(singleValueExtendedProperties=[{"id": LIVE, "value": word}]))
    told = ask(
        "GET",
        "/events?$filter="
        + _quoted(f"singleValueExtendedProperties/any(ep: ep/id eq '{LIVE}' and ep/value eq '{word}')"),
    )
    return f"{told}, found at once: {'yes' if told.status == 200 and told.body['value'] else 'no'}"


def page_of_the_view(ask: Asked) -> str:
    for _ in range(12):
        ask("POST", "/events", event())
    told = ask(
        "GET",
        f"/calendarView?startDateTime={START:%Y-%m-%dT%H:%M:%SZ}&endDateTime={START + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    )
    more = "and a nextLink" if "@odata.nextLink" in (told.body or {}) else "and no nextLink"
    return f"{told}: {len(told.body['value'])} events of at least 12 on the first page, {more}"


def view_over_six_years(ask: Asked) -> str:
    return str(ask("GET", "/calendarView?startDateTime=2020-01-01T00:00:00Z&endDateTime=2026-01-02T00:00:00Z&$top=1"))


def return_minimal(ask: Asked) -> str:
    told = ask("POST", "/events", event(), Prefer=f"{wire.PREFER}, return=minimal")
    return f"{told}, {'with' if isinstance(told.body, dict) and 'subject' in told.body else 'without'} the event"


def filter_by_key(ask: Asked) -> str:
    return str(ask("GET", "/events?$top=1&$filter=" + _quoted(f"transactionId eq '{uuid.uuid4().hex}'")))


def absolute_address_in_a_batch(ask: Asked) -> str:
    told = ask.batch(ask.absolute("/calendar?$select=id"))
    items = told.body.get("responses", []) if isinstance(told.body, dict) else []
    return f"{told}; the item: {items[0]['status'] if items else 'none'}"


def long_texts(ask: Asked) -> str:
    told = ask("POST", "/events", event(subject="s" * 400, location={"displayName": "l" * 400}))
    if told.status != 201:
        return str(told)
    return f"of 400 characters: subject {len(told.body['subject'])}, location {len(told.body['location']['displayName'])} kept"


def long_property(ask: Asked) -> str:
    taken = []
    for size in (255, 1000, 4000):
        properties = [{"id": LIVE, "value": "p" * size}]
        if ask("POST", "/events", event(singleValueExtendedProperties=properties)).status == 201:
            taken.append(size)
    return f"values of {max(taken)} characters are taken" if taken else "none of 255 to 4000 characters is taken"


def own_clock(ask: Asked) -> str:
    told = ask("POST", "/events", event())
    return f"createdDateTime {told.body.get('createdDateTime')}, Date {told.headers.get('Date')}"


CALENDAR: dict[str, Callable[[Asked], str]] = {
    "transactionId of a deleted event": key_of_a_deleted_event,
    "the same transactionId and content again": key_repeated,
    "the same transactionId, other content": key_with_other_content,
    "the longest transactionId": longest_key,
    "the mark is searched right after the create": search_after_create,
    "a page of calendarView without odata.maxpagesize": page_of_the_view,
    "a calendarView over six years": view_over_six_years,
    "Prefer: return=minimal on a create": return_minimal,
    "$filter=transactionId eq": filter_by_key,
    "an absolute address inside a batch": absolute_address_in_a_batch,
    "texts of 400 characters": long_texts,
    "long extended properties": long_property,
    "createdDateTime beside the Date header": own_clock,
}


def change_tracking(ask: Hands) -> str:
    path = "EntityDefinitions(LogicalName='bookableresourcebooking')?$select=ChangeTrackingEnabled"
    told = ask.ask("GET", f"{API}/{path}")
    return f"{told}, ChangeTrackingEnabled: {(told.body or {}).get('ChangeTrackingEnabled')}"


def spoilt_delta_link(ask: Hands) -> str:
    return str(ask.ask("GET", f"{TRACKED}&$deltatoken=1%2101%2F01%2F2000%2000%3A00%3A00"))


def annotations_with_tracking(ask: Hands) -> str:
    prefer = f'odata.track-changes,odata.maxpagesize=2,odata.include-annotations="{FORMATTED}"'
    told = ask.ask("GET", TRACKED, headers={"Prefer": prefer})
    rows = told.body.get("value", []) if isinstance(told.body, dict) else []
    shown = any(FORMATTED in name for row in rows for name in row)
    return f"{told}, {len(rows)} rows, formatted values: {'yes' if shown else 'no'}"


def challenge(ask: Hands) -> str:
    told = ask.ask("GET", f"{API}/WhoAmI", signed=False)
    header = told.headers.get("WWW-Authenticate", "")
    return f"{told}, names an authority: {'yes' if 'authorization_uri' in header else 'no'}"


def server_types(ask: Hands) -> str:
    told = ask.ask("GET", f"{API}/emailserverprofiles?$select=name,servertype,statecode")
    rows = told.body.get("value", []) if isinstance(told.body, dict) else []
    return f"{told}, servertype of each: {sorted({row.get('servertype') for row in rows}, key=str)}"


def sync_flags(ask: Hands) -> str:
    told = ask.ask("GET", f"{API}/mailboxes?$select=isactsyncorgflagset,orgmarkedasprimaryforexchangesync&$top=50")
    rows = told.body.get("value", []) if isinstance(told.body, dict) else []
    flags = sorted(
        {(row.get("isactsyncorgflagset"), row.get("orgmarkedasprimaryforexchangesync")) for row in rows}, key=str
    )
    return f"{told}, isactsyncorgflagset and orgmarkedasprimaryforexchangesync: {flags}"


SOURCE: dict[str, Callable[[Hands], str]] = {
    "change tracking of bookings is on": change_tracking,
    "a delta link that is too old": spoilt_delta_link,
    "formatted values together with change tracking": annotations_with_tracking,
    "the 401 challenge names the tenant": challenge,
    "servertype of the e-mail server profiles": server_types,
    "flags of the mailboxes table": sync_flags,
}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)
