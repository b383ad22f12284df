"""GET: sets, single rows, counts, and the pages of change tracking."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from fieldcal.embedded.fieldservice.call import Address, Answer, Call, json_answer
from fieldcal.embedded.fieldservice.errors import INVALID_ARGUMENT, bad_request, does_not_exist
from fieldcal.embedded.fieldservice.odata import Query, read_query
from fieldcal.embedded.fieldservice.reading import Reader
from fieldcal.embedded.fieldservice.settings import FieldServiceSettings
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.embedded.fieldservice.tracking import changes, check_options, count_changes, is_tracking


def answer_get(store: Store, settings: FieldServiceSettings, call: Call, address: Address) -> Answer:
    """The rows, the row or the number that a GET asks for."""
    query = read_query(SCHEMA, address.table, call.query_string)
    settings.check_read(query)
    if address.row_id is not None:
        settings.check_row(address.row_id)
    if address.row_id is not None and not address.rest:
        return _one(store, settings, call, query, address.row_id)
    if address.row_id is None and address.rest == "$count":
        return _count(store, settings, call, query)
    if address.rest:
        raise bad_request(f"The path '{call.path[:100]}' is not supported by the embedded field service.")
    if call.preferences.track_changes or is_tracking(query):
        return _tracked(store, settings, call, query)
    return _page(store, settings, call, query)


def _page(store: Store, settings: FieldServiceSettings, call: Call, query: Query) -> Answer:
    with store.reading() as connection:
        reader = Reader(SCHEMA, connection, call.preferences, settings)
        rows, token = reader.page(query)
        total = reader.count(query) if query.count else None
    body: dict[str, Any] = {"@odata.context": _context(call, query)}
    if total is not None:
        body["@odata.count"] = total
    if token is not None:
        body["@odata.nextLink"] = _link(call, query, {"$skiptoken": token})
    return json_answer(body | {"value": rows}, headers=_applied(call))


def _tracked(store: Store, settings: FieldServiceSettings, call: Call, query: Query) -> Answer:
    check_options(query)
    settings.check_changes(query.table.name)
    if query.table.name in settings.untracked:
        raise bad_request(f"Entity: {query.table.name} isn't enabled for change tracking.", INVALID_ARGUMENT)
    with store.reading() as connection:
        reader = Reader(SCHEMA, connection, call.preferences, settings)
        page = changes(store, connection, reader, query, call.preferences.page_size, settings.expired_status)
    delta = "/$delta" if is_tracking(query) else ""
    body: dict[str, Any] = {"@odata.context": _context(call, query) + delta}
    if page.skip is not None:
        body["@odata.nextLink"] = _link(call, query, {"$skiptoken": page.skip})
    if page.delta is not None:
        body["@odata.deltaLink"] = _link(call, query, {"$deltatoken": page.delta})
    gone = f"{call.base}$metadata#{query.table.set}/$deletedEntity"
    removed = [{"@odata.context": gone, "id": row_id, "reason": "deleted"} for row_id in page.deleted]
    return json_answer(body | {"value": [*page.rows, *removed]}, headers=_applied(call))


def _one(store: Store, settings: FieldServiceSettings, call: Call, query: Query, row_id: str) -> Answer:
    row = read_row(store, call, query, row_id, settings)
    if call.headers.get("if-none-match") == row["@odata.etag"]:
        return Answer(304)
    return json_answer(row, headers={**_applied(call), "etag": row["@odata.etag"]})


def read_row(
    store: Store, call: Call, query: Query, row_id: str, settings: FieldServiceSettings | None = None
) -> dict[str, Any]:
    """One row as an answer shows it; Refused (404) where it is not."""
    with store.reading() as connection:
        row = Reader(SCHEMA, connection, call.preferences, settings).one(query, row_id)
    if row is None:
        raise does_not_exist(query.table.name, row_id)
    return {"@odata.context": _context(call, query) + "/$entity", **row}


def _count(store: Store, settings: FieldServiceSettings, call: Call, query: Query) -> Answer:
    with store.reading() as connection:
        if is_tracking(query):
            number = count_changes(store, connection, query, settings.expired_status)
        else:
            number = Reader(SCHEMA, connection, call.preferences, settings).count(query)
    return Answer(200, msgspec.json.encode(number), {"content-type": "text/plain"})


def _context(call: Call, query: Query) -> str:
    chosen = [query.selected] if query.selected else []
    chosen += [f"{each.column.nav}({','.join(c.property for c in each.columns)})" for each in query.expand]
    return f"{call.base}$metadata#{query.table.set}{'(' + ','.join(chosen) + ')' if chosen else ''}"


def _link(call: Call, query: Query, token: dict[str, str]) -> str:
    kept = {f"${name}": text for name, text in query.options.items() if name not in ("skiptoken", "deltatoken")}
    return f"{call.base}{query.table.set}?{urlencode({**kept, **token}, quote_via=quote, safe='$,()')}"


def _applied(call: Call) -> dict[str, str]:
    return {"preference-applied": call.preferences.applied} if call.preferences.applied else {}
