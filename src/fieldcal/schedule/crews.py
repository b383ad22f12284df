"""Crews: workers who go together. Booking a crew books each member too, and who still goes along follows it. Blocking.

As Field Service does it: one booking for the crew, one for each member, held together by a header
(https://learn.microsoft.com/en-us/dynamics365/field-service/universal-resource-scheduling-crews-resource-pools).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import BOOKING, GROUP, HEADER, RESOURCE
from fieldcal.embedded.fieldservice.times import instant_text, parse_instant
from fieldcal.errors import ConfigError
from fieldcal.schedule import board
from fieldcal.schedule.cells import zone_name
from fieldcal.schedule.membership import Joined, Members, in_order
from fieldcal.schedule.values import Along, Slot

_groups, _resources, _bookings = (TABLES[table.name].c for table in (GROUP, RESOURCE, BOOKING))
_CREW, _USER = 6, 3
_LEADER, _MEMBER = 192350000, 192350001
#: until when somebody is a member whose end nobody has said
_ALWAYS = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """One worker's time in a crew, in days of the crew's zone; `until`: with that day, None where no end was said."""

    id: str
    worker: str
    name: str
    since: date
    until: date | None
    leads: bool
    #: whether the worker can still be booked
    active: bool


def members(tx: Connection, crew: str) -> list[Member]:
    """Everybody who was, is or will be a member, the leader first, then by name."""
    zone = _zone(tx, crew)
    rows = tx.execute(
        select(
            _groups.bookableresourcegroupid.label("id"), _groups.fromdate, _groups.todate, _groups.fieldcal_leads,
            _resources.bookableresourceid.label("worker"), _resources.name, _resources.statecode,
        )
        .join_from(TABLES[GROUP.name], TABLES[RESOURCE.name], _resources.bookableresourceid == _groups.childresource)
        .where(_groups.parentresource == crew)
    )  # fmt: skip
    found = []
    for row in rows:
        end = parse_instant(row.todate)
        last = (end - timedelta(seconds=1)).astimezone(zone).date() if end < _ALWAYS else None
        begin = parse_instant(row.fromdate).astimezone(zone).date()
        active = row.statecode == 0
        found.append(Member(row.id, row.worker, row.name or "", begin, last, bool(row.fieldcal_leads), active))
    return sorted(found, key=lambda one: (not one.leads, one.name.lower(), one.since))


def everyones(tx: Connection, some: Collection[str]) -> dict[str, Members]:
    """The members of each of these crews, as a file tells them."""
    return {
        crew: in_order(Joined(one.worker, one.since, one.until, one.leads) for one in members(tx, crew))
        for crew in some
    }


def wrong(tx: Connection, wanted: Members) -> list[str]:
    """Why these cannot be a crew's members, a clear line each; [] where they can."""
    asked = select(_resources.bookableresourceid, _resources.name, _resources.resourcetype)
    known = {
        row[0]: row
        for row in tx.execute(asked.where(_resources.bookableresourceid.in_({one.worker for one in wanted})))
    }
    found: list[str] = []
    for one in wanted:
        _, name, kind = known.get(one.worker, ("", one.worker, _CREW))
        if kind == _CREW:
            found.append(f"{name} is a crew, and no member of one")
        elif one.leads and kind != _USER:
            found.append(f"{name} is no person, and cannot lead a crew")
    return found


def put(store: Store, tx: Connection, crew: str, wanted: Members) -> None:
    """Have exactly these be the members; who stays is not touched, nor are bookings that were made already."""
    zone = _zone(tx, crew)
    there = {one.id: Joined(one.worker, one.since, one.until, one.leads) for one in members(tx, crew)}
    for row, one in there.items():
        if one not in wanted:
            store.delete(tx, GROUP, row)
    for one in wanted:
        if one not in there.values():
            _insert(store, tx, crew, one, zone)


def _insert(store: Store, tx: Connection, crew: str, one: Joined, zone: ZoneInfo) -> None:
    found = store.find(tx, RESOURCE, one.worker)
    store.insert(tx, GROUP, {
        "name": found["name"] if found else "", "parentresource": crew, "childresource": one.worker,
        "fieldcal_leads": one.leads, "fromdate": _midnight(one.since, zone),
        "todate": _midnight(one.until + timedelta(days=1), zone) if one.until else instant_text(_ALWAYS),
    })  # fmt: skip


