"""One mailbox's calendar on a CalDAV server behind `ports.Calendar`: it writes exactly what it is given."""

from __future__ import annotations

import asyncio
import os.path
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fieldcal.calendars.caldav import dav, discovery, trial, wire
from fieldcal.calendars.caldav.account import Account, Accounts
from fieldcal.calendars.caldav.courier import Courier, Thing, not_whole, together
from fieldcal.calendars.caldav.replies import of_read
from fieldcal.calendars.caldav.writing import Line, Pen, carry_out
from fieldcal.clock import Clock
from fieldcal.errors import (
    NOT_CONNECTED,
    ConnectorError,
    FieldcalError,
    Forbidden,
    LeaseLost,
    MailboxError,
    NotSent,
    OutcomeUnknown,
    SignInFailed,
    Throttled,
    Unreachable,
)
from fieldcal.http import NO_ANSWER, Http
from fieldcal.marks import mark_text
from fieldcal.model import Check, Create, EventId, Identity, MailboxId, Mark, Observed, Update, Window, Write
from fieldcal.ports import BeforeSend, Calendar, Outcome, Pace

#: How many requests one connection carries in the widest batch (bench/RESULTS.md).
ROUNDS = 16

#: More marks than these are looked for by one search: twenty-four, each with two of its own over a thousand events,
#: took longer than a lease lasts.
HANDFUL = 4

#: So much of an object's address is told.
_SHOWN = 12

_CLAIMS_NOT_KEPT = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


_UNANSWERED = frozenset({NO_ANSWER, NOT_CONNECTED})


class CalDavCalendars:
    """One server profile's end at a CalDAV server.

    `http`: a client of the server, whose slots are how many requests it gets at once. `name` is the profile's; a
    pause that concerns the whole end is kept under "connector:NAME". `calendar`: "" for each mailbox's default
    calendar, else the display name of one of our own, made at Test & Enable and never in a pass. `shared`: others use
    the client too, so it is not closed with this end.
    """

    def __init__(
        self, http: Http, pace: Pace, clock: Clock, name: str, accounts: Accounts, calendar: str = "", *,
        shared: bool = False,
    ) -> None:  # fmt: skip
        self._http = http
        self._pace = pace
        self._clock = clock
        self._connector = f"connector:{name}"
        self._accounts = accounts
        self._calendar = calendar
        self._shared = shared

    async def identity(self) -> Identity:
        """A CalDAV server tells no tenant."""
        return Identity("", "")

    def open(self, mailbox: MailboxId, organization: str) -> Calendar:
        return CalDavCalendar(self, mailbox, organization)

    async def close(self) -> None:
        if not self._shared:
            await self._http.close()

    # what its calendars ask of it

    @property
    def slots(self) -> int:
        return self._http.slots

    @property
    def accounts(self) -> Accounts:
        return self._accounts

    @property
    def wanted(self) -> str:
        return self._calendar

    def courier(self, mailbox: MailboxId) -> Courier:
        """Signed in as the mailbox's account is set now. Raises as `Accounts.of` does."""
        account = self._accounts.of(mailbox)
        return Courier(self._http, self._pace, self._clock, mailbox, self._connector, account)


