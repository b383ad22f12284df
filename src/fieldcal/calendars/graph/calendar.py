"""One mailbox's calendar behind `ports.Calendar`: it writes exactly the actions it is given and decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar

from fieldcal.calendars.graph import trial, wire
from fieldcal.calendars.graph.batch import LARGEST_BATCH, NOT_WHOLE, Courier, Request
from fieldcal.calendars.graph.health import claims_of
from fieldcal.calendars.graph.replies import ITEM_GONE, Reply, of_read, outcome
from fieldcal.clock import Clock
from fieldcal.errors import NOT_CONNECTED, FieldcalError, NotSent, OutcomeUnknown, Throttled, Unreachable
from fieldcal.http import NO_ANSWER, Http
from fieldcal.model import (
    Check,
    Create,
    EventId,
    Identity,
    MailboxId,
    Mark,
    Observed,
    Receipt,
    Update,
    Window,
    Write,
)
from fieldcal.ports import BeforeSend, Calendar, Outcome, Pace

_T = TypeVar("_T")
#: A longer part of a path is an id, of which so much is told.
_LONG, _SHOWN = 12, 8


class GraphCalendars:
    """One server profile's end at Microsoft Graph, or at a server that speaks its protocol.

    `http`: its base URL with or without the version ("https://graph.microsoft.com" or ".../v1.0"). `name` is the
    profile's; a pause that concerns the whole end is kept under "connector:NAME". `application`: its client id, ""
    where there is none; profiles of one application share its limit.
    """

    def __init__(self, http: Http, pace: Pace, clock: Clock, name: str, application: str = "") -> None:
        self._http = http
        self._pace = pace
        self._clock = clock
        self._connector = f"connector:{name}"
        self._application = f"application:{application or name}"
        self._widths: dict[MailboxId, int] = {}
        self._root = versioned(http.root)

    async def identity(self) -> Identity:
        """The tenant by the token's own `tid` claim, else by GET /organization; "" where neither may be read."""
        tenant = tenant_of(await self._http.token())
        if tenant:
            return Identity("", tenant)
        answer = await self._http.request("GET", f"{self._root}/organization?$select=id,displayName")
        if answer.status == HTTPStatus.FORBIDDEN:
            return Identity("", "")
        reply = Reply(answer.status, answer.json(), answer.retry_after())
        if reply.status != HTTPStatus.OK:
            raise of_read(reply.refusal())
        return _organization(reply.body)

    def open(self, mailbox: MailboxId, organization: str) -> Calendar:
        courier = Courier(
            self._http, self._pace, self._clock, self._root, mailbox, self._connector, self._widths, self._application
        )
        return GraphCalendar(courier, mailbox, organization)

    async def close(self) -> None:
        await self._http.close()


