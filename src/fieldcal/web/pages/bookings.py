"""Bookings: searched and listed; and of one, why it is or is not in the calendar, and a pass for it now."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from fieldcal import booking_file, seeing, unread
from fieldcal.asked import Told, tell
from fieldcal.errors import ConfigError
from fieldcal.model import Booking, BookingId
from fieldcal.plan.zones import date_text, local, span_text
from fieldcal.schedule.called import called
from fieldcal.seeing import Beside, Listed, Match
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment
from fieldcal.sites import Sites
from fieldcal.state import aside, booking_lists, bookings, mailboxes
from fieldcal.state.booking_lists import WORKERS, Wanted
from fieldcal.sync.answer import IN, without_commands
from fieldcal.sync.answer import told as line_told
from fieldcal.sync.site import Site
from fieldcal.web.deeds import Help, helps
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("bookings", Entry("work", 10, "calendar"))

_COLUMNS = (Column("time"), Column("number"), Column("worker"), Column("account"), Column("status"), Column("standing"))
_SOUGHT = ("number", "worker", "account", "from", "to")
#: Which bookings are listed: all, those that should stand in a calendar and do not, or those written in vain.
_SHOWN = ("", "missing", "trouble")
_YEARS = (1970, 9998)
_GUID = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)
#: How long a page waits for a pass before it says that it is still under way, seconds.
_WAITS = 20.0


@dataclass(frozen=True, slots=True)
class _Found:
    rows: list[Listed]
    total: int
    #: some booking is known at all
    any_known: bool
    #: the search named more workers than are looked for together
    too_many: bool
    #: who may see the own ones only, and has no mailbox here
    without_own: bool
    #: bookings whose rows cannot be read: of those nobody knows whether they should stand anywhere
    unread: int


@SECTION.get("/bookings", Action.SEE_BOOKINGS, own=True)
async def show(visit: Here) -> Response:
    """One page of the list."""
    place, listing = visit.place_of_work, _listing(visit)
    if _GUID.fullmatch(listing.filters["number"]):
        return visit.go(f"/bookings/{listing.filters['number'].strip('{}').lower()}")
    site = await _site(visit, place) if listing.filters["show"] else None
    found = await visit.house.read(lambda tx: _look(tx, visit, place, listing, site))
    values = {
        "listing": listing.counted(found.total), "found": found, "own": not visit.may(Action.SEE_BOOKINGS),
        "asked": _asks(visit), "rows": [(one, *_when(one.booking, visit)) for one in found.rows],
        "shown": listing.filters["show"], "window": place.settings,
        "sought": any(listing.filters[name] for name in _SOUGHT),
    }  # fmt: skip
    return visit.page("bookings.html", values)


@SECTION.get("/bookings.csv", Action.SEE_BOOKINGS, own=True)
async def export(visit: Here) -> Response:
    """All that the list is narrowed to, as a file for a spreadsheet, however many they are."""
    place, listing = visit.place_of_work, _listing(visit)
    site = await _site(visit, place) if listing.filters["show"] else None
    wanted, _ = await visit.house.read(lambda tx: _wanted(tx, visit, place, listing))
    if listing.filters["show"] and site is None:
        wanted = Wanted(workers=())  # never signed in to, so nothing is known
    told = booking_file.pieces(visit.house.app.database, visit.actor, place, wanted, site)
    headers = {"content-disposition": f'attachment; filename="bookings-{secrets.token_hex(3)}.csv"'}
    return StreamingResponse(told, media_type="text/csv; charset=utf-8", headers=headers)


async def _site(visit: Visit, place: Environment) -> Site | None:
    if not place.organization:
        return None  # never signed in to, so no booking is known
    async with Sites(visit.house.app) as sites:
        return await sites.unasked(place.id)


def _listing(visit: Visit) -> Listing:
    query = dict(visit.request.query_params)
    today = visit.house.app.clock.now().astimezone(visit.zone).date().isoformat()
    for name in ("sort", "search"):
        query.pop(name, None)
    found = Listing.asked(query, path="/bookings", section="bookings", columns=(Column("time", "start"),),
                          sort="start", filters={"show": _SHOWN})  # fmt: skip
    sought = {name: query.get(name, "").strip()[:200] for name in _SOUGHT}
    if not _asks(visit):
        sought["from"] = today
    columns = (*_COLUMNS[:-1], Column("why")) if found.filters["show"] else _COLUMNS
    return replace(found, columns=columns, sort="", filters=sought | {"show": found.filters["show"]})


def _asks(visit: Visit) -> bool:
    """The address says which bookings are meant; else it is those from today on."""
    return bool(visit.request.query_params.keys() & {*_SOUGHT, "show"})


def _day(given: str, visit: Visit, more: int) -> datetime | None:
    """The first instant of this day, or of that many days after it, in the viewer's zone."""
    if not given:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise ConfigError(text("bookings.no_day", {"given": given[:40]})) from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ConfigError(text("bookings.no_day", {"given": given[:40]}))
    return datetime.combine(day + timedelta(days=more), time(), visit.zone).astimezone(UTC)


