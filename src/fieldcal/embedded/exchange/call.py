"""One request and its answer, whether they came alone over HTTP or inside a batch. Pure values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from fieldcal.embedded.exchange.preferences import Preferences, read_preferences

_KEYED = re.compile(r"(\w+)\('([^']*)'\)")
WRITES = frozenset({"POST", "PATCH", "PUT"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request under /v1.0. Header names are lower-case; `body` is parsed JSON."""

    method: str
    #: decoded, without the version
    segments: tuple[str, ...]
    #: without the query, as it was sent
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    #: scheme, host and version, such as http://127.0.0.1:8080/v1.0
    base: str
    prefer: Preferences


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is what JSON is made of; None for no body."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def make_call(method: str, url: str, headers: Mapping[str, str], body: Any, base: str) -> Call:
    """The request for `url`, which starts after the version and may be percent-encoded or not."""
    path, _, query = url.partition("?")
    path = "/" + path.strip("/")
    return Call(
        method.upper(),
        _segments(path),
        path,
        dict(parse_qsl(query, keep_blank_values=True)),
        headers,
        body,
        base,
        read_preferences(headers.get("prefer", "")),
    )


def _segments(path: str) -> tuple[str, ...]:
    parts: list[str] = []
    for raw in path[1:].split("/"):
        part = unquote(raw)
        keyed = _KEYED.fullmatch(part) if "('" in part else None
        parts += keyed.groups() if keyed else (part,)
    return tuple(parts)
