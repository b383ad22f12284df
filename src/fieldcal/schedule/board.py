"""What stands on the board, read from the field service's database. Blocking; one query for each kind of thing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.tables import RESOURCE_TYPES
from fieldcal.embedded.fieldservice.times import instant_text, legible, parse_instant
from fieldcal.errors import ConfigError
from fieldcal.schedule.cells import zone_name
from fieldcal.schedule.hours import STANDARD, Hours, parse
from fieldcal.schedule.values import Kind, Lane, OrderStatus, Slot, Status, Waiting, step_of

_bookings, _statuses, _resources = (
    TABLES[name].c for name in ("bookableresourcebooking", "bookingstatus", "bookableresource")
)
_orders, _accounts, _types, _priorities = (
    TABLES[name].c for name in ("msdyn_workorder", "account", "msdyn_workordertype", "msdyn_priority")
)
_ACTIVE = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which work orders that wait are asked for: those that fit all that is named."""

    #: a part of number, summary, account or town
    search: str = ""
    #: ids
    type: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a list may be narrowed to."""

    id: str
    name: str


@cache
def slots() -> Select[Any]:
    """Bookings with what the board shows of their work orders."""
    return (
        select(
            _bookings.bookableresourcebookingid.label("id"), _bookings.versionnumber.label("version"),
            _bookings.name, _bookings.resource, _bookings.starttime, _bookings.endtime,
            _bookings.msdyn_crew.label("crew"),
            _statuses.bookingstatusid.label("status"), _statuses.name.label("status_name"),
            _statuses.status.label("kind"), _statuses.msdyn_fieldservicestatus.label("step"),
            _orders.msdyn_workorderid.label("order"), _orders.msdyn_name.label("number"),
            _orders.msdyn_workordersummary.label("summary"), _orders.msdyn_displayaddress.label("address"),
            _types.msdyn_name.label("type"), _accounts.name.label("account"),
            _orders.msdyn_timefrompromised.label("promise_begin"), _orders.msdyn_timetopromised.label("promise_end"),
        )
        .join_from(
            TABLES["bookableresourcebooking"], TABLES["bookingstatus"],
            _statuses.bookingstatusid == _bookings.bookingstatus,
        )
        .outerjoin(TABLES["msdyn_workorder"], _orders.msdyn_workorderid == _bookings.msdyn_workorder)
        .outerjoin(TABLES["msdyn_workordertype"], _types.msdyn_workordertypeid == _orders.msdyn_workordertype)
        .outerjoin(TABLES["account"], _accounts.accountid == _orders.msdyn_serviceaccount)
        .where(_bookings.statecode == _ACTIVE)
    )  # fmt: skip


def between(tx: Connection, start: datetime, end: datetime) -> list[Slot]:
    """The active bookings with a part of this span, by their start."""
    rows = tx.execute(
        slots()
        .where(_bookings.starttime < instant_text(end), _bookings.endtime > instant_text(start))
        .order_by(_bookings.starttime, _bookings.bookableresourcebookingid)
    )
    return [slot(row) for row in rows]


def some(tx: Connection, ids: Collection[str]) -> dict[str, Slot]:
    """Those of these bookings that are there and active, by id."""
    rows = tx.execute(slots().where(_bookings.bookableresourcebookingid.in_(ids)))
    return {row.id: slot(row) for row in rows}


def names(tx: Connection, workers: Collection[str]) -> dict[str, str]:
    """What each of these workers is called, by id."""
    asked = select(_resources.bookableresourceid, _resources.name).where(_resources.bookableresourceid.in_(workers))
    return {row.bookableresourceid: row.name or "" for row in tx.execute(asked)}


def slot(row: Row[Any]) -> Slot:
    """The value of one row of `slots`."""
    status = Status(row.status, row.status_name, Kind(row.kind), step_of(row.step))
    return Slot(
        row.id, row.version, row.name or "", row.resource, stored(row.starttime), stored(row.endtime),
        status, row.order or "", row.number or "", row.summary or "", row.type or "", row.account or "",
        row.address or "", row.crew or "", promise(row.promise_begin, row.promise_end)[:2],
    )  # fmt: skip


def statuses(tx: Connection) -> list[Status]:
    """Every booking status that can be chosen, in the order of a job."""
    rows = tx.execute(select(TABLES["bookingstatus"]).where(_statuses.statecode == _ACTIVE))
    found = [
        Status(row.bookingstatusid, row.name, Kind(row.status), step_of(row.msdyn_fieldservicestatus)) for row in rows
    ]
    return sorted(found, key=lambda one: (one.kind, one.step or 0, one.name))


def lanes(tx: Connection) -> list[Lane]:
    """Every active worker's line, by name."""
    rows = tx.execute(
        select(
            _resources.bookableresourceid, _resources.name, _resources.resourcetype, _resources.timezone,
            _resources.fieldcal_workinghours,
        )
        .where(_resources.statecode == _ACTIVE)
        .order_by(func.lower(_resources.name), _resources.bookableresourceid)
    )  # fmt: skip
    return [
        Lane(row.bookableresourceid, row.name, RESOURCE_TYPES.get(row.resourcetype, ""), zone_name(row.timezone),
             _hours(row.fieldcal_workinghours))
        for row in rows
    ]  # fmt: skip


