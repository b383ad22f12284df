"""One request and its answer, as the field service's rooms hand them on."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from fieldcal.embedded.fieldservice.errors import INVALID_ARGUMENT, UNKNOWN_NAME, Refused, bad_request
from fieldcal.embedded.fieldservice.preferences import Preferences, read_preferences
from fieldcal.embedded.fieldservice.schema import Schema, Table

_SEGMENT = re.compile(r"(\w+)(?:\(([^()]*)\))?(?:/(.+))?$")
_ETAG = re.compile(r'(?:W/)?"?(\d{1,18})"?$')
JSON_TYPE = "application/json; odata.metadata=minimal"


@dataclass(frozen=True)
class Call:
    """One request. `path` is what follows `base`, decoded; `headers` have lower-case names."""

    method: str
    base: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    caller: str

    @cached_property
    def preferences(self) -> Preferences:
        """The `Prefer` header, read."""
        return read_preferences(self.headers.get("prefer", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Address:
    """Which table a path names, which row of it, and what comes after."""

    table: Table
    row_id: str | None
    rest: str


def read_address(schema: Schema, path: str) -> Address:
    """The address of a path such as `accounts(id)/primarycontactid/$ref`; Refused (404) for an unknown set."""
    match = _SEGMENT.match(path)
    table = schema.by_set.get(match[1]) if match else None
    if match is None or table is None:
        raise Refused(404, UNKNOWN_NAME, f"Resource not found for the segment '{path[:100]}'.")
    return Address(table, _row_id(table, match[2]) if match[2] is not None else None, match[3] or "")


def _row_id(table: Table, key: str) -> str:
    text = key.removeprefix(f"{table.id}=").strip("'{}")
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise bad_request(
            f"'{key[:60]}' is not the id of a row; other keys are not known here.", INVALID_ARGUMENT
        ) from error


def expected_version(header: str) -> int | None:
    """The version that an `If-Match` asks for; None for `*` or no header."""
    if header in ("", "*"):
        return None
    match = _ETAG.match(header.strip())
    if match is None:
        raise bad_request("The If-Match header is not an etag.", INVALID_ARGUMENT)
    return int(match[1])


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, msgspec.json.encode(value), {"content-type": JSON_TYPE, **(headers or {})})


def refusal(error: Refused) -> Answer:
    """An answer that says no."""
    return Answer(error.status, error.body(), {"content-type": JSON_TYPE, **error.headers})
