"""The list of bookings as a file for a spreadsheet, a piece at a time. However long it is, all of it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

from fieldcal import seeing
from fieldcal.seeing import Listed
from fieldcal.setup_model import Actor, Environment
from fieldcal.spreadsheet import cell
from fieldcal.state.booking_lists import Wanted
from fieldcal.state.database import Database
from fieldcal.state.rows import slices
from fieldcal.sync.site import Site

#: Bookings of one piece; each is read in a transaction of its own, so that a slow reader holds nothing up.
AT_ONCE = 500
COLUMNS = ("id", "number", "worker", "account", "begins", "ends", "status", "calendar", "why")


async def pieces(
    database: Database, actor: Actor, place: Environment, wanted: Wanted, site: Site | None, at_once: int = AT_ONCE
) -> AsyncIterator[str]:
    """What this person may see of these, in the order in which it was read at once; `site` as for `seeing.listed`."""
    yield _csv([COLUMNS])
    ids = await database.reading(seeing.in_order, actor, place.id, place.settings, wanted, site)
    for some in slices(ids, at_once):
        found = await database.reading(seeing.lines_of, place.id, place.settings, some, site)
        yield _csv([_row(one) for one in found])


def _row(one: Listed) -> list[str]:
    row = one.booking
    told = (row.id, one.number, one.worker, one.account, row.start.isoformat(), row.end.isoformat(),
            row.status_name or row.kind, one.standing, one.why)  # fmt: skip
    return [cell(value) for value in told]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
