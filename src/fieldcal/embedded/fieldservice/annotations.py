"""What rows say beside their values: formatted values, and the table and navigation property of a lookup."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import ID_CHUNK, TABLES
from fieldcal.embedded.fieldservice.preferences import FORMATTED, LOGICAL_NAME, NAVIGATION, Preferences
from fieldcal.embedded.fieldservice.schema import Column, Schema
from fieldcal.embedded.fieldservice.times import parse_instant

Label = Callable[[Any], str | None]


def annotate(
    schema: Schema,
    connection: Connection,
    preferences: Preferences,
    columns: Sequence[Column],
    rows: list[dict[str, Any]],
) -> None:
    """Add to each row the annotations that are preferred; an empty value has none."""
    logical, navigation = preferences.wants(LOGICAL_NAME), preferences.wants(NAVIGATION)
    for column in columns:
        name = column.property
        if preferences.wants(FORMATTED):
            _format(name, _label(schema, connection, column, rows), rows)
        if column.target and (logical or navigation):
            extra = {f"{name}@{LOGICAL_NAME}": column.target} if logical else {}
            extra |= {f"{name}@{NAVIGATION}": column.nav} if navigation else {}
            for row in rows:
                if row[name] is not None:
                    row.update(extra)


def _format(name: str, label: Label | None, rows: list[dict[str, Any]]) -> None:
    if label is None:
        return
    key = f"{name}@{FORMATTED}"
    for row in rows:
        value = row[name]
        text = label(value) if value is not None else None
        if text is not None:
            row[key] = text


def _label(schema: Schema, connection: Connection, column: Column, rows: list[dict[str, Any]]) -> Label | None:
    """How a column's values are written for people, or None where they are texts already."""
    match column.type:
        case "lookup":
            return _names(schema, connection, column, rows).get
        case "option":
            return column.options.get
        case "boolean":
            return lambda value: column.options.get(int(value))
        case "integer" | "bigint" | "double":
            return lambda value: f"{value:,}"
        case "datetime":
            return _instant_label
        case "date":
            return _date_label
        case _:
            return None


def _names(
    schema: Schema, connection: Connection, column: Column, rows: list[dict[str, Any]]
) -> Mapping[str, str | None]:
    """The primary names of what a lookup points at: its formatted value."""
    target = schema.by_name[column.target]
    sql, names = TABLES[target.name], {}
    wanted = sorted({row[column.property] for row in rows} - {None})
    for start in range(0, len(wanted), ID_CHUNK):
        some = wanted[start : start + ID_CHUNK]
        statement = select(sql.c[target.id], sql.c[target.primary]).where(sql.c[target.id].in_(some))
        names.update(dict(connection.execute(statement).all()))
    return names


def _instant_label(value: str) -> str:
    """In the zone of the calling user, which is UTC for an application user."""
    instant = parse_instant(value)
    return f"{instant.month}/{instant.day}/{instant.year} {instant.hour % 12 or 12}:{instant:%M %p}"


def _date_label(value: str) -> str:
    year, month, day = value.split("-")
    return f"{int(month)}/{int(day)}/{year}"
