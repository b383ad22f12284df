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


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: everything, or one environment with what it is written through, and in it these mailboxes."""

    #: "" for all
    environment: str = ""
    #: ids or addresses; none: a few of each environment
    mailboxes: tuple[str, ...] = ()
    #: an address that must not be reachable through any profile, "" to try none
    outsider: str = ""


def worst(lines: list[Line]) -> Level:
    """The worst level of these."""
    return max((line.level for line in lines), key=[*Level].index, default=Level.OK)


def summary(lines: list[Line], now: datetime) -> str:
    """One line at the end."""
    count = {level: sum(line.level is level for line in lines) for level in Level}
    told = f"{count[Level.OK]} ok, {count[Level.WARN]} to look at, {count[Level.FAIL]} failed"
    return f"{told}; looked at {now:%Y-%m-%d %H:%M:%SZ}"
