"""What one organization offers: whether changes are tracked and may be read, and whether it has what is asked for.

Change tracking: https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
Metadata: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api (names are
case-sensitive and an organization's own). Checked 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fieldcal.answer import Answer
from fieldcal.errors import ConfigError
from fieldcal.model import Reading, Way
from fieldcal.sources.dataverse import query, wire
from fieldcal.sources.dataverse.reader import Reader, missing_privilege

#: answers of a server in trouble or in a hurry: they say nothing of the table
_PASSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


async def way(reader: Reader, *, orders: bool) -> Way:
    """How bookings can be read: by their tracked changes, else the whole window at every pass, and then why.

    `orders`: changes of work orders are followed too. Raises `ConfigError` where tables, columns or navigation
    properties are missing without which nothing can be read at all.
    """
    lacking = await missing(reader)
    if lacking:
        raise ConfigError(
            f"{reader.origin} lacks {'; '.join(lacking)}: is Field Service installed there, and is this its address? "
            "Ask its administrator; nothing is read until it is there"
        )
    tables = ["bookableresourcebooking", *(["msdyn_workorder"] if orders else [])]
    off = [table for table in tables if await tracking(reader, table) is False]
    if off:
        return Way(Reading.SWEPT, f"change tracking is off for {', '.join(off)}")
    for table in tables:
        reason = await _refusal(reader, table)
        if reason:
            return Way(Reading.SWEPT, reason)
    return Way(Reading.TRACKED)


async def tracking(reader: Reader, table: str) -> bool | None:
    """Whether change tracking is on for this table; None where the organization does not say."""
    path = f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,ChangeTrackingEnabled"
    told = as_object(await reader.get(reader.path(path))).get("ChangeTrackingEnabled")
    return told if isinstance(told, bool) else None


async def _refusal(reader: Reader, table: str) -> str:
    """Why the changes of this table cannot be asked for, "" where they can."""
    needs = query.NEEDS[table]
    answer = await reader.first_tracked(reader.path(f"{needs.set}?$select={needs.columns[0]}"))
    if answer.status == HTTPStatus.OK:
        told = as_object(answer)
        keeps = "@odata.deltaLink" in told or "@odata.nextLink" in told
        return "" if keeps else f"the organization passes over the wish to track changes of {table}"
    if not HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _PASSING:
        raise reader.refused(answer)
    code, message = wire.error_code(answer.json())
    if answer.status == HTTPStatus.FORBIDDEN:
        # Refused too where it is read plainly: the table may not be read at all, and a sweep would fare no better.
        await reader.sound(reader.path(f"{needs.set}?$select={needs.columns[0]}&$top=1"))
        lacking = missing_privilege(answer) or message
        return f"the privilege to read changes of {table} is missing (Read at the level Organization): {lacking}"
    return f"changes of {table} cannot be asked for (HTTP {answer.status} {code}: {message})"


async def missing(reader: Reader) -> list[str]:
    """What is asked for and is not there, by table; what the organization does not let us see is taken to be there."""
    lacking: list[str] = []
    for table, needs in query.NEEDS.items():
        answer = await reader.get(
            reader.path(f"EntityDefinitions(LogicalName='{table}')/Attributes?$select=LogicalName")
        )
        if answer.status == HTTPStatus.NOT_FOUND and wire.error_code(answer.json())[0]:
            lacking.append(f"the table {table}")
            continue
        columns = {str(row.get("LogicalName")) for row in _rows(answer)}
        gone = [column for column in needs.columns if columns and column not in columns]
        if gone:
            lacking.append(f"the columns {', '.join(gone)} of {table}")
        lacking += [f"{what} of {table}" for what in await _navigation(reader, table, needs.lookups)]
    return lacking


async def _navigation(reader: Reader, table: str, lookups: Mapping[str, str]) -> list[str]:
    """The navigation properties that are missing under the name by which they are asked for (names have a case)."""
    if not lookups:
        return []
    names = "ReferencingAttribute,ReferencingEntityNavigationPropertyName"
    path = f"EntityDefinitions(LogicalName='{table}')/ManyToOneRelationships?$select={names}"
    found: dict[str, set[str]] = {}
    for row in _rows(await reader.get(reader.path(path))):
        name = str(row.get("ReferencingEntityNavigationPropertyName"))
        found.setdefault(str(row.get("ReferencingAttribute")), set()).add(name)
    lacking: list[str] = []
    for name, column in lookups.items():
        if found and name not in found.get(column, ()):
            called = ", ".join(sorted(found.get(column, ())))
            lacking.append(f"the navigation property {name}" + (f" (there it is called {called})" if called else ""))
    return lacking


def _rows(answer: Answer) -> list[dict[str, Any]]:
    rows = as_object(answer).get("value")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def as_object(answer: Answer) -> dict[str, Any]:
    """The JSON object of a good answer; an empty one for anything else."""
    told = answer.json()
    return told if answer.status == HTTPStatus.OK and isinstance(told, dict) else {}
