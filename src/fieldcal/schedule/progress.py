"""How a job goes on: what a status step does to its window, and what its bookings say of the work order. Pure.

Field Service's mobile app moves the window with each step, so ordinary steps reach the calendar
(https://learn.microsoft.com/en-us/dynamics365/field-service/work-order-status-booking-status, and *do-work* beside it).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from fieldcal.schedule.values import OrderStatus, Slot, Step

#: The worker has set out, and is not done.
UNDER_WAY = frozenset({Step.TRAVELING, Step.ON_BREAK, Step.IN_PROGRESS})
#: What was begun and completed at once is an event of this length: one of none is not seen in a calendar.
_SHORTEST = timedelta(minutes=1)
_BEGUN = UNDER_WAY | {Step.COMPLETED}


def window(slot: Slot, step: Step | None, now: datetime, *, own: bool) -> tuple[datetime, datetime]:
    """Start and end after this step at `now`; `own`: the worker takes it, at the place where the work is done.

    To set out is the new start and the estimated length stays; to begin moves the end; to complete ends it now, a
    minute after its start at the earliest, and moves nothing of a job that lies ahead. A break and to go on after it
    move nothing: the length was counted when the work began. A step that somebody else takes at a desk moves nothing,
    nor does one that was taken already.
    """
    now = now.replace(microsecond=0)
    if not own or step is slot.status.step:
        return slot.start, slot.end
    if step is Step.TRAVELING:
        return now, _ends(slot, now)
    if step is Step.IN_PROGRESS and slot.status.step is not Step.ON_BREAK:
        # who was never on the way begins here and now
        start = slot.start if slot.status.step in _BEGUN else now
        return start, _ends(slot, now)
    if step is Step.COMPLETED and slot.start <= now:
        return slot.start, max(now, slot.start + _SHORTEST)
    return slot.start, slot.end


def _ends(slot: Slot, now: datetime) -> datetime:
    """As long after now as it was planned for; where no calendar reaches so far, it ends when it did."""
    try:
        return now + (slot.end - slot.start)
    except OverflowError:
        return slot.end


def order_status(steps: Collection[Step | None]) -> OrderStatus:
    """What a work order's status is by the steps of all its bookings (the canceled ones included)."""
    live = [step for step in steps if step is not Step.CANCELED]
    if not live:
        return OrderStatus.UNSCHEDULED
    if all(step is Step.COMPLETED for step in live):
        return OrderStatus.COMPLETED
    if any(step in _BEGUN for step in live):
        return OrderStatus.IN_PROGRESS
    return OrderStatus.SCHEDULED
