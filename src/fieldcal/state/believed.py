"""How far ahead a stored instant may lie: what lies farther was stored while the clock was wrong and holds nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, and_, bindparam, or_

#: The longest pause that a server is believed (a day, `answer.LONGEST_PAUSE`), its spread of a fifth, and some slack.
FARTHEST = timedelta(hours=30)

_NOW: BindParameter[datetime] = bindparam("b_now")
_FAR: BindParameter[datetime] = bindparam("b_far")


def at(now: datetime, farthest: timedelta = FARTHEST) -> dict[str, datetime]:
    """The instant for a statement that was built without one."""
    return {"b_now": now, "b_far": now + farthest}


def come(column: Column[Any], now: datetime | None = None) -> ColumnElement[bool]:
    """The instant has come, or lies where none of ours can; without `now` it is bound by `at`."""
    return or_(*ranges(column, now))


def ranges(column: Column[Any], now: datetime | None = None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """`come` in its two parts, for a query that has to follow an index: what has come, and what none of ours can be."""
    if now is None:
        return column <= _NOW, column > _FAR
    return column <= now, column > now + FARTHEST


def lasts(column: Column[Any], now: datetime | None = None, farthest: timedelta = FARTHEST) -> ColumnElement[bool]:
    """What ends at this instant lasts still; one that would last longer than anything of ours does not.

    Without `now` both are bound by `at`.
    """
    if now is None:
        return and_(column > _NOW, column <= _FAR)
    return and_(column > now, column <= now + farthest)
