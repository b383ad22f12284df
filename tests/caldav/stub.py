"""A CalDAV server of a few lines whose manners can be set: what real ones do differently, one switch each."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fieldcal.calendars.caldav import Account, CalDavCalendars
from fieldcal.clock import SystemClock
from fieldcal.embedded.server import serving
from fieldcal.http import Http
from fieldcal.marks import create_key
from fieldcal.model import BookingId, Create, Event, MailboxId, Mark, ShowAs
from fieldcal.password import PasswordCredential

ORGANIZATION = "0a000000-0000-4000-8000-000000000001"
ANNA = MailboxId("0b000000-0000-4000-8000-000000000001")
BERT = MailboxId("0b000000-0000-4000-8000-000000000002")
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOME, CALENDAR = "/dav/anna/", "/dav/anna/work/"
COLLECTION = "<d:resourcetype><d:collection/></d:resourcetype>"
IS_CALENDAR = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
METHODS = ["GET", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "REPORT", "MKCALENDAR", "OPTIONS"]
_SPACES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:s="http://calendarserver.org/ns/"'


def free():
    """A lease that is held."""


def mark(number=0, generation=1, mailbox=ANNA):
    return Mark(ORGANIZATION, BookingId(f"0c000000-0000-4000-8000-{number:012}"), mailbox, generation)


def event(number=0, **changes):
    told = {
        "subject": f"{number:04} · Repair", "body": "<p>text</p>", "start": START + number * HOUR,
        "end": START + (number + 1) * HOUR, "location": "Main Street 1", "show_as": ShowAs.BUSY,
    }  # fmt: skip
    return Event(**{**told, **changes})


def create(number=0, generation=1, stamp=None, **changes):
    made = mark(number, generation)
    return Create(made, create_key(made), event(number, **changes), stamp or f"stamp-{number}")


class Stub:
    """`quirks`: how it differs from the book. `objects`: path to text; its etag is the number of its writing."""

    def __init__(self, *quirks):
        self.quirks = set(quirks)
        self.objects: dict[str, str] = {}
        #: paths of objects that nobody may read
        self.denied: set[str] = set()
        self.numbers: dict[str, int] = {}
        #: properties of each collection, as XML
        self.resources = {HOME: COLLECTION, CALENDAR: IS_CALENDAR}
        #: path to (status, headers, body): answered once in place of what would be
        self.script: list[tuple[str, str, int, dict[str, str], str]] = []
        self.ledger: list[tuple[str, str, dict[str, str]]] = []
        self.claim = ""
        self.written = 0
        self.users = {"anna": "secret", "bert": "word"}
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=METHODS)])

    def says(self, method, path, status, body="", **headers):
        """Answer the next such request with this."""
        self.script.append((method, path, status, headers, body))

    def put(self, path, text):
        """As a hand would."""
        self.written += 1
        self.objects[path], self.numbers[path] = text, self.written

    def count(self, method):
        return sum(told == method for told, _, _ in self.ledger)

    async def answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode().partition("?")[0]
        path = path.replace("%40", "@")
        body = (await request.body()).decode()
        self.ledger.append((request.method, path, dict(request.headers)))
        for entry in self.script:
            if entry[0] == request.method and re.search(entry[1], path):
                self.script.remove(entry)
                return Response(entry[4], entry[2], entry[3])
        handle = getattr(self, f"_{request.method.lower()}")
        told = handle(path, body, request.headers)
        if "cookies" in self.quirks:
            told.set_cookie("session", request.headers.get("authorization", "")[-8:].strip("="))
        told.headers["Date"] = format_datetime(datetime.now(UTC), usegmt=True)
        return told

    def etag(self, path):
        return f'"{self.numbers[path]}"'

    def _etag_header(self, path):
        if "no etag" in self.quirks:
            return {}
        return {"ETag": f"W/{self.etag(path)}" if "weak etag" in self.quirks else self.etag(path)}

    def _hides(self, path):
        """As Nextcloud does from whom a calendar is shared with: refused a second time, and never shown."""
        return "hides private" in self.quirks and "CLASS:PRIVATE" in self.objects.get(path, "")

    def _get(self, path, _body, _headers):
        if path in self.denied:
            return Response("", 403)
        if path not in self.objects or self._hides(path):
            return Response("", 404)
        return Response(self.objects[path], 200, {"ETag": self.etag(path), "Content-Type": "text/calendar"})

    def _put(self, path, body, headers):
        there = path in self.objects
        if headers.get("if-none-match") == "*" and there and "ignores If-None-Match" not in self.quirks:
            return Response("", 412)
        wanted = headers.get("if-match")
        if wanted and (not there or wanted != self.etag(path)) and "ignores If-Match" not in self.quirks:
            return Response("", 412)
        if "drops our properties" in self.quirks:
            body = re.sub(r"X-FIELDCAL-[^\r]*\r\n( [^\r]*\r\n)*", "", body)
        self.put(path, body)
        return Response("", 204 if there else 201, self._etag_header(path))

    def _delete(self, path, _body, headers):
        if path not in self.objects or self._hides(path):
            return Response("", 404)
        wanted = headers.get("if-match")
        if wanted and wanted != self.etag(path) and "ignores If-Match" not in self.quirks:
            return Response("", 412)
        del self.objects[path]
        return Response("", 204)

    def _propfind(self, path, _body, headers):
        if path not in self.resources:
            return Response("", 404)
        rows = [self._row(path, self._properties(path))]
        if headers.get("depth") == "1":
            rows += [self._row(one, told) for one, told in self.resources.items() if _inside(one, path)]
            rows += [
                self._row(one, f"<d:getetag>{self._listed_etag(one)}</d:getetag><d:resourcetype/>")
                for one in self.objects
                if _inside(one, path) and not self._hides(one)
            ]
        return _multistatus(rows)

    def _listed_etag(self, path):
        return self.etag(path).strip('"') if "bare etags" in self.quirks else self.etag(path)

    def _properties(self, path):
        claim = f'<x:claim xmlns:x="urn:uuid:fc96e808-4ade-4af6-af46-7ce08cf00f57">{self.claim}</x:claim>'
        return self.resources[path] + (claim if self.claim else "")

    def _row(self, path, properties):
        told = f"<d:prop>{properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status>"
        return f"<d:response><d:href>{escape(self._spelt(path))}</d:href><d:propstat>{told}</d:propstat></d:response>"

    def _spelt(self, path):
        if "whole addresses" in self.quirks:
            path = self.url + path
        return path.replace("-", "%2d") if "odd hrefs" in self.quirks else path

    def _report(self, path, body, _headers):
        if path not in self.resources:
            return Response("", 404)
        root = ET.fromstring(body)
        hrefs = [element.text for element in root.iter("{DAV:}href")]
        wanted = hrefs if root.tag.endswith("multiget") else [one for one in self.objects if _inside(one, path)]
        found = [href.replace("%40", "@") for href in wanted]
        if "searches by what it is asked" in self.quirks:
            sought = [element.text for element in root.iter("{urn:ietf:params:xml:ns:caldav}text-match")]
            found = [href for href in found if all(text in re.sub("\r\n ", "", self.objects[href]) for text in sought)]
        if "leaves one out" in self.quirks and root.tag.endswith("multiget"):
            found = found[:-1]
        rows = []
        for href in found:
            if href in self.denied:
                denied = "<d:status>HTTP/1.1 403 Forbidden</d:status>"
                rows.append(f"<d:response><d:href>{href}</d:href>{denied}</d:response>")
            elif href in self.objects and not self._hides(href):
                data = f"<c:calendar-data>{escape(self.objects[href])}</c:calendar-data>"
                rows.append(self._row(href, f"<d:getetag>{self._listed_etag(href)}</d:getetag>{data}"))
            elif "says nothing of what is gone" not in self.quirks:
                gone = "<d:status>HTTP/1.1 404 Not Found</d:status>"
                rows.append(f"<d:response><d:href>{href}</d:href>{gone}</d:response>")
        return _multistatus(rows)

    def _proppatch(self, path, body, _headers):
        if "keeps no claim" in self.quirks:
            return Response("", 403)
        told = re.search(r"<f:claim>(.*?)</f:claim>", body)
        self.claim = told[1] if told else ""
        name = '<x:claim xmlns:x="urn:uuid:fc96e808-4ade-4af6-af46-7ce08cf00f57"/>'
        return _multistatus([self._row(path, name)])

    def _mkcalendar(self, path, body, _headers):
        name = re.search(r"<d:displayname>(.*?)</d:displayname>", body)[1]
        self.resources[path] = f"{IS_CALENDAR}<d:displayname>{name}</d:displayname>"
        return Response("", 201)

    def _options(self, _path, _body, _headers):
        return Response("", 200, {"DAV": "1, 3, calendar-access"})

    @asynccontextmanager
    async def serve(self, **more):
        """The end of this server, its accounts and its pace, while the block runs."""
        async with serving(self.app) as self.url:
            end = End(self, **more)
            try:
                yield end
            finally:
                await end.calendars.close()


class End:
    """What a test works with; `start`, `own`, `collection`: as in `Account`."""

    def __init__(self, stub, *, start=CALENDAR, own=True, collection=CALENDAR, calendar="", slots=8, names=None):
        self.stub, self.start, self.own = stub, start, own
        self.remembered = {ANNA: collection, BERT: collection.replace("anna", "bert")}
        self.names = names or {ANNA: "anna", BERT: "bert"}
        self.pauses: list[tuple[str, datetime, str]] = []
        self.http = Http(stub.url, None, SystemClock(), slots=slots)
        self.calendars = CalDavCalendars(self.http, self, SystemClock(), "stub", self, calendar)

    def of(self, mailbox):
        user = self.names[mailbox]
        url = self.stub.url + self.start.replace("anna", user)
        credential = PasswordCredential(user, lambda: self.stub.users[user])
        return Account(url, credential, self.own, self.remembered[mailbox])

    async def found(self, mailbox, collection):
        self.remembered[mailbox] = collection

    def calendar(self, mailbox=ANNA):
        return self.calendars.open(mailbox, ORGANIZATION)

    async def take(self, mailbox, cost):
        """No limit."""

    async def pause(self, scope, until, reason):
        self.pauses.append((scope, until, reason))

    async def paused(self, _scopes):
        return None


def _inside(path, collection):
    return path != collection and path.rstrip("/").rpartition("/")[0] + "/" == collection


def _multistatus(rows):
    text = f'<?xml version="1.0"?><d:multistatus {_SPACES}>{"".join(rows)}</d:multistatus>'
    return Response(text, 207, {"Content-Type": "application/xml"})
