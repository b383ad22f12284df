"""Which bookings cannot be kept: two at once, or outside the worker's hours. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from fieldcal.schedule.values import Lane, Slot


def double(slots: Iterable[Slot]) -> frozenset[str]:
    """The ids of bookings that share time with another of the same worker; a canceled one takes none."""
    by_worker: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        if slot.takes_time and slot.end > slot.start:
            by_worker[slot.worker].append(slot)
    found: set[str] = set()
    for held in by_worker.values():
        held.sort(key=lambda slot: (slot.start, slot.end))
        longest: Slot | None = None
        for slot in held:
            if longest is not None and slot.start < longest.end:
                found |= {slot.id, longest.id}
            if longest is None or slot.end > longest.end:
                longest = slot
    return frozenset(found)


def outside_hours(slots: Iterable[Slot], lanes: Mapping[str, Lane]) -> frozenset[str]:
    """The ids of bookings with a part outside their worker's hours."""
    return frozenset(
        slot.id
        for slot in slots
        if slot.takes_time
        and (lane := lanes.get(slot.worker)) is not None
        and lane.hours.outside(slot.start, slot.end, ZoneInfo(lane.zone))
    )