class CalDavCalendar:
    """The calendar of one mailbox; marks are those of `organization`."""

    def __init__(self, end: CalDavCalendars, mailbox: MailboxId, organization: str) -> None:
        self._end = end
        self._mailbox = mailbox
        self._organization = organization

    @property
    def width(self) -> int:
        """Many requests in a row over each connection: at the end of a batch some of them stand idle."""
        return ROUNDS * self._end.slots

    @property
    def lanes(self) -> int:
        """Two: while the results of one batch are stored, the other's requests are on the wire."""
        return 2

    async def write(self, actions: Sequence[Write], before_send: BeforeSend) -> Mapping[Mark, Outcome]:
        """Carry these out, as many at once as the server's limit allows.

        After a throttle, a refusal of the whole calendar or a lost answer the rest is not sent; what was handed over
        by then has its own outcome. Raises `LeaseLost` where nothing was sent.
        """
        if not actions:
            return {}
        try:
            courier = self._end.courier(self._mailbox)
            collection = courier.account.collection
            if any(isinstance(action, Create) for action in actions):
                collection = await self._collection(courier, before_send)
        except LeaseLost:
            raise
        except (Unreachable, Throttled) as error:
            return dict.fromkeys([action.mark for action in actions], NotSent(str(error), code=error.code))
        except (MailboxError, ConnectorError) as error:
            return dict.fromkeys([action.mark for action in actions], error)
        batch = _Batch(courier, collection, before_send)
        outcomes = await asyncio.gather(*(batch.carry_out(action) for action in actions))
        if batch.lost is not None and not batch.sent:
            raise batch.lost
        return {action.mark: outcome for action, outcome in zip(actions, outcomes, strict=True)}

    def request(self, action: Write) -> str:
        """The method, and the end of the object's address: the path before it names the account."""
        if isinstance(action, Create):
            return f"PUT …{wire.href_of('/', action.mark)[-_SHOWN:]}"
        return f"{'PUT' if isinstance(action, Update) else 'DELETE'} …{action.id.rpartition('/')[2][-_SHOWN:]}"

    async def owned(self, window: Window | None, before_send: BeforeSend) -> Sequence[Observed]:
        """Our events in the window (by overlap), None: wherever they lie.

        Without a window: every object that the collection lists has to be answered for. Marks are looked at here; no
        server's filter on them is trusted to be whole.
        """
        courier = self._end.courier(self._mailbox)
        collection = await self._collection(courier, before_send)
        things: Sequence[Thing]
        if window is None:
            told = await courier.things(await courier.listed(collection, before_send), before_send)
            things = [thing for thing in told.values() if thing is not None]
        else:
            things = await courier.query(collection, dav.query_window(window), before_send)
        found = [(thing, thing.observed()) for thing in things if wire.marked(thing.text)]
        return [
            event
            for thing, event in found
            if event is not None
            and self._is_ours(event)
            # of one that recurs, another time than the first may lie in the window
            and (window is None or window.holds(event.start, event.end) or wire.recurs(thing.text))
        ]

    async def get(self, ids: Sequence[EventId], before_send: BeforeSend) -> Mapping[EventId, Observed | None]:
        """These events as they are now, ours or not; None for one that is gone, by the word of its collection.

        Left out is one that alone is denied to us.
        """
        if not ids:
            return {}
        courier = self._end.courier(self._mailbox)
        told = await (courier.alone(ids[0], before_send) if len(ids) == 1 else courier.things(ids, before_send))
        return {href: None if thing is None else thing.observed() for href, thing in told.items()}

    async def find(self, marks: Sequence[Mark], before_send: BeforeSend) -> Mapping[Mark, Sequence[Observed]]:
        """The events that carry these marks: where each has to stand, and wherever the server's search finds more.

        A mark of which no event stands in its place, and that could not be looked for elsewhere, is left out. A miss
        is no proof (the port says so) and need not be one: a create is sent again under `If-None-Match` and with the
        same UID, so an event that was missed is met by it and told apart, never made twice (I1).
        """
        if not marks:
            return {}
        courier = self._end.courier(self._mailbox)
        collection = await self._collection(courier, before_send)
        places = {mark: wire.href_of(collection, mark) for mark in marks}
        told = await courier.things(list(places.values()), before_send)
        there = {href: thing for href, thing in told.items() if thing is not None}
        absent = [mark for mark, href in places.items() if href not in there]
        others, looked_for = await self._elsewhere(courier, collection, marks, absent, before_send)
        found: dict[Mark, list[Observed]] = {mark: [] for mark in marks}
        for thing in (there | {other.href: other for other in others}).values():
            event = thing.observed()
            if event is not None and event.mark in found:
                found[event.mark].append(event)
        return {
            mark: events for mark, events in found.items() if events or (mark in looked_for and places[mark] in told)
        }

    async def _elsewhere(
        self, courier: Courier, collection: str, marks: Sequence[Mark], absent: Sequence[Mark], before_send: BeforeSend
    ) -> tuple[list[Thing], frozenset[Mark]]:
        """Copies by hand, and events that a server keeps under names of its own; and the marks that were looked for.

        Each search may have the server read the whole calendar, so of more than a handful of marks one asks for all.
        """
        texts = [mark_text(mark) for mark in marks]
        asked = texts if len(texts) <= HANDFUL else [os.path.commonprefix(texts)]  # noqa: RUF071 - of texts, not paths
        found = await self._search(courier, collection, wire.MARK, asked, before_send)
        if found is None:
            return [], frozenset()
        ours = [thing for thing in found if wire.is_marked_as(thing.text, texts)]
        if ours or (found and len(texts) > HANDFUL):
            return ours, frozenset(marks)  # it does search by our property
        hidden = absent[:HANDFUL]
        found = await self._search(courier, collection, "UID", [wire.uid_of(mark) for mark in hidden], before_send)
        if found is None:
            return [], frozenset()
        return found, frozenset(marks) - frozenset(absent[HANDFUL:])

    async def _search(
        self, courier: Courier, collection: str, name: str, values: Sequence[str], before_send: BeforeSend
    ) -> list[Thing] | None:
        """What the server finds by this property; nothing where it does not search by it, None where it only failed."""
        queries = [dav.query_property(name, value) for value in values]
        try:
            answers = await together(courier.query(collection, query, before_send) for query in queries)
        except Unreachable as error:
            if error.everywhere:
                raise
            # refused for what was asked (RFC 4791 7.8: supported-filter), not for being asked
            return [] if error.refused or error.status == HTTPStatus.NOT_IMPLEMENTED else None
        except MailboxError as error:
            if isinstance(error, Forbidden) or 400 <= error.status < 500:  # noqa: PLR2004 - the 4xx class
                return []
            raise
        return [thing for things in answers for thing in things if wire.marked(thing.text)]

    async def test(self, before_send: BeforeSend) -> Sequence[Check]:
        """Sign-in, mailbox found, calendar writable, each with what helps; stops at the first that fails."""
        try:
            courier = self._end.courier(self._mailbox)
        except FieldcalError as error:
            return [trial.failed(trial.SIGN_IN, error)]
        return await trial.run(courier, self._end.accounts, self._end.wanted, before_send)

    async def claim(self, before_send: BeforeSend) -> str | None:
        """The claim, a property of the collection that the server keeps without knowing it (RFC 4918 4.1)."""
        courier = self._end.courier(self._mailbox)
        return await self._claim(courier, await self._collection(courier, before_send), before_send)

    async def _claim(self, courier: Courier, collection: str, before_send: BeforeSend) -> str | None:
        found = await courier.ask("PROPFIND", collection, dav.propfind([dav.CLAIM, dav.TYPE]), 0, before_send)
        if len(found) != 1 or f"{dav.CAL}calendar" not in found[0].kinds():
            raise not_whole(f"{courier.origin} answers with what is not a calendar")
        return found[0].text(dav.CLAIM) or None

    async def set_claim(self, value: str | None, before_send: BeforeSend) -> bool:
        """Write the claim; None or "" takes it back. False: the server keeps none. May be repeated after an error."""
        courier = self._end.courier(self._mailbox)
        collection = await self._collection(courier, before_send)
        headers = {"Content-Type": "application/xml; charset=utf-8"}
        body = dav.proppatch(dav.CLAIM, value or None)
        answer = await courier.send("PROPPATCH", collection, before_send, headers=headers, body=body)
        if answer.status in _CLAIMS_NOT_KEPT:
            return False
        if answer.status != HTTPStatus.MULTI_STATUS:
            raise of_read(courier.refusal(answer), own=courier.account.own)
        refused = {code for one in courier.multistatus(answer, collection) for code in one.refused.values()}
        if any(code >= 500 for code in refused):  # noqa: PLR2004 - the 5xx class
            raise Unreachable("the claim may not have been written", code=NO_ANSWER, status=max(refused))
        # Some say that it is kept and keep nothing.
        return await self._claim(courier, collection, before_send) == (value or None)

    async def _collection(self, courier: Courier, before_send: BeforeSend) -> str:
        """The calendar's path as it is remembered, else found now by reads and remembered."""
        account: Account = courier.account
        if account.collection:
            return account.collection
        located = await discovery.locate(courier, self._end.wanted, before_send)
        await self._end.accounts.found(self._mailbox, located.collection)
        return located.collection

    def _is_ours(self, event: Observed) -> bool:
        mark = event.mark
        return mark is not None and (mark.organization, mark.mailbox) == (self._organization, self._mailbox)


