"""One page of each kind of thing, searched, narrowed and sorted. Blocking.

Of work orders there may be hundreds of thousands: they are found by how their number or town begins, or by a part of
their account's name, each over an index. Of everything else there are few enough to look at each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, union

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.tables import SCHEMA, WORK_ORDER
from fieldcal.embedded.fieldservice.times import instant_text, parse_instant
from fieldcal.schedule import board, cells
from fieldcal.schedule.loading import with_members
from fieldcal.schedule.names import labels
from fieldcal.schedule.sheets import Holds, Sheet
from fieldcal.schedule.values import OrderStatus

_orders, _accounts, _bookings = (TABLES[name].c for name in (WORK_ORDER.name, "account", "bookableresourcebooking"))
_types, _priorities, _resources, _statuses = (
    TABLES[name].c for name in ("msdyn_workordertype", "msdyn_priority", "bookableresource", "bookingstatus")
)
_CANCELED = (3,)
#: sorts after every letter
_LAST = "\U0010ffff"
#: what orders are sorted by
_SORTS: Mapping[str, ColumnElement[Any]] = {
    "number": _orders.msdyn_name, "created": _orders.createdon, "promised": _orders.msdyn_timetopromised,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which work orders are asked for: those that fit all that is named."""

    search: str = ""
    status: OrderStatus | None = None
    #: ids
    type: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One work order of a list. `next`: start and worker of its first booking that is not over."""

    id: str
    number: str
    summary: str
    account: str
    town: str
    type: str
    priority: str
    status: OrderStatus
    promised_from: datetime | None
    promised_until: datetime | None
    created: datetime
    next: tuple[datetime, str] | None = None
    #: something else than an instant stands there for one end of the promise
    unreadable: bool = False


def orders(tx: Connection, wanted: Wanted, now: datetime, *, sort: str, offset: int, limit: int) -> list[Order]:
    """One page of the work orders; `sort`: number, created or promised, with - before it the other way round."""
    column = _SORTS[sort.removeprefix("-")]
    down = sort.startswith("-")
    page = (
        select(_orders.msdyn_workorderid)
        .where(*_narrowed(wanted))
        .order_by(column.desc() if down else column, *_ties(column, down=down))
        .offset(offset)
        .limit(limit)
    )
    ids = list(tx.scalars(page))
    found = {row.id: row for row in tx.execute(_shown().where(_orders.msdyn_workorderid.in_(ids)))}
    coming = _next(tx, ids, now)
    return [_order(found[one], coming.get(one)) for one in ids]


def _ties(column: ColumnElement[Any], *, down: bool) -> list[ColumnElement[Any]]:
    # the index on when they were made holds the id too; of one number or promise there are few
    key = _orders.msdyn_workorderid
    return [key.desc() if down else key] if column is _orders.createdon else []


def count_orders(tx: Connection, wanted: Wanted) -> int:
    """How many work orders fit."""
    return tx.scalar(select(func.count()).select_from(TABLES[WORK_ORDER.name]).where(*_narrowed(wanted))) or 0


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(_orders.msdyn_systemstatus == int(wanted.status))
    if wanted.type:
        found.append(_orders.msdyn_workordertype == wanted.type)
    if wanted.priority:
        found.append(_orders.msdyn_priority == wanted.priority)
    if wanted.search:
        found.append(_orders.msdyn_workorderid.in_(_searched(wanted.search)))
    return found


def _searched(text: str) -> Any:
    ways = {text, text.upper(), text.lower(), text.title()}
    begins = [
        select(_orders.msdyn_workorderid).where(column >= way, column < way + _LAST)
        for column in (_orders.msdyn_name, _orders.msdyn_city)
        for way in sorted(ways)
    ]
    named = select(_accounts.accountid).where(func.lower(_accounts.name).contains(text.lower(), autoescape=True))
    theirs = select(_orders.msdyn_workorderid).where(_orders.msdyn_serviceaccount.in_(named))
    return union(*begins, theirs)


def _shown() -> Select[Any]:
    return (
        select(
            _orders.msdyn_workorderid.label("id"), _orders.msdyn_name, _orders.msdyn_workordersummary,
            _orders.msdyn_city, _orders.msdyn_systemstatus, _orders.msdyn_timefrompromised,
            _orders.msdyn_timetopromised, _orders.createdon, _accounts.name.label("account"),
            _types.msdyn_name.label("type"), _priorities.msdyn_name.label("priority"),
        )
        .select_from(TABLES[WORK_ORDER.name])
        .outerjoin(TABLES["account"], _accounts.accountid == _orders.msdyn_serviceaccount)
        .outerjoin(TABLES["msdyn_workordertype"], _types.msdyn_workordertypeid == _orders.msdyn_workordertype)
        .outerjoin(TABLES["msdyn_priority"], _priorities.msdyn_priorityid == _orders.msdyn_priority)
    )  # fmt: skip


def _next(tx: Connection, ids: Sequence[str], now: datetime) -> dict[str, tuple[datetime, str]]:
    rows = tx.execute(
        select(_bookings.msdyn_workorder, _bookings.starttime, _resources.name)
        .join_from(
            TABLES["bookableresourcebooking"], TABLES["bookableresource"],
            _resources.bookableresourceid == _bookings.resource,
        )
        .join(TABLES["bookingstatus"], _statuses.bookingstatusid == _bookings.bookingstatus)
        .where(
            _bookings.msdyn_workorder.in_(ids), _bookings.statecode == 0, _bookings.endtime > instant_text(now),
            _statuses.status.not_in(_CANCELED),
        )
    )  # fmt: skip
    # the first of each stays
    return {
        row.msdyn_workorder: (board.stored(row.starttime), row.name or "")
        for row in sorted(rows, key=lambda row: str(row.starttime), reverse=True)
    }


def _order(row: Any, coming: tuple[datetime, str] | None) -> Order:
    begin, end, unreadable = board.promise(row.msdyn_timefrompromised, row.msdyn_timetopromised)
    return Order(
        row.id, row.msdyn_name or "", row.msdyn_workordersummary or "", row.account or "", row.msdyn_city or "",
        row.type or "", row.priority or "", OrderStatus(row.msdyn_systemstatus), begin, end,
        parse_instant(row.createdon), coming, unreadable,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: its id and version, and what stands under each heading."""

    id: str
    version: int
    texts: Mapping[str, str]
    active: bool


