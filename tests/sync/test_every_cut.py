"""Scripted stories whose process dies at write 1, 2, 3, ... to the end, at the store and at the wire, and is restarted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from tests.conftest import NewState
from tests.sync.mortal import Where
from tests.sync.stage import Stage
from tests.sync.world import NOW

HOUR = timedelta(hours=1)
TOMORROW = NOW + 24 * HOUR
#: the transaction is lost or kept; the request is never handed over, or carried out and its answer never read
CUTS: tuple[Where, ...] = ("before commit", "after commit", "before write", "after write")
#: more cuts than any story has
LAST = 500
#: which cuts `make test` tries, of the busy hour both: others on either side of a step; `make slow` tries all
SAMPLE: dict[Where, tuple[int, ...]] = {
    "before commit": (1, 8), "after commit": (3, 21), "before write": (1, 3), "after write": (2, 4),
}  # fmt: skip

Story = Callable[[Stage], None]


def book_the_first_day(stage: Stage) -> None:
    order = stage.opens_order()
    for hour in range(8):
        stage.books("Ana" if hour % 2 else "Early shift", TOMORROW + hour * HOUR, 1, order=order if hour % 3 else None)
    # Three batches in one mailbox, so that there is a write in the middle.
    for hour in range(42):
        stage.books("Ben", TOMORROW + hour * HOUR, 1)
    stage.books("Crew North", TOMORROW, 2)
    stage.books("Ana", NOW - 24 * 10 * HOUR, 2)
    stage.books("Ana", NOW + 24 * 20 * HOUR, 2)


def first_load(stage: Stage) -> None:
    """Everything is read and written for the first time."""
    stage.passes_or_dies()
    stage.passes_or_dies()


def busy_hour(stage: Stage) -> None:
    """Moves, cancellations, deletions, other workers and other work orders, pass after pass."""
    first, other = stage.opens_order(), stage.opens_order()
    jobs = [stage.books("Ana", TOMORROW + hour * HOUR, 1, order=first) for hour in range(4)]
    jobs += [stage.books("Ben", TOMORROW + hour * HOUR, 1) for hour in range(3)]
    stage.passes_or_dies()
    stage.moves(jobs[0], TOMORROW + 30 * HOUR, 2)
    stage.sets_status(jobs[1], "Canceled")
    stage.reassigns(jobs[2], "Ben")
    stage.deletes(jobs[4])
    stage.edits_order(first)
    stage.passes_or_dies()
    stage.waits(timedelta(minutes=15))
    stage.reassigns(jobs[2], "Ana")
    stage.sets_status(jobs[1], "Scheduled")
    stage.swaps_order(jobs[3], other)
    stage.reassigns(jobs[0], "Early shift")
    for box, stand in [each for each in stage.events() if each[1].booking == jobs[5]]:
        stage.hand_deletes(box, stand)
    stage.moves(jobs[5], TOMORROW + 40 * HOUR, 1)
    stage.passes_or_dies()
    stage.waits(timedelta(minutes=15))
    stage.deletes(jobs[0])
    stage.reassigns(jobs[6], "Crew North")
    stage.passes_or_dies()


def restore(stage: Stage) -> None:
    """The state is put back to an older copy; what was written since stands in the calendars."""
    jobs = [stage.books("Ana", TOMORROW + hour * HOUR, 1) for hour in range(5)]
    jobs.append(stage.books("Ben", TOMORROW, 1))
    stage.passes_or_dies()
    stage.keeps_a_copy()
    stage.moves(jobs[0], TOMORROW + 30 * HOUR, 2)
    stage.deletes(jobs[1])
    stage.reassigns(jobs[2], "Ben")
    stage.reassigns(jobs[5], "Ana")
    stage.books("Ana", TOMORROW + 9 * HOUR, 1)
    gone = stage.books("Ana", TOMORROW + 10 * HOUR, 1)
    stage.passes_or_dies()
    stage.reassigns(jobs[2], "Ana")
    stage.reassigns(gone, "Ben")
    stage.passes_or_dies()
    stage.puts_the_copy_back()
    stage.deletes(gone)
    stage.passes_or_dies()


STORIES: dict[str, tuple[Story, Story | None]] = {
    "first load": (first_load, book_the_first_day),
    "busy hour": (busy_hour, None),
    "restore": (restore, None),
}


@pytest.fixture
def play(new_sqlite: NewState, tmp_path: Path) -> Callable[[str, Where, int], bool]:
    """Plays a story whose process dies there; True where it came to die."""
    folders = (tmp_path / f"ends-{number}" for number in count())

    def played(name: str, where: Where, nth: int) -> bool:
        folder = next(folders)
        folder.mkdir()
        told: list[str] = []
        story, before = STORIES[name]
        stage = Stage(folder, new_sqlite(), now=NOW, tell=told.append, before_the_first_pass=before)
        try:
            stage.oracle.storm = True
            stage.process.life.dies(where, nth)
            first = stage.process.life
            story(stage)
            died = not (first.alive and stage.process.life.alive)
            stage.process.life.spare()
            stage.quiets()
        except AssertionError as error:
            error.add_note("\n".join(told))
            raise
        finally:
            stage.close()
            shutil.rmtree(folder, ignore_errors=True)
        return died

    return played


@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("name", STORIES)
def test_a_story_cut_here_and_there_ends_as_it_should(
    play: Callable[[str, Where, int], bool], name: str, where: Where
) -> None:
    died = [play(name, where, nth) for nth in SAMPLE[where][: None if name == "busy hour" else 1]]
    assert died[0]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("name", STORIES)
def test_a_story_cut_anywhere_ends_as_it_should(
    play: Callable[[str, Where, int], bool], name: str, where: Where
) -> None:
    cuts = next(nth for nth in range(1, LAST) if not play(name, where, nth)) - 1
    # The first load has the fewest: a batch for Ana and three for Ben.
    assert cuts >= 4
