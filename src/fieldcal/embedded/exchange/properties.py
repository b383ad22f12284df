"""Extended properties: ids taken apart and compared as Exchange compares them. Pure.

https://learn.microsoft.com/graph/api/resources/extended-properties-overview: `String {GUID} Name Some name`,
`Integer {GUID} Id 0x8012`, `String 0x4001001E`. The GUID and the type are compared without regard to case, the name
with it; values without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fieldcal.embedded.exchange.errors import GraphError, body_unreadable

_TYPES = {
    name.casefold(): name
    for name in (
        *("ApplicationTime", "Binary", "Boolean", "CLSID", "Currency", "Double", "Error", "Float", "Integer"),
        *("Long", "Null", "Object", "Short", "String", "SystemTime"),
    )
}
_GUID = r"\{?([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\}?"
_NAMED = re.compile(rf"(\w+) {_GUID} name (.+)", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(rf"(\w+) {_GUID} id (0x[0-9a-f]+|\d+)", re.IGNORECASE)
_TAGGED = re.compile(r"(\w+) (0x[0-9a-f]+)", re.IGNORECASE)
_WHOLE_NUMBERS = {"Integer", "Long", "Short"}


@lru_cache(maxsize=4096)
def property_id(text: str) -> str:
    """The one spelling under which a property is kept and shown. Raises ErrorInvalidProperty for anything else."""
    if named := _NAMED.fullmatch(text):
        return f"{_type(named[1])} {{{named[2].lower()}}} Name {named[3]}"
    if numbered := _NUMBERED.fullmatch(text):
        return f"{_type(numbered[1])} {{{numbered[2].lower()}}} Id 0x{int(numbered[3], 0):x}"
    if tagged := _TAGGED.fullmatch(text):
        return f"{_type(tagged[1])} 0x{int(tagged[2], 16):x}"
    raise _bad_id(text)


def read_properties(value: Any) -> dict[str, str]:
    """`singleValueExtendedProperties` of a request: kept id -> value.

    Values are texts on the wire; Exchange also takes numbers and booleans, so they are written as texts here.
    """
    if value is None:
        return {}
    if not isinstance(value, list):
        raise body_unreadable("singleValueExtendedProperties must be a collection.")
    read = {}
    for item in value:
        if not isinstance(item, Mapping) or not isinstance(item.get("id"), str):
            raise body_unreadable("An extended property needs an id and a value.")
        name = property_id(item["id"])
        read[name] = _value(name, item.get("value"))
    return read


def folded(value: str) -> str:
    """The form in which values are compared."""
    return value.casefold()


def shown(properties: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": name, "value": value} for name, value in properties.items()]


def _value(name: str, value: Any) -> str:
    kind = name.split(" ", 1)[0]
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise body_unreadable(f"The value of the extended property '{name}' must be a string.")
    if kind in _WHOLE_NUMBERS and not re.fullmatch(r"-?\d+", value):
        raise GraphError(400, "ErrorInvalidProperty", f"The value '{value}' does not fit the type {kind}.")
    return value


def _type(name: str) -> str:
    known = _TYPES.get(name.casefold())
    if known is None:
        raise _bad_id(name)
    return known


def _bad_id(text: str) -> GraphError:
    return GraphError(
        400,
        "ErrorInvalidProperty",
        f"The property id '{text}' is not valid. PropertyId values may only be in one of the following formats: "
        "'MapiPropertyType namespaceGuid Name propertyName', 'MapiPropertyType namespaceGuid Id propertyId' or "
        "'MapiPropertyType propertyTag'.",
    )
