"""What doctor says of one thing: how bad, what was found, what helps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    level: Level
    what: str
    detail: str
    remedy: str = ""


def worst(lines: list[Line]) -> Level:
    """The worst level of these."""
    return max((line.level for line in lines), key=[*Level].index, default=Level.OK)


def summary(lines: list[Line], now: datetime) -> str:
    """One line at the end."""
    count = {level: sum(line.level is level for line in lines) for level in Level}
    told = f"{count[Level.OK]} ok, {count[Level.WARN]} to look at, {count[Level.FAIL]} failed"
    return f"{told}; looked at {now:%Y-%m-%d %H:%M:%SZ}"