def candidates(tx: Connection) -> list[tuple[str, str]]:
    """Who can be a member: active resources that are no crew, by name."""
    asked = select(_resources.bookableresourceid, _resources.name).where(
        _resources.statecode == 0, _resources.resourcetype != _CREW
    )
    return sorted(((row[0], row[1] or "") for row in tx.execute(asked)), key=lambda one: one[1].lower())


def join(store: Store, crew: str, worker: str, since: date, until: date | None, *, leads: bool) -> None:
    """Have this worker go with the crew on these days; bookings that were made already stay as they are."""
    with store.writing() as tx:
        found = store.find(tx, RESOURCE, worker)
        if found is None or found["resourcetype"] == _CREW:
            raise ConfigError("choose a worker who can be a member")
        if leads and found["resourcetype"] != _USER:
            raise ConfigError(f"{found['name']} is no person, and cannot lead a crew")
        if until is not None and until < since:
            raise ConfigError("the last day is before the first one")
        for one in members(tx, crew):
            apart = (until is not None and until < one.since) or (one.until is not None and one.until < since)
            if one.worker == worker and not apart:
                raise ConfigError(f"{one.name} is a member on some of these days already")
        _insert(store, tx, crew, Joined(worker, since, until, leads), _zone(tx, crew))


def part(store: Store, crew: str, member: str) -> str:
    """Take a worker's time in the crew away; gives the worker's name. Bookings that were made already stay."""
    with store.writing() as tx:
        found = store.find(tx, GROUP, member)
        if found is None or found["parentresource"] != crew:
            raise ConfigError("this member is not there any more; nothing was done")
        store.delete(tx, GROUP, member)
        return str(found["name"])


def booked(store: Store, tx: Connection, booking: str, only: Collection[str] | None = None) -> list[Along]:
    """Where this booking is a crew's: book each member of its first day beside it, or `only` these workers."""
    row = store.find(tx, BOOKING, booking)
    if row is None or not _is_crew(store, tx, row["resource"]):
        return []
    span = {name: row[name] for name in ("starttime", "endtime")}
    header = store.insert(tx, HEADER, {"name": row["name"], **span})
    together = {"header": header, "msdyn_crew": row["resource"]}
    store.update(tx, BOOKING, booking, together)
    # without a work order its name tells what it is for, else the name is the member's own
    named = () if row["msdyn_workorder"] else ("name",)
    shared = {name: row[name] for name in ("bookingstatus", "msdyn_workorder", "msdyn_bookingmethod", *named)}
    made = [
        store.insert(tx, BOOKING, {
            **span, **shared, **together, "resource": member, "fieldcal_crewmember": member,
            "msdyn_crewmembertype": _LEADER if leads else _MEMBER,
        })
        for member, leads in _going(tx, row, only).items()
    ]  # fmt: skip
    return [Along(None, one) for one in _by_worker(tx, made)]


def _going(tx: Connection, row: Mapping[str, Any], only: Collection[str] | None) -> dict[str, bool]:
    """Who goes along with this booking of a crew, and whether each leads; nobody who cannot be booked any more."""
    asked = select(_groups.childresource, _groups.fieldcal_leads).join_from(
        TABLES[GROUP.name], TABLES[RESOURCE.name], _resources.bookableresourceid == _groups.childresource
    ).where(
        _groups.parentresource == row["resource"], _groups.fromdate <= row["starttime"],
        _groups.todate > row["starttime"], _resources.statecode == 0,
    )  # fmt: skip
    members = {worker: bool(leads) for worker, leads in tx.execute(asked)}
    if only is None:
        return members
    # who has parted since went along all the same
    there = select(_resources.bookableresourceid).where(
        _resources.bookableresourceid.in_(only), _resources.statecode == 0, _resources.resourcetype != _CREW
    )
    return {worker: members.get(worker, False) for worker in tx.scalars(there)}


