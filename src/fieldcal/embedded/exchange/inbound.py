"""From the JSON of a request to what the event shall be: strict where Exchange is strict, lenient where it is. Pure.

Lenient: `@odata` members, the case of enumeration values, booleans and numbers as texts, null for "left out",
read-only properties. Strict: names, types, time zones, the order of start and end, all-day events at midnight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from fieldcal.embedded.exchange import bodies
from fieldcal.embedded.exchange.document import Draft
from fieldcal.embedded.exchange.errors import body_unreadable, invalid_request, validation_failed
from fieldcal.embedded.exchange.properties import read_properties
from fieldcal.embedded.exchange.zones import instant, is_utc, stamp, ticks, zone

SUBJECT_LENGTH = 255
MAX_ATTENDEES = 500
MAX_YEARS_DAYS = 1825
_FIRST_YEAR, _LAST_YEAR = "1602", "4499"
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?")
_READ_ONLY = frozenset(
    [
        "id",
        "changeKey",
        "iCalUId",
        "createdDateTime",
        "lastModifiedDateTime",
        "bodyPreview",
        "isOrganizer",
        "isCancelled",
        "type",
        "seriesMasterId",
        "webLink",
        "hasAttachments",
        "onlineMeetingUrl",
        "onlineMeeting",
        "originalStartTimeZone",
        "originalEndTimeZone",
        "originalStart",
        "responseStatus",
        "organizer",
        "isDraft",
        "occurrenceId",
        "cancelledOccurrences",
        "exceptionOccurrences",
        "calendar",
        "instances",
        "attachments",
        "extensions",
        "multiValueExtendedProperties",
    ]
)

Changes = dict[str, Any]


def new_event(body: Any) -> Draft:
    """The event that a POST asks for. Raises GraphError naming what is wrong."""
    draft = _merge(body, Draft())
    if not draft.start or not draft.end:
        raise validation_failed("The properties 'start' and 'end' are required.")
    return _checked(draft)


def changed_event(body: Any, current: Draft) -> Draft:
    """The event after a PATCH: what the request leaves out keeps its value."""
    draft = _merge(body, current)
    if current.transaction_id and draft.transaction_id != current.transaction_id:
        raise validation_failed("The property 'transactionId' cannot be changed after it was set.")
    return _checked(draft)


def _merge(body: Any, current: Draft) -> Draft:
    if not isinstance(body, Mapping):
        raise body_unreadable("The request body must be one JSON object.")
    changes: Changes = {}
    inner: Changes = {}
    for name, value in body.items():
        if "@" in name or name in _READ_ONLY:
            continue
        if name in _PLAIN:
            field, read = _PLAIN[name]
            if value is not None:
                inner[field] = read(name, value)
        elif name in _SHAPED:
            (changes if name in _COLUMNS else inner).update(_SHAPED[name](value))
        else:
            raise body_unreadable(
                f"The property '{name}' does not exist on type 'microsoft.graph.event'. Make sure to only use "
                "property names that are defined by the type."
            )
    if "start_zone" in changes:
        inner["start_zone"] = changes.pop("start_zone")
    if "end_zone" in changes:
        inner["end_zone"] = changes.pop("end_zone")
    document = msgspec.structs.replace(current.document, **inner) if inner else current.document
    return msgspec.structs.replace(current, document=document, **changes)


def _checked(draft: Draft) -> Draft:
    if draft.end < draft.start:
        raise validation_failed("The end date of the event is earlier than its start date.")
    if (instant(draft.end) - instant(draft.start)).days > MAX_YEARS_DAYS:
        raise validation_failed("The duration of the event is longer than five years.")
    if draft.document.is_all_day:
        _check_all_day(draft)
    return draft


def _check_all_day(draft: Draft) -> None:
    document = draft.document
    if zone(document.start_zone) != zone(document.end_zone):
        raise invalid_request("The Event.Start and Event.End of an all-day event need to be in the same time zone.")
    for name, at, of in (("Start", draft.start, document.start_zone), ("End", draft.end, document.end_zone)):
        local = instant(at).astimezone(zone(of))
        if (local.hour, local.minute, local.second, local.microsecond) != (0, 0, 0, 0):
            raise invalid_request(f"The Event.{name} property for an all-day event needs to be set to midnight.")
    if draft.start == draft.end:
        raise invalid_request("The duration of an event marked as All day must be at least 24 hours.")


def _moment(name: str, value: Any) -> tuple[str, str]:
    """(stamp in UTC, zone name as sent) of a dateTimeTimeZone."""
    if not isinstance(value, Mapping) or not isinstance(value.get("dateTime"), str):
        raise body_unreadable(f"The property '{name}' needs a dateTime and a timeZone.")
    named = value.get("timeZone")
    named = "" if named is None else _text("timeZone", named)
    found = _LOCAL.fullmatch(value["dateTime"])
    tz = zone(named)
    if found is None or not _FIRST_YEAR <= found[1][:4] <= _LAST_YEAR:
        raise validation_failed(f"The dateTime of '{name}' is not a date and time: '{value['dateTime'][:60]}'.")
    day, clock, fraction, offset = found.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock or '00:00'}{(offset or '').replace('Z', '+00:00')}")
        if local.tzinfo is None and is_utc(named):
            return f"{local.isoformat()}.{ticks(fraction or '')}", named
        moment = local.replace(tzinfo=tz) if local.tzinfo is None else local
        return stamp(moment.astimezone(UTC))[:20] + ticks(fraction or ""), named
    except (ValueError, OverflowError):
        raise validation_failed(f"The dateTime of '{name}' is out of range: '{value['dateTime'][:60]}'.") from None


def _start(value: Any) -> Changes:
    moment, named = _moment("start", value)
    return {"start": moment, "start_zone": named}


def _end(value: Any) -> Changes:
    moment, named = _moment("end", value)
    return {"end": moment, "end_zone": named}


def _subject(value: Any) -> Changes:
    text = "" if value is None else _text("subject", value)
    if len(text) > SUBJECT_LENGTH:
        text = text[: SUBJECT_LENGTH - 3] + "..."
    return {"subject": text}


def _body(value: Any) -> Changes:
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise body_unreadable("The property 'body' needs a contentType and a content.")
    kind = _choice("contentType", value.get("contentType") or "text", {"text": "text", "html": "html"})
    content = value.get("content")
    content = "" if content is None else _text("content", content)
    return {"body_type": kind, "body": content, "body_preview": bodies.preview(kind, content)}


def _location(value: Any) -> Changes:
    if value is None:
        return {"locations": []}
    if not isinstance(value, Mapping):
        raise body_unreadable("The property 'location' must be an object.")
    kept = {name: part for name, part in value.items() if "@" not in name and part is not None}
    kept["displayName"] = _text("displayName", kept.get("displayName", ""))
    return {"locations": [kept] if len(kept) > 1 or kept["displayName"] else []}


def _locations(value: Any) -> Changes:
    if value is None:
        return {}
    if not isinstance(value, list):
        raise body_unreadable("The property 'locations' must be a collection.")
    return {"locations": [place for one in value for place in _location(one)["locations"]]}


def _categories(value: Any) -> Changes:
    if value is None:
        return {"categories": []}
    if not isinstance(value, list):
        raise body_unreadable("The property 'categories' must be a collection.")
    return {"categories": [_text("categories", one) for one in value]}


def _attendees(value: Any) -> Changes:
    if value is None:
        return {"attendees": []}
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise body_unreadable("The property 'attendees' must be a collection.")
    if len(value) > MAX_ATTENDEES:
        raise invalid_request(f"An event has at most {MAX_ATTENDEES} attendees.")
    return {"attendees": [{name: part for name, part in one.items() if "@" not in name} for one in value]}


def _recurrence(value: Any) -> Changes:
    if value is not None:
        raise invalid_request("This server keeps single events only; recurrence must be null.")
    return {}


def _transaction_id(value: Any) -> Changes:
    return {} if value is None else {"transaction_id": _text("transactionId", value) or None}


def _properties(value: Any) -> Changes:
    return {"properties": read_properties(value)}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise body_unreadable(f"Cannot convert the value of '{name}' to the expected type 'Edm.String'.")
    return value


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in {"true", "false"}:
        return value.casefold() == "true"
    raise body_unreadable(f"Cannot convert the value of '{name}' to the expected type 'Edm.Boolean'.")


def _integer(name: str, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**31 - 1:
        raise body_unreadable(f"Cannot convert the value of '{name}' to the expected type 'Edm.Int32'.")
    return value


def _choice(name: str, value: Any, allowed: Mapping[str, str]) -> str:
    known = allowed.get(_text(name, value).casefold())
    if known is None:
        raise body_unreadable(f"Requested value '{value[:60]}' was not found.")
    return known


def _one_of(values: str) -> Callable[[str, Any], str]:
    allowed = {value.casefold(): value for value in values.split()}
    return lambda name, value: _choice(name, value, allowed)


#: property -> (field of the document, how to read it); null means "left out"
_PLAIN: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "importance": ("importance", _one_of("low normal high")),
    "sensitivity": ("sensitivity", _one_of("normal personal private confidential")),
    "showAs": ("show_as", _one_of("free tentative busy oof workingElsewhere unknown")),
    "onlineMeetingProvider": (
        "online_meeting_provider",
        _one_of("unknown skypeForBusiness skypeForConsumer teamsForBusiness"),
    ),
    "isAllDay": ("is_all_day", _boolean),
    "isReminderOn": ("is_reminder_on", _boolean),
    "reminderMinutesBeforeStart": ("reminder_minutes_before_start", _integer),
    "responseRequested": ("response_requested", _boolean),
    "allowNewTimeProposals": ("allow_new_time_proposals", _boolean),
    "hideAttendees": ("hide_attendees", _boolean),
    "isOnlineMeeting": ("is_online_meeting", _boolean),
}
#: property -> what it changes; null has a meaning of its own
_SHAPED: dict[str, Callable[[Any], Changes]] = {
    "subject": _subject,
    "start": _start,
    "end": _end,
    "body": _body,
    "location": _location,
    "locations": _locations,
    "categories": _categories,
    "attendees": _attendees,
    "recurrence": _recurrence,
    "transactionId": _transaction_id,
    "singleValueExtendedProperties": _properties,
}
_COLUMNS = frozenset({"subject", "start", "end", "transactionId", "singleValueExtendedProperties"})
#: every property that an event of this server has, for `$select`
KNOWN = frozenset(_PLAIN) | frozenset(_SHAPED) | _READ_ONLY
