"""Jobs as rows and back: what goes into the queue, and what a row of another version comes to. Tables, no database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from procrastinate.jobs import Job as Row

from fieldcal.engine import tickets
from fieldcal.engine.schedule import WINDOW, Job, Kind, Priority

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LOOK = Job(Priority.CHANGE, Kind.LOOK, "main", named=("a", "b"), heard=2, run="r")
SAID: dict[str, Any] = dict(tickets.row_of(LOOK).task_kwargs)


def box(number: int, priority: Priority = Priority.CHANGE) -> Job:
    return Job(priority, Kind.MAILBOX, "main", f"box-{number}")


def waiting(job: Job, status: str = "todo", **more: Any) -> Row:
    row = tickets.row_of(job)
    return row.evolve(status=status, task_kwargs={**row.task_kwargs, **more})


@pytest.mark.parametrize("job", [LOOK, box(1), Job(Priority.PERSON, Kind.PASS, "main", named=("box-1",))])
def test_a_job_comes_out_of_the_queue_as_it_went_in(job: Job) -> None:
    assert tickets.read(tickets.row_of(job).task_kwargs) == job


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kind": "PASS", "priority": 2, "environment": "main"}, Job(Priority.REGULAR, Kind.PASS, "main")),
        (SAID | {"tenth": "", "only": [], "times": 0, "sure": False, "left": 3}, LOOK),
        (SAID | {"kind": "REHEARSAL"}, "REHEARSAL at priority 1"),
        (SAID | {"priority": 77}, "LOOK at priority 77"),
        (SAID | {"dry": True, "by": "ana"}, "by, dry of it"),
        ({"priority": 2, "environment": "main"}, "None at priority 2"),
    ],
    ids=["an older version's", "what is new says nothing", "a kind", "a priority", "two fields", "no kind at all"],
)
def test_a_row_of_another_version_is_the_job_that_it_says_or_left_to_newer_workers(
    said: dict[str, Any], expected: Job | str
) -> None:
    if isinstance(expected, Job):
        assert tickets.read(said) == expected
        return
    with pytest.raises(tickets.Newer) as told:
        tickets.read(said)
    assert str(told.value) == expected


def test_what_is_left_to_newer_workers_says_the_same_holds_nobody_up_and_ends() -> None:
    row: Row | None = waiting(LOOK, "doing", dry=True)
    for times in range(1, tickets.TIMES + 1):
        assert row is not None
        before, row = row, tickets.left(row, AT)
        assert row is not None
        assert (row.id, row.status, row.lock, row.scheduled_at) == (None, None, None, AT)
        assert (row.queue, row.queueing_lock, row.priority) == (before.queue, before.queueing_lock, before.priority)
        assert row.task_kwargs == SAID | {"dry": True, "left": times}
        assert tickets.is_left(row)
    assert row is not None
    assert tickets.left(row, AT) is None


@pytest.mark.parametrize(
    ("there", "jobs", "goes_in"),
    [
        ([], [box(1), box(2)], [box(1), box(2)]),
        ([waiting(box(1))], [box(1), box(2)], [box(2)]),
        ([waiting(box(1), "doing")], [box(1), box(1, Priority.REGULAR)], []),
        ([waiting(box(1), "doing")], [box(1, Priority.PERSON)], [box(1, Priority.PERSON)]),
        ([], [box(1), box(1, Priority.REGULAR)], [box(1)]),
        ([waiting(box(1))], [box(1, Priority.REGULAR)], []),
        ([waiting(box(n)) for n in range(WINDOW)], [box(500), box(501, Priority.REGULAR)], []),
        ([waiting(box(n)) for n in range(WINDOW)], [box(500, Priority.PERSON)], [box(500, Priority.PERSON)]),
        ([waiting(box(n), "doing") for n in range(WINDOW)], [box(500)], [box(500)]),
        ([waiting(box(n), dry=1, left=2) for n in range(WINDOW)], [box(500)], [box(500)]),
        ([waiting(LOOK)], [LOOK], [LOOK]),
        ([], [box(n) for n in range(WINDOW + 5)], [box(n) for n in range(WINDOW)]),
    ],
    ids=[
        "an empty queue", "one waits already", "one is at work: the schedule comes again",
        "one is at work: a person waits for it", "one is asked for twice",
        "the schedule adds nothing to what waits", "the window is full", "a person needs no room",
        "what is at work takes no room", "what is left to newer workers takes no room", "each look is its own",
        "no more than the window",
    ],
)  # fmt: skip
def test_what_goes_into_the_queue_beside_what_is_there(there: list[Row], jobs: list[Job], goes_in: list[Job]) -> None:
    assert [tickets.read(row.task_kwargs) for row in tickets.wanted(jobs, there)] == goes_in


def test_an_environment_whose_name_is_too_long_for_a_channel_has_a_queue_of_its_own() -> None:
    long = "ä" * 30
    assert tickets.queue_of("main") == "main"
    assert tickets.queue_of(long) != tickets.queue_of(long + "x")
    assert len(tickets.queue_of(long).encode()) <= 36
