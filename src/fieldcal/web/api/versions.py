"""Two scripts that change one thing: `ETag` tells which version was read, `If-Match` bids change no other."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from fieldcal.web.api.problem import Stale

#: How a handler asks for it.
IfMatch = Annotated[
    str,
    Header(max_length=500, description="The `ETag` of what was read; at another one nothing is changed (412).",
           examples=['"5f3c0e6a1b2d4c5e"']),
]  # fmt: skip


def tag(shown: BaseModel, but: Collection[str] = ()) -> str:
    """What tells this version of a thing from others; `but`: fields that change by themselves."""
    text = shown.model_dump_json(exclude=set(but))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def unchanged(wanted: str, shown: BaseModel, but: Collection[str] = ()) -> None:
    """Return where the caller has named no version, or this one; `Stale` otherwise."""
    named = [one.strip().removeprefix("W/") for one in wanted.split(",") if one.strip()]
    if named and "*" not in named and tag(shown, but) not in named:
        raise Stale("it was changed since it was read: read it again, and say anew what is to be another")
