"""What a step does to a job's window, and what the bookings say of their work order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.schedule.shop import NOW, at, slot

from fieldcal.schedule.progress import order_status, window
from fieldcal.schedule.values import OrderStatus, Step

S = Step


@pytest.mark.parametrize(
    ("before", "step", "own", "start", "end"),
    [
        (S.SCHEDULED, S.TRAVELING, True, NOW, at(23, 14)),
        (S.TRAVELING, S.IN_PROGRESS, True, at(23, 11), at(23, 14)),
        (S.SCHEDULED, S.IN_PROGRESS, True, NOW, at(23, 14)),
        (S.IN_PROGRESS, S.COMPLETED, True, at(23, 11), NOW),
        (S.IN_PROGRESS, S.ON_BREAK, True, at(23, 11), at(23, 13)),
        (S.ON_BREAK, S.IN_PROGRESS, True, at(23, 11), at(23, 13)),
        (S.SCHEDULED, S.CANCELED, True, at(23, 11), at(23, 13)),
        (S.TRAVELING, S.TRAVELING, True, at(23, 11), at(23, 13)),
        (S.SCHEDULED, S.TRAVELING, False, at(23, 11), at(23, 13)),
        (S.IN_PROGRESS, S.COMPLETED, False, at(23, 11), at(23, 13)),
    ],
)
def test_a_step_moves_the_window_as_the_mobile_app_does(
    before: Step, step: Step, own: bool, start: datetime, end: datetime
) -> None:
    assert window(slot("a", at(23, 11), at(23, 13), step=before), step, NOW, own=own) == (start, end)


def test_a_job_that_is_completed_before_it_began_keeps_its_window() -> None:
    later = slot("a", at(24, 11), at(24, 13))
    assert window(later, S.COMPLETED, NOW, own=True) == (at(24, 11), at(24, 13))


@pytest.mark.parametrize("seconds", [0, 1, 59, 60])
def test_a_job_that_is_completed_at_once_is_a_minute_long(seconds: int) -> None:
    begun = slot("a", NOW - timedelta(seconds=seconds), at(23, 14), step=S.IN_PROGRESS)
    assert window(begun, S.COMPLETED, NOW, own=True) == (begun.start, begun.start + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([], OrderStatus.UNSCHEDULED),
        ([S.CANCELED, S.CANCELED], OrderStatus.UNSCHEDULED),
        ([S.SCHEDULED, S.CANCELED], OrderStatus.SCHEDULED),
        ([None], OrderStatus.SCHEDULED),
        ([S.SCHEDULED, S.TRAVELING], OrderStatus.IN_PROGRESS),
        ([S.COMPLETED, S.SCHEDULED], OrderStatus.IN_PROGRESS),
        ([S.COMPLETED, S.CANCELED], OrderStatus.COMPLETED),
    ],
)
def test_a_work_order_is_as_far_as_its_bookings(steps: list[Step | None], status: OrderStatus) -> None:
    assert order_status(steps) is status
