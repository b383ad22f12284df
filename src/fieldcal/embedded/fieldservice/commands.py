"""POST, PATCH and DELETE: rows made, changed, upserted and deleted, one at a time or several in one transaction."""

from __future__ import annotations

import uuid
from typing import Any

from fieldcal.embedded.fieldservice.call import Address, Answer, Call, expected_version, json_answer
from fieldcal.embedded.fieldservice.errors import (
    DUPLICATE,
    INVALID_PAYLOAD,
    NOT_FOUND,
    Refused,
    bad_request,
    unknown_property,
)
from fieldcal.embedded.fieldservice.odata import read_query
from fieldcal.embedded.fieldservice.payload import read_body, read_values
from fieldcal.embedded.fieldservice.queries import read_row
from fieldcal.embedded.fieldservice.schema import Table
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA

ACTIONS = "Microsoft.Dynamics.CRM."


def answer_post(store: Store, call: Call, address: Address) -> Answer:
    """A row made, or the rows of `CreateMultiple` and `UpdateMultiple`."""
    if address.row_id is not None:
        raise Refused(405, "0x80060888", "A row is changed with PATCH, not with POST.")
    if address.rest:
        return _several(store, call, address)
    values = read_values(SCHEMA, address.table, read_body(call.body))
    with store.writing() as connection:
        row_id = values.get(address.table.id) or str(uuid.uuid4())
        if store.find(connection, address.table, row_id) is not None:
            raise Refused(412, DUPLICATE, "A record with matching key values already exists.")
        store.insert(connection, address.table, values, row_id)
    return _written(store, call, address.table, row_id, made=True)


def answer_patch(store: Store, call: Call, address: Address) -> Answer:
    """A row changed; or made, where it was not there and no `If-Match` asks for it (an upsert)."""
    table, row_id = address.table, address.row_id
    if row_id is None or address.rest:
        raise Refused(405, "0x80060888", "PATCH goes to one row, such as accounts(id).")
    values = read_values(SCHEMA, table, read_body(call.body))
    if values.pop(table.id, row_id) != row_id:
        raise bad_request(f"The property '{table.id}' cannot be modified.", INVALID_PAYLOAD)
    if_match = call.headers.get("if-match", "")
    with store.writing() as connection:
        exists = store.find(connection, table, row_id) is not None
        if exists and call.headers.get("if-none-match") == "*":
            raise Refused(412, DUPLICATE, "A record with matching key values already exists.")
        if exists or if_match:
            store.update(connection, table, row_id, values, expected_version(if_match))
        else:
            store.insert(connection, table, values, row_id)
    return _written(store, call, table, row_id, made=not exists)


def answer_delete(store: Store, call: Call, address: Address) -> Answer:
    """A row deleted, or with `/nav/$ref` a lookup emptied."""
    table, row_id = address.table, address.row_id
    if row_id is None:
        raise Refused(405, "0x80060888", "DELETE goes to one row, such as accounts(id).")
    with store.writing() as connection:
        if not address.rest:
            store.delete(connection, table, row_id, expected_version(call.headers.get("if-match", "")))
            return Answer(204)
        nav = address.rest.removesuffix("/$ref")
        column = table.by_nav.get(nav)
        if column is None or nav == address.rest:
            raise unknown_property(address.rest[:100], table.name)
        store.update(connection, table, row_id, {column.name: None})
    return Answer(204)


def _several(store: Store, call: Call, address: Address) -> Answer:
    action = address.rest.removeprefix(ACTIONS)
    if action not in ("CreateMultiple", "UpdateMultiple"):
        raise Refused(404, NOT_FOUND, f"The action '{address.rest[:100]}' is not known to the embedded field service.")
    targets = read_body(call.body).get("Targets")
    if not isinstance(targets, list) or not all(isinstance(each, dict) for each in targets):
        raise bad_request("'Targets' is not a list of objects.", INVALID_PAYLOAD)
    rows = [read_values(SCHEMA, address.table, each) for each in targets]
    with store.writing() as connection:
        if action == "CreateMultiple":
            ids = [store.insert(connection, address.table, row, row.get(address.table.id)) for row in rows]
            context = f"{call.base}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
            return json_answer({"@odata.context": context, "Ids": ids})
        for row in rows:
            row_id = row.pop(address.table.id, None)
            if row_id is None:
                raise bad_request(f"A target has no '{address.table.id}'.", INVALID_PAYLOAD)
            store.update(connection, address.table, row_id, row)
    return Answer(204)


def _written(store: Store, call: Call, table: Table, row_id: str, *, made: bool) -> Answer:
    where = f"{call.base}{table.set}({row_id})"
    headers: dict[str, Any] = {"odata-entityid": where}
    if made:
        headers["location"] = where
    if not call.preferences.representation:
        return Answer(204, headers=headers)
    row = read_row(store, call, read_query(SCHEMA, table, call.query_string), row_id)
    headers["preference-applied"] = call.preferences.applied
    return json_answer(row, 201 if made else 200, headers)
