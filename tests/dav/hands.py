"""What a worker does with a calendar program: a small plain CalDAV client that knows nothing of Fieldcal.

It speaks straight to the server, past the gate, so that nothing it does is counted or goes wrong. What it reads is read
by the `icalendar` library, as calendar programs do it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from icalendar import Alarm, Calendar, Component, Event
from tests.dav.servers import DavServer, User

ETAGS = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
MULTIGET = (
    '<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/>'
    "</prop>{}</C:calendar-multiget>"
)
_D, _C = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"


@dataclass(frozen=True, slots=True)
class Held:
    """One object of a calendar as the server holds it."""

    href: str
    etag: str
    text: str

    @property
    def calendar(self) -> Component:
        return Calendar.from_ical(self.text)

    @property
    def event(self) -> Component:
        """The event; of a recurring one the series itself."""
        events = self.calendar.walk("VEVENT")
        return next((event for event in events if "RECURRENCE-ID" not in event), events[0])

    def text_of(self, name: str) -> str:
        return str(self.event.get(name, ""))

    @property
    def start(self) -> datetime:
        return _instant(self.event["DTSTART"].dt)

    @property
    def end(self) -> datetime:
        return _instant(self.event["DTEND"].dt)

    @property
    def categories(self) -> tuple[str, ...]:
        found = self.event.get("CATEGORIES")
        lists = found if isinstance(found, list) else [found] if found is not None else []
        return tuple(str(each) for one in lists for each in one.cats)

    @property
    def alarms(self) -> list[Component]:
        return self.event.walk("VALARM")


class Hands:
    """One worker at one calendar."""

    def __init__(self, server: DavServer, user: User, path: str) -> None:
        self._server, self._user, self.path = server, user, path

    def look(self) -> list[Held]:
        """Everything that lies in the calendar, by start; what goes while it is looked at is not there."""
        listed = self._report("PROPFIND", ETAGS)
        hrefs = [href for href, _, _ in listed if href.endswith(".ics")]
        if not hrefs:
            return []
        body = MULTIGET.format("".join(f"<href>{href}</href>" for href in hrefs))
        held = [Held(href, etag, _lines(text)) for href, etag, text in self._report("REPORT", body) if text]
        return sorted(held, key=lambda each: (each.start, each.href))

    def adds(self, subject: str, start: datetime, hours: float = 1, **lines: str) -> Held:
        """A new event of the worker's own; `lines`: further properties, `_` for `-`."""
        event = Event()
        event.add("uid", str(uuid4()))
        event.add("dtstamp", start)
        event.add("dtstart", start)
        event.add("dtend", start + timedelta(hours=hours))
        event.add("summary", subject)
        for name, value in lines.items():
            event.add(name.replace("_", "-"), value)
        calendar = Calendar()
        calendar.add("version", "2.0")
        calendar.add("prodid", "-//hands//EN")
        calendar.add_component(event)
        return self.puts(f"{self.path}{event['UID']}.ics", calendar.to_ical().decode(), {"If-None-Match": "*"})

    def puts(self, href: str, text: str, conditions: Mapping[str, str] | None = None) -> Held:
        """This object under this name."""
        said = {name.replace("-", "_"): value for name, value in (conditions or {}).items()}
        status, _, told = self._server.ask(self._user, "PUT", href, text, Content_Type="text/calendar", **said)
        assert status in (200, 201, 204), (href, status, told)
        return self.reads(href)

    def reads(self, href: str) -> Held:
        status, headers, text = self._server.ask(self._user, "GET", href)
        assert status == 200, (href, status)
        return Held(href, headers["etag"], _lines(text))

    def edits(self, held: Held, change: Callable[[Component], None]) -> Held:
        """The event as `change` leaves it, as a calendar program stores it: everything else as it was."""
        calendar = self.reads(held.href).calendar
        events = calendar.walk("VEVENT")
        change(next((event for event in events if "RECURRENCE-ID" not in event), events[0]))
        return self.puts(held.href, calendar.to_ical().decode())

    def sets(self, held: Held, **properties: Any) -> Held:
        """These properties say this now; None takes one away, `_` stands for `-`."""

        def change(event: Component) -> None:
            for name, value in properties.items():
                event.pop(name.replace("_", "-"), None)
                if value is not None:
                    event.add(name.replace("_", "-"), value)

        return self.edits(held, change)

    def alarms(self, held: Held, *minutes: int) -> Held:
        """Reminders so many minutes before, and no others."""

        def change(event: Component) -> None:
            event.subcomponents = [each for each in event.subcomponents if each.name != "VALARM"]
            for number in minutes:
                alarm = Alarm()
                alarm.add("action", "DISPLAY")
                alarm.add("description", "of my own")
                alarm.add("trigger", timedelta(minutes=-number))
                event.add_component(alarm)

        return self.edits(held, change)

    def copies(self, held: Held) -> Held:
        """As calendar programs do it: the same event under a new UID, every other property kept."""
        calendar, uid = self.reads(held.href).calendar, str(uuid4())
        for event in calendar.walk("VEVENT"):
            event["UID"] = uid
        return self.puts(f"{self.path}{uid}.ics", calendar.to_ical().decode(), {"If-None-Match": "*"})

    def repeats(self, held: Held, rule: Mapping[str, Any]) -> Held:
        """Make it a series."""
        return self.sets(held, RRULE=dict(rule))

    def deletes(self, held: Held) -> None:
        status, _, told = self._server.ask(self._user, "DELETE", held.href)
        assert status in (200, 204), (held.href, status, told)

    def stands(self) -> bool:
        """Whether the calendar is there."""
        return self._server.ask(self._user, "PROPFIND", self.path, ETAGS, Depth="0", Content_Type="text/xml")[0] == 207

    def destroys_the_calendar(self) -> None:
        status, _, _ = self._server.ask(self._user, "DELETE", self.path)
        assert status in (200, 204), status

    def _report(self, method: str, body: str) -> list[tuple[str, str, str]]:
        """(href as a plain path, etag, text) of each answer."""
        for _ in range(3):  # Radicale says 500 once in thousands of reads that come while it writes
            status, _, text = self._server.ask(
                self._user, method, self.path, body, Depth="1", Content_Type="text/xml; charset=utf-8"
            )
            if status < 500:
                break
        assert status == 207, (method, status, text)
        told = []
        for one in ET.fromstring(text):
            # in one way of writing it, whichever the server has
            href = quote(unquote(re.sub(r"^https?://[^/]+", "", one.findtext(f"{_D}href", ""))))
            told.append((href, one.findtext(f".//{_D}getetag", ""), one.findtext(f".//{_C}calendar-data", "")))
        return told


def _lines(text: str) -> str:
    """With CRLF at each line's end, which XML takes away (XML 1.0 2.11)."""
    return re.sub(r"\r?\n", "\r\n", text)


def same_path(one: str, other: str) -> bool:
    """Whether two addresses of one server name the same thing, however they are percent-encoded."""
    return unquote(one) == unquote(other)


def _instant(value: date) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC)
