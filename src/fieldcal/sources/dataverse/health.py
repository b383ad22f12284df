"""What `doctor` asks a Dataverse organization: may we read what we need, is change tracking on, how long do links live.

Change tracking: https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fieldcal.http import Answer, Http
from fieldcal.model import Check
from fieldcal.sources.dataverse import wire
from fieldcal.sources.dataverse.reader import Reader

#: Tables that the synchronization reads: entity set and a column of it; a missing privilege shows in one row.
_READ = {
    "bookableresourcebookings": "bookableresourcebookingid",
    "bookableresources": "bookableresourceid",
    "bookingstatuses": "bookingstatusid",
    "systemusers": "systemuserid",
    "msdyn_workorders": "msdyn_workorderid",
    "msdyn_priorities": "msdyn_priorityid",
    "msdyn_workordertypes": "msdyn_workordertypeid",
    "msdyn_incidenttypes": "msdyn_incidenttypeid",
    "accounts": "accountid",
    "contacts": "contactid",
    "timezonedefinitions": "timezonedefinitionid",
}
_TRACKED = ("bookableresourcebooking", "bookableresource")
#: A delta link that lives shorter than this does not outlast a long weekend.
_SHORT_LIFE = 4  # days


async def examine(http: Http, *, follow_work_orders: bool) -> list[Check]:
    """Each thing that must hold at the source; sends nothing but GET. Raises as `Http.request` does."""
    reader = Reader(http, 1)
    found = [await _readable(reader)]
    tables = [*_TRACKED, "msdyn_workorder"] if follow_work_orders else _TRACKED
    found.append(await _tracked(reader, tables))
    found.append(await _link_life(reader))
    return found


async def _readable(reader: Reader) -> Check:
    refused: list[str] = []
    for table, column in _READ.items():
        answer = await reader.get(reader.path(f"{table}?$select={column}&$top=1"))
        if answer.status != HTTPStatus.OK:
            refused.append(f"{table} (HTTP {answer.status} {wire.error_code(answer.json())[0]})".replace(" )", ")"))
    if refused:
        remedy = "give the application user a security role that may read these tables, organization-wide"
        return Check("privileges", ok=False, detail=f"not readable: {', '.join(refused)}", remedy=remedy)
    return Check("privileges", ok=True, detail=f"{len(_READ)} tables can be read")


async def _tracked(reader: Reader, tables: Sequence[str]) -> Check:
    off: list[str] = []
    unknown: list[str] = []
    for table in tables:
        path = f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,ChangeTrackingEnabled"
        told = _object(await reader.get(reader.path(path)))
        if told.get("ChangeTrackingEnabled") is False:
            off.append(table)
        elif told.get("ChangeTrackingEnabled") is not True:
            unknown.append(table)
    if off:
        remedy = "switch on Track changes in the properties of each table (power apps, Tables, Advanced options)"
        return Check("change tracking", ok=False, detail=f"off for {', '.join(off)}", remedy=remedy)
    if unknown:
        detail = f"the organization does not say for {', '.join(unknown)}"
        return Check(
            "change tracking", ok=False, detail=detail, remedy="look at the tables' properties", transient=True
        )
    return Check("change tracking", ok=True, detail=f"on for {', '.join(tables)}")


async def _link_life(reader: Reader) -> Check:
    rows = _object(await reader.get(reader.path("organizations?$select=expirechangetrackingindays"))).get("value")
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    days = row.get("expirechangetrackingindays")
    if not isinstance(days, int):
        return Check("delta link", ok=True, detail="the organization does not say how long one lives; 7 days is usual")
    detail = f"lives {days} days; a longer pause means that everything is read again"
    if days < _SHORT_LIFE:
        remedy = "raise ExpireChangeTrackingInDays of the organization, or never pause that long"
        return Check("delta link", ok=False, detail=detail, remedy=remedy, transient=True)
    return Check("delta link", ok=True, detail=detail)


def _object(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    return told if answer.status == HTTPStatus.OK and isinstance(told, dict) else {}
