"""Crews: workers who go together. Booking a crew books each member too, and who still goes along follows it. Blocking.

As Field Service does it: one booking for the crew, one for each member, held together by a header
(https://learn.microsoft.com/en-us/dynamics365/field-service/universal-resource-scheduling-crews-resource-pools).
"""

from __future__ import annotations

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
from fieldcal.schedule.cells import zone_name
from fieldcal.schedule.values import Slot

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
        zone = _zone(tx, crew)
        store.insert(tx, GROUP, {
            "name": found["name"], "parentresource": crew, "childresource": worker, "fieldcal_leads": leads,
            "fromdate": _midnight(since, zone),
            "todate": _midnight(until + timedelta(days=1), zone) if until else instant_text(_ALWAYS),
        })  # fmt: skip


def part(store: Store, crew: str, member: str) -> str:
    """Take a worker's time in the crew away; gives the worker's name. Bookings that were made already stay."""
    with store.writing() as tx:
        found = store.find(tx, GROUP, member)
        if found is None or found["parentresource"] != crew:
            raise ConfigError("this member is not there any more; nothing was done")
        store.delete(tx, GROUP, member)
        return str(found["name"])


def booked(store: Store, tx: Connection, booking: str) -> None:
    """Where this booking is a crew's: book each member of its first day beside it."""
    row = store.find(tx, BOOKING, booking)
    if row is None or not _is_crew(store, tx, row["resource"]):
        return
    asked = select(_groups.childresource, _groups.fieldcal_leads).join_from(
        TABLES[GROUP.name], TABLES[RESOURCE.name], _resources.bookableresourceid == _groups.childresource
    ).where(
        _groups.parentresource == row["resource"], _groups.fromdate <= row["starttime"],
        _groups.todate > row["starttime"], _resources.statecode == 0,
    )  # fmt: skip
    going = tx.execute(asked).all()
    span = {name: row[name] for name in ("starttime", "endtime")}
    header = store.insert(tx, HEADER, {"name": row["name"], **span})
    together = {"header": header, "msdyn_crew": row["resource"]}
    store.update(tx, BOOKING, booking, together)
    shared = {name: row[name] for name in ("bookingstatus", "msdyn_workorder", "msdyn_bookingmethod")}
    rows = [
        {**span, **shared, **together, "resource": member, "msdyn_crewmembertype": _LEADER if leads else _MEMBER}
        for member, leads in going
    ]
    for values in rows:
        store.insert(tx, BOOKING, values)


def follow(store: Store, tx: Connection, before: Slot) -> None:
    """Where this booking, as it stood `before`, is a crew's: have the members' follow it who still went along."""
    row = store.find(tx, BOOKING, before.id)
    if row is None or row["header"] is None or row["resource"] != row["msdyn_crew"]:
        return
    window = (instant_text(before.start), instant_text(before.end))
    for other in _others(tx, row):
        changes: dict[str, Any] = {}
        if (other["starttime"], other["endtime"]) == window != (row["starttime"], row["endtime"]):
            changes |= {"starttime": row["starttime"], "endtime": row["endtime"]}
        if other["bookingstatus"] == before.status.id != row["bookingstatus"]:
            changes["bookingstatus"] = row["bookingstatus"]
        if changes:
            store.update(tx, BOOKING, other["bookableresourcebookingid"], changes)


def dissolve(store: Store, tx: Connection, booking: str) -> None:
    """Where this booking is a crew's: take the members' bookings away, and what held them together."""
    row = store.find(tx, BOOKING, booking)
    if row is None or row["header"] is None or row["resource"] != row["msdyn_crew"]:
        return
    # not a change that anybody sees: the booking itself is written or deleted next, by the version that was seen
    tx.execute(
        TABLES[BOOKING.name]
        .update()
        .where(_bookings.bookableresourcebookingid == booking)
        .values(header=None, msdyn_crew=None)
    )
    store.delete(tx, HEADER, row["header"])  # takes the others with it


def _others(tx: Connection, row: dict[str, Any]) -> list[dict[str, Any]]:
    asked = select(TABLES[BOOKING.name]).where(
        _bookings.header == row["header"], _bookings.bookableresourcebookingid != row["bookableresourcebookingid"]
    )
    return [dict(one) for one in tx.execute(asked).mappings()]


def _is_crew(store: Store, tx: Connection, resource: str) -> bool:
    found = store.find(tx, RESOURCE, resource)
    return found is not None and found["resourcetype"] == _CREW


def _zone(tx: Connection, crew: str) -> ZoneInfo:
    return ZoneInfo(zone_name(tx.scalar(select(_resources.timezone).where(_resources.bookableresourceid == crew))))


def _midnight(day: date, zone: ZoneInfo) -> str:
    return instant_text(datetime.combine(day, time(), zone))
