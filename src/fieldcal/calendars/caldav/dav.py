"""What is asked of a WebDAV server and what it answers: XML to values and back, and paths. Pure.

RFC 4918 (WebDAV), RFC 4791 (CalDAV), RFC 5397 (current-user-principal), RFC 6638 (the default calendar). XML comes from
outside: no DTD, no entity, no depth without end; names count by their namespace, never by their prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from fieldcal.calendars.caldav import times
from fieldcal.calendars.caldav.lines import Malformed, mended
from fieldcal.errors import one_line
from fieldcal.model import Window

DAV, CAL, SERVER = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
OWNCLOUD = "{http://owncloud.org/ns}"
#: The claim on a calendar; never to be changed, or two installations do not see each other any more.
OURS = "{urn:uuid:fc96e808-4ade-4af6-af46-7ce08cf00f57}"
CLAIM = f"{OURS}claim"

TYPE, NAME, ETAG = f"{DAV}resourcetype", f"{DAV}displayname", f"{DAV}getetag"
PRINCIPAL, PRIVILEGES = f"{DAV}current-user-principal", f"{DAV}current-user-privilege-set"
HOME, DATA, COMPONENTS = f"{CAL}calendar-home-set", f"{CAL}calendar-data", f"{CAL}supported-calendar-component-set"
#: the owner; whose principal it is under Nextcloud and ownCloud, also for whom it is shared with
OWNER, SHARER = f"{DAV}owner", f"{OWNCLOUD}owner-principal"
INBOX, DEFAULT = f"{CAL}schedule-inbox-URL", f"{CAL}schedule-default-calendar-URL"

_PREFIXES = {"d": DAV, "c": CAL, "s": SERVER, "o": OWNCLOUD, "f": OURS}
_DEEPEST = 64
_STATUS = re.compile(r"HTTP/\d(?:\.\d)?\s+(\d{3})\b", re.ASCII)
_OK = range(200, 300)
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})


class Elsewhere(Malformed):
    """An address outside the server; `origin` is where it leads, "" where that cannot be told."""

    def __init__(self, href: str, origin: str) -> None:
        super().__init__(f"an address outside the server ({one_line(href, 80)})")
        self.origin = origin


@dataclass(frozen=True, slots=True)
class Found:
    """What a multistatus says of one resource."""

    #: canonical path
    href: str
    #: the status of the resource as a whole: 200 where its properties are told
    status: int
    #: the properties that are there, by qualified name
    properties: Mapping[str, Element] = field(default_factory=dict)
    #: the status of those that are not
    refused: Mapping[str, int] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The property's text, "" without it."""
        element = self.properties.get(name)
        return (element.text or "").strip() if element is not None else ""

    def kinds(self) -> frozenset[str]:
        """The qualified names in its resource type."""
        element = self.properties.get(TYPE)
        return frozenset() if element is None else frozenset(child.tag for child in element)


@dataclass(frozen=True, slots=True)
class Told:
    """What a DAV:error says: its conditions by qualified name, the addresses in it, and the server's own words."""

    conditions: frozenset[str] = frozenset()
    hrefs: tuple[str, ...] = ()
    #: SabreDAV's exception, by which Nextcloud and others tell what they have no condition for
    exception: str = ""
    message: str = ""


NOTHING_TOLD = Told()


def tree(body: bytes) -> Element:
    """The document's root; `Malformed` for what is not well-formed, names an entity or a DTD, or is too deep."""
    parser = DefusedXMLParser(target=_Shallow(), forbid_dtd=True)
    try:
        parser.feed(_without_controls(body))
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Malformed(f"XML that cannot be read ({one_line(error, 80)})") from None
    if not isinstance(root, Element):
        raise Malformed("XML without a root")
    return root


def _without_controls(body: bytes) -> bytes:
    """Without what XML forbids, controls and torn characters: one worker's note with such must not hide all the others.

    Servers pass them on from an event's text as they are, so that the whole list could be read by nobody.
    """
    return body if b"\x00" in body[:4] else mended(body.translate(None, _CONTROLS))  # that would be UTF-16


