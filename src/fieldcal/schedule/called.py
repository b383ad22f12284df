"""Bookings and other rows of the field service as people call them: by id, by name, or by number. Blocking."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, or_, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.times import legible
from fieldcal.errors import ConfigError
from fieldcal.schedule import board, entering, orders
from fieldcal.schedule.entering import Opened
from fieldcal.schedule.names import by_name
from fieldcal.schedule.sheets import ORDERS, Sheet
from fieldcal.schedule.values import Slot

_bookings, _orders = (TABLES[name].c for name in ("bookableresourcebooking", "msdyn_workorder"))
#: As many as are told one after the other.
_MOST = 20


def called(tx: Connection, text: str) -> list[tuple[Slot, datetime | None]]:
    """The active bookings that are called so, in whatever case, by start, each with when it was last changed."""
    wanted = text.strip()
    key = wanted.lower().strip("{}")
    if not key:
        return []
    ways = {wanted, wanted.upper(), wanted.lower(), wanted.title()}
    numbered = select(_orders.msdyn_workorderid).where(_orders.msdyn_name.in_(ways))
    asked = select(_bookings.bookableresourcebookingid, _bookings.modifiedon)
    # an id is nobody's number, and is found without looking at every name
    rows = tx.execute(asked.where(_bookings.bookableresourcebookingid == key)).all()
    if not rows:
        named = or_(_bookings.msdyn_workorder.in_(numbered), func.lower(_bookings.name) == wanted.lower())
        rows = tx.execute(asked.where(named).order_by(_bookings.starttime).limit(_MOST)).all()
    changed = {row[0]: legible(row[1]) for row in rows}
    found = sorted(board.some(tx, list(changed)).values(), key=lambda one: (one.start, one.id))
    return [(one, changed[one.id]) for one in found]


def row(tx: Connection, sheet: Sheet, text: str) -> Opened:
    """The row of this kind that is called so, its texts in UTC; ConfigError where none is, or several are."""
    wanted, utc = text.strip(), ZoneInfo("UTC")
    found = entering.opened(tx, sheet, wanted.lower(), utc)
    if found is None and sheet is ORDERS:
        found = entering.opened(tx, sheet, orders.by_number(tx, wanted), utc)
    elif found is None:
        named = by_name(tx, [sheet.table])[0].ids[sheet.table]
        if wanted.lower() in named and named[wanted.lower()] is None:
            raise ConfigError(f"several {sheet.name} are called {wanted[:80]!r}; name one by its id")
        found = entering.opened(tx, sheet, named.get(wanted.lower()) or "", utc)
    if found is None:
        raise ConfigError(f"there is no {sheet.one} {wanted[:80]!r}")
    return found
