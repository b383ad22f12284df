"""`$filter` on events: from OData to SQL conditions. Builds expressions only."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser
from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, or_, select

from fieldcal.embedded.exchange.errors import GraphError, bad_request
from fieldcal.embedded.exchange.properties import folded, property_id
from fieldcal.embedded.exchange.tables import events, properties
from fieldcal.embedded.exchange.zones import stamp, ticks

Condition = ColumnElement[bool]
EXTENDED = "singlevalueextendedproperties"
_GLOBAL_ID_KEY = 32
_TIMES = {
    "start/dateTime": events.c.start,
    "end/dateTime": events.c.end,
    "createdDateTime": events.c.created,
    "lastModifiedDateTime": events.c.modified,
}
_TEXTS = frozenset({"importance", "sensitivity", "showAs", "bodyPreview", "onlineMeetingProvider"})
_BOOLEANS = frozenset({"isAllDay", "isReminderOn", "responseRequested", "isOnlineMeeting", "hideAttendees"})
_FIXED: dict[str, Any] = {"type": "singleInstance", "isCancelled": False, "isOrganizer": True, "isDraft": False}
_ORDERED: dict[type[Any], Callable[[Any, Any], Condition]] = {
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
}
_LITERALS = (ast.String, ast.Integer, ast.Boolean, ast.Null, ast.DateTime, ast.Date)
_LARGEST = 2**31
_MATCHES: dict[str, Callable[[Any, str], Condition]] = {
    "contains": lambda left, text: left.contains(text, autoescape=True),
    "startswith": lambda left, text: left.startswith(text, autoescape=True),
    "endswith": lambda left, text: left.endswith(text, autoescape=True),
}
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?")


def parse(text: str) -> Any:
    """The syntax tree. Raises 400 for what is no OData expression."""
    try:
        return ODataParser().parse(ODataLexer().tokenize(text))
    except (ODataException, ValueError, TypeError, AttributeError) as error:
        raise bad_request(f"Invalid filter clause: {str(error)[:200]}") from error


def condition(text: str, mailbox: int) -> Condition:
    """What the filter asks, for events of one mailbox."""
    return _condition(parse(text), mailbox)


def asks_extended(text: str) -> bool:
    """Whether the filter looks at extended properties."""
    return EXTENDED in text.casefold()


def ids_of_expansion(text: str) -> frozenset[str]:
    """The extended properties that `$expand=singleValueExtendedProperties($filter=...)` names."""
    return frozenset(_ids(parse(text)))


def moment(text: str) -> str:
    """The stamp of an ISO date-time; an offset is honoured, none means UTC. ValueError for anything else."""
    found = _STAMP.fullmatch(text.replace(" ", "+"))
    if found is None:
        message = f"no date-time: {text[:60]}"
        raise ValueError(message)
    day, clock, fraction, offset = found.groups()
    at = datetime.fromisoformat(f"{day}T{clock or '00:00'}{(offset or 'Z').replace('Z', '+00:00')}")
    return stamp(at.astimezone(UTC))[:20] + ticks(fraction or "")


def _ids(node: Any) -> list[str]:
    match node:
        case ast.BoolOp(ast.Or(), left, right):
            return _ids(left) + _ids(right)
        case ast.Compare(ast.Eq(), ast.Identifier(name), ast.String(text)) if name.casefold() in {"id", "propertyid"}:
            return [property_id(text)]
        case _:
            raise bad_request("The $filter of an expanded extended property is a list of id eq '...' joined by or.")


def _condition(node: Any, mailbox: int) -> Condition:
    match node:
        case ast.BoolOp(ast.And(), left, right):
            return and_(_condition(left, mailbox), _condition(right, mailbox))
        case ast.BoolOp(ast.Or(), left, right):
            return or_(_condition(left, mailbox), _condition(right, mailbox))
        case ast.UnaryOp(ast.Not(), inner):
            return not_(_condition(inner, mailbox))
        case ast.CollectionLambda(ast.Identifier(name), ast.Any(), ast.Lambda(variable, inner)):
            return _any(name, variable.name, inner, mailbox)
        case ast.Compare(comparator, left, right):
            return _comparison(type(comparator), left, right)
        case ast.Call(ast.Identifier(name), [left, ast.String(text)]) if name in _MATCHES:
            return _MATCHES[name](_searchable(_path(left)), text)
        case _:
            raise bad_request("Invalid filter clause: an unsupported expression.")


def _comparison(comparator: type[Any], left: Any, right: Any) -> Condition:
    compare = _ORDERED.get(comparator)
    path = _path(left)
    if compare is None or not isinstance(right, _LITERALS):
        raise bad_request("Invalid filter clause: compare a property with a literal.")
    if path in _TIMES:
        return compare(_TIMES[path], _stamp_of(right))
    value = right.py_val
    if (isinstance(value, int) and abs(value) > _LARGEST) or not isinstance(value, str | int | None):
        raise bad_request("Invalid filter clause: the literal does not fit the property.")
    if path in _FIXED and comparator in {ast.Eq, ast.NotEq}:
        return literal(compare(_FIXED[path], value))
    if path == "iCalUId" and isinstance(value, str):
        return compare(events.c.key, _key_of(value))
    if path in _BOOLEANS:
        if not isinstance(value, bool):
            raise bad_request(f"Invalid filter clause: '{path}' is a boolean.")
        return compare(func.json_extract(events.c.document, f"$.{path}"), int(value))
    if path == "reminderMinutesBeforeStart":
        return compare(func.json_extract(events.c.document, f"$.{path}"), value)
    return compare(_searchable(path), value)


def _any(name: str, variable: str, inner: Any, mailbox: int) -> Condition:
    if name.casefold() == EXTENDED:
        return _extended(variable, inner, mailbox)
    if name == "categories":
        match inner:
            case ast.Compare(ast.Eq(), ast.Identifier(asked), ast.String(text)) if asked == variable:
                each = func.json_each(events.c.document, "$.categories").table_valued("value")
                return exists(select(each.c.value).where(each.c.value == text))
    raise _no_filtering(name)


def _extended(variable: str, inner: Any, mailbox: int) -> Condition:
    """`Any(ep: ep/id eq '...' and ep/value eq '...')`, in this or the other order."""
    parts: list[Any]
    match inner:
        case ast.BoolOp(ast.And(), left, right):
            parts = [left, right]
        case _:
            parts = [inner]
    named: str | None = None
    wanted: Condition | None = None
    for part in parts:
        match part:
            case ast.Compare(ast.Eq(), ast.Attribute(ast.Identifier(owner), "id"), ast.String(text)) if (
                owner == variable
            ):
                named = property_id(text)
            case ast.Compare(comparator, ast.Attribute(ast.Identifier(owner), "value"), ast.String(text)) if (
                owner == variable and isinstance(comparator, ast.Eq | ast.NotEq)
            ):
                wanted = _ORDERED[type(comparator)](properties.c.folded, folded(text))
            case ast.Call(ast.Identifier(name), [ast.Attribute(ast.Identifier(owner), "value"), ast.String(text)]) if (
                owner == variable and name in _MATCHES
            ):
                wanted = _MATCHES[name](properties.c.folded, folded(text))
    if named is None or wanted is None:
        raise bad_request("Invalid filter clause: an extended property is found by its id and its value.")
    holders = select(properties.c.event).where(properties.c.mailbox == mailbox, properties.c.name == named, wanted)
    return events.c.row.in_(holders)


def _path(node: Any) -> str:
    match node:
        case ast.Identifier(name):
            return name
        case ast.Attribute(ast.Identifier(owner), attribute):
            return f"{owner}/{attribute}"
        case _:
            raise bad_request("Invalid filter clause: an unsupported expression.")


def _searchable(path: str) -> Any:
    if path == "subject":
        return events.c.subject.collate("NOCASE")
    if path == "location/displayName":
        return func.json_extract(events.c.document, "$.locations[0].displayName").collate("NOCASE")
    if path in _TEXTS:
        return func.json_extract(events.c.document, f"$.{path}").collate("NOCASE")
    raise _no_filtering(path)


def _no_filtering(path: str) -> GraphError:
    name = path[:1].upper() + path[1:]
    return GraphError(400, "ErrorInvalidProperty", f"The property '{name[:60]}' does not support filtering.")


def _stamp_of(node: Any) -> str:
    try:
        return moment(node.val)
    except ValueError as error:
        raise bad_request(f"Invalid filter clause: {error}") from error


def _key_of(uid: str) -> bytes:
    try:
        return bytes.fromhex(uid[-_GLOBAL_ID_KEY:])
    except ValueError:
        return b""
