"""Turns a `$filter` into SQL: names looked up case-sensitively, texts compared without case, as Dataverse does both."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from odata_query import ast
from sqlalchemy import ColumnElement, FromClause, and_, false, func, not_, or_, true
from sqlalchemy.sql.selectable import NamedFromClause

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.errors import Refused, bad_request, unknown_property
from fieldcal.embedded.fieldservice.odata import MEMBER, Filter
from fieldcal.embedded.fieldservice.schema import Column, Schema, Table
from fieldcal.embedded.fieldservice.times import instant_text, parse_instant

TEXTS = ("string", "memo")
COMPARE: dict[type, Callable[[Any, Any], ColumnElement[bool]]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
TEXT_FUNCTIONS = ("contains", "startswith", "endswith")


class Where:
    """One filter over one table: the condition, and the joins that its paths need."""

    def __init__(self, schema: Schema, table: Table, given: Filter) -> None:
        """Refused (400) for an unknown name, a wrong type, or what this service does not know."""
        self._schema = schema
        self._table = table
        self._members = given.members
        self._joined: dict[tuple[str, ...], tuple[Table, NamedFromClause]] = {(): (table, TABLES[table.name])}
        self.source: FromClause = TABLES[table.name]
        self.condition = self._condition(given.node)

    def _condition(self, node: ast._Node) -> ColumnElement[bool]:
        match node:
            case ast.BoolOp(op=ast.And()):
                return and_(self._condition(node.left), self._condition(node.right))
            case ast.BoolOp():
                return or_(self._condition(node.left), self._condition(node.right))
            case ast.UnaryOp(op=ast.Not()):
                # A comparison with nothing is false, so its opposite is true.
                return not_(func.coalesce(self._condition(node.operand), false()))
            case ast.Compare(left=ast.Identifier(name=name)) if name.startswith(MEMBER):
                return self._member(*self._members[int(name.removeprefix(MEMBER))])
            case ast.Compare():
                return self._compare(node)
            case ast.Call(func=ast.Identifier(name=name, namespace=())) if name in TEXT_FUNCTIONS:
                return self._text_function(name, node.args)
            case ast.Boolean():
                return true() if node.py_val else false()
            case _:
                raise _unsupported(node)

    def _compare(self, node: ast.Compare) -> ColumnElement[bool]:
        left, column = self._operand(node.left)
        if isinstance(node.right, (ast.Identifier, ast.Attribute)):
            right, _ = self._operand(node.right)
            return _compared(node.comparator, left, right)
        if isinstance(node.right, ast.List):
            return left.in_([_literal(column, item) for item in node.right.val])
        value = _literal(column, node.right)
        if column.type in TEXTS and value is not None:
            return _compared(node.comparator, func.lower(left), str(value).lower())
        return _compared(node.comparator, left, value)

    def _member(self, name: str, values: tuple[str, ...]) -> ColumnElement[bool]:
        left, column = self._operand(ast.Identifier(name))
        if column.type in ("integer", "option", "bigint"):
            wanted: list[Any] = [_literal(column, ast.Integer(value)) for value in values]
        else:
            wanted = [_literal(column, ast.String(value)) for value in values]
        return left.in_(wanted)

    def _text_function(self, name: str, args: list[ast._Node]) -> ColumnElement[bool]:
        left, column = self._operand(args[0])
        if column.type not in TEXTS or not isinstance(args[1], ast.String):
            raise bad_request(f"The function {name} takes a text property and a quoted text.")
        text = args[1].val
        match name:
            case "contains":
                return left.icontains(text, autoescape=True)
            case "startswith":
                return left.istartswith(text, autoescape=True)
            case _:
                return left.iendswith(text, autoescape=True)

    def _operand(self, node: ast._Node) -> tuple[ColumnElement[Any], Column]:
        path = _path(node)
        table, source = self._source(path[:-1])
        column = table.by_property.get(path[-1])
        if column is None or column.hidden:
            raise unknown_property(path[-1], table.name)
        return source.c[column.name], column

    def _source(self, path: tuple[str, ...]) -> tuple[Table, NamedFromClause]:
        if path in self._joined:
            return self._joined[path]
        parent, source = self._source(path[:-1])
        lookup = parent.by_nav.get(path[-1])
        if lookup is None:
            raise unknown_property(path[-1], parent.name)
        table = self._schema.by_name[lookup.target]
        joined = TABLES[table.name].alias()
        self.source = self.source.outerjoin(joined, source.c[lookup.name] == joined.c[table.id])
        self._joined[path] = (table, joined)
        return table, joined


def _compared(comparator: ast._Comparator, left: Any, right: Any) -> ColumnElement[bool]:
    if isinstance(comparator, ast.Eq):
        return left.is_(None) if right is None else left == right  # type: ignore[no-any-return] # left is a column
    if isinstance(comparator, ast.NotEq):
        # Dataverse counts an empty value as different from every value.
        return left.is_not(None) if right is None else or_(left != right, left.is_(None))
    if right is None:
        return false()
    return COMPARE[type(comparator)](left, right)


def _dotted(identifier: ast.Identifier) -> str:
    return ".".join((*identifier.namespace, identifier.name))


def _path(node: ast._Node) -> tuple[str, ...]:
    match node:
        case ast.Identifier():
            return (_dotted(node),)
        case ast.Attribute():
            return (*_path(node.owner), str(node.attr))
        case _:
            raise _unsupported(node)


def _unsupported(node: ast._Node) -> Refused:
    name = _dotted(node.func) if isinstance(node, ast.Call) else type(node).__name__
    return bad_request(f"The embedded field service does not know '{name}' in a filter.")


def _literal(column: Column, node: ast._Node) -> Any:
    """The value of a literal, as the column stores it; Refused (400) where the types do not fit."""
    if isinstance(node, ast.Null):
        return None
    kinds, read = LITERALS[column.type]
    if not isinstance(node, kinds):
        text = f"A literal of type {type(node).__name__} does not fit the property '{column.property}' ({column.type})."
        raise bad_request("A binary operator with incompatible types was detected. " + text)
    text = str(getattr(node, "val", ""))
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"The value '{text[:60]}' does not fit the property '{column.property}'.") from error


def _guid(text: str) -> str:
    return str(uuid.UUID(text))


def _instant(text: str) -> str:
    return instant_text(parse_instant(text))


def _integer(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError("beyond 64 bits")
    return number


DATES = (ast.DateTime, ast.Date, ast.String)
LITERALS: dict[str, tuple[tuple[type, ...], Callable[[str], Any]]] = {
    "guid": ((ast.GUID, ast.String), _guid),
    "lookup": ((ast.GUID, ast.String), _guid),
    "datetime": (DATES, _instant),
    "date": (DATES, lambda text: _instant(text)[:10]),
    "integer": ((ast.Integer,), _integer),
    "bigint": ((ast.Integer,), _integer),
    "option": ((ast.Integer,), _integer),
    "double": ((ast.Integer, ast.Float), float),
    "boolean": ((ast.Boolean,), lambda text: text.lower() == "true"),
    "string": ((ast.String,), str),
    "memo": ((ast.String,), str),
}
