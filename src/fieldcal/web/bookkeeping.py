"""What people do to bookings on the pages, put on record."""

from __future__ import annotations

from collections.abc import Sequence

from fieldcal import schedule_record
from fieldcal.schedule import board
from fieldcal.schedule.values import Along, Slot
from fieldcal.web.visit import Visit

#: A booking before and after; None for what was not there.
Change = tuple[Slot | None, Slot | None]


async def recorded(visit: Visit, what: str, changes: Sequence[Change], along: Sequence[Along] = ()) -> None:
    """One line for each booking, which its work order's history shows too, even when the booking is gone.

    `along`: members' bookings that went with their crew's; each has a line of what became of it.
    """
    lines = [(what, *change) for change in changes] + [(str(one.became), one.before, one.after) for one in along]
    names = await visit.desk.read(board.names, schedule_record.workers_of(lines))
    place, actor, now = visit.place_of_work.id, visit.actor, visit.house.app.clock.now()
    await visit.house.write(lambda tx: schedule_record.record(tx, actor, now, place, lines, names))
