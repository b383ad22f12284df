"""A CalDAV server, for the calendar contract: a real one as its own process, behind a gate, and a worker's hands."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import ClassVar
from urllib.parse import unquote
from uuid import uuid4

from tests.contracts.graph_end import ORGANIZATION, RecordingPace
from tests.dav.gate import Gate
from tests.dav.hands import Hands, same_path
from tests.dav.servers import User
from tests.hostile.proxy import Road

from fieldcal.calendars.caldav import Account, CalDavCalendars
from fieldcal.clock import SystemClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving
from fieldcal.errors import NotAMailbox
from fieldcal.http import Http
from fieldcal.model import Delete, EventId, MailboxId
from fieldcal.password import PasswordCredential

#: a state of a mailbox -> (status, body) of every answer then
TROUBLED = {
    "denied": (403, '<error xmlns="DAV:"><need-privileges/></error>'),
    "full": (507, '<error xmlns="DAV:"><quota-not-exceeded/></error>'),
    "moving": (423, '<error xmlns="DAV:"><lock-token-submitted/></error>'),
}
#: a body that says why an event is refused (RFC 4791 5.3.2.1)
REFUSED = (
    '<error xmlns="DAV:"><valid-calendar-data xmlns="urn:ietf:params:xml:ns:caldav"/></error>'
)  # fmt: skip


class KnownAccounts:
    """Two mailboxes with an account each; remembers what is found."""

    def __init__(self):
        self.known: dict[str, Account] = {}
        self.collections: dict[str, str] = {}

    def of(self, mailbox):
        if mailbox not in self.known:
            raise NotAMailbox(f"{mailbox} has no account on this server")
        known = self.known[mailbox]
        return Account(known.url, known.credential, known.own, self.collections.get(mailbox, ""))

    async def found(self, mailbox, collection):
        self.collections[mailbox] = collection


class DavEnd:
    """`mailbox` is one that can be written to; `calendar()` opens it. Times in UTC."""

    connector = "connector:contract"
    #: what writes and lists are called on the wire, and all that reads
    methods: ClassVar = {"create": "PUT", "update": "PUT", "delete": "DELETE", "list": "REPORT"}
    reads = ("GET", "PROPFIND", "REPORT")
    #: each write is a request
    batches = False
    at_once = 8
    #: events that do not fit into one request
    many = 85
    #: a calendar server limits its client, not a mailbox of it
    throttled = connector
    #: it has none
    tenant = ""
    keeps_claims = True
    checks = ("sign-in", "mailbox found", "calendar writable")

    def __init__(self, server):
        self.server = server
        self.gate = Gate(server)
        self.mailbox, self.other_mailbox = (MailboxId(str(uuid4())) for _ in range(2))
        self.users: dict[MailboxId, User] = {}
        self.hands: dict[MailboxId, Hands] = {}
        self.pace = RecordingPace()
        self.clock = SystemClock()
        self.road = Road()
        self.road.patience = 30.0  # a server of a process of its own, on a busy machine
        #: the mailbox has no account here
        self._stranger = False
        self.accounts = KnownAccounts()
        #: display name of the calendar that the profile asks for; "" the default one
        self.wanted = ""
        self.calendars = None
        self.joins(self.mailbox, "anna")

    @asynccontextmanager
    async def serve(self):
        async with serving(self.gate.app) as straight, self.road.to(straight) as url:
            self.url = url
            for mailbox in self.users:
                self._sets_up(mailbox)
            if self._stranger:
                del self.accounts.known[self.mailbox]
            http = Http(url, None, self.clock, timeout=self.road.patience, slots=self.at_once)
            self.calendars = CalDavCalendars(http, self.pace, self.clock, "contract", self.accounts, self.wanted)
            try:
                yield self
            finally:
                await self.calendars.close()
                await self.gate.close()

    def joins(self, mailbox, name="bert"):
        """A worker who has this mailbox, with a calendar and an account."""
        if mailbox not in self.users:
            user = self.users[mailbox] = self.server.new_user(name)
            self.hands[mailbox] = Hands(self.server, user, self.server.makes_calendar(user, "Work"))
            if self.calendars is not None:
                self._sets_up(mailbox)

    def _sets_up(self, mailbox):
        user = self.users[mailbox]
        credential = PasswordCredential(user.name, lambda: user.password)
        self.accounts.known[mailbox] = Account(f"{self.url}{user.home}", credential, own=True)

    def close(self):
        sys.stdout.write(self.server.said())  # shown where the test failed

    def calendar(self, mailbox=None, organization=ORGANIZATION):
        if mailbox == self.other_mailbox:
            self.joins(mailbox)
        return self.calendars.open(mailbox or self.mailbox, organization)

    # what the server has, seen past the wire

    def events(self, mailbox=None):
        if mailbox == self.other_mailbox:
            self.joins(mailbox)
        return self.hands[mailbox or self.mailbox].look()

    def standing(self):
        """How many events stand; none in a calendar that is no more."""
        hands = self.hands[self.mailbox]
        return len(hands.look()) if hands.stands() else 0

    @property
    def some_id(self):
        """The name of an event that might stand there."""
        return EventId(f"{self.hands[self.mailbox].path}none.ics")

    def shown(self, mailbox=None):
        """(subject, start, location, show as, categories, sensitivity, reminder) of each event, by start."""
        return [
            (
                held.text_of("SUMMARY"),
                held.start,
                held.text_of("LOCATION"),
                _shown_as(held),
                held.categories,
                held.text_of("CLASS").lower().replace("public", "") or "normal",
                bool(held.alarms),
            )
            for held in self.events(mailbox)
        ]

    def worker_adds(self, start, mark=None, mailbox=None):
        """An event of the worker's own; with `mark`, one that somebody marked as we do."""
        more = {} if mark is None else {"X_FIELDCAL_MARK": mark}
        return self.hands[mailbox or self.mailbox].adds("Dentist", start, **more)

    def worker_edits(self, subject="changed by hand", categories=None, reminder=None):
        hands, event = self.hands[self.mailbox], self.events()[0]
        if categories is None:
            hands.sets(event, SUMMARY=subject)
        else:
            hands.sets(event, CATEGORIES=categories)
        if reminder is not None:
            hands.alarms(event, *([15] if reminder else []))

    def worker_deletes(self):
        self.hands[self.mailbox].deletes(self.events()[0])

    def worker_copies(self):
        return self.hands[self.mailbox].copies(self.events()[0])

    def state(self, state):
        self.calm()
        if state == "disabled":
            self.hands[self.mailbox].destroys_the_calendar()
        elif state == "not_enabled":
            self._stranger = True
            self.accounts.known.pop(self.mailbox, None)
        else:
            status, body = TROUBLED[state]
            self.fault("status", method="PUT" if state == "full" else None, status=status, body=body, times=None)

    def read_only(self):
        """The worker's only calendar is one that others may look at."""
        user, hands = self.users[self.mailbox], self.hands[self.mailbox]
        hands.destroys_the_calendar()
        self.hands[self.mailbox] = Hands(self.server, user, self.server.makes_calendar(user, "sealed"))
        if self.server.kind == "xandikos":
            self.habits(read_only=True)  # it knows no rights

    def refused(self, action):
        """The same, which the server from now on will not have for its content."""
        text = f"SUMMARY:{action.event.subject[:4]}"  # four digits alone stand in other events' digests now and then
        self.fault("status", method="PUT", contains=text, status=403, body=REFUSED, times=None)
        return action

    def where(self, name):
        """The checks at which such trouble may show: what refuses everything does so at the first question."""
        return (name, "mailbox found", "sign-in")

    def fault(self, kind, *, method=None, path=None, contains=None, nth=1, times=1, **more):
        match = Match(method=method, path=path, body=contains, nth=nth)
        if kind == "truncated":
            self.gate.control.change(wordy=True)  # else there is nothing to be cut off
        self.gate.control.add_fault(Fault(kind=kind, match=match, times=times, **more))

    def calm(self):
        self.gate.control.clear_faults()

    def slows(self, seconds):
        self.gate.control.change(latency=seconds)

    @property
    def peak(self):
        """The most requests that ever were at the server at once."""
        return self.gate.peak

    def habits(self, **habits):
        """What this server does that others do not."""
        self.gate.control.change(**habits)

    def requests(self):
        """(method, path) of each request that came."""
        return [(entry.method, entry.url) for entry in self.gate.control.ledger()]

    def forget_requests(self):
        self.gate.control.clear_ledger()

    def sent(self):
        return self.gate.control.count()

    def says_so(self, action, receipt):
        """Whether a receipt out of trouble is true: what a doubtful answer says may have been read back."""
        there = [held for held in self.events() if same_path(held.href, receipt.id)]
        if isinstance(action, Delete):
            return not there
        return [held.text_of("SUMMARY") for held in there] == [action.event.subject]

    def touches(self, mailbox):
        """Whether any request went into this mailbox's calendar."""
        path = unquote(self.hands[mailbox].path)
        return any(unquote(url).startswith(path) for _, url in self.requests())


class RadicaleEnd(DavEnd):
    """Radicale: keeps dead properties, gives plain hrefs, answers a used UID with 409."""

    keeps_claims = True


class XandikosEnd(DavEnd):
    """Xandikos: keeps no dead properties, gives whole URLs in places, answers a used UID with 412."""

    keeps_claims = False


def _shown_as(held):
    if held.text_of("TRANSP").upper() == "TRANSPARENT":
        return "free"
    return "tentative" if held.text_of("STATUS").upper() == "TENTATIVE" else "busy"
