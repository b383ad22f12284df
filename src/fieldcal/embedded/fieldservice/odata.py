"""Reads the query options of a request into values whose names are all known to the schema. Pure.

https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/query/overview says what Dataverse takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from fieldcal.embedded.fieldservice.errors import EXPAND_OPTIONS, bad_request, unknown_property
from fieldcal.embedded.fieldservice.schema import Column, Schema, Table

MAX_EXPANDS = 15
MEMBER = "fieldcal_member_"  # stands for one In(...) while the rest of a filter is parsed
KNOWN_OPTIONS = frozenset({"select", "filter", "expand", "orderby", "top", "count", "skiptoken", "deltatoken"})

_IN = re.compile(
    r"Microsoft\.Dynamics\.CRM\.In\(\s*PropertyName\s*=\s*'([^']*)'\s*,\s*PropertyValues\s*=\s*\[([^\]]*)\]\s*\)"
)
_QUOTED = re.compile(r"""\s*(?:'((?:[^']|'')*)'|"([^"]*)"|([^\s,'"]+))\s*(?:,|$)""")


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed `$filter`. `members`: property and values of each `In(...)`, which stands as `fieldcal_member_N`."""

    node: ast._Node
    members: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Expand:
    """One lookup that is answered with the row that it points at."""

    column: Column
    target: Table
    columns: tuple[Column, ...]
    expand: tuple[Expand, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One term of `$orderby`."""

    column: Column
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one table. `options` are the raw ones, as they came, for the links to further pages."""

    table: Table
    columns: tuple[Column, ...]
    expand: tuple[Expand, ...] = ()
    filter: Filter | None = None
    orderby: tuple[Order, ...] = ()
    top: int | None = None
    count: bool = False
    options: dict[str, str] = field(default_factory=dict)

    @property
    def selected(self) -> str:
        """The `$select` as it came, for `@odata.context`."""
        return self.options.get("select", "")


def read_query(schema: Schema, table: Table, query_string: str) -> Query:
    """The query of one request; Refused (400) names what is wrong with it."""
    options = _options(query_string)
    expand = _expand(schema, table, options.get("expand", ""))
    if sum(1 for _ in _every(expand)) > MAX_EXPANDS:
        raise bad_request(f"The number of $expand options exceeds the maximum of {MAX_EXPANDS}.")
    return Query(
        table=table,
        columns=_select(table, options.get("select", "")),
        expand=expand,
        filter=parse_filter(options["filter"]) if options.get("filter") else None,
        orderby=_orderby(table, options.get("orderby", "")),
        top=_top(options["top"]) if "top" in options else None,
        count=options.get("count", "").lower() == "true",
        options=options,
    )


def parse_filter(text: str) -> Filter:
    """A `$filter` as a tree; Refused (400) where it does not parse. Names are not looked up yet."""
    members: list[tuple[str, tuple[str, ...]]] = []

    def stand_in(match: re.Match[str]) -> str:
        members.append((match[1], _values(match[2])))
        return f"{MEMBER}{len(members) - 1} eq true"

    return Filter(_parse(_IN.sub(stand_in, text)), tuple(members))


@lru_cache(maxsize=500)
def _parse(text: str) -> ast._Node:
    try:
        node = ODataParser().parse(ODataLexer().tokenize(text.strip()))
    except (ODataException, ValueError) as error:
        message = f"Syntax error in the filter expression '{text[:200]}': {error}"
        raise bad_request(message) from error
    if not isinstance(node, ast._Node):  # noqa: SLF001 - the library exports no other name for "any node"
        raise bad_request(f"Syntax error in the filter expression '{text[:200]}'.")
    return node


def _values(text: str) -> tuple[str, ...]:
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _QUOTED.match(text, position)
        if match is None:
            raise bad_request("The PropertyValues of Microsoft.Dynamics.CRM.In are not a list of quoted values.")
        quoted, double, bare = match.groups()
        found.append(quoted.replace("''", "'") if quoted is not None else double if double is not None else bare)
        position = match.end()
    return tuple(found)


def _options(query_string: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise bad_request("The query has too many options.") from error
    options: dict[str, str] = {}
    for name, value in pairs:
        if not name.startswith("$"):
            continue
        if name[1:] not in KNOWN_OPTIONS:
            raise bad_request(f"The query parameter {name} is not supported.")
        if name[1:] in options:
            raise bad_request(
                f"Query option '{name}' was specified more than once, but it must be specified at most once."
            )
        options[name[1:]] = value
    return options


def _select(table: Table, text: str) -> tuple[Column, ...]:
    """The columns to show; the id is always among them."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or names == ["*"]:
        return tuple(column for column in table.columns if not column.hidden)
    chosen = {name: _property(table, name) for name in names}
    chosen.setdefault(table.id, table.by_property[table.id])
    return tuple(chosen.values())


def _property(table: Table, name: str) -> Column:
    column = table.by_property.get(name)
    if column is None or column.hidden:
        raise unknown_property(name, table.name)
    return column


def _expand(schema: Schema, table: Table, text: str) -> tuple[Expand, ...]:
    return tuple(_one_expand(schema, table, part) for part in _split(text, ","))


def _one_expand(schema: Schema, table: Table, text: str) -> Expand:
    name, _, rest = text.partition("(")
    column = table.by_nav.get(name.strip())
    if column is None:
        raise unknown_property(name.strip(), table.name)
    target = schema.by_name[column.target]
    select, nested = "", ""
    for part in _split(rest.removesuffix(")"), ";"):
        option, _, value = part.partition("=")
        match option.strip():
            case "$select":
                select = value
            case "$expand":
                nested = value
            case _:
                text = (
                    "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship "
                    "or nested one-to-many relationship."
                )
                raise bad_request(text, EXPAND_OPTIONS)
    return Expand(column, target, _select(target, select), _expand(schema, target, nested))


def _every(expand: tuple[Expand, ...]) -> Iterator[Expand]:
    for each in expand:
        yield each
        yield from _every(each.expand)


def _split(text: str, separator: str) -> list[str]:
    """Split at separators outside of parentheses; Refused (400) where the parentheses do not match."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    if depth != 0:
        raise bad_request("The parentheses in $expand do not match.")
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _orderby(table: Table, text: str) -> tuple[Order, ...]:
    orders = []
    for part in (piece.split() for piece in text.split(",") if piece.strip()):
        if len(part) > 2 or part[1:] not in ([], ["asc"], ["desc"]):  # noqa: PLR2004 - a name and a direction
            raise bad_request(f"Syntax error in $orderby '{' '.join(part)[:200]}'.")
        orders.append(Order(_property(table, part[0]), part[1:] == ["desc"]))
    return tuple(orders)


def _top(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise bad_request(
            f"Invalid value '{text[:50]}' for $top query option found. It requires a non-negative integer."
        )
    return int(text)
