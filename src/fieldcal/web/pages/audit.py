"""The audit log: who did what, narrowed by person, time and deed, and downloaded whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote, urlencode

from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from fieldcal.audit_file import MEDIA, Kind, pieces
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import AuditLine, Mailbox, Selection
from fieldcal.state import audit, mailboxes
from fieldcal.state.audit import Key, Wanted
from fieldcal.web.listing import SIZES
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

SECTION = Section("audit", Entry("service", 40, "clock"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What narrows the list, as it stands in the address.
_NAMES = ("actor", "action", "about", "from", "to")


@dataclass(frozen=True, slots=True)
class Shown:
    """One line, and where what it was done to is found: its name and its page, both "" where that is not known."""

    line: AuditLine
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    rows: Sequence[Shown]
    #: the key of the last one; None on the last page
    following: Key | None
    actors: Sequence[str]
    actions: Sequence[str]


def _said(visit: Visit) -> dict[str, str]:
    return {name: visit.request.query_params.get(name, "").strip()[:200] for name in _NAMES}


def _wanted(visit: Visit, tx: Connection) -> Wanted:
    said = _said(visit)
    about = said["about"]
    found = Wanted(_midnight(visit, said["from"]), _midnight(visit, said["to"], days=1), said["actor"], said["action"])
    box = _called(tx, visit, about) if "@" in about else None
    return replace(found, subject=f"{box.environment}/{box.id}") if box else replace(found, begins=about)


def _midnight(visit: Visit, text_of_day: str, days: int = 0) -> datetime | None:
    if not text_of_day:
        return None
    try:
        day = date.fromisoformat(text_of_day) + timedelta(days=days)
        return datetime.combine(day, time(), visit.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(text("audit.no_day", {"given": text_of_day[:20]})) from None


def _called(tx: Connection, visit: Visit, address: str) -> Mailbox | None:
    """The mailbox of exactly this address, in whatever environment."""
    for place in visit.environments:
        for box in mailboxes.page(tx, place.id, Selection(search=address), limit=5).rows:
            if box.address.casefold() == address.casefold():
                return box
    return None


@SECTION.get("/audit", Action.AUDIT)
async def show(visit: Here, before: str = "") -> Response:
    """One page of it, the newest first; `before`: the key of the line that the page comes after."""
    size, key = SIZES[1], _key(before)

    def look(tx: Connection) -> _Found:
        found = audit.page(tx, _wanted(visit, tx), size + 1, key)
        shown = found[:size]
        following = shown[-1][0] if len(found) > size else None
        return _Found(_named(tx, visit, [line for _, line in shown]), following, audit.actors(tx), audit.actions(tx))

    found = await visit.house.read(look)
    said = {name: value for name, value in _said(visit).items() if value}
    older = f"/audit?{urlencode({**said, 'before': _text(found.following)})}" if found.following else ""
    values = {
        "found": found, "asked": _said(visit), "narrowed": bool(said), "older": older,
        "newest": f"/audit?{urlencode(said)}" if before else "", "query": urlencode(said), "kinds": list(Kind),
    }  # fmt: skip
    return visit.page("audit.html", values)


def _text(key: Key) -> str:
    return f"{(key[0] - _EPOCH) // _MICROSECOND}-{key[1]}"


def _key(given: str) -> Key | None:
    at, _, number = given.partition("-")
    if not given:
        return None
    if not (at.isascii() and at.isdecimal() and number.isascii() and number.isdecimal() and len(given) < 36):  # noqa: PLR2004 - two numbers that a database holds
        raise ConfigError(text("audit.no_place"))
    return _EPOCH + min(int(at), 2**57) * _MICROSECOND, min(int(number), 2**62)


@SECTION.get("/audit/file", Action.AUDIT)
async def export(visit: Here, kind: str = "csv") -> Response:
    """Everything that the list is narrowed to, the oldest first, however much it is."""
    if kind not in set(Kind):
        raise ConfigError(text("audit.no_kind"))
    wanted = await visit.house.read(lambda tx: _wanted(visit, tx))
    name = f"audit-{visit.house.app.clock.now():%Y%m%d-%H%M%S}.{kind}"
    return StreamingResponse(
        pieces(visit.house.app.database, wanted, Kind(kind)),
        media_type=f"{MEDIA[Kind(kind)]}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _named(tx: Connection, visit: Visit, lines: Sequence[AuditLine]) -> list[Shown]:
    boxes = _boxes(tx, visit, lines)
    return [_place(line, boxes) for line in lines]


def _boxes(tx: Connection, visit: Visit, lines: Sequence[AuditLine]) -> Mapping[str, Mailbox]:
    """The mailboxes that the lines are about, by their subject."""
    found: dict[str, Mailbox] = {}
    for place in visit.environments:
        ids = {line.subject.partition("/")[2] for line in lines if line.subject.startswith(f"{place.id}/")}
        boxes = mailboxes.some(tx, place.id, [MailboxId(one) for one in sorted(ids)])
        found |= {f"{place.id}/{box.id}": box for box in boxes}
    return found


def _place(line: AuditLine, boxes: Mapping[str, Mailbox]) -> Shown:
    place, _, rest = line.subject.partition("/")
    if (box := boxes.get(line.subject)) is not None:
        return Shown(line, box.address or box.name, f"/mailboxes/{quote(box.id, safe='')}?environment={quote(place)}")
    match line.action.partition(" ")[0]:
        case "plan" if rest.isdecimal():
            return Shown(line, line.subject, f"/plans/{rest}?environment={quote(place)}")
        case "user" | "sign":
            return Shown(line, line.subject, f"/users/one?name={quote(line.subject)}")
        case "profile":
            return Shown(line, line.subject, f"/profiles/one?name={quote(line.subject)}")
        case "environment" if line.action != "environment remove":
            return Shown(line, line.subject, f"/environments/one?environment={quote(line.subject)}")
    return Shown(line)
