"""What is due, and how urgent: a table of instants."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.values import BOX, OTHER_BOX

from fieldcal.engine.schedule import Job, Kind, Priority, due
from fieldcal.state.feeds import Feed

EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 2, 10, tzinfo=UTC)
READ = Feed("cursor", None, EVENING, None, 7, 14, None, None, EVENING, "", EVENING + timedelta(hours=20), EVENING)
PASS = Job(Priority.REGULAR, Kind.PASS, "main")
CHECK = Job(Priority.CHECK, Kind.CHECK, "main")


def box(mailbox: str) -> Job:
    return Job(Priority.CHANGE, Kind.MAILBOX, "main", mailbox)


@pytest.mark.parametrize(
    ("feed", "boxes", "now", "expected"),
    [
        (replace(READ, next_pull_at=None), [], EVENING, [PASS]),
        (replace(READ, next_pull_at=EVENING), [], EVENING, [PASS]),
        (replace(READ, next_pull_at=EVENING), [BOX], EVENING, [PASS]),
        (replace(READ, next_pull_at=EVENING + timedelta(seconds=1)), [], EVENING, []),
        (READ, [BOX, OTHER_BOX], EVENING, [box(BOX), box(OTHER_BOX)]),
        (replace(READ, last_check_at=NIGHT - timedelta(days=1)), [], NIGHT, [CHECK]),
        (replace(READ, last_check_at=NIGHT - timedelta(days=1)), [BOX], NIGHT, [box(BOX), CHECK]),
        (replace(READ, last_check_at=NIGHT - timedelta(hours=1)), [], NIGHT, []),
        (replace(READ, last_check_at=None), [], NIGHT, [CHECK]),
        (replace(READ, last_check_at=None), [], EVENING, []),
        (replace(READ, last_check_at=EVENING - timedelta(days=1)), [], EVENING, []),
        (replace(READ, last_check_at=EVENING - timedelta(days=3)), [], EVENING, [CHECK]),
        (replace(READ, next_pull_at=EVENING + timedelta(days=2)), [BOX], EVENING, [PASS]),
        (replace(READ, last_check_at=NIGHT + timedelta(days=9)), [], NIGHT, [CHECK]),
    ],
    ids=[
        "never read", "the time has come", "the pass takes the due mailbox along", "a second too early",
        "two mailboxes are due", "the night", "the night, and a mailbox is due", "checked this night already",
        "never checked, at night", "never checked, by day", "checked yesterday, by day", "checked too long ago",
        "a wrong clock put the pass off", "a wrong clock says it was checked",
    ],
)  # fmt: skip
def test_r1_what_is_due_when(feed: Feed, boxes: list[str], now: datetime, expected: list[Job]) -> None:
    assert due("main", feed, boxes, now) == expected  # type: ignore[arg-type]


def test_a_person_goes_before_a_change_before_the_schedule_before_the_check() -> None:
    jobs = [Job(priority, Kind.PASS, "main") for priority in (3, 1, 0, 2)]  # type: ignore[arg-type]
    assert [job.priority for job in sorted(jobs)] == [
        Priority.PERSON, Priority.CHANGE, Priority.REGULAR, Priority.CHECK,
    ]  # fmt: skip


def test_two_passes_of_one_environment_have_one_key_whatever_their_priority() -> None:
    keys = {Job(Priority.PERSON, Kind.PASS, "main").key, PASS.key}
    assert len(keys) == 1
    assert len({PASS.key, CHECK.key, box(BOX).key, box(OTHER_BOX).key, replace(PASS, environment="other").key}) == 5
