"""What people do to bookings, put on record: whose each was and is, from when to when, and of which work order.

The pages, the REST API and the command line leave the same lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from fieldcal.schedule.values import Slot
from fieldcal.setup_model import Actor
from fieldcal.state import audit

#: What was done to a booking, and the booking before and after; None for what was not there.
Line = tuple[str, Slot | None, Slot | None]


def workers_of(lines: Iterable[Line]) -> set[str]:
    """The workers whose names the lines tell."""
    return {one.worker for _, *both in lines for one in both if one is not None}


def record(
    tx: Connection, actor: Actor, now: datetime, place: str, lines: Sequence[Line], names: Mapping[str, str]
) -> None:
    """One line for each booking, which its work order's history shows too, even when the booking is gone."""
    for action, before, after in lines:
        one = after or before
        if one is not None:
            about = f"{place}/{one.order}" if one.order else ""
            audit.record(tx, actor, now, action, [f"{place}/{one.id}"], told(before, after, names), about=about)


def told(before: Slot | None, after: Slot | None, names: Mapping[str, str]) -> str:
    """Both in words, or the one that there is; once where nothing of it differs."""
    there = [one for one in (before, after) if one is not None]
    texts = [_told(one, names) for one in there]
    numbers = dict.fromkeys(one.number for one in there if one.number)
    return "; now ".join(dict.fromkeys(texts)) + "".join(f"; work order {number}" for number in numbers)


def _told(one: Slot, names: Mapping[str, str]) -> str:
    worker = names.get(one.worker) or one.worker
    return f"{worker}, {_at(one.start)} to {_at(one.end)}, {one.status.name}"


def _at(instant: datetime) -> str:
    # as pages look for instants, which they show in the viewer's zone
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
