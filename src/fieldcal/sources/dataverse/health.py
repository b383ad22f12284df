"""What `doctor` asks a Dataverse organization: may we read what we need, is change tracking on, how long do links live.

Change tracking: https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from fieldcal.http import Http
from fieldcal.model import Check, Reading, Way
from fieldcal.sources.dataverse import look, privileges, wire
from fieldcal.sources.dataverse.reader import Reader, missing_privilege

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
    found = [await _readable(reader), await privileges.examine(reader), _names(await look.missing(reader))]
    if found[-1].ok:
        found.append(_reading(await look.way(reader, orders=follow_work_orders)))
    tables = [*_TRACKED, "msdyn_workorder"] if follow_work_orders else _TRACKED
    found.append(await _tracked(reader, tables))
    found.append(await _link_life(reader))
    return found


def _names(lacking: Sequence[str]) -> Check:
    if lacking:
        remedy = "install Field Service there, or correct the environment's address; nothing is read until it is there"
        return Check("names", ok=False, detail=f"the organization lacks {'; '.join(lacking)}", remedy=remedy)
    return Check("names", ok=True, detail="tables, columns and navigation properties are there")


def _reading(way: Way) -> Check:
    if way.reading is Reading.TRACKED:
        return Check("reading", ok=True, detail="by tracked changes")
    detail = f"the whole window at every pass: {way.reason}"
    remedy = "switch on Track changes, and give the role Read at the level Organization; it is noticed within a day"
    return Check("reading", ok=False, detail=detail, remedy=remedy, transient=True)


async def _readable(reader: Reader) -> Check:
    refused: list[str] = []
    for table, column in _READ.items():
        answer = await reader.get(reader.path(f"{table}?$select={column}&$top=1"))
        if answer.status != HTTPStatus.OK:
            told = missing_privilege(answer) or f"HTTP {answer.status} {wire.error_code(answer.json())[0]}".rstrip()
            refused.append(f"{table} ({told})")
    if refused:
        remedy = "give the application user a security role that may read these tables, organization-wide"
        return Check("privileges", ok=False, detail=f"not readable: {', '.join(refused)}", remedy=remedy)
    return Check("privileges", ok=True, detail=f"{len(_READ)} tables can be read")


async def _tracked(reader: Reader, tables: Sequence[str]) -> Check:
    off: list[str] = []
    unknown: list[str] = []
    for table in tables:
        told = await look.tracking(reader, table)
        if told is False:
            off.append(table)
        elif told is None:
            unknown.append(table)
    if off:
        remedy = "switch on Track changes in the properties of each table (power apps, Tables, Advanced options)"
        detail = f"off for {', '.join(off)}; what cannot be asked for by its changes is read whole at every pass"
        return Check("change tracking", ok=False, detail=detail, remedy=remedy, transient=True)
    if unknown:
        detail = f"the organization does not say for {', '.join(unknown)}"
        return Check(
            "change tracking", ok=False, detail=detail, remedy="look at the tables' properties", transient=True
        )
    return Check("change tracking", ok=True, detail=f"on for {', '.join(tables)}")


async def _link_life(reader: Reader) -> Check:
    rows = look.as_object(await reader.get(reader.path("organizations?$select=expirechangetrackingindays"))).get(
        "value"
    )
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    days = row.get("expirechangetrackingindays")
    if not isinstance(days, int):
        return Check("delta link", ok=True, detail="the organization does not say how long one lives; 7 days is usual")
    detail = f"lives {days} days; a longer pause means that everything is read again"
    if days < _SHORT_LIFE:
        remedy = "raise ExpireChangeTrackingInDays of the organization, or never pause that long"
        return Check("delta link", ok=False, detail=detail, remedy=remedy, transient=True)
    return Check("delta link", ok=True, detail=detail)
