"""A mailbox as a calendar to subscribe to: RFC 5545, as Outlook, Apple Calendar and Google Calendar read it.

Instants are written in UTC, all-day events as dates, so no time-zone definitions are needed. The text depends on the
events alone: the same events give the same bytes, and so the same ETag.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from icalendar import Calendar, Event, vText
from starlette.requests import Request
from starlette.responses import Response

from fieldcal.embedded.exchange import bodies, ids
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.event_store import overlapping
from fieldcal.embedded.exchange.mailboxes import Mailbox
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.tables import events
from fieldcal.embedded.exchange.zones import instant, stamp, zone

PAST = timedelta(days=60)
AHEAD = timedelta(days=400)
#: how often a subscriber should ask, by the feed's own word
REFRESH = timedelta(minutes=15)
_PRIORITY = {"high": 1, "normal": 5, "low": 9}
_BUSY = {"free": "FREE", "tentative": "TENTATIVE", "oof": "OOF", "workingElsewhere": "WORKINGELSEWHERE"}
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed as served. `last_modified` is an HTTP date."""

    content: bytes
    etag: str
    last_modified: str


class Feeds:
    """The feeds by their secrets; one that was made is kept until something changes or the day ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[tuple[object, ...], Feed] = {}

    def find(self, token: str) -> Feed | None:
        """The feed with that secret, or None."""
        mailbox = self._store.mailboxes.by_feed(token)
        if mailbox is None:
            return None
        today = self._store.now().replace(hour=0, minute=0, second=0, microsecond=0)
        change, modified = self._store.events.latest(mailbox.row)
        known = (mailbox.row, change, today, mailbox.name, mailbox.zone)
        if known not in self._made:
            while len(self._made) >= _KEPT:
                del self._made[next(iter(self._made))]
            self._made[known] = self._make(mailbox, today, modified)
        return self._made[known]

    def _make(self, mailbox: Mailbox, today: datetime, modified: str) -> Feed:
        window = overlapping(stamp(today - PAST), stamp(today + AHEAD))
        found = self._store.events.page(mailbox.row, window, [events.c.start])
        content = calendar(mailbox, found)
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        changed = instant(modified) if modified else today
        return Feed(content, f'"{digest}"', format_datetime(changed.replace(microsecond=0), usegmt=True))


def served(feed: Feed | None, request: Request) -> Response:
    """The answer to who asks for this feed: 304 where it has not changed since, 404 where there is none."""
    if feed is None:
        return Response("There is no such calendar.", 404, media_type="text/plain")
    headers = {
        "ETag": feed.etag,
        "Last-Modified": feed.last_modified,
        "Cache-Control": "private, max-age=300",
        "Content-Disposition": 'inline; filename="calendar.ics"',
    }
    if _unchanged(request, feed.etag, feed.last_modified):
        return Response(status_code=304, headers=headers)
    return Response(feed.content, headers={**headers, "Content-Type": "text/calendar; charset=utf-8"})


def _unchanged(request: Request, etag: str, last_modified: str) -> bool:
    asked = request.headers.get("if-none-match")
    if asked is not None:
        return asked.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in asked.split(","))
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(last_modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def calendar(mailbox: Mailbox, found: list[StoredEvent]) -> bytes:
    """The whole iCalendar text, folded."""
    made = Calendar()
    made.add("prodid", "-//Fieldcal//Embedded Exchange//EN")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", mailbox.name)
    made.add("name", mailbox.name)
    made.add("x-wr-timezone", str(zone(mailbox.zone)))
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", f"PT{int(REFRESH.total_seconds() // 60)}M")
    for event in found:
        made.add_component(_component(event))
    return bytes(made.to_ical())


def _component(event: StoredEvent) -> Event:
    document = event.document
    made = Event()
    made.add("uid", ids.ical_uid(event.key))
    made.add("summary", event.subject)
    if document.is_all_day:
        # DTEND is the day after the last one, and so is Exchange's end.
        made.add("dtstart", instant(event.start).astimezone(zone(document.start_zone)).date())
        made.add("dtend", instant(event.end).astimezone(zone(document.end_zone)).date())
    else:
        made.add("dtstart", instant(event.start).replace(microsecond=0))
        made.add("dtend", instant(event.end).replace(microsecond=0))
    made.add("dtstamp", instant(event.modified).replace(microsecond=0))
    made.add("created", instant(event.created).replace(microsecond=0))
    made.add("last-modified", instant(event.modified).replace(microsecond=0))
    made.add("sequence", event.revision)
    made.add("status", "TENTATIVE" if document.show_as == "tentative" else "CONFIRMED")
    made.add("transp", "TRANSPARENT" if document.show_as == "free" else "OPAQUE")
    made.add("x-microsoft-cdo-busystatus", _BUSY.get(document.show_as, "BUSY"))
    made.add("x-microsoft-cdo-alldayevent", "TRUE" if document.is_all_day else "FALSE")
    made.add("class", "PUBLIC" if document.sensitivity == "normal" else "PRIVATE")
    made.add("priority", _PRIORITY[document.importance])
    _add_texts(made, event)
    return made


def _add_texts(made: Event, event: StoredEvent) -> None:
    document = event.document
    places = [place["displayName"] for place in document.locations if place.get("displayName")]
    if places:
        made.add("location", "; ".join(places))
    if document.categories:
        made.add("categories", document.categories)
    if not document.body:
        return
    made.add("description", bodies.as_text(document.body_type, document.body))
    if document.body_type == "html":
        rich = vText(bodies.as_html("html", document.body).replace("\r\n", "\n"))
        rich.params["FMTTYPE"] = "text/html"
        made.add("x-alt-desc", rich)