def follow(store: Store, tx: Connection, before: Slot) -> list[Along]:
    """Where this booking, as it stood `before`, is a crew's: have the members' follow it who still went along."""
    row = store.find(tx, BOOKING, before.id)
    if row is None or row["header"] is None or row["resource"] != row["msdyn_crew"]:
        return []
    shared = ("starttime", "endtime", "bookingstatus")
    if all(row[name] == was for name, was in zip(shared, _shared(before), strict=True)):
        return []
    following = _by_worker(tx, [other[BOOKING.id] for other in _others(tx, row) if _goes_along(other, before)])
    for one in following:
        store.update(tx, BOOKING, one.id, {name: row[name] for name in shared})
    after = board.some(tx, [one.id for one in following])
    return [Along(one, after[one.id]) for one in following]


def dissolve(store: Store, tx: Connection, before: Slot) -> list[Along]:
    """Where this booking is a crew's: take away the members' bookings that go along, and leave the others alone."""
    row = store.find(tx, BOOKING, before.id)
    if row is None or row["header"] is None or row["resource"] != row["msdyn_crew"]:
        return []
    going = [other[BOOKING.id] for other in _others(tx, row) if _goes_along(other, before)]
    gone = _by_worker(tx, going)
    for other in going:
        store.delete(tx, BOOKING, other)
    _let_go(store, tx, row["header"])
    return [Along(one, None) for one in gone]


def _let_go(store: Store, tx: Connection, header: str) -> None:
    """Take the header away; whoever still has it goes alone.

    No change that anybody sees: the crew's booking is written or deleted by the version that was seen, and whoever
    goes alone did so before.
    """
    alone = {"header": None, "msdyn_crew": None, "fieldcal_crewmember": None}
    tx.execute(TABLES[BOOKING.name].update().where(_bookings.header == header).values(alone))
    store.delete(tx, HEADER, header)


def headless(store: Store, tx: Connection, headers: Collection[str]) -> None:
    """Take away those of these headers that no crew's booking has any more."""
    led = _bookings.resource == _bookings.msdyn_crew
    kept = set(tx.scalars(select(_bookings.header).where(_bookings.header.in_(headers), led)))
    for header in sorted(set(headers) - kept):
        _let_go(store, tx, header)


def along(tx: Connection, booking: str) -> list[Slot]:
    """The members' bookings that would go with this one of a crew, by worker; none where it is no crew's."""
    seen = board.some(tx, [booking]).get(booking)
    if seen is None or seen.worker != seen.crew:
        return []
    row = tx.execute(select(TABLES[BOOKING.name]).where(_bookings.bookableresourcebookingid == booking)).mappings()
    return _by_worker(tx, [other[BOOKING.id] for other in _others(tx, dict(row.one())) if _goes_along(other, seen)])


def _goes_along(other: Mapping[str, Any], crew: Slot) -> bool:
    """Whether this member's booking is still as the crew's is: time, status, and the worker whom it was made for."""
    as_it = (other["starttime"], other["endtime"], other["bookingstatus"]) == _shared(crew)
    made_for = other["fieldcal_crewmember"] or other["resource"]
    return as_it and other["statecode"] == 0 and other["resource"] == made_for


def _shared(slot: Slot) -> tuple[str, str, str]:
    return instant_text(slot.start), instant_text(slot.end), slot.status.id


def _by_worker(tx: Connection, bookings: Collection[str]) -> list[Slot]:
    return sorted(board.some(tx, bookings).values(), key=lambda one: one.worker)


def _others(tx: Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    if row["header"] is None:
        return []
    asked = select(TABLES[BOOKING.name]).where(
        _bookings.header == row["header"], _bookings.bookableresourcebookingid != row[BOOKING.id]
    )
    return [dict(one) for one in tx.execute(asked).mappings()]


def _is_crew(store: Store, tx: Connection, resource: str) -> bool:
    found = store.find(tx, RESOURCE, resource)
    return found is not None and found["resourcetype"] == _CREW


def _zone(tx: Connection, crew: str) -> ZoneInfo:
    return ZoneInfo(zone_name(tx.scalar(select(_resources.timezone).where(_resources.bookableresourceid == crew))))


def _midnight(day: date, zone: ZoneInfo) -> str:
    return instant_text(datetime.combine(day, time(), zone))
