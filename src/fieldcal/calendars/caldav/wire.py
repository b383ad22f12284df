"""Events and marks as iCalendar has them: what we write, what we read, and whether anybody else wrote in it. Pure.

RFC 5545 and 7986; X-ALT-DESC is what clients around Outlook show as formatted text. UTC everywhere, no time zone of
ours; never an organizer or attendee, so no server sends mail (RFC 6638 3.1).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from html import unescape as unescape_html

from fieldcal.calendars.caldav import lines, times
from fieldcal.calendars.caldav.lines import Component, Line, Malformed, line, text_line
from fieldcal.marks import create_key, mark_text, parse_mark
from fieldcal.model import Create, Event, EventId, Mark, Observed, Receipt, ShowAs, Update

MARK, KEY, STAMP, DIGEST, TRIAL = (f"X-FIELDCAL-{name}" for name in ("MARK", "KEY", "STAMP", "DIGEST", "TRIAL"))
#: Before an etag: the event holds other words than the ones that we wrote into it, so it is never simply replaced.
OTHERS_WORDS = "~"

# Fixed for ever: another namespace would give every event another name, and so a second one beside it.
_NAMESPACE = uuid.UUID("9e1c3a52-7b0e-4c55-8f6d-2a4b1f0d6c83")
_PRODID = "-//Fieldcal//Fieldcal//EN"
#: What a server may set for itself, or what changes with each writing, says nothing about whose words these are.
_NOBODYS = frozenset({"DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", DIGEST})
_STATUS = {ShowAs.FREE: "CANCELLED", ShowAs.TENTATIVE: "TENTATIVE", ShowAs.BUSY: "CONFIRMED"}
#: Sequence numbers count the seconds from here on, so that each writing has a higher one without reading the last.
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_HIGHEST = 2**31 - 1
_MARKED = re.compile(rf"^{MARK}(?:;[^\r\n]*)?:([^\r\n]*)", re.MULTILINE)
#: Bytes handed to the hash at once. With more it lets other threads in, and waiting for its turn again costs an event
#: more than the hash itself.
_AT_ONCE = 2047
_COUNT = re.compile(r"\d{1,10}", re.ASCII)

_TAG = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")
_CELL = re.compile(r"</th>\s*<td\b[^>]*>", re.IGNORECASE)
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|tr|li|h[1-6]|table|ul|ol)\s*>", re.IGNORECASE)
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', re.IGNORECASE | re.DOTALL)


def uid_of(mark: Mark) -> str:
    """The UID of this mark's event; nothing else has it, and it can be told from the mark alone."""
    return str(uuid.uuid5(_NAMESPACE, mark_text(mark)))


def href_of(collection: str, mark: Mark) -> EventId:
    """Where this mark's event stands in this collection, a path that ends with a slash."""
    return EventId(f"{collection}{uid_of(mark)}.ics")


def new(action: Create | Update, now: datetime) -> bytes:
    """The whole event as we write it where nobody else's words are; `now`: its time of writing, UTC."""
    event, made = action.event, Component("VEVENT")
    made.lines += [line("UID", uid_of(action.mark)), *_written(now)]
    if isinstance(action, Create):
        made.lines += [line("CREATED", times.written(now)), line("SEQUENCE", "0")]
    else:
        made.lines.append(line("SEQUENCE", str(_sequence(now))))
    made.lines += _owned(event)
    if event.categories:
        # the comma between two of them is no part of either
        made.lines.append(line("CATEGORIES", ",".join(map(lines.escape, event.categories))))
    if event.private:
        made.lines.append(line("CLASS", "PRIVATE"))
    if event.reminder:
        made.parts.append(_alarm())
    key = action.key if isinstance(action, Create) else create_key(action.mark)
    made.lines += [text_line(MARK, mark_text(action.mark)), text_line(KEY, key), text_line(STAMP, action.stamp)]
    made.lines.append(line(DIGEST, digest(made)))
    return lines.write(_calendar(made))


