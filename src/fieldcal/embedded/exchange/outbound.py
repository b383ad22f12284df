"""From a stored event to the JSON that Graph answers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from fieldcal.embedded.exchange import bodies, ids
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.mailboxes import Mailbox
from fieldcal.embedded.exchange.preferences import Preferences
from fieldcal.embedded.exchange.properties import shown
from fieldcal.embedded.exchange.zones import instant, is_utc, zone

_OWA = "https://outlook.office365.com/owa/?itemid={}&exvsurl=1&path=/calendar/item"
_NEVER = "0001-01-01T00:00:00Z"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """How an answer shows events: the mailbox they are in, what the client prefers, `$select`, `$expand`."""

    mailbox: Mailbox
    prefer: Preferences
    select: Collection[str] = ()
    #: extended properties by event row, where `$expand` asked for them
    properties: Mapping[int, Mapping[str, str]] | None = None


def event_id(event: StoredEvent, mailbox: Mailbox, prefer: Preferences) -> str:
    """The event's id, of the kind that the client prefers."""
    if prefer.immutable:
        return ids.immutable_id(mailbox.object_id, event.key)
    return ids.mutable_id(mailbox.object_id, event.key, event.filing)


def event_json(event: StoredEvent, view: View) -> Json:
    """The event in the full shape of the resource, or cut down to `$select` (the id and the etag always stay)."""
    document, prefer = event.document, view.prefer
    key = ids.change_key(view.mailbox.object_id, event.change)
    named = event_id(event, view.mailbox, prefer)
    whole: Json = {
        "@odata.etag": ids.etag(key),
        "id": named,
        "createdDateTime": event.created + "Z",
        "lastModifiedDateTime": event.modified + "Z",
        "changeKey": key,
        "categories": document.categories,
        "transactionId": event.transaction_id,
        "originalStartTimeZone": document.start_zone,
        "originalEndTimeZone": document.end_zone,
        "iCalUId": ids.ical_uid(event.key),
        "reminderMinutesBeforeStart": document.reminder_minutes_before_start,
        "isReminderOn": document.is_reminder_on,
        "hasAttachments": False,
        "subject": event.subject,
        "bodyPreview": document.body_preview,
        "importance": document.importance,
        "sensitivity": document.sensitivity,
        "isAllDay": document.is_all_day,
        "isCancelled": False,
        "isOrganizer": True,
        "responseRequested": document.response_requested,
        "seriesMasterId": None,
        "showAs": document.show_as,
        "type": "singleInstance",
        "webLink": _OWA.format(named.replace("=", "%3D")),
        "onlineMeetingUrl": None,
        "isOnlineMeeting": document.is_online_meeting,
        "onlineMeetingProvider": document.online_meeting_provider,
        "allowNewTimeProposals": document.allow_new_time_proposals,
        "occurrenceId": None,
        "isDraft": False,
        "hideAttendees": document.hide_attendees,
        "responseStatus": {"response": "organizer", "time": _NEVER},
        "body": _body(event, prefer),
        "start": _moment(event.start, document.start_zone, event, prefer.zone),
        "end": _moment(event.end, document.end_zone, event, prefer.zone),
        "location": _place(document.locations),
        "locations": [_listed_place(place) for place in document.locations],
        "recurrence": None,
        "attendees": [_attendee(one) for one in document.attendees],
        "organizer": {"emailAddress": {"name": view.mailbox.name, "address": view.mailbox.address}},
    }
    if view.select:
        whole = {name: value for name, value in whole.items() if name in view.select or name in {"@odata.etag", "id"}}
    expanded = (view.properties or {}).get(event.row)
    if expanded:
        whole["singleValueExtendedProperties"] = shown(expanded)
    return whole


def removed_json(event: StoredEvent, mailbox: Mailbox, prefer: Preferences) -> Json:
    return {"@removed": {"reason": "deleted"}, "id": event_id(event, mailbox, prefer)}


def calendar_json(mailbox: Mailbox, properties: Mapping[str, str], select: Collection[str] = ()) -> Json:
    """The mailbox's one calendar; `properties` are those that `$expand` asked for."""
    named = ids.calendar_id(mailbox.object_id)
    whole: Json = {
        "id": named,
        "name": "Calendar",
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": True,
        "changeKey": ids.change_key(mailbox.object_id, 0),
        "canShare": True,
        "canViewPrivateItems": True,
        "canEdit": mailbox.can_edit,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"],
        "defaultOnlineMeetingProvider": "teamsForBusiness",
        "isTallyingResponses": True,
        "isRemovable": False,
        "owner": {"name": mailbox.name, "address": mailbox.address},
    }
    if select:
        whole = {name: value for name, value in whole.items() if name in select or name == "id"}
    if properties:
        whole["singleValueExtendedProperties"] = shown(properties)
    return whole


def user_json(mailbox: Mailbox, select: Collection[str] = ()) -> Json:
    whole: Json = {
        "businessPhones": [],
        "displayName": mailbox.name,
        "givenName": None,
        "jobTitle": None,
        "mail": mailbox.address,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": None,
        "userPrincipalName": mailbox.upn,
        "id": str(mailbox.object_id),
    }
    return {name: value for name, value in whole.items() if name in select or name == "id"} if select else whole


def _body(event: StoredEvent, prefer: Preferences) -> Json:
    document = event.document
    if prefer.text_body:
        return {"contentType": "text", "content": bodies.as_text(document.body_type, document.body)}
    return {
        "contentType": "html",
        "content": bodies.as_html(document.body_type, document.body, unsafe=prefer.unsafe_html),
    }


def _moment(at: str, of: str, event: StoredEvent, wanted: str) -> Json:
    if event.document.is_all_day:
        # An all-day event is a date, not an instant: midnight in whatever zone the reader asks for.
        day = instant(at).astimezone(zone(of)).date()
        return {"dateTime": f"{day.isoformat()}T00:00:00.0000000", "timeZone": wanted}
    if is_utc(wanted):
        return {"dateTime": at, "timeZone": "UTC"}
    local = instant(at).astimezone(UTC).astimezone(zone(wanted)).replace(tzinfo=None)
    return {"dateTime": local.isoformat(timespec="seconds") + at[19:], "timeZone": wanted}


def _place(places: list[Json]) -> Json:
    if not places:
        return {
            "displayName": "",
            "locationType": "default",
            "uniqueIdType": "unknown",
            "address": {},
            "coordinates": {},
        }
    named = places[0].get("displayName", "")
    return {"locationType": "default", "uniqueId": named, "uniqueIdType": "private"} | places[0]


def _listed_place(place: Json) -> Json:
    return {"locationType": "default", "uniqueIdType": "unknown"} | place


def _attendee(one: Json) -> Json:
    return {"type": "required", "status": {"response": "none", "time": _NEVER}} | one
