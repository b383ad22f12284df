"""One mailbox's calendar on a CalDAV server behind `ports.Calendar`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldcal.calendars.caldav.account import Accounts
from fieldcal.clock import Clock
from fieldcal.http import Http
from fieldcal.model import Check, EventId, Identity, MailboxId, Mark, Observed, Window, Write
from fieldcal.ports import BeforeSend, Calendar, Outcome, Pace

#: How many requests one connection carries in the widest batch (bench/RESULTS.md).
ROUNDS = 16


class CalDavCalendars:
    """One server profile's end at a CalDAV server.

    `http`: a client of the server, whose slots are how many requests it gets at once. `name` is the profile's; a
    pause that concerns the whole end is kept under "connector:NAME". `calendar`: "" for each mailbox's default
    calendar, else the display name of one of our own, made at Test & Enable and never in a pass.
    """

    def __init__(self, http: Http, pace: Pace, clock: Clock, name: str, accounts: Accounts, calendar: str = "") -> None:
        self._http = http
        self._pace = pace
        self._clock = clock
        self._connector = f"connector:{name}"
        self._accounts = accounts
        self._calendar = calendar

    async def identity(self) -> Identity:
        """A CalDAV server tells no tenant."""
        return Identity("", "")

    def open(self, mailbox: MailboxId, organization: str) -> Calendar:
        return CalDavCalendar(mailbox, organization, ROUNDS * self._http.slots)

    async def close(self) -> None:
        await self._http.close()


class CalDavCalendar:
    """The calendar of one mailbox; marks are those of `organization`."""

    def __init__(self, mailbox: MailboxId, organization: str, width: int) -> None:
        self._mailbox = mailbox
        self._organization = organization
        self._width = width

    @property
    def width(self) -> int:
        """Many requests in a row over each connection: at the end of a batch some of them stand idle."""
        return self._width

    async def write(self, actions: Sequence[Write], before_send: BeforeSend) -> Mapping[Mark, Outcome]:
        raise NotImplementedError

    async def owned(self, window: Window | None, before_send: BeforeSend) -> Sequence[Observed]:
        raise NotImplementedError

    async def get(self, ids: Sequence[EventId], before_send: BeforeSend) -> Mapping[EventId, Observed | None]:
        raise NotImplementedError

    async def find(self, marks: Sequence[Mark], before_send: BeforeSend) -> Mapping[Mark, Sequence[Observed]]:
        raise NotImplementedError

    async def test(self, before_send: BeforeSend) -> Sequence[Check]:
        raise NotImplementedError

    async def claim(self, before_send: BeforeSend) -> str | None:
        raise NotImplementedError

    async def set_claim(self, value: str | None, before_send: BeforeSend) -> bool:
        raise NotImplementedError
