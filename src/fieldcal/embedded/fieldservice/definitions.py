"""Metadata as clients ask for it: `EntityDefinitions`, attributes, choices, many-to-one relationships. Pure.

https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/query-metadata-web-api
"""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qsl

from odata_query import ast

from fieldcal.embedded.fieldservice.errors import UNKNOWN_NAME, Refused, bad_request
from fieldcal.embedded.fieldservice.odata import parse_filter
from fieldcal.embedded.fieldservice.schema import Column, Schema, Table
from fieldcal.embedded.fieldservice.settings import FieldServiceSettings

Item = dict[str, Any]
_PATH = re.compile(r"EntityDefinitions(?:\((?:LogicalName=)?'?([\w-]+)'?\))?(?:/(.+))?$")
TYPES = {
    "guid": "Uniqueidentifier",
    "string": "String",
    "memo": "Memo",
    "integer": "Integer",
    "bigint": "BigInt",
    "double": "Double",
    "boolean": "Boolean",
    "datetime": "DateTime",
    "date": "DateTime",
    "option": "Picklist",
    "lookup": "Lookup",
}


def read_definitions(schema: Schema, settings: FieldServiceSettings, path: str, query_string: str) -> Item:
    """The answer, without its context, to a path that begins with `EntityDefinitions`."""
    match = _PATH.match(path)
    if match is None:
        raise _unknown(path)
    options = dict(parse_qsl(query_string, keep_blank_values=True))
    name, part = match.groups()
    if name is None:
        found = [_entity(table, settings) for table in schema.tables]
        return {"value": _project(_filter(found, options.get("$filter", "")), options)}
    table = schema.by_name.get(name) or next((t for t in schema.tables if _metadata_id(t.name) == name), None)
    if table is None:
        raise Refused(404, "0x80060888", f"Could not find an entity with name {name}.")
    if part is None:
        return _project([_entity(table, settings)], options)[0]
    return {"value": _project(_filter(_part(table, part, settings), options.get("$filter", "")), options)}


def _part(table: Table, part: str, settings: FieldServiceSettings) -> list[Item]:
    there = [column for column in table.columns if f"{table.name}.{column.name}" not in settings.missing]
    match part:
        case "Attributes":
            return [_attribute(table, column) for column in there]
        case "Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata":
            return [_picklist(table, column) for column in table.columns if column.type == "option"]
        case "ManyToOneRelationships":
            return [_relationship(table, column, settings) for column in table.columns if column.target]
        case "OneToManyRelationships" | "ManyToManyRelationships" | "Keys":
            return []
        case _:
            raise _unknown(part)


def _entity(table: Table, settings: FieldServiceSettings) -> Item:
    return {
        "MetadataId": _metadata_id(table.name),
        "LogicalName": table.name,
        "SchemaName": table.name,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "PrimaryIdAttribute": table.id,
        "PrimaryNameAttribute": table.primary,
        "IsCustomEntity": table.name.startswith("msdyn_"),
        "IsPrivate": False,
        "ChangeTrackingEnabled": table.name not in settings.untracked,
    }


def _attribute(table: Table, column: Column) -> Item:
    return {
        "MetadataId": _metadata_id(f"{table.name}.{column.name}"),
        "LogicalName": column.name,
        "SchemaName": column.name,
        "EntityLogicalName": table.name,
        "AttributeType": TYPES[column.type],
        "IsPrimaryId": column.name == table.id,
        "IsPrimaryName": column.name == table.primary,
        "IsValidForCreate": not column.read_only,
        "IsValidForUpdate": not column.read_only and column.name != table.id,
        "IsValidForRead": not column.hidden,
        "RequiredLevel": {"Value": "SystemRequired" if column.required else "None"},
    }


def _picklist(table: Table, column: Column) -> Item:
    options = [{"Value": value, "Label": _label(text)} for value, text in column.options.items()]
    return _attribute(table, column) | {"OptionSet": {"Options": options}}


def _relationship(table: Table, column: Column, settings: FieldServiceSettings) -> Item:
    # another organization may call it otherwise, if only in another case
    renamed = f"{table.name}.{column.nav}" in settings.missing
    return {
        "SchemaName": f"{table.name}_{column.name}_{column.target}",
        "ReferencingEntity": table.name,
        "ReferencingAttribute": column.name,
        "ReferencingEntityNavigationPropertyName": column.nav.swapcase() if renamed else column.nav,
        "ReferencedEntity": column.target,
    }


def _label(text: str) -> Item:
    localized = {"Label": text, "LanguageCode": 1033}
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": localized}


def _metadata_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"fieldcal.embedded/{name}"))


def _project(items: list[Item], options: dict[str, str]) -> list[Item]:
    names = [name.strip() for name in options.get("$select", "").split(",") if name.strip()]
    expanded = [part.partition("(")[0].strip() for part in options.get("$expand", "").split(",") if part.strip()]
    if not names:
        return items
    wanted = [*names, *expanded]
    if items and (unknown := [name for name in wanted if name not in items[0]]):
        raise bad_request(f"Could not find a property named '{unknown[0]}' on type 'EntityMetadata'.")
    return [{name: item[name] for name in wanted} for item in items]


def _filter(items: list[Item], text: str) -> list[Item]:
    if not text:
        return items
    node = parse_filter(text).node
    return [item for item in items if _holds(node, item)]


def _holds(node: ast._Node, item: Item) -> bool:
    match node:
        case ast.BoolOp(op=ast.And()):
            return _holds(node.left, item) and _holds(node.right, item)
        case ast.BoolOp():
            return _holds(node.left, item) or _holds(node.right, item)
        case ast.Compare(comparator=ast.Eq(), left=ast.Identifier(name=name)) if name in item:
            return bool(item[name] == _python(node.right))
        case ast.Compare(comparator=ast.NotEq(), left=ast.Identifier(name=name)) if name in item:
            return bool(item[name] != _python(node.right))
        case _:
            raise bad_request("Metadata is filtered here by `property eq value`, `ne`, `and` and `or` only.")


def _python(node: ast._Node) -> object:
    match node:
        case ast.String() | ast.GUID():
            return node.val
        case ast.Boolean():
            return node.py_val
        case ast.Integer():
            return int(node.val)
        case _:
            return None


def _unknown(path: str) -> Refused:
    return Refused(404, UNKNOWN_NAME, f"Resource not found for the segment '{path[:100]}'.")


def service_document(schema: Schema) -> Item:
    """The list of entity sets, as the service's root shows it."""
    return {"value": [{"name": table.set, "kind": "EntitySet", "url": table.set} for table in schema.tables]}