def _wanted(tx: Connection, visit: Visit, place: Environment, listing: Listing) -> tuple[Wanted, bool]:
    """What the list is narrowed to, and whether more workers are called so than are looked for together."""
    by = listing.filters
    named = booking_lists.workers_called(tx, place.id, by["worker"], WORKERS + 1) if by["worker"] else None
    wanted = Wanted(
        number=by["number"], account=by["account"], workers=named[:WORKERS] if named is not None else None,
        since=_day(by["from"], visit, 0), until=_day(by["to"], visit, 1),
        trouble=by["show"] == "trouble",
    )  # fmt: skip
    return wanted, named is not None and len(named) > WORKERS


def _look(tx: Connection, visit: Visit, place: Environment, listing: Listing, site: Site | None) -> _Found:
    wanted, too_many = _wanted(tx, visit, place, listing)
    rows, total = list[Listed](), 0
    if site is not None or not listing.filters["show"]:
        rows, total = seeing.listed(
            tx, visit.actor, place.id, place.settings, wanted, offset=listing.offset, limit=listing.size, site=site
        )
    known = bool(rows or booking_lists.page(tx, place.id, Wanted(), limit=1))
    every = visit.may(Action.SEE_BOOKINGS)
    without = not every and not mailboxes.owned(tx, place.id, visit.actor)
    unread = aside.count(tx, place.id, aside.Kind.BOOKING) if every and listing.filters["show"] == "missing" else 0
    return _Found(rows, total, known, too_many, without, unread)


def _when(one: Booking, visit: Visit) -> tuple[str, str]:
    """The booking's day and its times on the viewer's clock."""
    begins, ends = local(one.start, visit.zone), local(one.end, visit.zone)
    days = (ends.date() - begins.date()).days
    return date_text(one.start, visit.zone.key), f"{begins:%H:%M}–{ends:%H:%M}" + (f" +{days}" if days else "")


@SECTION.get("/bookings/{booking}", Action.SEE_BOOKINGS, own=True)
async def why(visit: Here, booking: str) -> Response:
    """Every station of one booking's way."""
    place = visit.place_of_work
    found = await _asked(visit, place, booking)
    if found is None:
        return visit.page("bookings_none.html", {"booking": booking[:80]}, status=404)
    match, beside = found
    own, helped = await visit.house.read(lambda tx: _around(tx, visit, place, match))
    work = visit.house.works.begun_by(f"sync {place.id} {match.told.booking}")
    answer = without_commands(match.told.answer)
    kind = "warn" if helped or match.told.missing else "good" if answer.startswith(IN) else "note"
    values = {
        "match": match, "beside": beside, "fresh": any(one.name == "next read" for one in match.told.stations),
        "when": _spans(match, visit), "help": helped, "answer": answer, "kind": kind,
        "lines": [(line, line_told(line)) for line in match.told.history],
        "syncs": match.booking is not None and (visit.may(Action.SYNC) or own),
        "under_way": work is not None and not work.ended,
    }  # fmt: skip
    return visit.page("bookings_why.html", values)


