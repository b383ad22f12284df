"""What a webhook is sent: the RemoteExecutionContext as JSON, the headers beside it, the secret where it belongs. Pure.

https://learn.microsoft.com/en-us/power-apps/developer/data-platform/use-webhooks
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from fieldcal.embedded.fieldservice.hook_tables import (
    ASYNCHRONOUS,
    HTTP_HEADER,
    HTTP_QUERY,
    POST_OPERATION,
    WEBHOOK_KEY,
)
from fieldcal.embedded.fieldservice.outbox import Notice
from fieldcal.embedded.fieldservice.schema import Schema
from fieldcal.embedded.fieldservice.times import parse_instant

#: Above this Dataverse leaves out what may be long, and says so in a header.
LARGEST = 256 * 1024
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_SETTING = re.compile(r'<setting\s+name="([^"<>]{1,200})"\s+value="([^"<>]{0,2000})"\s*/>')
_SETTINGS = re.compile(r"\s*<settings>\s*(?:<setting\s[^<>]*/>\s*)+</settings>\s*")


class BadAuthValue(ValueError):
    """The endpoint's secret is not of the form that its way to send it needs; nothing can be sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """One POST, ready to go."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def request(notice: Notice, schema: Schema, organization: str, host: str) -> Request:
    """The POST of one notice; `host`: the organization's own name in the network. Raises `BadAuthValue`."""
    happened, step = notice.happened, notice.step
    body = _encoded(context(notice, schema, organization))
    headers = {
        "Content-Type": "application/json",
        "x-ms-dynamics-organization": host,
        "x-ms-dynamics-entity-name": happened.table,
        "x-ms-dynamics-request-name": happened.message,
        "x-ms-correlation-request-id": happened.correlation,
    }
    if len(body) > LARGEST:
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        body = _encoded(context(notice, schema, organization) | _EMPTY)
    more, query = _secret(step.authtype, step.authvalue)
    url = f"{step.url}{'&' if '?' in step.url else '?'}{query}" if query else step.url
    return Request(url, headers | more, body)


_EMPTY: dict[str, Any] = {"InputParameters": [], "PreEntityImages": [], "PostEntityImages": [], "ParentContext": None}


def context(notice: Notice, schema: Schema, organization: str) -> dict[str, Any]:
    """The whole context, its instants in the form that `_encoded` completes."""
    happened = notice.happened
    nobody = "00000000-0000-0000-0000-000000000000"
    return {
        "BusinessUnitId": nobody,
        "CorrelationId": happened.correlation,
        "Depth": 1,
        "InitiatingUserId": nobody,
        "InputParameters": [{"key": "Target", "value": _target(notice, schema)}],
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "MessageName": happened.message,
        "Mode": ASYNCHRONOUS,
        "OperationCreatedOn": _instant(happened.at),
        "OrganizationId": organization,
        "OutputParameters": [],
        "OwningExtension": {
            "Id": notice.step.id, "KeyAttributes": [], "LogicalName": "sdkmessageprocessingstep",
            "Name": notice.step.name, "RowVersion": None,
        },
        "ParentContext": None,
        "PostEntityImages": [],
        "PreEntityImages": [],
        "PrimaryEntityId": happened.row_id,
        "PrimaryEntityName": happened.table,
        "SecondaryEntityName": "none",
        "SharedVariables": [],
        "Stage": POST_OPERATION,
        "UserId": nobody,
    }  # fmt: skip


def _target(notice: Notice, schema: Schema) -> dict[str, Any]:
    happened = notice.happened
    if happened.message == "Delete":
        return _reference(happened.table, happened.row_id)
    columns = schema.by_name[happened.table].by_name
    return {
        "__type": f"Entity:{_CONTRACTS}",
        "Attributes": [
            {"key": name, "value": _value(columns[name].type, columns[name].target, value)}
            for name, value in happened.values.items()
        ],
        "EntityState": None, "FormattedValues": [], "Id": happened.row_id, "KeyAttributes": [],
        "LogicalName": happened.table, "RelatedEntities": [], "RowVersion": None,
    }  # fmt: skip


def _value(kind: str, target: str, value: Any) -> Any:
    if value is None:
        return None
    match kind:
        case "lookup":
            return _reference(target, value)
        case "option":
            return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
        case "datetime" | "date":
            return _instant(parse_instant(value))
        case _:
            return value


def _reference(table: str, row_id: str) -> dict[str, Any]:
    return {
        "__type": f"EntityReference:{_CONTRACTS}", "Id": row_id, "KeyAttributes": [], "LogicalName": table,
        "Name": None, "RowVersion": None,
    }  # fmt: skip


def _instant(at: datetime) -> str:
    return f"/Date({round(at.timestamp() * 1000)})/"


def _encoded(told: dict[str, Any]) -> bytes:
    # .NET's serializer writes instants with escaped slashes; so does every slash of its JSON
    return msgspec.json.encode(told).replace(b"/", b"\\/")


def _secret(authtype: int, authvalue: str) -> tuple[dict[str, str], str]:
    """Further headers and a query string."""
    if authtype == WEBHOOK_KEY:
        return {}, f"code={quote(authvalue, safe='')}"
    if authtype not in (HTTP_HEADER, HTTP_QUERY) or not _SETTINGS.fullmatch(authvalue):
        raise BadAuthValue("the authvalue is not <settings><setting name=... value=... /></settings>")
    pairs = {html.unescape(name): html.unescape(value) for name, value in _SETTING.findall(authvalue)}
    return (pairs, "") if authtype == HTTP_HEADER else ({}, urlencode(pairs))
