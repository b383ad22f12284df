"""Rows of the schedule's kinds made and changed: what a form or a file says, with what belongs to it. Blocking.

A worker is a bookable resource and the user whose mailbox is written to; both are kept as one. What an organization
needs to schedule at all, statuses and priorities, is there from its first row on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import PRIORITY, RESOURCE, SCHEMA, STATUS, USER
from fieldcal.schedule import addresses, crews
from fieldcal.schedule.sheets import CREWS, WORKERS, Sheet
from fieldcal.schedule.values import Kind, Step

_USER, _CREW = 3, 6
#: A crew's members, which are rows of their own.
_MEMBERS = "members"
#: as Field Service comes with them
_STATUSES = (
    ("Scheduled", Kind.COMMITTED, Step.SCHEDULED), ("Traveling", Kind.COMMITTED, Step.TRAVELING),
    ("On Break", Kind.COMMITTED, Step.ON_BREAK), ("In Progress", Kind.COMMITTED, Step.IN_PROGRESS),
    ("Completed", Kind.COMMITTED, Step.COMPLETED), ("Canceled", Kind.CANCELED, Step.CANCELED),
)  # fmt: skip
_PRIORITIES = (("Low", 1), ("Normal", 5), ("High", 10))


def add(store: Store, tx: Connection, sheet: Sheet, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Make rows of this kind; gives their ids in the same order."""
    if not rows:
        return []
    _begin(store, tx)
    defaults = {"resourcetype": _CREW} if sheet is CREWS else {}
    complete = [defaults | _set(_stored(row)) for row in rows]
    if sheet is WORKERS:
        users = store.insert_many(tx, USER, _users(tx, [row for row in complete if _is_user(row)]))
        given = iter(users)
        complete = [{**row, "userid": next(given)} if _is_user(row) else row for row in complete]
    made = store.insert_many(tx, SCHEMA.by_name[sheet.table], complete)
    for crew, row in zip(made, rows, strict=True):
        if row.get(_MEMBERS):
            crews.put(store, tx, crew, row[_MEMBERS])
    return made


def change(
    store: Store, tx: Connection, sheet: Sheet, row: str, values: Mapping[str, Any], version: int | None = None
) -> None:
    """Change one row of this kind; `version`: only where it is still as it was seen, else `Refused` (412)."""
    # days are of the crew's zone: in another one they stay the same days
    going = crews.everyones(tx, [row])[row] if sheet is CREWS and "timezone" in values else ()
    store.update(tx, SCHEMA.by_name[sheet.table], row, _stored(values), version)
    if sheet is CREWS and (going or _MEMBERS in values):
        crews.put(store, tx, row, values.get(_MEMBERS, going))
    if sheet is WORKERS and values.keys() & {"name", "msdyn_primaryemail", "resourcetype"}:
        _user_follows(store, tx, row, values)


def _stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are columns of the table."""
    return {name: value for name, value in row.items() if name != _MEMBERS}


def _set(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values without those that are empty, which get the table's own."""
    return {name: value for name, value in row.items() if value is not None}


def _is_user(row: Mapping[str, Any]) -> bool:
    return bool(row.get("resourcetype", _USER) == _USER)


def _user(row: Mapping[str, Any]) -> dict[str, Any]:
    address = row.get("msdyn_primaryemail")
    return {"fullname": row["name"], "internalemailaddress": address, "domainname": address}


def _users(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """New users; who has an address that another has left has the mailbox that belongs to it."""
    return [addresses.at(tx, _user(row)) for row in rows]


def _user_follows(store: Store, tx: Connection, worker: str, values: Mapping[str, Any]) -> None:
    """Have the worker's user carry name and address; at another address the mailbox that belongs to that is meant."""
    row = store.find(tx, RESOURCE, worker)
    if row is None or row["resourcetype"] != _USER:
        return
    if row["userid"] is None:
        made = store.insert(tx, USER, addresses.at(tx, _user(row)))
        store.update(tx, RESOURCE, worker, {"userid": made})
        return
    wanted: dict[str, Any] = {"fullname": row["name"]}
    if "msdyn_primaryemail" in values:
        wanted = addresses.moved(tx, store.find(tx, USER, row["userid"]) or {}, _user(row))
    store.update(tx, USER, row["userid"], wanted)


def _begin(store: Store, tx: Connection) -> None:
    """Have booking statuses and priorities there, where the organization has none of a kind yet."""
    if not _any(tx, STATUS.name):
        rows = [
            {"name": name, "status": int(kind), "msdyn_fieldservicestatus": int(step)} for name, kind, step in _STATUSES
        ]
        store.insert_many(tx, STATUS, rows)
    if not _any(tx, PRIORITY.name):
        rows = [{"msdyn_name": name, "msdyn_levelofimportance": level} for name, level in _PRIORITIES]
        store.insert_many(tx, PRIORITY, rows)


def _any(tx: Connection, table: str) -> bool:
    return tx.execute(select(TABLES[table].c.versionnumber).limit(1)).first() is not None