def _around(tx: Connection, visit: Visit, place: Environment, match: Match) -> tuple[bool, Help | None]:
    """Whether it is the viewer's own, and what helps where its calendar is not written to."""
    if match.booking is None:
        return False, None
    box = match.worker.mailbox if match.worker else None
    closed = any(station.name == "set-up" and station.good is False for station in match.told.stations)
    helped = helps(tx, visit, place, box) if box and closed else None
    return seeing.is_own(tx, visit.actor, place.id, match.booking), helped


def _spans(match: Match, visit: Visit) -> list[str]:
    """The booking's time on the viewer's clock, and on the worker's where that is another."""
    if match.booking is None:
        return []
    zones = dict.fromkeys([visit.zone.key, match.worker.zone if match.worker else visit.zone.key])
    return [span_text(match.booking.start, match.booking.end, zone) for zone in zones]


async def _asked(visit: Visit, place: Environment, booking: str) -> tuple[Match, Beside] | None:
    """The booking of this id with what stands of it; None where this person may not see one of it."""
    key, now = BookingId(booking.strip().lower().strip("{}")), visit.house.app.clock.now()
    site = await _site(visit, place)
    made = await visit.desk.read(called, key) if visit.schedules else []

    def look(tx: Connection) -> tuple[Match, Beside] | None:
        if site is not None and key in seeing.called(tx, visit.actor, place.id, key):
            found = seeing.explained(tx, site, [key])
            return (found[0], seeing.beside(tx, site, key)) if found else None
        fresh = unread.matches(tx, visit.actor, place, made, now, served=True)
        return (fresh[0], Beside(fresh[0].subject, made[0][0].address, [])) if fresh else None

    return await visit.house.read(look)


@SECTION.post("/bookings/{booking}/sync", Action.SYNC, own=True)
async def sync(visit: Here, booking: str) -> Response:
    """Have a pass run now for this booking's mailboxes, and say what it did."""
    place, house, key = visit.place_of_work, visit.house, BookingId(booking.strip().lower())
    stored = await house.read(lambda tx: bookings.load(tx, place.id, [key]).get(key))
    made = await visit.desk.read(called, key) if stored is None and visit.schedules else []
    row = stored.known.booking if stored else unread.as_booking(made[0][0]) if made else None
    if row is None or not await house.read(lambda tx: seeing.may_see(tx, visit.actor, place.id, row)):
        raise ConfigError(text("bookings.none", {"booking": booking[:80]}))
    only = await house.read(lambda tx: seeing.concerned(tx, visit.actor, place.id, row))
    if not place.enabled:
        raise ConfigError(text("bookings.off", {"environment": place.id}))

    async def run(work: Work[Any]) -> None:
        began = house.app.clock.monotonic()
        report = await house.service.ask(place.id, only)
        async with Sites(house.app) as sites:
            site = await sites.unasked(place.id)
            work.step(1, await tell(site, report, house.app.clock.monotonic() - began, {}, only))

    once = f"sync {place.id} {key}"
    known = house.works.begun_by(once)
    if known is not None and known.ended:
        house.works.forget(once)
    work = house.works.begin("sync", place.id, visit.actor.name, 1, house.app.clock.now(), once, run)
    back = visit.go(f"/bookings/{key}")
    try:
        async with asyncio.timeout(_WAITS):
            async for _ in work.watch():
                pass
    except TimeoutError:
        return visit.say(back, "bookings.sync.under_way", kind="note")
    return _say_outcome(visit, back, work)


def _say_outcome(visit: Visit, back: Response, work: Work[Any]) -> Response:
    if work.error or not work.results:
        return visit.say(back, "bookings.sync.failed", {"error": work.error}, "bad")
    told: Told = work.results[0]
    if told.error or told.troubles:
        error = told.error or "; ".join(f"{box}: {why}" for box, why in told.troubles.items())
        return visit.say(back, "bookings.sync.in_part", {"error": error[:600]}, "bad")
    counts = {"created": told.created, "updated": told.updated, "removed": told.removed}
    if not any(counts.values()):
        return visit.say(back, "bookings.sync.nothing")
    return visit.say(back, "bookings.sync.done", counts)
