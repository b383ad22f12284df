"""Reads the body of a create or update into values of columns, or says what is wrong with it. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from fieldcal.embedded.fieldservice.errors import (
    INVALID_ARGUMENT,
    INVALID_PAYLOAD,
    TOO_LONG,
    Refused,
    bad_request,
)
from fieldcal.embedded.fieldservice.schema import Column, Schema, Table
from fieldcal.embedded.fieldservice.times import instant_text, parse_instant

BIND = "@odata.bind"
_REFERENCE = re.compile(r"(?:^|/)(\w+)\(([0-9A-Fa-f-]{36})\)$")
INT32 = 2**31


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; Refused (400) where it is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise _payload("", f"the body is not a JSON object: {error}") from error


def read_values(schema: Schema, table: Table, payload: dict[str, Any]) -> dict[str, Any]:
    """The columns that a payload writes. Annotations other than `@odata.bind` are passed over."""
    values: dict[str, Any] = {}
    for key, value in payload.items():
        if key.endswith(BIND):
            column = _lookup(table, key.removesuffix(BIND))
            values[column.name] = _target(schema, column, value)
        elif "@" not in key:
            column = _column(table, key)
            values[column.name] = None if value is None else _value(table, column, value)
    return values


def _lookup(table: Table, nav: str) -> Column:
    column = table.by_nav.get(nav)
    if column is None:
        raise _payload(table.set, f"An undeclared property '{nav}' which only has property annotations was found.")
    return column


def _column(table: Table, key: str) -> Column:
    column = table.by_property.get(key)
    if column is None and key in table.by_nav:
        raise _payload(table.set, f"Deep inserts are not supported here; bind '{key}{BIND}' to a row.")
    if column is None:
        raise _payload(
            table.set, f"Invalid property '{key}' was found in entity 'Microsoft.Dynamics.CRM.{table.name}'."
        )
    if column.type == "lookup":
        text = "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead."
        raise _payload(table.set, text)
    if column.read_only:
        raise _payload(table.set, f"The property '{key}' cannot be modified.")
    return column


def _target(schema: Schema, column: Column, value: object) -> str | None:
    if value is None:
        return None
    match = _REFERENCE.search(value) if isinstance(value, str) else None
    if match is None:
        raise _payload("", f"'{column.nav}{BIND}' is not a reference such as /{schema.by_name[column.target].set}(id).")
    if match[1] != schema.by_name[column.target].set:
        raise _payload("", f"'{column.nav}' refers to {schema.by_name[column.target].set}, not to {match[1]}.")
    return _guid(match[2])


def _value(table: Table, column: Column, value: object) -> Any:
    expected, read = READERS[column.type]
    if not isinstance(value, expected) or (isinstance(value, bool) and column.type != "boolean"):
        text = (
            f"Cannot convert the literal '{str(value)[:60]}' to the expected type of '{column.name}' ({column.type})."
        )
        raise _payload(table.set, text)
    try:
        result = read(value)
    except (ValueError, OverflowError) as error:
        text = (
            f"Cannot convert the literal '{str(value)[:60]}' to the expected type of '{column.name}' ({column.type})."
        )
        raise _payload(table.set, text) from error
    if column.type == "option" and result not in column.options:
        text = (
            f"A validation error occurred. The value {result} of '{column.name}' on record of type '{table.name}' "
            "is outside the valid range."
        )
        raise bad_request(text, INVALID_ARGUMENT)
    if column.type in ("string", "memo") and len(result) > column.length:
        text = (
            f"A validation error occurred. The length of the '{column.name}' attribute of the '{table.name}' entity "
            f"exceeded the maximum allowed length of '{column.length}'."
        )
        raise bad_request(text, TOO_LONG)
    return result


def _payload(entity_set: str, text: str) -> Refused:
    start = f"Error identified in Payload provided by the user for Entity :'{entity_set}'"
    return bad_request(f"{start}  ---->  {text}", INVALID_PAYLOAD)


def _guid(text: str) -> str:
    return str(uuid.UUID(text))


def _instant(text: str) -> str:
    return instant_text(parse_instant(text))


def _date(text: str) -> str:
    return date.fromisoformat(text[:10]).isoformat()


def _integer(number: int) -> int:
    if not -INT32 <= number < INT32:
        raise ValueError("beyond 32 bits")
    return number


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("no database keeps this character")
    return text


READERS: dict[str, tuple[type | tuple[type, ...], Callable[[Any], Any]]] = {
    "guid": (str, _guid),
    "datetime": (str, _instant),
    "date": (str, _date),
    "integer": (int, _integer),
    "option": (int, _integer),
    "bigint": (int, int),
    "double": ((int, float), float),
    "boolean": (bool, bool),
    "string": (str, _text),
    "memo": (str, _text),
}
