"""What people do to bookings, put on record: whose each was and is, from when to when, and of which work order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from fieldcal.schedule import board
from fieldcal.schedule.values import Along, Slot
from fieldcal.state import audit
from fieldcal.web.visit import Visit

#: A booking before and after; None for what was not there.
Change = tuple[Slot | None, Slot | None]


async def recorded(visit: Visit, what: str, changes: Sequence[Change], along: Sequence[Along] = ()) -> None:
    """One line for each booking, which its work order's history shows too, even when the booking is gone.

    `along`: members' bookings that went with their crew's; each has a line of what became of it.
    """
    lines = [(what, *change) for change in changes] + [(str(one.became), one.before, one.after) for one in along]
    slots = [one for _, *change in lines for one in change if one is not None]
    names = await visit.desk.read(board.names, {one.worker for one in slots})
    place, actor, now = visit.place_of_work.id, visit.actor, visit.house.app.clock.now()

    def write(tx: Connection) -> None:
        for action, before, after in lines:
            one = after or before
            if one is not None:
                about = f"{place}/{one.order}" if one.order else ""
                detail = told(before, after, names)
                audit.record(tx, actor, now, action, [f"{place}/{one.id}"], detail, about=about)

    await visit.house.write(write)


def told(before: Slot | None, after: Slot | None, names: Mapping[str, str]) -> str:
    """Both in words, or the one that there is; once where nothing of it differs."""
    texts = [_told(one, names) for one in (before, after) if one is not None]
    return "; now ".join(dict.fromkeys(texts))


def _told(one: Slot, names: Mapping[str, str]) -> str:
    worker = names.get(one.worker) or one.worker
    return f"{worker}, {_at(one.start)} to {_at(one.end)}, {one.status.name}"


def _at(instant: datetime) -> str:
    # as pages look for instants, which they show in the viewer's zone
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
