"""Where bookings that are made here stand in their workers' calendars, as far as the sync has come."""

from __future__ import annotations

from collections.abc import Sequence

from fieldcal import seeing
from fieldcal.schedule.values import Slot
from fieldcal.web.visit import Visit


async def of(visit: Visit, slots: Sequence[Slot]) -> dict[str, str]:
    """By id: as the list of bookings tells it; `waits` or `behind` while the schedule is ahead of what was read."""
    place = visit.place_of_work.id
    known = await visit.house.read(lambda tx: seeing.standings(tx, place, [one.id for one in slots]))
    found: dict[str, str] = {}
    for one in slots:
        version, told = known.get(one.id, (0, "waits"))
        behind = version < one.version and told in {"stands", "none", "deleted"}
        found[one.id] = ("behind" if told == "stands" else "waits") if behind else told
    return found