class _Batch:
    """Writes under way together: one that shows that the rest had better not be sent stops what has not begun."""

    def __init__(self, courier: Courier, collection: str, before_send: BeforeSend) -> None:
        self._courier = courier
        self._collection = collection
        self._before_send = before_send
        self._stop: NotSent | None = None
        self._line = Line()
        #: requests handed over
        self.sent = 0
        #: the lease was lost, and why
        self.lost: LeaseLost | None = None

    async def carry_out(self, action: Write) -> Outcome:
        pen = Pen(self._courier, self._collection, self._may_begin, self._may_read, self._line)
        try:
            outcome = await carry_out(pen, action)
        except LeaseLost as error:
            self.lost = error
            self._stop = self._stop or NotSent(f"not sent, the lease is lost ({error})")
            return self._stop
        self._stop = self._stop or _stop(self._courier, outcome)
        return outcome

    def _may_begin(self) -> None:
        if self._stop is not None:
            raise self._stop
        self._may_read()

    def _may_read(self) -> None:
        self._before_send()
        self.sent += 1


def _stop(courier: Courier, outcome: Outcome) -> NotSent | None:
    """Why nothing more should be sent after this outcome; None where the rest may go on."""
    told = courier.asked_to_wait
    if told is not None:
        return NotSent(f"not sent, asked to wait ({told})", code=told.code, retry_after=told.retry_after)
    if isinstance(outcome, SignInFailed):
        return NotSent(f"not sent, the sign-in is refused ({outcome})", code=outcome.code, status=outcome.status)
    if isinstance(outcome, MailboxError | ConnectorError):
        return NotSent(f"not sent, the calendar refuses ({outcome})", code=outcome.code, status=outcome.status)
    if isinstance(outcome, NotSent | OutcomeUnknown) and outcome.code in _UNANSWERED:
        return NotSent(f"not sent after a request without an answer ({outcome})")
    return None
