"""How many writes are handed out at once (`sync/widths.py`)."""

from __future__ import annotations

import pytest

from fieldcal.sync.widths import FIRST, QUICK, SLOW, after

#: seconds
TIME = 75.0


@pytest.mark.parametrize(
    ("width", "sent", "seconds", "then"),
    [
        (24, 24, 0.1, 48), (24, 24, QUICK - 0.01, 48),
        (24, 24, QUICK, 24), (24, 24, SLOW, 24), (96, 96, 20.0, 96),
        (24, 24, SLOW + 0.01, 12), (96, 96, 70.0, 48), (1, 1, 40.0, 1), (2, 1, 40.0, 1),
        # a batch that was not full says nothing of a wider one, but a slow one is slow however small
        (96, 4, 0.1, 96), (96, 95, 9.0, 96), (96, 4, 35.0, 2), (96, 1, 35.0, 1),
    ],
)  # fmt: skip
def test_a_quick_full_batch_is_followed_by_a_wider_one_and_a_slow_one_by_a_narrower(width, sent, seconds, then):
    assert after(width, sent, seconds) == then


@pytest.mark.parametrize("each", [0.001, 0.05, 0.4, 0.41, 1.0, 2.0, 3.0])
def test_at_a_steady_pace_no_batch_lasts_much_over_a_minute(each):
    width = FIRST
    for _ in range(50):
        assert width * each < TIME
        width = min(after(width, width, width * each), 1024)


def test_a_server_that_turns_slow_gets_small_batches_and_wide_ones_when_it_is_quick_again():
    width = 128
    for _ in range(10):
        width = min(after(width, width, width * 10.0), 128)
    assert width * 10.0 <= SLOW
    for _ in range(10):
        width = min(after(width, width, width * 0.01), 128)
    assert width == 128
