"""The part of Microsoft Graph that is answered: which path leads to which operation."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qsl
from uuid import UUID

from fieldcal.embedded.control import Control
from fieldcal.embedded.exchange import ids
from fieldcal.embedded.exchange.call import WRITES, Answer, Call
from fieldcal.embedded.exchange.errors import (
    GraphError,
    bad_request,
    body_unreadable,
    item_not_found,
    method_not_allowed,
    no_such_resource,
)
from fieldcal.embedded.exchange.lists import EventLists
from fieldcal.embedded.exchange.mailboxes import (
    Directory,
    Mailbox,
    refuse_unready,
    refuse_unwritable,
    unknown_directory_object,
    unknown_user,
)
from fieldcal.embedded.exchange.outbound import calendar_json, user_json
from fieldcal.embedded.exchange.properties import property_id, read_properties
from fieldcal.embedded.exchange.query import read_options
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.single import EXPANDABLE_TOO, SingleEvents
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.zones import zone

_DELTA = re.compile(r"(?:microsoft\.graph\.)?delta(?:\((.*)\))?", re.IGNORECASE)
_CALENDAR_NAMES = (
    frozenset(
        [
            "id",
            "name",
            "color",
            "hexColor",
            "isDefaultCalendar",
            "changeKey",
            "canShare",
            "canViewPrivateItems",
            "canEdit",
            "owner",
            "allowedOnlineMeetingProviders",
            "defaultOnlineMeetingProvider",
            "isTallyingResponses",
            "isRemovable",
        ]
    )
    | EXPANDABLE_TOO
)
_USER_NAMES = frozenset(
    [
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ]
)
_PROPERTIES = "singlevalueextendedproperties"


class Graph:
    """Answers one call on one mailbox. Refusals are raised as GraphError."""

    def __init__(
        self, store: Store, control: Control[Settings], directory: Directory, *, tenant_id: UUID, organization: str
    ) -> None:
        self._store, self._directory = store, directory
        self._tenant_id = tenant_id
        self._organization = organization
        self._single = SingleEvents(store, control)
        self._lists = EventLists(store, control)

    def mailbox_of(self, call: Call) -> Mailbox | None:
        """The mailbox that the call is about, if it is about one that exists."""
        if len(call.segments) > 1 and call.segments[0].casefold() == "users":
            named = call.segments[1]
            return self._store.mailboxes.find(named) or self._joined(named)
        return None

    def _joined(self, named: str) -> Mailbox | None:
        """The new mailbox of somebody whom the directory knows under that name."""
        known = self._directory(named)
        if known is None or any(map(self._store.mailboxes.find, (str(known.object_id), known.upn, known.address))):
            return None
        return self._store.mailboxes.add([known])[0]

    def answer(self, call: Call, mailbox: Mailbox | None) -> Answer:
        """The answer to the call; `mailbox` is what `mailbox_of` said."""
        if call.method in WRITES and "content-type" not in call.headers:
            raise bad_request("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
        zone(call.prefer.zone)
        match [call.segments[0].casefold(), *call.segments[1:]]:
            case ["organization"]:
                answer = self._organizations(call)
            case ["users", named]:
                answer = _user(call, mailbox, named)
            case ["users", named, *rest]:
                if mailbox is None:
                    raise unknown_user(named)
                refuse_unready(mailbox, named)
                answer = self._in_mailbox(call, mailbox, rest)
            case ["me", *_]:
                raise bad_request("/me request is only valid with delegated authentication flow.")
            case _:
                raise no_such_resource(call.segments[0])
        if call.prefer.applied:
            answer.headers["Preference-Applied"] = call.prefer.applied
        return answer

    def _in_mailbox(self, call: Call, mailbox: Mailbox, rest: list[str]) -> Answer:
        first = rest[0].casefold()
        if first == "calendars" and len(rest) == 1:
            return self._calendars(call, mailbox)
        if first == "calendars" and rest[1] != ids.calendar_id(mailbox.object_id):
            raise item_not_found()
        if first in {"calendar", "calendars"}:
            rest = rest[1:] if first == "calendar" else rest[2:]
            if not rest or rest[0].casefold() == _PROPERTIES:
                return self._calendar(call, mailbox, rest)
        if first == "mailboxsettings":
            return Answer(200, {"timeZone": mailbox.zone})
        return self._events(call, mailbox, rest)

    def _events(self, call: Call, mailbox: Mailbox, rest: list[str]) -> Answer:
        single, lists = self._single, self._lists
        match [call.method, rest[0].casefold(), *rest[1:]]:
            case ["GET", "events"]:
                return lists.listed(call, mailbox)
            case ["POST", "events"]:
                return single.create(call, mailbox)
            case ["GET", "calendarview"]:
                return lists.view(call, mailbox)
            case ["GET", "calendarview", function] if found := _DELTA.fullmatch(function):
                inner = dict(parse_qsl((found[1] or "").replace(",", "&")))
                return lists.delta(replace(call, query={**call.query, **inner}), mailbox)
            case ["GET", "events" | "calendarview", named]:
                return single.read(call, mailbox, named)
            case ["PATCH", "events" | "calendarview", named]:
                return single.change(call, mailbox, named)
            case ["DELETE", "events" | "calendarview", named]:
                return single.remove(call, mailbox, named)
            case ["DELETE", "events", named, properties, name] if properties.casefold() == _PROPERTIES:
                return single.remove_property(call, mailbox, named, name)
            case [_, "events" | "calendarview"] | [_, "events" | "calendarview", _]:
                raise method_not_allowed(call.method)
            case _:
                raise no_such_resource("/".join(rest)[:120])

    def _calendar(self, call: Call, mailbox: Mailbox, rest: list[str]) -> Answer:
        match [call.method, *rest[1:]]:
            case ["GET"] if not rest:
                return self._shown_calendar(call, mailbox)
            case ["PATCH"] if not rest:
                refuse_unwritable(mailbox, growing=False)
                if not isinstance(call.body, dict):
                    raise body_unreadable("The request body must be one JSON object.")
                changed = read_properties(call.body.get("singleValueExtendedProperties"))
                self._store.mailboxes.set_calendar_properties(mailbox, changed)
                return self._shown_calendar(call, mailbox)
            case ["DELETE", name]:
                refuse_unwritable(mailbox, growing=False)
                kept = property_id(name)
                if kept not in self._store.mailboxes.calendar_properties(mailbox):
                    raise item_not_found()
                self._store.mailboxes.remove_calendar_property(mailbox, kept)
                return Answer(204)
            case _:
                raise method_not_allowed(call.method)

    def _shown_calendar(self, call: Call, mailbox: Mailbox) -> Answer:
        options = read_options(call.query, _CALENDAR_NAMES)
        kept = self._store.mailboxes.calendar_properties(mailbox) if options.expand else {}
        asked = {name: value for name, value in kept.items() if name in options.expand}
        context = f"{call.base}/$metadata#users('{mailbox.object_id}')/calendar/$entity"
        return Answer(200, {"@odata.context": context, **calendar_json(mailbox, asked, options.select)})

    def _calendars(self, call: Call, mailbox: Mailbox) -> Answer:
        if call.method != "GET":
            raise method_not_allowed(call.method)
        options = read_options(call.query, _CALENDAR_NAMES)
        context = f"{call.base}/$metadata#users('{mailbox.object_id}')/calendars"
        return Answer(200, {"@odata.context": context, "value": [calendar_json(mailbox, {}, options.select)]})

    def _organizations(self, call: Call) -> Answer:
        if call.method != "GET":
            raise method_not_allowed(call.method)
        one = {"id": str(self._tenant_id), "displayName": self._organization}
        return Answer(200, {"@odata.context": f"{call.base}/$metadata#organization", "value": [one]})


def _user(call: Call, mailbox: Mailbox | None, named: str) -> Answer:
    if call.method != "GET":
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if mailbox is None:
        raise unknown_directory_object(named)
    options = read_options(call.query, _USER_NAMES)
    context = f"{call.base}/$metadata#users/$entity"
    return Answer(200, {"@odata.context": context, **user_json(mailbox, options.select)})