class GraphCalendar:
    """The default calendar of one mailbox; marks are those of `organization`."""

    def __init__(self, courier: Courier, mailbox: MailboxId, organization: str) -> None:
        self._courier = courier
        self._mailbox = mailbox
        self._organization = organization

    @property
    def width(self) -> int:
        """One batch: the next one is sent when its answer is there."""
        return LARGEST_BATCH

    @property
    def lanes(self) -> int:
        """One: a mailbox takes four requests at a time, which a batch uses up."""
        return 1

    async def write(self, actions: Sequence[Write], before_send: BeforeSend) -> Mapping[Mark, Outcome]:
        """Carry these out; one by itself without a batch, more in unordered batches, one after the other."""
        replies = await self._courier.many([self._request(action) for action in actions], before_send)
        return {action.mark: _outcome(action, reply) for action, reply in zip(actions, replies, strict=True)}

    def request(self, action: Write) -> str:
        """The method, and the path with ids cut short; of several in a batch each one's own."""
        asked = self._request(action)
        return f"{asked.method} {'/'.join(map(_short, asked.path.split('/')))}"

    async def owned(self, window: Window | None, before_send: BeforeSend) -> Sequence[Observed]:
        """Our events in the window (by overlap), None: wherever they lie.

        What makes the list whole stands at `Courier.pages`. `created` is told only where several events carry one
        mark: the view does not tell it by itself.
        """
        path = (
            wire.owned_path(self._mailbox, self._organization)
            if window is None
            else wire.view_path(self._mailbox, window)
        )
        listed = [_read(wire.observed, item) for item in await self._courier.pages(path, before_send)]
        ours = [event for event in listed if self._is_ours(event)]
        times = Counter(event.mark for event in ours)
        doubtful = [event.id for event in ours if times[event.mark] > 1 and event.created is None]
        if not doubtful:
            return ours
        told = await self.get(doubtful, before_send)
        return [now for event in ours if (now := told.get(event.id, event)) is not None]

    async def get(self, ids: Sequence[EventId], before_send: BeforeSend) -> Mapping[EventId, Observed | None]:
        """These events as they are now, ours or not; None for one that the server says is gone."""
        replies = await self._courier.many(
            [Request("GET", wire.get_path(self._mailbox, event)) for event in ids], before_send
        )
        return {event: _observed(reply) for event, reply in zip(ids, replies, strict=True)}

    async def find(self, marks: Sequence[Mark], before_send: BeforeSend) -> Mapping[Mark, Sequence[Observed]]:
        """The events that carry these marks; a miss is no proof of absence (the search lags behind, F55)."""
        requests = [Request("GET", wire.find_path(self._mailbox, mark)) for mark in marks]
        replies = await self._courier.many(requests, before_send)
        found: dict[Mark, Sequence[Observed]] = {}
        for mark, reply in zip(marks, replies, strict=True):
            page = _body(reply)
            items = list(_read(wire.rows, page))
            link = _read(wire.next_link, page)
            if link is not None:
                items += await self._courier.following(link, before_send)
            events = (_read(wire.observed, item) for item in items)
            # the search compares values without regard to case
            found[mark] = [event for event in events if event.mark == mark]
        return found

    async def test(self, before_send: BeforeSend) -> Sequence[Check]:
        """Sign-in, mailbox found, calendar writable, each with what helps; stops at the first that fails."""
        return await trial.run(self._courier, self._mailbox, before_send)

    async def claim(self, before_send: BeforeSend) -> str | None:
        reply = await self._courier.one(Request("GET", wire.claim_path(self._mailbox)), before_send)
        return _read(wire.claim_of, _body(reply))

    async def set_claim(self, value: str | None, before_send: BeforeSend) -> bool:
        """Write the claim, which Exchange keeps; None or "" takes it back. May be repeated after an error."""
        path = f"{wire.user(self._mailbox)}/calendar"
        reply = await self._courier.one(Request("PATCH", path, wire.claim_body(value)), before_send)
        if not reply.good:
            raise of_read(reply.refusal())
        if not wire.is_calendar(reply.body):
            raise Unreachable("the claim may not have been written: the answer is not a calendar", code=NO_ANSWER)
        return True

    def _request(self, action: Write) -> Request:
        if isinstance(action, Create):
            return Request("POST", f"{wire.user(self._mailbox)}/events", wire.create_body(action))
        path = wire.event_path(self._mailbox, action.id)
        if isinstance(action, Update):
            return Request("PATCH", path, wire.update_body(action), action.etag)
        return Request("DELETE", path, etag=action.etag)

    def _is_ours(self, event: Observed) -> bool:
        mark = event.mark
        return mark is not None and (mark.organization, mark.mailbox) == (self._organization, self._mailbox)


def _short(part: str) -> str:
    """A part of a path as people are told: of an id, which is long and of which nobody reads more, the end."""
    return part if len(part) <= _LONG else f"…{part[-_SHOWN:]}"


def versioned(root: str) -> str:
    """The path of the API on the server, whether or not the base URL names its version."""
    return root if root.endswith(("/v1.0", "/beta")) else f"{root}/v1.0"


def tenant_of(token: str) -> str:
    """The `tid` claim of a token, "" where it is none that can be read. Nobody is trusted by it: it is our own."""
    tenant = claims_of(token).get("tid")
    return tenant.lower() if isinstance(tenant, str) else ""


def _organization(page: object) -> Identity:
    items = _read(wire.rows, page)
    first = items[0] if items else None
    tenant = first.get("id") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(tenant, str):
        raise Unreachable("the server names no organization", code=NOT_WHOLE)
    return Identity("", tenant.lower(), str(first.get("displayName") or ""))


def _outcome(action: Write, reply: Reply | FieldcalError) -> Receipt | FieldcalError:
    if isinstance(reply, Reply):
        told = outcome(action, reply)
        return replace(told, status=reply.status) if isinstance(told, Receipt) else told
    if isinstance(reply, Throttled) and reply.scope == "mailbox":
        return NotSent(str(reply), code=reply.code, retry_after=reply.retry_after)
    if isinstance(reply, Unreachable):
        known = NotSent if reply.code == NOT_CONNECTED else OutcomeUnknown
        return known(str(reply), code=reply.code, status=reply.status)
    return reply


def _body(reply: Reply | FieldcalError) -> object:
    if not isinstance(reply, Reply):
        raise reply
    if reply.status != HTTPStatus.OK:
        raise of_read(reply.refusal())
    return reply.body


def _observed(reply: Reply | FieldcalError) -> Observed | None:
    if isinstance(reply, Reply) and reply.status == HTTPStatus.NOT_FOUND and reply.refusal().codes & ITEM_GONE:
        return None
    return _read(wire.observed, _body(reply))


def _read(parse: Callable[[object], _T], value: object) -> _T:
    try:
        return parse(value)
    except wire.Malformed as error:
        raise Unreachable(f"the calendar server answers with {error}", code=NOT_WHOLE) from None
