"""The contracts are asked straight, and again over each rough road; `make test` takes a sample of the latter."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import pytest
from tests.hostile.proxy import WEATHERS

#: one in so many of the cases on rough roads is asked in `make test`
ONE_IN = 12


def on_every_road(ends: Iterable[str]) -> list[str]:
    """The parameters of an `end` fixture: NAME, and NAME-ROAD for each rough road."""
    return [f"{name}{road}" for name in ends for road in ["", *(f"-{weather}" for weather in WEATHERS)]]


def slow_on_rough_roads(items: Iterable[pytest.Item]) -> None:
    """Mark what is asked over a rough road as slow, but for a sample that is the same every time."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call is not None and "-" in str(call.params.get("end", "")) and crc32(item.nodeid.encode()) % ONE_IN:
            item.add_marker(pytest.mark.slow)
