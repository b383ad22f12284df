"""The bench's own CalDAV server: everything in memory, the same delay for every request, each client's requests counted.

python -m bench.caldav.server CALENDARS [DELAY]

It holds one home, /dav/bench/, with calendars c0, c1, ...; its address is the first line that it prints. What it answers
is enough for Fieldcal and for vdirsyncer and keeps the conditions of a write. Nothing of it is product.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from aiohttp import web

HOME, DELAY = "/dav/bench/", 0.05
DAV, CALDAV, SERVER = "DAV:", "urn:ietf:params:xml:ns:caldav", "http://calendarserver.org/ns/"
_HEAD = f'<?xml version="1.0" encoding="utf-8"?><multistatus xmlns="{DAV}" xmlns:C="{CALDAV}" xmlns:S="{SERVER}">'
_KINDS = {"DAV": "1, 3, calendar-access", "Allow": "OPTIONS, GET, PUT, DELETE, PROPFIND, PROPPATCH, REPORT, MKCALENDAR"}
_RIGHTS = "".join(
    f"<privilege><{name}/></privilege>" for name in ("read", "write", "write-content", "bind", "unbind", "all")
)
_DATA, _ETAG = f"{{{CALDAV}}}calendar-data", f"{{{DAV}}}getetag"


@dataclass
class Collection:
    """One calendar: etag and body by name, and its dead properties as XML."""

    name: str
    items: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)


class Server:
    """Everything that stands here, and who asked how often."""

    def __init__(self, calendars: int, delay: float) -> None:
        self._delay = delay
        self._etag = 0
        self._asked: Counter[str] = Counter()
        self._collections = {f"{HOME}c{number}/": Collection(f"c{number}") for number in range(calendars)}

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        path = unquote(request.rel_url.raw_path)
        if path == "/bench/asked":
            return web.json_response(self._asked)
        if path == "/bench/forget":
            self._asked.clear()
            return web.Response(status=204)
        if path == "/bench/bodies":
            return web.json_response(self._bodies())
        agent = request.headers.get("User-Agent", "").partition("/")[0]
        self._asked[f"{agent} {request.method}"] += 1
        await asyncio.sleep(self._delay)
        body = await request.read() if request.body_exists else b""
        return self._answer(request, path, body)

    def _bodies(self) -> dict[str, str]:
        return {
            path + name: body.decode()
            for path, collection in self._collections.items()
            for name, (_, body) in collection.items.items()
        }

    def _answer(self, request: web.BaseRequest, path: str, body: bytes) -> web.Response:
        match request.method:
            case "PUT" | "DELETE" | "GET":
                folder, _, name = path.rpartition("/")
                collection = self._collections.get(folder + "/")
                if collection is None or not name:
                    return web.Response(status=409 if request.method == "PUT" else 404)
                return self._item(request, collection, name, body)
            case "PROPFIND":
                return self._propfind(request, path, body)
            case "REPORT":
                return self._report(path, body)
            case "PROPPATCH":
                return self._proppatch(path, body)
            case "MKCALENDAR" | "MKCOL":
                name = path.rstrip("/").rpartition("/")[2]
                known = self._collections.setdefault(path.rstrip("/") + "/", made := Collection(name))
                return web.Response(status=201 if known is made else 405)
            case "OPTIONS":
                return web.Response(status=200, headers=_KINDS)
        return web.Response(status=405)

    def _item(self, request: web.BaseRequest, collection: Collection, name: str, body: bytes) -> web.Response:
        there = collection.items.get(name)
        wanted = request.headers.get("If-Match")
        if (wanted is not None and (there is None or there[0] != wanted)) or (
            there is not None and request.headers.get("If-None-Match") == "*"
        ):
            return web.Response(status=412)
        if request.method == "PUT":
            self._etag += 1
            etag = f'"{self._etag}"'
            collection.items[name] = (etag, body)
            return web.Response(status=204 if there else 201, headers={"ETag": etag})
        if there is None:
            return web.Response(status=404)
        if request.method == "DELETE":
            del collection.items[name]
            return web.Response(status=204)
        return web.Response(body=there[1], content_type="text/calendar", headers={"ETag": there[0]})

    def _propfind(self, request: web.BaseRequest, path: str, body: bytes) -> web.Response:
        if path == "/.well-known/caldav":
            return web.Response(status=301, headers={"Location": "/dav/"})
        asked = _names(body)
        folder = path.rstrip("/") + "/"
        deep = request.headers.get("Depth") == "1"
        if folder in self._collections:
            parts = [_part(folder, self._of_collection(self._collections[folder]), asked)]
            for name, (etag, _) in self._collections[folder].items.items() if deep else ():
                parts.append(_part(folder + name, _of_item(etag), asked))
            return _multistatus(parts)
        folder = folder if folder == HOME else "/dav/"
        parts = [_part(folder, _of_folder(request), asked)]
        if deep and folder == HOME:
            parts += [_part(one, self._of_collection(it), asked) for one, it in self._collections.items()]
        return _multistatus(parts)

    def _of_collection(self, collection: Collection) -> dict[str, str]:
        return {
            f"{{{DAV}}}resourcetype": "<resourcetype><collection/><C:calendar/></resourcetype>",
            f"{{{DAV}}}displayname": f"<displayname>{escape(collection.name)}</displayname>",
            f"{{{DAV}}}current-user-privilege-set": f"<current-user-privilege-set>{_RIGHTS}</current-user-privilege-set>",
            f"{{{CALDAV}}}supported-calendar-component-set":
                '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>',
            **_PRINCIPAL, **collection.dead,
        }  # fmt: skip

    def _report(self, path: str, body: bytes) -> web.Response:
        folder = path.rstrip("/") + "/"
        collection = self._collections.get(folder)
        if collection is None:
            return web.Response(status=404)
        root = ET.fromstring(body)
        asked, parts = _names(body), list[str]()
        if root.tag == f"{{{CALDAV}}}calendar-multiget":
            for href in root.iter(f"{{{DAV}}}href"):
                name = unquote((href.text or "").strip()).rpartition("/")[2]
                there = collection.items.get(name)
                if there is None:
                    missing = f"<response><href>{escape(folder + name)}</href><status>HTTP/1.1 404 Not Found</status>"
                    parts.append(missing + "</response>")
                else:
                    parts.append(_part(folder + name, _of_item(*there), asked))
            return _multistatus(parts)
        if root.tag == f"{{{CALDAV}}}calendar-query":
            found = [(name, it) for name, it in collection.items.items() if _matches(root, it[1])]
            return _multistatus([_part(folder + name, _of_item(*it), asked) for name, it in found])
        return web.Response(status=403, body=b'<error xmlns="DAV:"><supported-report/></error>')

    def _proppatch(self, path: str, body: bytes) -> web.Response:
        folder = path.rstrip("/") + "/"
        collection = self._collections.get(folder)
        if collection is None:
            return web.Response(status=404)
        named = []
        for instruction in ET.fromstring(body):
            for prop in instruction.iter(f"{{{DAV}}}prop"):
                for one in prop:
                    named.append(ET.tostring(ET.Element(one.tag), encoding="unicode"))
                    if instruction.tag == f"{{{DAV}}}set":
                        collection.dead[one.tag] = ET.tostring(one, encoding="unicode")
                    else:
                        collection.dead.pop(one.tag, None)
        done = f"<propstat><prop>{''.join(named)}</prop><status>HTTP/1.1 200 OK</status></propstat>"
        return _multistatus([f"<response><href>{folder}</href>{done}</response>"])


_PRINCIPAL = {
    f"{{{DAV}}}current-user-principal": f"<current-user-principal><href>{HOME}</href></current-user-principal>",
    f"{{{CALDAV}}}calendar-home-set": f"<C:calendar-home-set><href>{HOME}</href></C:calendar-home-set>",
}


def _of_folder(request: web.BaseRequest) -> dict[str, str]:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    user = base64.b64decode(given).decode().partition(":")[0] if scheme == "Basic" else ""
    return {
        f"{{{DAV}}}resourcetype": "<resourcetype><collection/></resourcetype>",
        f"{{{DAV}}}displayname": f"<displayname>{escape(user)}</displayname>",
        **_PRINCIPAL,
    }


def _of_item(etag: str, body: bytes | None = None) -> dict[str, str]:
    props = {
        _ETAG: f"<getetag>{escape(etag)}</getetag>",
        f"{{{DAV}}}getcontenttype": "<getcontenttype>text/calendar; charset=utf-8; component=VEVENT</getcontenttype>",
        f"{{{DAV}}}resourcetype": "<resourcetype/>",
    }
    if body is not None:
        props[_DATA] = f"<C:calendar-data>{escape(body.decode())}</C:calendar-data>".replace("\r", "&#13;")
    return props


def _names(body: bytes) -> list[str]:
    if not body:
        return []
    root = ET.fromstring(body)
    prop = root if root.tag == f"{{{DAV}}}prop" else root.find(f"{{{DAV}}}prop")
    return [] if prop is None else [one.tag for one in prop]


def _part(href: str, props: dict[str, str], asked: list[str]) -> str:
    """One resource of a multistatus: what was asked for and is there, and what is not; nothing asked: everything."""
    wanted = asked or list(props)
    good = "".join(props[name] for name in wanted if name in props)
    bad = "".join(ET.tostring(ET.Element(name), encoding="unicode") for name in wanted if name not in props)
    text = f"<response><href>{escape(href)}</href>"
    if good:
        text += f"<propstat><prop>{good}</prop><status>HTTP/1.1 200 OK</status></propstat>"
    if bad:
        text += f"<propstat><prop>{bad}</prop><status>HTTP/1.1 404 Not Found</status></propstat>"
    return text + "</response>"


def _multistatus(parts: list[str]) -> web.Response:
    text = f"{_HEAD}{''.join(parts)}</multistatus>"
    return web.Response(status=207, body=text.encode(), content_type="application/xml", charset="utf-8")


_SPAN = re.compile(rb"\nDTSTART[^:\r\n]*:(\d{8}T\d{6}Z)\r?\n(?:.*\n)*?DTEND[^:\r\n]*:(\d{8}T\d{6}Z)")
_UID = re.compile(rb"\nUID:([^\r\n]*)")


def _matches(root: ET.Element, body: bytes) -> bool:
    """Whether an event overlaps the asked time, and has the asked UID; what cannot be read matches."""
    span, uid = _SPAN.search(body), _UID.search(body)
    for asked in root.iter(f"{{{CALDAV}}}time-range"):
        start, end = asked.get("start", "0"), asked.get("end", "9")
        if span is not None and not (span[1].decode() < end and span[2].decode() > start):
            return False
    for prop in root.iter(f"{{{CALDAV}}}prop-filter"):
        text = prop.find(f"{{{CALDAV}}}text-match")
        if text is not None and prop.get("name") == "UID" and (uid is None or uid[1].decode() != text.text):
            return False
    return True


async def main(calendars: int, delay: float) -> None:
    runner = web.ServerRunner(web.Server(Server(calendars, delay), access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else DELAY))
