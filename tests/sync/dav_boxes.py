"""A CalDAV server in the embedded Exchange's place: the same hands and the same control, said in the stage's words.

The stage, its people and its oracle know one kind of calendar server. Here a real CalDAV server, as its own process
behind a gate, is shown to them as such: an event is what a calendar program reads of the object that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import msgspec
from tests.dav.gate import Gate
from tests.dav.hands import Hands, Held, same_path
from tests.dav.servers import DavServer, User

from fieldcal.calendars.caldav import Account, CalDavCalendars
from fieldcal.clock import Clock
from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.errors import NotAMailbox
from fieldcal.http import Http
from fieldcal.model import MailboxId
from fieldcal.password import PasswordCredential
from fieldcal.ports import Pace

#: what Graph's requests are called here
METHODS = {"POST": "PUT", "PATCH": "PUT", "DELETE": "DELETE", "GET": "REPORT", None: None}
REFUSED = '<error xmlns="DAV:"><valid-calendar-data xmlns="urn:ietf:params:xml:ns:caldav"/></error>'


@dataclass(frozen=True, slots=True)
class Document:
    """What of an event the embedded Exchange keeps as JSON."""

    categories: list[str]
    show_as: str
    body: str
    locations: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Raw:
    """One object as it stands there, under the names that the embedded Exchange has for the same."""

    key: bytes
    #: in which order events were first seen
    row: int
    subject: str
    #: UTC, without a zone
    start: str
    end: str
    document: Document
    #: the create key; "" for an event that no request of ours has made
    transaction_id: str
    #: the server's etag
    change: str
    held: Held


class Boxes:
    """Every mailbox is a user with one calendar. What hands do goes straight to the server, past the gate."""

    def __init__(self, server: DavServer, now: Clock) -> None:
        self.server = server
        #: Xandikos stores no properties that it does not know
        self.keeps_claims = server.kind != "xandikos"
        self.gate = Gate(server, SandboxClock(now.now))
        self.app, self.control = self.gate.app, self.gate.control
        self.users: dict[str, User] = {}
        self._hands: dict[str, Hands] = {}
        self._rows: dict[bytes, int] = {}
        self._by_hand: set[bytes] = set()

    # -- what administrators have done before

    def adds_mailbox(self, box: str, name: str) -> None:
        user = self.server.new_user(name.lower())
        self.users[box] = user
        self._hands[box] = Hands(self.server, user, self.server.makes_calendar(user, "Work"))

    def calendars(self, url: str, http: Http, pace: Pace, clock: Clock, name: str) -> CalDavCalendars:
        """As the product wires it, every mailbox's calendar found already."""
        return CalDavCalendars(http, pace, clock, name, Found(self, url))

    def path_of(self, box: str) -> str:
        return self._hands[box].path

    # -- workers' hands

    def look(self, box: str | UUID) -> list[Raw]:
        held = sorted(self._hands[str(box)].look(), key=lambda each: (each.start, each.text_of("SUMMARY")))
        return [self._raw(each) for each in held]

    def properties(self, event: Raw) -> dict[str, str]:
        told = event.held.event
        names = {
            "X-FIELDCAL-MARK": "FieldcalMark",
            "X-FIELDCAL-KEY": "FieldcalKey",
            "X-FIELDCAL-STAMP": "FieldcalStamp",
        }
        return {ours: str(told[name]) for name, ours in names.items() if name in told}

    def edit(self, box: str, event: Raw, changes: Mapping[str, Any]) -> Raw:
        """In Graph's words, as the stage says them."""
        said: dict[str, Any] = {}
        for name, value in changes.items():
            match name:
                case "subject":
                    said["SUMMARY"] = value
                case "categories":
                    said["CATEGORIES"] = value
                case "start" | "end":
                    said[f"DT{name.upper()}"] = datetime.fromisoformat(value["dateTime"]).replace(tzinfo=UTC)
                case _:
                    raise AssertionError(f"no hand changes {name} here")
        return self._raw(self._hands[box].sets(event.held, **said))

    def delete(self, box: str, event: Raw) -> None:
        self._hands[box].deletes(event.held)

    def copy(self, box: str, event: Raw) -> Raw:
        return self._made(self._hands[box].copies(event.held))

    def add(self, box: str, event: Mapping[str, Any]) -> Raw:
        start, end = (
            datetime.fromisoformat(event[name]["dateTime"]).replace(tzinfo=UTC) for name in ("start", "end")
        )  # fmt: skip
        return self._made(self._hands[box].adds(event["subject"], start, (end - start) / timedelta(hours=1)))

    def _made(self, held: Held) -> Raw:
        self._by_hand.add(_key(held))
        return self._raw(held)

    def _raw(self, held: Held) -> Raw:
        key = _key(held)
        free = held.text_of("TRANSP").upper() == "TRANSPARENT"
        tentative = held.text_of("STATUS").upper() == "TENTATIVE"
        document = Document(
            list(held.categories), "free" if free else "tentative" if tentative else "busy",
            held.text_of("X-ALT-DESC"), [{"displayName": held.text_of("LOCATION")}],
        )  # fmt: skip
        return Raw(
            key, self._rows.setdefault(key, len(self._rows)), held.text_of("SUMMARY"),
            f"{held.start:%Y-%m-%dT%H:%M:%S}", f"{held.end:%Y-%m-%dT%H:%M:%S}", document,
            "" if key in self._by_hand else held.text_of("X-FIELDCAL-KEY"), held.etag, held,
        )  # fmt: skip

    # -- what the stage asks of whatever server there is

    def box_of(self, url: str) -> str | None:
        """Whose calendar a request went to."""
        path = unquote(url)
        return next((box for box, hands in self._hands.items() if path.startswith(unquote(hands.path))), None)

    def is_event(self, linked: str | None, box: str, event: Raw) -> bool:  # noqa: ARG002 - Exchange needs it
        """Whether that is what the state calls this event."""
        return linked is not None and same_path(linked, event.held.href)

    def is_etag(self, linked: str, box: str, event: Raw) -> bool:  # noqa: ARG002 - as above
        return linked.removeprefix("~") == event.change

    def plant(self, fault: Fault) -> None:
        """The same trouble, which Graph's words describe, for the requests that do the same here."""
        match = Match(method=METHODS[fault.match.method], nth=fault.match.nth)
        self.control.add_fault(msgspec.structs.replace(fault, match=match))

    def refuse(self, booking: str, standing: list[tuple[str, Raw]]) -> None:  # noqa: ARG002 - as above
        """Nothing that carries this booking's mark is taken from now on."""
        folded = r"(?:\r\n )?".join(map(re.escape, booking))
        fault = Fault(kind="status", status=403, body=REFUSED, times=None, match=Match(method="PUT", body=folded))
        self.control.add_fault(fault)

    def used_keys_answer(self, how: str) -> None:
        """A name that was used is free again here, whatever Exchange may do."""

    def blinds(self, *, blind: bool) -> None:
        self.control.change(blind_search=blind)

    async def stop(self) -> None:
        await self.gate.close()

    def close(self) -> None:
        self.server.said()


class Found:
    """The accounts as Test & Enable leaves them: signed in with the mailbox's own password, the calendar found."""

    def __init__(self, boxes: Boxes, url: str) -> None:
        self._boxes, self._url = boxes, url

    def of(self, mailbox: MailboxId) -> Account:
        user = self._boxes.users.get(mailbox)
        if user is None:
            raise NotAMailbox(f"{mailbox} has no account on this server")
        credential = PasswordCredential(user.name, lambda: user.password)
        return Account(f"{self._url}{user.home}", credential, own=True, collection=self._boxes.path_of(mailbox))

    async def found(self, mailbox: MailboxId, collection: str) -> None:
        assert same_path(collection, self._boxes.path_of(mailbox)), "there is one calendar only"


def _key(held: Held) -> bytes:
    return unquote(held.href).encode()
