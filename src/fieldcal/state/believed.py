"""How far ahead a stored instant may lie: what lies farther was stored while the clock was wrong and holds nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, or_

#: The longest pause that a server is believed (a day, `answer.LONGEST_PAUSE`), its spread of a fifth, and some slack.
FARTHEST = timedelta(hours=30)


def come(column: Column[Any], now: datetime) -> ColumnElement[bool]:
    """The instant has come, or lies where none of ours can."""
    return or_(*ranges(column, now))


def ranges(column: Column[Any], now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """`come` in its two parts, for a query that has to follow an index: what has come, and what none of ours can be."""
    return column <= now, column > now + FARTHEST


def lasts(column: Column[Any], now: datetime, farthest: timedelta = FARTHEST) -> ColumnElement[bool]:
    """What ends at this instant lasts still; one that would last longer than anything of ours does not."""
    return and_(column > now, column <= now + farthest)
