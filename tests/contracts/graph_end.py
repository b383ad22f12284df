"""Exchange through Graph, for the calendar contract: the embedded Exchange over HTTP, and what a worker's hands do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from tests.hostile.proxy import Road

from fieldcal.calendars.graph import GraphCalendars, wire
from fieldcal.clock import SystemClock
from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving
from fieldcal.http import Http, TokenCredential
from fieldcal.model import EventId, MailboxId

ORGANIZATION = "0a000000-0000-4000-8000-000000000001"
OURS = UUID("0b000000-0000-4000-8000-000000000001")
OTHER = UUID("0b000000-0000-4000-8000-000000000002")
NAMES = {"ok": OURS, "other": OTHER}


class RecordingPace:
    """A pace without limits that writes down what it was asked."""

    def __init__(self):
        self.taken: list[tuple[str, int]] = []
        self.pauses: list[tuple[str, datetime, str]] = []

    async def take(self, mailbox, cost, _application=""):
        self.taken.append((mailbox, cost))

    async def pause(self, scope, until, reason):
        self.pauses.append((scope, until, reason))

    async def paused(self, scopes):
        return max((until for scope, until, _ in self.pauses if scope in scopes), default=None)


class GraphEnd:
    """`mailbox` is one that can be written to; `calendar()` opens it. Times in UTC."""

    connector = "connector:contract"
    #: what writes and lists are called on the wire, and all that reads
    methods: ClassVar = {"create": "POST", "update": "PATCH", "delete": "DELETE", "list": "GET"}
    reads = ("GET", "POST")
    #: many writes are one request
    batches = True
    at_once = 4
    #: events that do not fit into one page, or one request
    many = 130
    keeps_claims = True
    checks = ("sign-in", "mailbox found", "calendar writable")
    some_id = EventId("AAA=")

    def __init__(self, path):
        self.exchange = Exchange(path, sandbox=True)
        self.exchange.store.mailboxes.add(
            [NewMailbox(OURS, "anna@contoso.test", "Anna"), NewMailbox(OTHER, "bert@contoso.test", "Bert")]
        )
        self.mailbox = MailboxId(str(OURS))
        self.other_mailbox = MailboxId(str(OTHER))
        self.tenant = str(self.exchange.tenant_id)
        self.pace = RecordingPace()
        self.clock = SystemClock()
        #: whom a 429 pauses
        self.throttled = self.mailbox
        self.road = Road()
        self.calendars = None

    @asynccontextmanager
    async def serve(self):
        async with serving(self.exchange.app) as straight, self.road.to(straight) as url:
            http = Http(url, TokenCredential(self.exchange.token), self.clock, timeout=self.road.patience)
            self.calendars = GraphCalendars(http, self.pace, self.clock, "contract")
            try:
                yield self
            finally:
                await self.calendars.close()

    def close(self):
        self.exchange.close()

    def calendar(self, mailbox=None, organization=ORGANIZATION):
        return self.calendars.open(mailbox or self.mailbox, organization)

    # what the server has, seen past the wire

    def events(self, mailbox=OURS):
        return self.exchange.hands.look(UUID(str(mailbox)))

    def standing(self):
        """How many events stand, whether or not the mailbox can be looked into."""
        return len(self.events())

    def shown(self, mailbox=OURS):
        """(subject, start, location, show as, categories, sensitivity, reminder) of each event, by start."""
        return [
            (
                event.subject,
                datetime.fromisoformat(event.start[:19]).replace(tzinfo=UTC),
                event.document.locations[0]["displayName"] if event.document.locations else "",
                event.document.show_as,
                tuple(event.document.categories),
                event.document.sensitivity,
                event.document.is_reminder_on,
            )
            for event in self.events(mailbox)
        ]

    def worker_adds(self, start, mark=None, mailbox=OURS):
        """An event of the worker's own; with `mark`, one that somebody marked as we do."""
        end = start + timedelta(hours=1)
        event = {"subject": "Dentist", "start": _moment(start), "end": _moment(end)}
        if mark is not None:
            event["singleValueExtendedProperties"] = [{"id": wire.MARK, "value": mark}]
        return self.exchange.hands.add(mailbox, event)

    def worker_edits(self, subject="changed by hand", categories=None, reminder=None):
        changes = {"subject": subject} if categories is None else {"categories": categories}
        if reminder is not None:
            changes["isReminderOn"] = reminder
        self.exchange.hands.edit(OURS, self.events()[0], changes)

    def worker_deletes(self):
        self.exchange.hands.delete(OURS, self.events()[0])

    def worker_copies(self):
        return self.exchange.hands.copy(OURS, self.events()[0])

    def state(self, state):
        self.exchange.store.mailboxes.set_state(OURS, state)

    def read_only(self):
        self.exchange.store.mailboxes.set_editable(OURS, can_edit=False)

    def refused(self, action):
        """The same, as the server will not have it: it ends before it begins."""
        event = action.event
        return replace(action, event=replace(event, start=event.start + timedelta(hours=5), end=event.start))

    def where(self, name):
        """The check at which such trouble shows."""
        return (name,)

    def calm(self):
        self.exchange.control.clear_faults()

    def slows(self, seconds):
        self.exchange.control.change(latency=seconds)

    @property
    def peak(self):
        """The most requests that were ever at work on a mailbox at once."""
        return self.exchange.throttle.peak

    def forget_requests(self):
        self.exchange.control.clear_ledger()

    def says_so(self, action, receipt):  # noqa: ARG002 - a CalDAV end looks
        """Whether a receipt out of trouble is true: here none is given that was not proven by the answer itself."""
        return False

    def touches(self, mailbox):
        """Whether any request went to this mailbox."""
        return any(mailbox in path for _, path in self.requests())

    def fault(self, kind, *, method=None, path=None, contains=None, nth=1, item=False, times=1, **more):
        match = Match(method=method, path=path, body=contains, nth=nth, item=item)
        self.exchange.control.add_fault(Fault(kind=kind, match=match, times=times, **more))

    def requests(self):
        """(method, path) of each request that came, batch items behind their batch."""
        told = []
        for entry in self.exchange.control.ledger():
            told.append((entry.method, entry.url))
            told += [(item.method, item.url) for item in entry.items]
        return told

    def sent(self):
        return self.exchange.control.count()


def _moment(instant):
    return {"dateTime": instant.replace(tzinfo=None).isoformat(), "timeZone": "UTC"}
