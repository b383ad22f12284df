"""Requests on their way to one mailbox's account: within its pace, signed with its credential, paused when asked to.

A list is whole only when every resource that it names was answered for; nothing is ever concluded from less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

from fieldcal import sent
from fieldcal.answer import Answer
from fieldcal.calendars.caldav import dav, lines, wire
from fieldcal.calendars.caldav.account import Account
from fieldcal.calendars.caldav.dav import Found
from fieldcal.calendars.caldav.lines import Malformed
from fieldcal.calendars.caldav.replies import Refusal, of_read, refusal
from fieldcal.clock import Clock
from fieldcal.errors import (
    FieldcalError,
    Forbidden,
    LeaseLost,
    NotAMailbox,
    NotSent,
    SignInFailed,
    Unreachable,
    one_line,
)
from fieldcal.http import Http
from fieldcal.model import EventId, MailboxId, Observed
from fieldcal.ports import BeforeSend, Pace

#: Objects asked for in one report.
CHUNK = 80
#: Reports of one mailbox under way at once: a calendar of many years must not keep all the others waiting.
ABREAST = 4
#: Objects that a report left out and that are then asked for one by one. Of more, the collection's own list tells
#: first which of them are there at all: DAViCal, and SabreDAV once, tell nothing of what is gone.
SINGLY = 20
#: A server that redirects more often leads nowhere (RFC 9110 15.4).
MOST_REDIRECTS = 5
#: Seconds to leave the server alone where a 429 names none; and at least, whatever it names.
PAUSE_UNTOLD, PAUSE_LEAST = 5.0, 1.0
#: `Unreachable.code` of an answer that came but is not sound or not whole
NOT_WHOLE = "NotWhole"

_XML = {"Content-Type": "application/xml; charset=utf-8"}
#: Some servers mark the etag of a compressed answer, and then know it no more (Apache's mod_deflate: "...-gzip").
AS_IT_IS = {"Accept-Encoding": "identity"}
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
#: Where a server says who is signed in, whatever its calendars say (RFC 6764 5).
_ENTRANCES = ("/.well-known/caldav", "/")
_REDIRECTS = frozenset({301, 302, 307, 308})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Thing:
    """One calendar object as the server has it now."""

    href: EventId
    #: as HTTP writes it, "" where the server told none
    etag: str
    text: str
    #: False where the text is not the very words that stand there, which were not UTF-8
    whole: bool = True

    def observed(self) -> Observed | None:
        """Read it; `Unreachable` for what is no calendar object at all, None for one that holds no event."""
        try:
            return wire.observed(self.href, self.etag, self.text)
        except Malformed as error:
            raise not_whole(f"the server answers with {error}") from None


def not_whole(text: str) -> Unreachable:
    return Unreachable(text, code=NOT_WHOLE)


async def together(calls: Iterable[Awaitable[_T]]) -> list[_T]:
    """The results of all, when all have ended; raises the first error, a lost lease before any other."""
    results: list[_T] = []
    errors: list[BaseException] = []
    for told in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(told, BaseException):
            errors.append(told)
        else:
            results.append(told)
    if errors:
        raise next((error for error in errors if isinstance(error, LeaseLost)), errors[0])
    return results


class Courier:
    """Carries requests of one mailbox. `connector`: the name of the pause that concerns the whole server."""

    def __init__(
        self, http: Http, pace: Pace, clock: Clock, mailbox: MailboxId, connector: str, account: Account
    ) -> None:  # fmt: skip
        self.account = account
        self.clock = clock
        self.mailbox = mailbox
        self.origin = http.origin
        #: the last answer by which the server asked to be left alone
        self.asked_to_wait: Refusal | None = None
        #: the credential is known to be good, False: not known to be; None: not asked
        self._known: bool | None = None
        self._asking = asyncio.Lock()
        self._http = http
        self._pace = pace
        self._connector = connector

    async def send(
        self,
        method: str,
        path: str,
        before_send: BeforeSend,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and heed what its answer asks for. Raises what `Http.request` and `Pace.take` raise."""
        try:
            return await self._exchanged(method, path, before_send, headers, body)
        except SignInFailed as error:
            whose = "the mailbox's own credential" if self.account.own else "the profile's credential"
            text = f"{self.origin} refuses {whose} ({error})"
            everywhere = not self.account.own
            if everywhere and error.status == HTTPStatus.UNAUTHORIZED and not error.everywhere:
                # One calendar may say 401 to a credential that is good for all the others (I7).
                everywhere = not await self._is_known(before_send)
            raise SignInFailed(text, code=error.code, status=error.status, everywhere=everywhere) from None

    async def _exchanged(
        self, method: str, path: str, before_send: BeforeSend, headers: Mapping[str, str] | None, body: bytes | None
    ) -> Answer:
        answer = await self._http.request(
            method, path, headers=headers, body=body, before_send=before_send,
            paced=partial(self._pace.take, self.mailbox, 1), credential=self.account.credential,
        )  # fmt: skip
        await self._heed(answer)
        return answer

    async def _is_known(self, before_send: BeforeSend) -> bool:
        """Whether the server says at its entrance who is signed in (RFC 5397 3); asked once.

        Anything else that it says, or that it says nothing, is no proof that the credential is good.
        """
        async with self._asking:
            if self._known is None:
                try:
                    self._known = any([await self._greets(path, before_send) for path in _ENTRANCES])
                except FieldcalError:  # refused again, or not to be asked now: the first refusal is all that is known
                    self._known = False
            return self._known

    async def _greets(self, path: str, before_send: BeforeSend) -> bool:
        headers, body = {**_XML, "Depth": "0"}, dav.propfind([dav.PRINCIPAL])
        for _ in range(MOST_REDIRECTS):
            answer = await self._exchanged("PROPFIND", path, before_send, headers, body)
            if answer.status == HTTPStatus.MULTI_STATUS:
                told = [one.properties.get(dav.PRINCIPAL) for one in self.multistatus(answer, path)]
                return any(one is not None and one.findtext(f"{dav.DAV}href") for one in told)
            if answer.status not in _REDIRECTS:
                break
            path = self._path(answer.headers.get("Location", ""), path)
        return False

    async def _heed(self, answer: Answer) -> None:
        """Leave the server alone as long as it asks: a CalDAV server limits its client, not one calendar."""
        if answer.status < 400:  # noqa: PLR2004 - the 4xx class and above
            return
        told = refusal(answer.status, b"", answer.retry_after())
        if told.asks_to_wait:
            self.asked_to_wait = told
            seconds = PAUSE_UNTOLD if told.retry_after is None else max(told.retry_after, PAUSE_LEAST)
            sent.asked_to_wait("calendars", seconds)
            await self._pace.pause(self._connector, self.clock.now() + timedelta(seconds=seconds), str(told))

    async def read(
        self,
        method: str,
        path: str,
        before_send: BeforeSend,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[Answer, str]:
        """Send a read, follow redirects within the server, and say which path answered at last."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self.send(method, path, before_send, headers=headers, body=body)
            if answer.status not in _REDIRECTS:
                return answer, path
            path = self._path(answer.headers.get("Location", ""), path)
        raise Unreachable(f"{self.origin} redirects without an end", code=NOT_WHOLE)

    def _path(self, location: str, base: str) -> str:
        try:
            return dav.canonical(location, self.origin, base)
        except dav.Elsewhere as error:
            raise elsewhere(self.origin, error) from None
        except Malformed as error:
            raise not_whole(f"{self.origin} redirects to {error}") from None

    async def ask(self, method: str, path: str, body: bytes, depth: int, before_send: BeforeSend) -> list[Found]:
        """A PROPFIND or REPORT: what it found. Raises as `of_read` says, and `Unreachable` for what is not sound."""
        headers = {**_XML, "Depth": str(depth)}
        answer, path = await self.read(method, path, before_send, headers=headers, body=body)
        if answer.status != HTTPStatus.MULTI_STATUS:
            raise of_read(self.refusal(answer), own=self.account.own)
        found = self.multistatus(answer, path)
        cut = next((one for one in found if one.status == HTTPStatus.INSUFFICIENT_STORAGE), None)
        if cut is not None:
            raise not_whole(f"{self.origin} cuts a list off (HTTP 507)")
        return found

    def multistatus(self, answer: Answer, path: str) -> list[Found]:
        """What a 207 says; `Unreachable` where it is not sound."""
        try:
            return dav.multistatus(answer.body, self.origin, path)
        except Malformed as error:
            raise not_whole(f"{self.origin} answers with {error}") from None

    def refusal(self, answer: Answer) -> Refusal:
        return refusal(answer.status, answer.body, answer.retry_after())

    async def listed(self, collection: str, before_send: BeforeSend) -> list[EventId]:
        """The address of every object in the collection."""
        found = await self.ask("PROPFIND", collection, dav.propfind([dav.ETAG, dav.TYPE]), 1, before_send)
        here = dav.folder(collection)
        if here not in {dav.folder(one.href) for one in found}:
            raise not_whole(f"{self.origin} lists a calendar without the calendar itself")
        return [
            EventId(one.href)
            for one in found
            if dav.folder(one.href) != here and f"{dav.DAV}collection" not in one.kinds() and one.status not in _GONE
        ]

    async def things(self, hrefs: Sequence[EventId], before_send: BeforeSend) -> dict[EventId, Thing | None]:
        """Each of these objects as it is now; None for one that is gone, by the word of its collection.

        Left out is one that alone is denied to us (403), as a private event is by SOGo: nothing is known of it, least
        of all that it is gone. Raises unless each is answered for. A 404 counts only from a collection that stands: a
        server that has lost its way says 404 to everything.
        """
        folders: dict[str, list[EventId]] = {}
        for href in hrefs:
            folders.setdefault(dav.parent(href), []).append(href)
        chunks = [
            (collection, here[begin : begin + CHUNK])
            for collection, here in folders.items()
            for begin in range(0, len(here), CHUNK)
        ]
        told: dict[EventId, Thing | None] = {}
        for begin in range(0, len(chunks), ABREAST):
            now = chunks[begin : begin + ABREAST]
            for part in await together(self._chunk(collection, some, before_send) for collection, some in now):
                told |= part
        return told

    async def _chunk(
        self, collection: str, hrefs: Sequence[EventId], before_send: BeforeSend
    ) -> dict[EventId, Thing | None]:
        found = {
            one.href: one for one in await self.ask("REPORT", collection, dav.multiget(hrefs), 1, before_send)
        }  # fmt: skip
        told: dict[EventId, Thing | None] = {}
        denied: set[EventId] = set()
        left: list[EventId] = []
        for href in hrefs:
            one = found.get(href)
            if one is not None and dav.DATA in one.properties:
                told[href] = thing(one)
            elif one is not None and one.status in _GONE:
                told[href] = None
            elif one is not None and HTTPStatus.FORBIDDEN in (one.status, one.refused.get(dav.DATA)):
                denied.add(href)
            else:
                left.append(href)
        rest = await self._left_out(collection, left, before_send)
        gone = None in rest.values()
        if not told and (gone or denied or len(rest) < len(left)):
            # An answer that names nothing is no word of a collection yet, and the collection itself may be denied.
            await self._stands(collection, before_send)
        return told | rest

    async def _left_out(
        self, collection: str, hrefs: Sequence[EventId], before_send: BeforeSend
    ) -> dict[EventId, Thing | None]:  # fmt: skip
        """Each of these, of which a report said nothing, but for what is denied; raises for too many that are there."""
        there = set(hrefs)
        if len(there) > SINGLY:
            there &= set(await self.listed(collection, before_send))
        if len(there) > SINGLY:
            raise not_whole(f"{self.origin} says nothing of {len(there)} events that stand there")
        read = await together(self._asked(href, before_send) for href in sorted(there))
        told: dict[EventId, Thing | None] = {href: None for href in hrefs if href not in there}
        for one in read:
            told |= one
        return told

    async def _stands(self, collection: str, before_send: BeforeSend) -> None:
        """Raise unless the collection says that it is a calendar."""
        found = await self.ask("PROPFIND", collection, dav.propfind([dav.TYPE]), 0, before_send)
        if len(found) != 1 or f"{dav.CAL}calendar" not in found[0].kinds():
            raise not_whole(f"{self.origin} answers with what is not a calendar")

    async def thing(self, href: EventId, before_send: BeforeSend) -> Thing | None:
        """This object as it is now; None as in `things`, `NotSent` where it alone is denied to us."""
        told = await self.alone(href, before_send)
        if href not in told:
            raise NotSent(f"{self.origin} does not let this event be read", status=HTTPStatus.FORBIDDEN)
        return told[href]

    async def alone(self, href: EventId, before_send: BeforeSend) -> dict[EventId, Thing | None]:
        """As `things`, by one request where it is there."""
        told = await self._asked(href, before_send)
        return told if told.get(href) is not None else await self.things([href], before_send)

    async def _asked(self, href: EventId, before_send: BeforeSend) -> dict[EventId, Thing | None]:
        """What a GET tells of this object; nothing where it is denied."""
        try:
            return {href: await self._get(href, before_send)}
        except Forbidden:
            return {}

    async def _get(self, href: EventId, before_send: BeforeSend) -> Thing | None:
        answer, _ = await self.read("GET", href, before_send, headers=AS_IT_IS)
        if answer.status in _GONE:
            return None
        if answer.status != HTTPStatus.OK:
            raise of_read(self.refusal(answer), own=self.account.own)
        return _got(href, answer)

    async def query(self, collection: str, body: bytes, before_send: BeforeSend) -> list[Thing]:
        """The objects that a calendar-query finds, each whole."""
        found = await self.ask("REPORT", collection, body, 1, before_send)
        things = [thing(one) for one in found if dav.DATA in one.properties]
        silent = [one.href for one in found if dav.DATA not in one.properties and one.status not in _GONE]
        here = dav.folder(collection)
        rest = [EventId(href) for href in silent if dav.folder(href) != here]
        if not rest:
            return things
        return things + [one for one in (await self.things(rest, before_send)).values() if one is not None]


def _got(href: EventId, answer: Answer) -> Thing:
    """The object that a GET brought."""
    body, etag = lines.mended(answer.body), wire.quoted(answer.headers.get("ETag", ""))
    try:
        return Thing(href, etag, body.decode())
    except UnicodeDecodeError:
        return Thing(href, etag, body.decode("utf-8", "replace"), whole=False)


def thing(found: Found) -> Thing:
    """The object of one resource that came with its data."""
    text = found.properties[dav.DATA].text or ""
    return Thing(EventId(found.href), wire.quoted(found.text(dav.ETAG)), text)


def elsewhere(origin: str, error: dav.Elsewhere) -> NotAMailbox:
    """A server keeps accounts on several hosts (iCloud: pNN-caldav.icloud.com), and none but its own is ever asked."""
    here, there = urlsplit(origin).hostname, urlsplit(error.origin).hostname
    if there is not None and here == there:
        # a server behind a proxy that does not tell it how it is reached (Nextcloud: `overwriteprotocol`)
        text = f"{origin} leads to {error.origin}, which is not asked: give the address that lies behind it"
        return NotAMailbox(text, code="OtherScheme")
    where = f"{error.origin}: set that one as the address" if error.origin else one_line(error, 80)
    return NotAMailbox(f"{origin} keeps this account on another server, {where}", code="OtherHost")