def merged(text: str, action: Update, now: datetime) -> bytes:
    """What stands there with the fields that we own written over; the worker's additions stay as they are.

    Of an event that was made to recur, its pattern is written over and the exceptions stay.
    """
    calendar = lines.read(text)
    master = _master(calendar)
    if master is None:
        raise Malformed("a calendar without an event")
    told = master.first("SEQUENCE")
    before = int(told.value) if told is not None and _COUNT.fullmatch(told.value) else 0
    master.drop("DTEND", "DURATION", "LOCATION", "DESCRIPTION", "X-ALT-DESC", "URL", DIGEST)
    master.put(*_written(now), line("SEQUENCE", str(min(max(before + 1, _sequence(now)), _HIGHEST))))
    master.put(*_owned(action.event))
    master.put(text_line(MARK, mark_text(action.mark)), text_line(KEY, create_key(action.mark)))
    master.put(text_line(STAMP, action.stamp))
    return lines.write(calendar)


def trial(uid: str, start: datetime, end: datetime, now: datetime) -> bytes:
    """A private, free event without alarm, with a property of its own and as many of ours as an event has."""
    made = Component("VEVENT")
    made.lines = [
        line("UID", uid), *_written(now), line("DTSTART", times.written(start)), line("DTEND", times.written(end)),
        text_line("SUMMARY", TRIAL_SUBJECT), line("TRANSP", "TRANSPARENT"), line("CLASS", "PRIVATE"), line(TRIAL, "1"),
    ]  # fmt: skip
    return lines.write(_calendar(made))


TRIAL_SUBJECT = "Fieldcal: trial event, removed at once"


def _calendar(event: Component) -> Component:
    # VERSION first: SabreDAV sorts it there, takes the difference for a change and then tells no ETag
    # (sabre-io/dav#547)
    return Component("VCALENDAR", [line("VERSION", "2.0"), line("PRODID", _PRODID)], [event])


def _written(now: datetime) -> list[Line]:
    at = times.written(now)
    return [line("DTSTAMP", at), line("LAST-MODIFIED", at)]


def _owned(event: Event) -> list[Line]:
    """The fields that we own, as lines."""
    made = [line("DTSTART", times.written(event.start))]
    if event.end > event.start:  # a DTEND at the very start is none (RFC 5545 3.8.2.2); without one it ends there
        made.append(line("DTEND", times.written(event.end)))
    made.append(text_line("SUMMARY", event.subject))
    if event.location:
        made.append(text_line("LOCATION", event.location))
    if event.body:
        made.append(text_line("DESCRIPTION", plain(event.body)))
        made.append(text_line("X-ALT-DESC", event.body, ";FMTTYPE=text/html"))
        link = _LINK.search(event.body)
        address = unescape_html(link[1]) if link else ""
        if address.startswith(("https://", "http://")) and address.isascii() and address.isprintable():
            made.append(line("URL", address))
    made.append(line("TRANSP", "TRANSPARENT" if event.show_as is ShowAs.FREE else "OPAQUE"))
    made.append(line("STATUS", _STATUS[event.show_as]))
    return made


def _alarm() -> Component:
    """A quarter of an hour before, as Outlook has it: a CalDAV server keeps no reminder of the mailbox's own."""
    told = [line("ACTION", "DISPLAY"), line("TRIGGER", "-PT15M"), line("DESCRIPTION", "Reminder")]
    return Component("VALARM", told)


def _sequence(now: datetime) -> int:
    return max(int((now - _EPOCH).total_seconds()), 1)


@lru_cache(maxsize=64)  # of one batch's events, and again where a write is sent anew
def plain(body: str) -> str:
    """The words of our HTML: a line for each row, "Label: value", and where links lead."""
    text = _LINK.sub(lambda match: f"{match[2]}: {match[1]}", body)
    text = _LINE_END.sub("\n", _CELL.sub(": ", text))
    return unescape_html(_TAG.sub("", text)).strip()


def digest(event: Component) -> str:
    """A print of everything in the event that is somebody's words; the order of lines and of parameters counts not."""
    told, print_ = "\n".join(_said(event)).encode("utf-8", "replace"), hashlib.sha256()
    for begin in range(0, len(told), _AT_ONCE):
        print_.update(told[begin : begin + _AT_ONCE])
    return print_.hexdigest()[:32]


def _said(event: Component) -> Iterator[str]:
    told = []
    for one in event.lines:
        if one.name not in _NOBODYS:
            parameters = "".join(f";{key}={value}" for key, value in lines.parameters_of(one)) if one.parameters else ""
            told.append(f"{one.name}{parameters}:{one.value}" if one.name else one.raw)
    yield from sorted(told)
    for part in sorted("\n".join(_said(part)) for part in event.parts):
        yield f"({part})"