def _hours(text: str | None) -> Hours:
    try:
        return STANDARD if text is None else parse(text)
    except ConfigError:  # somebody wrote it past our forms; the board is shown all the same
        return STANDARD


def waiting(tx: Connection, wanted: Wanted, *, offset: int = 0, limit: int = 50) -> list[Waiting]:
    """Work orders that nobody is booked for, those promised earliest first, then the newest."""
    rows = tx.execute(
        select(
            _orders.msdyn_workorderid, _orders.msdyn_name, _orders.msdyn_workordersummary,
            _types.msdyn_name.label("type"),
            _priorities.msdyn_name.label("priority"), _accounts.name.label("account"), _orders.msdyn_displayaddress,
            _orders.msdyn_totalestimatedduration, _orders.msdyn_timefrompromised, _orders.msdyn_timetopromised,
        )
        .select_from(TABLES["msdyn_workorder"])
        .outerjoin(TABLES["msdyn_workordertype"], _types.msdyn_workordertypeid == _orders.msdyn_workordertype)
        .outerjoin(TABLES["msdyn_priority"], _priorities.msdyn_priorityid == _orders.msdyn_priority)
        .outerjoin(TABLES["account"], _accounts.accountid == _orders.msdyn_serviceaccount)
        .where(*_narrowed(wanted))
        .order_by(
            _orders.msdyn_timetopromised.is_(None), _orders.msdyn_timetopromised, _orders.createdon.desc(),
            _orders.msdyn_workorderid,
        )
        .offset(offset)
        .limit(limit)
    )  # fmt: skip
    return [
        Waiting(
            row.msdyn_workorderid, row.msdyn_name or "", row.msdyn_workordersummary or "", row.type or "",
            row.priority or "", row.account or "", row.msdyn_displayaddress or "",
            row.msdyn_totalestimatedduration or 0, *promise(row.msdyn_timefrompromised, row.msdyn_timetopromised),
        )
        for row in rows
    ]  # fmt: skip


def promise(begin: str | None, end: str | None) -> tuple[datetime | None, datetime | None, bool]:
    """From when until when, and whether something that is no instant stands there: one such row hides no other."""
    told = (legible(begin), legible(end))
    return *told, (bool(begin), bool(end)) != (told[0] is not None, told[1] is not None)


def waiting_count(tx: Connection, wanted: Wanted) -> int:
    """How many work orders wait that fit."""
    asked = (
        select(func.count())
        .select_from(TABLES["msdyn_workorder"])
        .outerjoin(TABLES["account"], _accounts.accountid == _orders.msdyn_serviceaccount)
    )
    return tx.scalar(asked.where(*_narrowed(wanted))) or 0


def types(tx: Connection) -> list[Choice]:
    """Every active type that a work order can have, by name."""
    return _choices(tx, "msdyn_workordertype", _types.msdyn_workordertypeid, _types.msdyn_name)


def priorities(tx: Connection) -> list[Choice]:
    """Every active priority that a work order can have, by name."""
    return _choices(tx, "msdyn_priority", _priorities.msdyn_priorityid, _priorities.msdyn_name)


def _choices(tx: Connection, table: str, key: ColumnElement[str], name: ColumnElement[str]) -> list[Choice]:
    rows = tx.execute(select(key, name).where(TABLES[table].c.statecode == _ACTIVE).order_by(func.lower(name), key))
    return [Choice(row[0], row[1] or "") for row in rows]


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        _orders.statecode == _ACTIVE, _orders.msdyn_systemstatus == int(OrderStatus.UNSCHEDULED),
    ]  # fmt: skip
    if wanted.search:
        part = wanted.search.lower()
        searched = (_orders.msdyn_name, _orders.msdyn_workordersummary, _accounts.name, _orders.msdyn_city)
        found.append(or_(*(func.lower(column).contains(part, autoescape=True) for column in searched)))
    if wanted.type:
        found.append(_orders.msdyn_workordertype == wanted.type)
    if wanted.priority:
        found.append(_orders.msdyn_priority == wanted.priority)
    return found


def stored(text: str) -> datetime:
    """When a row says that it begins or ends; another program may have written a year of fewer than four digits."""
    return parse_instant(text.zfill(20))
