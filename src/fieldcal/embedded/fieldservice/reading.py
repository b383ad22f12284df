"""Reads rows as the Web API shows them: chosen columns, expanded lookups, annotations, pages that keep their order."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from sqlalchemy import Column as SqlColumn
from sqlalchemy import ColumnElement, Connection, FromClause, Select, String, and_, cast, func, literal, or_, select

from fieldcal.embedded.fieldservice.annotations import annotate
from fieldcal.embedded.fieldservice.database import ID_CHUNK, TABLES
from fieldcal.embedded.fieldservice.errors import bad_request
from fieldcal.embedded.fieldservice.odata import Expand, Order, Query
from fieldcal.embedded.fieldservice.preferences import Preferences
from fieldcal.embedded.fieldservice.schema import Column, Schema, Table
from fieldcal.embedded.fieldservice.settings import FieldServiceSettings
from fieldcal.embedded.fieldservice.where import Where

Row = dict[str, Any]
Number = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class Reader:
    """Reads within one transaction, for one request."""

    def __init__(
        self,
        schema: Schema,
        connection: Connection,
        preferences: Preferences,
        settings: FieldServiceSettings | None = None,
    ) -> None:
        """`preferences` say which annotations rows carry, `settings` how this organization is odd."""
        settings = settings or FieldServiceSettings()
        self._hidden, self._slip, self._spoiled = settings.hidden, settings.page_slip, settings.spoiled
        if settings.unformatted:
            preferences = replace(preferences, annotations=())
        self._schema = schema
        self._connection = connection
        self._preferences = preferences

    def page(self, query: Query) -> tuple[list[Row], str | None]:
        """One page, and the token for the next one, or None after the last."""
        source, condition = self._conditions(query)
        orders = (*query.orderby, Order(query.table.by_property[query.table.id], descending=False))
        size, already = self._preferences.page_size, 0
        if "skiptoken" in query.options:
            after, already = _read_token(query.options["skiptoken"], len(orders))
            condition.append(_beyond(query.table, orders, after))
        if query.top is not None and not self._preferences.paged:
            size = min(size, query.top - already)
        sql = TABLES[query.table.name]
        keys: list[SqlColumn[Any]] = [sql.c[order.column.name] for order in orders]
        sorting = [
            key.desc().nulls_last() if order.descending else key.asc().nulls_first()
            for key, order in zip(keys, orders, strict=True)
        ]
        statement = select(*keys).select_from(source).where(*condition).order_by(*sorting).limit(max(0, size) + 1)
        found, last = self._rows(query.table, query.columns, query.expand, statement, limit=max(0, size))
        more = last is not None and not self._finished(query, already + len(found))
        return found, _write_token(last, already + len(found)) if more and last is not None else None

    def count(self, query: Query) -> int:
        """How many rows the filter lets through, whatever the page."""
        source, condition = self._conditions(query)
        statement = select(func.count()).select_from(source).where(*condition)
        return int(self._connection.execute(statement).scalar_one())

    def one(self, query: Query, row_id: str) -> Row | None:
        """The row of that id, or None."""
        return self.by_ids(query.table, query.columns, query.expand, [row_id]).get(row_id)

    def by_ids(
        self, table: Table, columns: Sequence[Column], expand: Sequence[Expand], ids: Iterable[str]
    ) -> dict[str, Row]:
        """Rows by their ids; those that do not exist are missing."""
        wanted, sql, result = sorted(set(ids)), TABLES[table.name], {}
        for start in range(0, len(wanted), ID_CHUNK):
            some = wanted[start : start + ID_CHUNK]
            statement = select(sql.c[table.id]).where(sql.c[table.id].in_(some))
            rows, _ = self._rows(table, columns, expand, statement, limit=len(some))
            result.update({row[table.id]: row for row in rows})
        return result

    def changed(self, query: Query, above: int, up_to: int, limit: int) -> tuple[list[Row], int | None]:
        """Rows by version, `above < version <= up_to`; and the last one's version where more remain."""
        sql = TABLES[query.table.name]
        version = sql.c.versionnumber
        statement = select(version).where(version > above, version <= up_to).order_by(version).limit(limit + 1)
        rows, last = self._rows(query.table, query.columns, (), statement, limit=limit)
        return rows, last[0] if last is not None else None

    def _conditions(self, query: Query) -> tuple[FromClause, list[ColumnElement[bool]]]:
        sql = TABLES[query.table.name]
        seen = [sql.c[query.table.id].not_in(self._hidden)] if self._hidden else []
        if query.filter is None:
            return sql, [*seen]
        where = Where(self._schema, query.table, query.filter)
        return where.source, [where.condition, *seen]

    def _finished(self, query: Query, given: int) -> bool:
        # `$top` together with a page size is ignored, as Dataverse documents it.
        return query.top is not None and not self._preferences.paged and given >= query.top

    def _rows(
        self,
        table: Table,
        columns: Sequence[Column],
        expand: Sequence[Expand],
        statement: Select[Any],
        *,
        limit: int,
    ) -> tuple[list[Row], tuple[Any, ...] | None]:
        """At most `limit` rows; and the statement's own columns of the last one, where more remain."""
        sql = TABLES[table.name]
        etag = literal('W/"') + cast(sql.c.versionnumber, String) + literal('"')
        hidden = [each.column for each in expand]
        wide = statement.with_only_columns(
            etag.label("etag_"),
            *(sql.c[column.name].label(f"c{position}") for position, column in enumerate((*columns, *hidden))),
            *(key.label(f"k{position}") for position, key in enumerate(statement.selected_columns)),
            maintain_column_froms=True,
        )
        raw = self._connection.execute(wide).all()
        names = ["@odata.etag", *(column.property for column in columns)]
        shown = raw[:limit]
        rows: list[Row] = [dict(zip(names, each, strict=False)) for each in shown]
        for position, each in enumerate(expand, len(names)):
            self._expand(each, rows, [row[position] for row in shown])
        if self._preferences.annotated:
            annotate(self._schema, self._connection, self._preferences, columns, rows)
        for row in rows if self._spoiled else ():
            row.update(self._spoiled.get(row.get(table.id, ""), {}))
        width = len(names) + len(hidden)
        last = raw[max(0, min(len(shown) - 1 - self._slip, len(raw) - 1))] if shown else ()
        return rows, tuple(last[width:]) if len(raw) > limit and shown else None

    def _expand(self, expand: Expand, rows: list[Row], ids: list[str | None]) -> None:
        wanted = {row_id for row_id in ids if row_id is not None}
        targets = self.by_ids(expand.target, expand.columns, expand.expand, wanted)
        for row, row_id in zip(rows, ids, strict=True):
            row[expand.column.nav] = targets.get(row_id) if row_id is not None else None


def _beyond(table: Table, orders: Sequence[Order], after: Sequence[Any]) -> ColumnElement[bool]:
    """Rows that come after the given values in this order; empty values come first, or last when descending."""
    sql, steps = TABLES[table.name], []
    for position, order in enumerate(orders):
        same = [
            sql.c[earlier.column.name].is_(None) if value is None else sql.c[earlier.column.name] == value
            for earlier, value in zip(orders[:position], after, strict=False)
        ]
        column, value = sql.c[order.column.name], after[position]
        if order.descending:
            if value is None:
                continue
            further: ColumnElement[bool] = or_(column < value, column.is_(None))
        else:
            further = column.is_not(None) if value is None else column > value
        steps.append(and_(*same, further))
    return or_(*steps)


def _write_token(after: Sequence[Any], already: int) -> str:
    raw = msgspec.json.encode([already, *after])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _read_token(text: str, width: int) -> tuple[list[Any], int]:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        already, *after = msgspec.json.decode(raw, type=list[Number | float | str | None])
    except (ValueError, msgspec.MsgspecError) as error:
        raise bad_request("The skip token is malformed.") from error
    if len(after) != width or not isinstance(already, int):
        raise bad_request("The skip token is malformed.")
    return after, already