class _Shallow(TreeBuilder):
    """Builds no tree that only a recursion without end could walk."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("elements too deep inside one another")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def multistatus(body: bytes, origin: str, base: str) -> list[Found]:
    """Every resource of a 207; `Malformed` where it is none or one of its parts is not sound.

    `base`: the path that was asked, against which addresses are read that are not whole (RFC 4918 8.3).
    """
    root = tree(body)
    if root.tag != f"{DAV}multistatus":
        raise Malformed("XML that is no multistatus")
    found: dict[str, Found] = {}
    for response in root.iter(f"{DAV}response"):
        for one in _response(response, origin, base):
            # a resource may come twice; what is told of it counts more than that it is not there
            if one.href not in found or found[one.href].status not in _OK:
                found[one.href] = one
    return list(found.values())


def _response(response: Element, origin: str, base: str) -> list[Found]:
    hrefs = [canonical(element.text or "", origin, base) for element in response.findall(f"{DAV}href")]
    if not hrefs:
        raise Malformed("a response without an address")
    whole = response.find(f"{DAV}status")
    if whole is not None:
        return [Found(href, _code(whole)) for href in hrefs]
    properties: dict[str, Element] = {}
    refused: dict[str, int] = {}
    for part in response.findall(f"{DAV}propstat"):
        status = part.find(f"{DAV}status")
        code = 0 if status is None else _code(status)
        for element in part.findall(f"{DAV}prop/*"):
            if code in _OK:
                properties[element.tag] = element
            else:
                refused[element.tag] = code
    return [Found(hrefs[0], 200, properties, refused)]


def _code(element: Element) -> int:
    match = _STATUS.match((element.text or "").strip())
    if match is None:
        raise Malformed(f"a status that is none ({one_line(element.text, 40)})")
    return int(match[1])


def error_of(body: bytes) -> Told:
    """What the body of a refusal says; nothing for one that is no DAV:error."""
    if not body.lstrip().startswith(b"<"):
        return NOTHING_TOLD
    try:
        root = tree(body)
    except Malformed:
        return NOTHING_TOLD
    if root.tag != f"{DAV}error":
        return NOTHING_TOLD
    exception = message = ""
    for child in root:
        if child.tag.endswith("}exception"):
            exception = one_line((child.text or "").rpartition("\\")[2], 80)
        elif child.tag.endswith("}message"):
            message = one_line(child.text or "")
    conditions = frozenset(child.tag for child in root if child.tag.startswith((DAV, CAL, SERVER)))
    return Told(conditions, tuple(href.text or "" for href in root.iter(f"{DAV}href")), exception, message)


def hrefs_of(found: Found, name: str, origin: str) -> list[str]:
    """The canonical paths that a property names; raises `Elsewhere` for one on another server."""
    element = found.properties.get(name)
    told = [] if element is None else [(href.text or "").strip() for href in element.iter(f"{DAV}href")]
    return [canonical(href, origin, found.href) for href in told if href]


def canonical(href: str, origin: str, base: str = "/") -> str:
    """The absolute path of an address in one spelling; `Elsewhere` for another server, `Malformed` for what is none.

    Servers write the same address in many ways: whole or only its path, @ or %40, small or capital hex digits.
    """
    href = href.strip()
    if not href or not href.isprintable():
        raise Malformed("an address that is empty or cannot be printed")
    try:
        parts = urlsplit(urljoin(origin + base, href))
        server = f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}" + _port(parts.scheme.lower(), parts.port)
    except ValueError:
        raise Elsewhere(href, "") from None
    if server != origin.lower() or parts.username is not None:
        raise Elsewhere(href, server)
    segments = [quote(unquote_to_bytes(segment), safe="") for segment in parts.path.split("/")]
    path = "/".join(segments)
    if not path.startswith("/") or path.startswith("//") or {".", ".."} & set(segments):
        raise Malformed(f"an address that is no path ({one_line(href, 80)})")
    return path


def _port(scheme: str, port: int | None) -> str:
    return "" if port is None or port == {"http": 80, "https": 443}.get(scheme) else f":{port}"


def folder(path: str) -> str:
    """The path of a collection, which ends with a slash (RFC 4918 5.2)."""
    return path if path.endswith("/") else f"{path}/"


def parent(path: str) -> str:
    """The collection in which this resource stands."""
    return path.rstrip("/").rpartition("/")[0] + "/"


def propfind(names: Iterable[str]) -> bytes:
    """Ask for these properties."""
    return _document(f"<d:propfind{_SPACES}><d:prop>{_tags(names)}</d:prop></d:propfind>")


def multiget(hrefs: Sequence[str]) -> bytes:
    """Ask for these objects, each with its etag (RFC 4791 7.9)."""
    wanted = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
    return _document(f"<c:calendar-multiget{_SPACES}>{_DATA}{wanted}</c:calendar-multiget>")


def query_window(window: Window) -> bytes:
    """Ask for the events that overlap the window (RFC 4791 9.9: half-open, as ours)."""
    span = f'<c:time-range start="{times.written(window.near)}" end="{times.written(window.far)}"/>'
    return _query(span)


def query_property(name: str, value: str) -> bytes:
    """Ask for the events in which this property holds this text; servers may do so without regard to case."""
    match = f'<c:text-match collation="i;octet">{escape(value)}</c:text-match>'
    return _query(f'<c:prop-filter name="{escape(name)}">{match}</c:prop-filter>')


def _query(condition: str) -> bytes:
    events = f'<c:comp-filter name="VEVENT">{condition}</c:comp-filter>'
    wanted = f'<c:filter><c:comp-filter name="VCALENDAR">{events}</c:comp-filter></c:filter>'
    return _document(f"<c:calendar-query{_SPACES}>{_DATA}{wanted}</c:calendar-query>")


def proppatch(name: str, value: str | None) -> bytes:
    """Set this property to this text; None takes it away."""
    if value is None:
        gone = f"<d:remove><d:prop>{_tags([name])}</d:prop></d:remove>"
        return _document(f"<d:propertyupdate{_SPACES}>{gone}</d:propertyupdate>")
    tag = _tag(name)
    told = f"<d:set><d:prop><{tag}>{escape(value)}</{tag}></d:prop></d:set>"
    return _document(f"<d:propertyupdate{_SPACES}>{told}</d:propertyupdate>")


def mkcalendar(name: str) -> bytes:
    """Make a calendar of events with this name (RFC 4791 5.3.1)."""
    events = '<c:supported-calendar-component-set><c:comp name="VEVENT"/></c:supported-calendar-component-set>'
    told = f"<d:set><d:prop><d:displayname>{escape(name)}</d:displayname>{events}</d:prop></d:set>"
    return _document(f"<c:mkcalendar{_SPACES}>{told}</c:mkcalendar>")


_SPACES = "".join(f' xmlns:{prefix}="{space[1:-1]}"' for prefix, space in _PREFIXES.items())
_DATA = "<d:prop><d:getetag/><c:calendar-data/></d:prop>"


def _document(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()


def _tags(names: Iterable[str]) -> str:
    return "".join(f"<{_tag(name)}/>" for name in names)


def _tag(name: str) -> str:
    prefix = next(prefix for prefix, space in _PREFIXES.items() if name.startswith(space))
    return f"{prefix}:{name.rpartition('}')[2]}"
