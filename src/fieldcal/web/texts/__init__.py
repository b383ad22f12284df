"""The one catalogue of what the pages say: a TOML file for each section, read once; a missing text is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def catalogue() -> Mapping[str, str]:
    """Every text by its key, `section.key`."""
    found: dict[str, str] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            read = tomllib.loads(file.read_text(encoding="utf-8"))
            found |= _flat(file.name.removesuffix(".toml"), read)
    return found


def _flat(prefix: str, table: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        name = f"{prefix}.{key}"
        found |= _flat(name, value) if isinstance(value, dict) else {name: str(value)}
    return found


def text(key: str, /, values: Mapping[str, object] | None = None) -> str:
    """The text of this key with its `{places}` filled in.

    A text that counts has a sibling `KEY_one`, taken where its `count` is 1; numbers get their thousands marked.
    """
    known = catalogue()
    if values is None:
        return known[key]
    chosen = f"{key}_one" if values.get("count") == 1 and f"{key}_one" in known else key
    shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
    return known[chosen].format(**shown)