def marked(text: str) -> bool:
    """Whether the text may hold an event with a mark of ours; saves reading everybody else's."""
    return "X-FIELDCAL-" in text or "X-FIELDCAL-" in _unfolded(text)


def is_marked_as(text: str, marks: Collection[str]) -> bool:
    """Whether the text may hold an event with one of these marks, as `mark_text` writes them; as `marked`."""
    told = set(_MARKED.findall(_unfolded(text)))
    return any(mark.upper() in told for mark in marks)


def _unfolded(text: str) -> str:
    return text.replace("\r\n ", "").replace("\n ", "").replace("\r\n\t", "").upper()


def observed(href: EventId, etag: str, text: str) -> Observed | None:
    """One object as the server has it now, None where it is no event; `Malformed` where it cannot be read at all.

    A copy that a worker made keeps our properties but has another UID: it shows no key, and so is none of ours (I3).
    Times that cannot be read are those of 1970, so that the event is neither lost nor doubled for them.
    """
    calendar = lines.read(text)
    event = _master(calendar)
    if event is None:
        return None
    mark = parse_mark(event.text(MARK))
    own = mark is not None and event.text("UID") == uid_of(mark)
    start, end = times.span(event, text)
    return Observed(
        id=href,
        etag=etag if not etag or _only_ours(calendar, event) else OTHERS_WORDS + etag,
        mark=mark,
        subject=event.text("SUMMARY"),
        start=start,
        end=end,
        location=event.text("LOCATION"),
        created=times.instant(event.first("CREATED"), text),
        key=event.text(KEY) if own else "",
        stamp=event.text(STAMP),
    )


def serves(text: str, mark: Mark) -> bool:
    """Whether this is the event of that mark, by the mark or by the UID that only it has."""
    event = _master(lines.read(text))
    return event is not None and (parse_mark(event.text(MARK)) == mark or event.text("UID") == uid_of(mark))


def made_for(text: str, mark: Mark) -> bool:
    """Whether this has the UID of that mark's event, which nothing else has, whatever became of its mark."""
    event = _master(lines.read(text))
    return event is not None and event.text("UID") == uid_of(mark)


def recurs(text: str) -> bool:
    """Whether the event stands for more than one time."""
    event = _master(lines.read(text))
    return event is not None and any(event.first(name) for name in ("RRULE", "RDATE"))


def is_trial(text: str) -> bool:
    """Whether this is a trial event of Test & Enable's."""
    event = _master(lines.read(text))
    return event is not None and event.text(TRIAL) == "1"


def reads_as_trial(text: str, uid: str, start: datetime) -> bool:
    """Whether the trial event reads as it was written, its property aside."""
    event = _master(lines.read(text))
    if event is None:
        return False
    return (event.text("UID"), event.text("SUMMARY"), times.span(event, text)[0]) == (uid, TRIAL_SUBJECT, start)


def _master(calendar: Component) -> Component | None:
    """The event itself, not one of its exceptions."""
    events = calendar.having("VEVENT")
    return next((event for event in events if event.first("RECURRENCE-ID") is None), events[0] if events else None)


def _only_ours(calendar: Component, event: Component) -> bool:
    told = event.text(DIGEST)
    return bool(told) and len(calendar.having("VEVENT")) == 1 and told == digest(event)


def receipt(sent: Create | Update, there: Observed) -> Receipt:
    """The receipt of a write that was read back, or found to stand there already."""
    event = sent.event
    same = (_kept(there.subject), there.start, there.end) == (_kept(event.subject), event.start, event.end)
    return Receipt(there.id, there.etag, differs=not same)


def _kept(subject: str) -> str:
    return " ".join(lines.unescape(lines.escape(subject)).encode("utf-8", "replace").decode().split())


def bare(etag: str) -> str:
    """The server's own etag."""
    return etag.removeprefix(OTHERS_WORDS)


def quoted(etag: str) -> str:
    """An etag as HTTP writes it, "" for none; some servers leave the quotes out in `getetag`."""
    etag = etag.strip()
    if not etag or etag.startswith(('"', 'W/"')):
        return etag
    return f'"{etag}"'


def strong(etag: str) -> bool:
    """Whether this etag stands for these very bytes (RFC 9110 8.8.1)."""
    return etag.startswith('"')
