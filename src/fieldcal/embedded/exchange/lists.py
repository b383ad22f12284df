"""Many events: the list, the calendar view, and the delta of a calendar view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from sqlalchemy import ColumnElement, false

from fieldcal.embedded.control import Control
from fieldcal.embedded.exchange import filters
from fieldcal.embedded.exchange.call import Answer, Call
from fieldcal.embedded.exchange.delta import DeltaToken, read_token
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.errors import GraphError, bad_request, invalid_request
from fieldcal.embedded.exchange.event_store import overlapping
from fieldcal.embedded.exchange.mailboxes import Mailbox
from fieldcal.embedded.exchange.outbound import Json, View, event_json, removed_json
from fieldcal.embedded.exchange.query import PAGE, Options, read_options
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.single import EVENT_NAMES
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.tables import events
from fieldcal.embedded.exchange.zones import instant

_LONGEST_RANGE = timedelta(days=5 * 365 + 2)
#: how many changes are looked at together while a page of a delta is filled
_STRIDE = 200
_NOT_IN_DELTA = ("$select", "$expand", "$filter", "$orderby", "$search")
#: https://learn.microsoft.com/graph/api/calendar-list-calendarview: these cannot be selected there
_NOT_IN_VIEW = frozenset({"createdDateTime", "lastModifiedDateTime"})


class EventLists:
    """The operations that answer with pages of events."""

    def __init__(self, store: Store, control: Control[Settings]) -> None:
        self._store = store
        self._control = control

    def listed(self, call: Call, mailbox: Mailbox) -> Answer:
        """Every event, in pages."""
        options = read_options(call.query, EVENT_NAMES, max_page=call.prefer.max_page)
        where = [filters.condition(options.filter, mailbox.row)] if options.filter else []
        if filters.asks_extended(options.filter) and self._control.settings.blind_search:
            where = [false()]
        return self._page(call, mailbox, options, where, options.order)

    def view(self, call: Call, mailbox: Mailbox) -> Answer:
        """The events that overlap the window, by start."""
        options = read_options(call.query, EVENT_NAMES, max_page=call.prefer.max_page)
        where = overlapping(*_window(call.query))
        if filters.asks_extended(options.filter):
            # Reported: microsoftgraph/msgraph-sdk-dotnet#2375
            raise GraphError(
                500, "ErrorInternalServerError", "An internal server error occurred. The operation failed."
            )
        if options.filter:
            where.append(filters.condition(options.filter, mailbox.row))
        if options.select:
            left = options.select - _NOT_IN_VIEW or frozenset({"id"})
            options = Options(left, options.expand, "", options.order, options.top, options.skip, options.count)
        return self._page(call, mailbox, options, where, options.order or (events.c.start,))

    def delta(self, call: Call, mailbox: Mailbox) -> Answer:
        """What changed in a fixed window since the token: nextLinks until the deltaLink comes."""
        if used := [name for name in _NOT_IN_DELTA if name in call.query]:
            message = (
                "The following parameters are not supported with change tracking over the 'CalendarView' resource: "
                f"'{', '.join(used)}'."
            )
            raise GraphError(400, "ErrorInvalidUrlQuery", message)
        with self._store.database.reading():
            token = self._token(call, mailbox)
            found, seen, more = self._changes(token, call, mailbox, call.prefer.max_page or PAGE)
        written = DeltaToken(
            token.generation, token.mailbox, token.start, token.end, seen, token.made, token.until
        ).written()
        owner = quote(str(mailbox.object_id))
        link = f"{call.base}/users/{owner}/calendarView/delta?"
        body: Json = {"@odata.context": f"{call.base}/$metadata#Collection(event)", "value": found}
        if more:
            body["@odata.nextLink"] = f"{link}%24skiptoken={written}"
        else:
            body["@odata.deltaLink"] = f"{link}%24deltatoken={written}"
        return Answer(200, body)

    def _page(
        self,
        call: Call,
        mailbox: Mailbox,
        options: Options,
        where: Sequence[ColumnElement[bool]],
        order: Sequence[ColumnElement[object]],
    ) -> Answer:
        with self._store.database.reading():
            found = self._store.events.page(mailbox.row, where, order, skip=options.skip, top=options.top + 1)
            shown = found[: options.top]
            rows = [event.row for event in shown]
            expanded = self._store.events.properties(rows, options.expand) if options.expand else None
            total = self._store.events.count(mailbox.row, where) if options.count else None
        view = View(mailbox, call.prefer, options.select, expanded)
        body: Json = {"@odata.context": f"{call.base}/$metadata#users('{mailbox.object_id}')/events"}
        if total is not None:
            body["@odata.count"] = total
        body["value"] = [event_json(event, view) for event in shown]
        if len(found) > options.top:
            following = {**call.query, "$top": str(options.top), "$skip": str(options.skip + options.top)}
            body["@odata.nextLink"] = f"{call.base}{call.path}?{urlencode(following, quote_via=quote)}"
        return Answer(200, body)

    def _token(self, call: Call, mailbox: Mailbox) -> DeltaToken:
        now, generation = self._store.now(), self._store.generation()
        text = call.query.get("$deltatoken") or call.query.get("$skiptoken")
        if text:
            life = self._control.settings.delta_life
            return read_token(text, mailbox.object_id, generation=generation, now=now, life=life)
        start, end = _window(call.query)
        until = self._store.events.last_change()
        return DeltaToken(generation, mailbox.object_id, start, end, 0, int(now.timestamp()), until)

    def _changes(self, token: DeltaToken, call: Call, mailbox: Mailbox, size: int) -> tuple[list[Json], int, bool]:
        """(entries, last change seen, whether there is more)."""
        view = View(mailbox, call.prefer)
        found: list[Json] = []
        seen = token.seen
        while changed := self._store.events.changed_since(mailbox.row, seen, top=_STRIDE):
            for event in changed:
                if len(found) == size:
                    return found, seen, True
                seen = event.change
                if _inside(event, token):
                    found.append({"@odata.type": "#microsoft.graph.event", **event_json(event, view)})
                elif event.change > token.until:
                    found.append(removed_json(event, mailbox, call.prefer))
        return found, seen, False


def _inside(event: StoredEvent, token: DeltaToken) -> bool:
    overlaps = event.start < token.end and (event.end > token.start or event.start >= token.start)
    return overlaps and not event.deleted


def _window(query: Mapping[str, str]) -> tuple[str, str]:
    """(start, end) as stamps. Both parameters are required."""
    given = {name.casefold(): value for name, value in query.items()}
    named = "startdatetime", "enddatetime"
    if not all(given.get(name) for name in named):
        raise GraphError(
            400,
            "ErrorInvalidParameter",
            "This request requires a time window specified by the query string parameters "
            "StartDateTime and EndDateTime.",
        )
    try:
        start, end = (filters.moment(given[name].strip("'")) for name in named)
        length = _length(start, end)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"The time window is not readable: {error}", "ErrorInvalidParameter") from error
    if length < timedelta(0):
        raise invalid_request("The end of the time window is earlier than its start.")
    if length > _LONGEST_RANGE:
        raise invalid_request(
            "The range between the start and end dates is greater than the allowed range. Maximum number of years: 5"
        )
    return start, end


def _length(start: str, end: str) -> timedelta:
    begins: datetime = instant(start)
    return instant(end) - begins
