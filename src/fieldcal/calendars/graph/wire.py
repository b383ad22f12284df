"""Events and marks as Microsoft Graph writes them, and the addresses to ask. Pure.

Sources: learn.microsoft.com/graph/api/resources/event, .../user-post-events, .../singlevaluelegacyextendedproperty-get,
graph/outlook-immutable-id; checked 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeGuard
from urllib.parse import quote

from fieldcal.marks import VERSION, mark_text, parse_mark
from fieldcal.model import Create, Event, EventId, MailboxId, Mark, Observed, Receipt, Update, Window

#: Our own namespace of extended properties: never to be changed, or no event is recognized any more.
NAMESPACE = "fc96e808-4ade-4af6-af46-7ce08cf00f57"
MARK = f"String {{{NAMESPACE}}} Name FieldcalMark"
STAMP = f"String {{{NAMESPACE}}} Name FieldcalStamp"
TRIAL = f"String {{{NAMESPACE}}} Name FieldcalTrial"
CLAIM = f"String {{{NAMESPACE}}} Name FieldcalClaim"

#: Immutable ids stay when an item is moved; answers in UTC. Both are asked anew with every request.
PREFER = 'IdType="ImmutableId", outlook.timezone="UTC"'
#: The calendar view refuses to `$select` createdDateTime.
VIEW_COLUMNS = "id,subject,start,end,location,transactionId"
COLUMNS = f"{VIEW_COLUMNS},createdDateTime"
PAGE = 250

_PLAIN = "$=,()'@:/"
_UTC_NAMES = frozenset({"utc", "etc/utc", "etc/gmt", "coordinated universal time"})
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|\+00:00)?", re.ASCII)
#: Subjects are kept up to 255 characters (the store cuts longer ones and adds dots)
_SUBJECT_KEPT = 250


class Malformed(ValueError):
    """An answer that is not what it should be; says where."""


def user(mailbox: MailboxId) -> str:
    """The path of one mailbox, by object id or address."""
    return f"/users/{quote(mailbox, safe='')}"


def event_path(mailbox: MailboxId, event: EventId) -> str:
    """The path of one event; ids hold `=`, `/` and `+`."""
    return f"{user(mailbox)}/events/{quote(event, safe='')}"


def _query(**options: str) -> str:
    return "&".join(f"${name}={quote(value, safe=_PLAIN)}" for name, value in options.items())


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _expand(*properties: str) -> str:
    wanted = " or ".join(f"id eq '{name}'" for name in properties)
    return f"singleValueExtendedProperties($filter={wanted})"


def _having(name: str, condition: str) -> str:
    return f"singleValueExtendedProperties/Any(ep: ep/id eq '{name}' and {condition})"


def view_path(mailbox: MailboxId, window: Window) -> str:
    """Everything that overlaps the window. A filter by property fails there (HTTP 500), so the caller filters."""
    span = f"startDateTime={_zulu(window.near)}&endDateTime={_zulu(window.far)}"
    options = _query(select=VIEW_COLUMNS, expand=_expand(MARK, STAMP), top=str(PAGE), count="true")
    return f"{user(mailbox)}/calendarView?{span}&{options}"


def owned_path(mailbox: MailboxId, organization: str) -> str:
    """Every event that carries a mark of this organization, wherever it lies."""
    prefix = f"{VERSION}/{quote(organization, safe='@')}/"
    having = _having(MARK, f"startswith(ep/value,{_literal(prefix)})")
    wanted = _query(filter=having, select=COLUMNS, expand=_expand(MARK, STAMP), top=str(PAGE), count="true")
    return f"{user(mailbox)}/events?{wanted}"


def find_path(mailbox: MailboxId, mark: Mark) -> str:
    """The events with exactly this mark."""
    having = _having(MARK, f"ep/value eq {_literal(mark_text(mark))}")
    return f"{user(mailbox)}/events?" + _query(filter=having, select=COLUMNS, expand=_expand(MARK, STAMP))


def get_path(mailbox: MailboxId, event: EventId) -> str:
    """One event with our properties."""
    return f"{event_path(mailbox, event)}?" + _query(select=COLUMNS, expand=_expand(MARK, STAMP))


def trials_path(mailbox: MailboxId) -> str:
    """Trial events that a crash may have left."""
    return f"{user(mailbox)}/events?" + _query(filter=_having(TRIAL, "ep/value eq '1'"), select="id")


def calendar_path(mailbox: MailboxId) -> str:
    """The default calendar, with what shows whether it can be written to."""
    return f"{user(mailbox)}/calendar?" + _query(select="id,name,canEdit")


def claim_path(mailbox: MailboxId) -> str:
    """The default calendar with the claim on it."""
    return f"{user(mailbox)}/calendar?" + _query(select="id", expand=_expand(CLAIM))


def create_body(action: Create) -> dict[str, object]:
    """What is posted; the same action gives the same content, so that its key may be repeated. No attendees, ever."""
    event = action.event
    body = _owned_fields(event)
    body |= {"transactionId": action.key, "importance": "normal"}
    if event.categories:
        body["categories"] = list(event.categories)
    if event.private:
        body["sensitivity"] = "private"
    if not event.reminder:
        body["isReminderOn"] = False
    body["singleValueExtendedProperties"] = [
        {"id": MARK, "value": mark_text(action.mark)},
        {"id": STAMP, "value": action.stamp},
    ]
    return body


def update_body(action: Update) -> dict[str, object]:
    """What is patched: only the fields we own, so that what the worker adds survives."""
    return _owned_fields(action.event) | {"singleValueExtendedProperties": [{"id": STAMP, "value": action.stamp}]}


def trial_body(start: datetime, end: datetime) -> dict[str, object]:
    """A private, free event without reminder, with a property of its own."""
    return {
        "subject": "Fieldcal: trial event, removed at once",
        "start": _moment(start),
        "end": _moment(end),
        "showAs": "free",
        "sensitivity": "private",
        "isReminderOn": False,
        "singleValueExtendedProperties": [{"id": TRIAL, "value": "1"}],
    }


def claim_body(value: str | None) -> dict[str, object]:
    """The claim; an extended property cannot be taken away, so an empty one stands for none."""
    return {"singleValueExtendedProperties": [{"id": CLAIM, "value": value or ""}]}


def _owned_fields(event: Event) -> dict[str, object]:
    return {
        "subject": event.subject,
        "body": {"contentType": "html", "content": event.body},
        "start": _moment(event.start),
        "end": _moment(event.end),
        "location": {"displayName": event.location},
        "showAs": str(event.show_as),
    }


def _moment(instant: datetime) -> dict[str, str]:
    return {"dateTime": instant.astimezone(UTC).replace(tzinfo=None).isoformat(), "timeZone": "UTC"}


def _zulu(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def rows(page: object) -> Sequence[object]:
    """The `value` of a page; `Malformed` unless it is a list in an OData answer (a proxy's `{"value": []}` is not)."""
    listed: object = page.get("value") if isinstance(page, dict) and "@odata.context" in page else None
    if isinstance(listed, list):
        return listed
    raise Malformed("a page without a list of values, or without the context it belongs to")


def name_of(row: object) -> str:
    """The row's id, "" where it has none."""
    named = row.get("id") if isinstance(row, dict) else None
    return named if isinstance(named, str) else ""


def count(page: object) -> int | None:
    """How many rows the whole list has, where the server told."""
    told = page.get("@odata.count") if isinstance(page, dict) else None
    return told if isinstance(told, int) else None


def next_link(page: object) -> str | None:
    """Where the list goes on; `Malformed` for a link that is no text."""
    link = page.get("@odata.nextLink") if isinstance(page, dict) else None
    if link is not None and not (isinstance(link, str) and link):
        raise Malformed("a page whose nextLink is not an address")
    return link


def properties(item: Mapping[str, object]) -> dict[str, str]:
    """The extended properties of an event or calendar: lower-case id to value."""
    found: dict[str, str] = {}
    listed = item.get("singleValueExtendedProperties")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and isinstance(entry.get("value"), str):
            found[entry["id"].lower()] = entry["value"]
    return found


def is_calendar(body: object) -> TypeGuard[dict[str, object]]:
    """Whether this is a calendar; an empty object that a proxy made up is none, and shows no claim."""
    return isinstance(body, dict) and isinstance(body.get("id"), str)


def claim_of(calendar: object) -> str | None:
    """The claim on a calendar, None where there is none or an empty one."""
    if not is_calendar(calendar):
        raise Malformed("what is not a calendar")
    return properties(calendar).get(CLAIM.lower()) or None


def observed(item: object) -> Observed:
    """One event as the server has it now; `Malformed`, with its id, where a field is missing that must be there."""
    if not isinstance(item, dict):
        raise Malformed("an event that is not an object")
    ours = properties(item)
    location = item.get("location")
    place = location.get("displayName") if isinstance(location, dict) else None
    key = item.get("transactionId")
    return Observed(
        id=event_id(item),
        etag=etag(item),
        mark=parse_mark(ours.get(MARK.lower())),
        subject=_text(item.get("subject")),
        start=moment(item, "start"),
        end=moment(item, "end"),
        location=_text(place),
        created=instant(item.get("createdDateTime")),
        key=_text(key),
        stamp=ours.get(STAMP.lower(), ""),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def event_id(item: Mapping[str, object]) -> EventId:
    """The event's id; `Malformed` without one."""
    told = item.get("id")
    if not (isinstance(told, str) and told):
        raise Malformed("an event without an id")
    return EventId(told)


def etag(item: Mapping[str, object]) -> str:
    """The event's etag, else made from its changeKey (they are the same), else ""."""
    told = item.get("@odata.etag")
    if isinstance(told, str):
        return told
    key = item.get("changeKey")
    return f'W/"{key}"' if isinstance(key, str) else ""


def instant(text: object) -> datetime | None:
    """An instant with up to nine fraction digits, those below the microsecond cut off; None for anything else."""
    match = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return whole + timedelta(microseconds=int((match[2] or "0").ljust(6, "0")[:6]))


def moment(item: Mapping[str, object], name: str) -> datetime:
    """`start` or `end` of an event, UTC; `Malformed` unless the server answers in UTC, as every request asks."""
    told = item.get(name)
    value = told if isinstance(told, dict) else {}
    at = instant(value.get("dateTime"))
    if at is None or str(value.get("timeZone")).lower() not in _UTC_NAMES:
        raise Malformed(f"event {str(item.get('id'))[:80]} has no {name} in UTC")
    return at


def receipt(sent: Create, item: object, earliest: datetime | None) -> Receipt:
    """The receipt of a creation, from the answer's event.

    `earliest`: no instant before it can belong to this sending; None where the server did not tell its clock. An
    event under another key is none of this sending and `Malformed`: the service has given two creations of one moment
    one id (microsoftgraph/microsoft-graph-docs#7330).
    """
    if not isinstance(item, dict):
        raise Malformed("an answer that is not an event")
    if (item.get("transactionId") or sent.key) != sent.key:
        raise Malformed("the event of another key")
    made = instant(item.get("createdDateTime"))
    return Receipt(
        id=event_id(item),
        etag=etag(item),
        differs=_differs(sent.event, item),
        suspect=made is None or earliest is None or made < earliest,
    )


def _differs(sent: Event, item: Mapping[str, object]) -> bool:
    # an answer that leaves a field out says nothing about it
    subject = item.get("subject")
    if isinstance(subject, str) and _kept(subject) != _kept(sent.subject):
        return True
    return any(name in item and moment(item, name) != at for name, at in (("start", sent.start), ("end", sent.end)))


def _kept(subject: str) -> str:
    return " ".join(subject.split())[:_SUBJECT_KEPT]
