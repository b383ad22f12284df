"""The contracts are asked straight, and again over each rough road; `make test` takes a sample of the latter.

What a test asks in many cases it asks of the two CalDAV servers by turns, and in `make slow` all of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from zlib import crc32

import pytest
from tests.hostile.proxy import WEATHERS

#: whose turn it is at the cases of a test that has several; both are asked the first
TURNS = {"radicale": 0, "xandikos": 1}
#: one in so many of the cases on rough roads is asked in `make test`
ONE_IN = 12


def on_every_road(ends: Iterable[str]) -> list[str]:
    """The parameters of an `end` fixture: NAME, and NAME-ROAD for each rough road."""
    return [f"{name}{road}" for name in ends for road in ["", *(f"-{weather}" for weather in WEATHERS)]]


def turn_about(items: Iterable[pytest.Item]) -> None:
    """Mark every second case of a test as slow on each of the two CalDAV servers: the others' turn is at the other."""
    asked: Counter[tuple[str, str]] = Counter()
    for item in items:
        end = str(getattr(item, "callspec", None) and item.callspec.params.get("end", ""))  # type: ignore[attr-defined]
        if end in TURNS:
            test = item.nodeid.partition("[")[0]
            turn = asked[test, end]
            asked[test, end] += 1
            if turn and turn % 2 != TURNS[end]:
                item.add_marker(pytest.mark.slow)


def slow_on_rough_roads(items: Iterable[pytest.Item]) -> None:
    """Mark what is asked over a rough road as slow, but for a sample that is the same every time."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call is not None and "-" in str(call.params.get("end", "")) and crc32(item.nodeid.encode()) % ONE_IN:
            item.add_marker(pytest.mark.slow)
