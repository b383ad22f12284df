"""Content lines of iCalendar (RFC 5545 3.1): read without losing a byte of what is not understood, and written. Pure.

Own lines instead of a library's objects: what a worker or a server has put into an event has to come back verbatim, and
the library takes many times the millisecond that an event may cost (docs/decisions/007-caldav.md has the numbers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

#: Octets of one line, the break not counted.
WIDTH = 75
#: Components inside one another; a calendar has three.
_DEEPEST = 16

_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")
#: A fold inside a character of UTF-8, whose next byte can follow no blank; XML may write the break in its own way.
_TORN = re.compile(rb"(?:\r|&#13;|&#x[dD];)?\n[ \t](?=[\x80-\xbf])")
_BREAK = re.compile(r"\r\n|\n|\r")
_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)', re.ASCII)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
#: no text may hold them, and an XML answer that holds them can be read by nobody
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")


class Malformed(ValueError):
    """What is not what it should be; says where."""


class Line(NamedTuple):
    """One property. `name` is in capitals, "" for a line that is none; `raw` is the whole of it, unfolded."""

    name: str
    #: from the first semicolon on, "" without any
    parameters: str
    value: str
    raw: str

    @property
    def text(self) -> str:
        """The value of a text property, unescaped."""
        return unescape(self.value)

    def parameter(self, name: str) -> str:
        """The parameter's value without quotes, "" without it."""
        for key, value in _PARAMETER.findall(self.parameters):
            if key.upper() == name:
                return str(value).strip('"')
        return ""


@dataclass(slots=True)
class Component:
    """A component with its lines and the components inside it, each in its order."""

    #: in capitals
    name: str
    lines: list[Line] = field(default_factory=list)
    parts: list[Component] = field(default_factory=list)

    def first(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)

    def text(self, name: str) -> str:
        """The first such property as text, "" without one."""
        line = self.first(name)
        return "" if line is None else line.text

    def having(self, name: str) -> list[Component]:
        """The components of this name directly inside."""
        return [part for part in self.parts if part.name == name]

    def put(self, *lines: Line) -> None:
        """Have these instead of all lines of their names, each where the first of its name stood, else at the end."""
        for new in lines:
            places = [n for n, line in enumerate(self.lines) if line.name == new.name]
            self.drop(new.name)
            self.lines.insert(places[0] if places else len(self.lines), new)

    def drop(self, *names: str) -> None:
        self.lines = [line for line in self.lines if line.name not in names]

    def unfolded(self) -> Iterator[str]:
        """Every line of it, unfolded."""
        yield f"BEGIN:{self.name}"
        for line in self.lines:
            yield line.raw
        for part in self.parts:
            yield from part.unfolded()
        yield f"END:{self.name}"


def line(name: str, value: str, parameters: str = "") -> Line:
    """A property of ours; the value is written as it is."""
    return Line(name, parameters, value, f"{name}{parameters}:{value}")


def text_line(name: str, value: str, parameters: str = "") -> Line:
    """A text property of ours, escaped."""
    return line(name, escape(value), parameters)


def mended(data: bytes) -> bytes:
    """UTF-8 with the characters whole between which lines were folded: RFC 5545 3.1 counts octets, not characters."""
    return _TORN.sub(b"", data)


def read(text: str) -> Component:
    """The one calendar that this text is; `Malformed` for anything else, a text that was cut off included."""
    open_ones: list[Component] = []
    unfolded = _BREAK.split(_FOLD.sub("", text.removeprefix("\ufeff")))
    # with a blank before it a line of nobody's would be written back as the end of the one above, a mark even
    for raw in filter(None, (told.lstrip(" \t") for told in unfolded)):
        one = _line(raw)
        if one.name == "BEGIN":
            _begin(open_ones, Component(one.value.strip().upper()))
        elif not open_ones:
            raise Malformed("what is not a calendar")
        elif one.name == "END":
            ended = open_ones.pop()
            if ended.name != one.value.strip().upper():
                raise Malformed(f"a calendar whose {ended.name[:40]} does not end")
            if not open_ones:
                return ended
        else:
            open_ones[-1].lines.append(one)
    raise Malformed("a calendar that is cut off")


def _begin(open_ones: list[Component], made: Component) -> None:
    if open_ones:
        open_ones[-1].parts.append(made)
    elif made.name != "VCALENDAR":
        raise Malformed("what is not a calendar")
    open_ones.append(made)
    if len(open_ones) > _DEEPEST:
        raise Malformed("components too deep inside one another")


def _line(raw: str) -> Line:
    colon = raw.find(":")
    if '"' in raw[:colon]:
        colon = _colon(raw)
    head, value = (raw[:colon], raw[colon + 1 :]) if colon > 0 else ("", "")
    name, semicolon, parameters = head.partition(";")
    if not _NAME.fullmatch(name):
        return Line("", "", "", raw)  # kept as it is
    return Line(name.upper(), semicolon + parameters, value, raw)


def _colon(raw: str) -> int:
    """Where the value begins: at the first colon outside quotes."""
    quoted = False
    for place, character in enumerate(raw):
        if character == '"':
            quoted = not quoted
        elif character == ":" and not quoted:
            return place
    return -1


def write(calendar: Component) -> bytes:
    """The calendar in UTF-8, folded; what cannot be said in UTF-8 is a question mark."""
    folded = [fold(raw.encode("utf-8", "replace")) for raw in calendar.unfolded()]
    return b"\r\n".join([*folded, b""])


def fold(raw: bytes) -> bytes:
    """One line in as many as it takes, never cut inside a character."""
    if len(raw) <= WIDTH:
        return raw
    parts, begin, room = [], 0, WIDTH
    while begin < len(raw):
        end = begin + room
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # noqa: PLR2004 - a byte inside a character
            end -= 1
        parts.append(raw[begin:end])
        begin, room = end, WIDTH - 1  # the space that begins the next one counts
    return b"\r\n ".join(parts)


def escape(text: str) -> str:
    """A text as a property's value (RFC 5545 3.3.11); what cannot be seen or sent is left out."""
    if not text.isprintable():  # none of what the two look for is
        text = _UNSEEN.sub("", _LINE_END.sub("\n", text))
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def unescape(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def parameters_of(one: Line) -> list[tuple[str, str]]:
    """Name (capitals) and value (without quotes) of each parameter, sorted."""
    if not one.parameters:
        return []
    return sorted((key.upper(), value.replace('"', "")) for key, value in _PARAMETER.findall(one.parameters))