def rows(
    tx: Connection, sheet: Sheet, search: str, zone: ZoneInfo, *, sort: str, offset: int, limit: int,
    active: bool | None = None,
) -> tuple[list[Row], int]:  # fmt: skip
    """One page of a kind of which there are not many, and how many fit; `sort`: a heading, - before it turns it round.

    Searched in every text of a row.
    """
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    here = _where(sheet, search, active)
    column = sql.c[sheet.cell(sort.removeprefix("-")).column]
    key = column if table.by_name[column.name].type in {"integer", "option"} else func.lower(column)
    asked = select(sql).where(*here).order_by(key.desc() if sort.startswith("-") else key, sql.c[table.id])
    found = tx.execute(asked.offset(offset).limit(limit)).mappings().all()
    total = tx.scalar(select(func.count()).select_from(sql).where(*here)) or 0
    return _told(tx, sheet, found, zone), total


def some(tx: Connection, sheet: Sheet, ids: Sequence[str], zone: ZoneInfo) -> list[Row]:
    """These rows of this kind, in this order, those that are there."""
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    found = {row[table.id]: row for row in tx.execute(select(sql).where(sql.c[table.id].in_(ids))).mappings()}
    return _told(tx, sheet, [found[one] for one in ids if one in found], zone)


def _told(tx: Connection, sheet: Sheet, found: Sequence[Mapping[Any, Any]], zone: ZoneInfo) -> list[Row]:
    table = SCHEMA.by_name[sheet.table]
    named = {name: labels(tx, name) for name in {one.names for one in sheet.cells} - {""}} if found else {}
    return [
        Row(
            row[table.id], row["versionnumber"],
            {one.heading: cells.told(one, row[one.column], named.get(one.names, {}), zone) for one in sheet.cells},
            row["statecode"] == 0,
        )
        for row in with_members(tx, sheet, map(dict, found), table.id)
    ]  # fmt: skip


def _where(sheet: Sheet, search: str, active: bool | None) -> list[ColumnElement[bool]]:
    sql = TABLES[sheet.table]
    found: list[ColumnElement[bool]] = []
    if sheet.only:
        found.append(sql.c[sheet.only[0]].in_(sheet.only[1]))
    if active is not None:
        found.append(sql.c.statecode == (0 if active else 1))
    for word in search.lower().split():
        texts = [one.column for one in sheet.cells if one.holds in {Holds.TEXT, Holds.LINES, Holds.ADDRESS}]
        found.append(or_(*(func.lower(sql.c[name]).contains(word, autoescape=True) for name in texts)))
    return found
