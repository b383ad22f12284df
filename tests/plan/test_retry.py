"""When a failed write is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.errors import (
    Changed,
    Denied,
    EventError,
    FieldcalError,
    Forbidden,
    Full,
    Gone,
    KeyUsed,
    LeaseLost,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
)
from fieldcal.plan.retry import ANEW, AT_ONCE, FIRST, LONGEST, SLOW, next_try, pause

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def seconds(error: FieldcalError, attempt: int = 1, spread: float = 0.0) -> float | None:
    due = next_try(error, attempt, NOW, spread)
    return None if due is None else (due - NOW).total_seconds()


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause(attempt, 0.0) for attempt in range(1, 11)] == [4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert pause(10**6, 0.0) == LONGEST


@pytest.mark.parametrize(
    ("told", "expected"),
    [(None, 4.0), (0.0, 4.0), (1.0, 4.0), (2.5, 4.0), (30.0, 30.0), (30.5, 30.5), (7200.0, 7200.0)],
)
def test_f23_a_retry_after_is_a_floor_never_a_ceiling(told: float | None, expected: float) -> None:
    assert pause(1, 0.0, told) == expected


def test_f23_a_server_that_always_answers_one_second_is_asked_ever_more_seldom() -> None:
    waits = [pause(attempt, 0.0, 1.0) for attempt in range(1, 6)]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 86_400))
def test_the_spread_parts_the_crowd_by_a_fifth_and_never_undercuts_the_server(
    attempt: int, spread: float, told: float | None
) -> None:
    least = pause(attempt, 0.0, told)
    assert least <= pause(attempt, spread, told) <= least * 1.2
    assert least >= (told or 0.0)


@pytest.mark.parametrize(
    ("error", "first", "second"),
    [
        pytest.param(Rejected("bad"), None, None, id="rejected: never unchanged"),
        pytest.param(Gone("gone"), 0, 0, id="gone: decided anew at once"),
        pytest.param(KeyUsed("used"), 0, 0, id="key used"),
        pytest.param(Changed("changed"), 0, 2, id="changed: read, decided anew, once"),
        pytest.param(OutcomeUnknown("?"), 1, 2, id="unknown outcome: soon"),
        pytest.param(NotSent("busy"), FIRST, 2 * FIRST, id="not sent"),
        pytest.param(NotSent("busy", retry_after=60), 60, 60, id="not sent, told to wait"),
        pytest.param(EventError("odd"), 1, 2, id="an event's error of no kind"),
        pytest.param(Full("full"), SLOW, LONGEST, id="full: slowly"),
        pytest.param(Forbidden("no"), SLOW, LONGEST, id="forbidden: slowly"),
        pytest.param(NotAMailbox("none"), SLOW, LONGEST, id="not a mailbox: slowly"),
        pytest.param(Unavailable("moving"), FIRST, 2 * FIRST, id="unavailable"),
        pytest.param(Unavailable("moving", retry_after=90), 90, 90, id="unavailable, told to wait"),
        pytest.param(Throttled("slow down", retry_after=17), 17, 17, id="throttled"),
        pytest.param(Throttled("slow down"), FIRST, 2 * FIRST, id="F23 throttled, nothing told"),
        pytest.param(Unreachable("down"), FIRST, 2 * FIRST, id="unreachable"),
        pytest.param(SignInFailed("401"), FIRST, 2 * FIRST, id="sign-in"),
        pytest.param(Denied("403"), FIRST, 2 * FIRST, id="denied"),
        pytest.param(LeaseLost("taken"), FIRST, 2 * FIRST, id="lease lost"),
    ],
)
def test_each_error_has_its_next_try(error: FieldcalError, first: float | None, second: float | None) -> None:
    assert (seconds(error), seconds(error, 2)) == (first, second)


@pytest.mark.parametrize(
    ("error", "times"), [(Gone("gone"), AT_ONCE), (KeyUsed("used"), AT_ONCE), (Changed("changed"), ANEW)]
)
def test_what_taught_something_is_tried_at_once_whatever_failed_before_but_not_for_ever(
    error: FieldcalError, times: int
) -> None:
    assert next_try(error, 9, NOW, 0.0, here=1) == NOW
    assert next_try(error, 9, NOW, 0.0, here=times) == NOW
    assert next_try(error, 9, NOW, 0.0, here=times + 1) == NOW + timedelta(seconds=pause(9, 0.0, first=1.0))
