"""The proof again where several machines share the work: state in PostgreSQL, each pass of two workers in drawn turns."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.conftest import NewState
from tests.sync.mortal import Where
from tests.sync.stage import Stage
from tests.sync.test_every_cut import CUTS, LAST, STORIES
from tests.sync.test_machine import ALWAYS, machine
from tests.sync.world import NOW

SHORT = settings(max_examples=3, stateful_step_count=12, derandomize=True, database=None, **ALWAYS)  # type: ignore[arg-type]
LONG = settings(
    max_examples=int(os.environ.get("FIELDCAL_EXAMPLES", "150")), stateful_step_count=50, database=None,
    **ALWAYS,  # type: ignore[arg-type]
)  # fmt: skip
#: The restore's copy is a file, which PostgreSQL has not.
SHARED = ("first load", "busy hour")
#: Who goes first, and when it changes.
DRAWS = (1, 2)


@pytest.mark.timeout(900)
def test_f58_i8_whatever_happens_to_two_workers_the_calendars_end_up_as_the_rules_say(
    new_postgres: NewState, tmp_path: Path
) -> None:
    run_state_machine_as_test(machine(new_postgres, tmp_path, two=random.Random(1)), settings=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_f58_i8_whatever_happens_to_two_workers_at_length(new_postgres: NewState, tmp_path: Path) -> None:
    run_state_machine_as_test(machine(new_postgres, tmp_path, two=random.Random(1)), settings=LONG)


#: Plays a story whose first worker dies there, the turns being drawn from a number; whether it came to die.
Play = Callable[[str, Where, int, int], bool]


@pytest.fixture
def play(new_postgres: NewState, tmp_path: Path) -> Play:
    folders = (tmp_path / f"ends-{number}" for number in count())

    def played(name: str, where: Where, nth: int, draw: int) -> bool:
        folder, told = next(folders), list[str]()
        folder.mkdir()
        story, before = STORIES[name]
        stage = Stage(
            folder, new_postgres(), now=NOW, tell=told.append, before_the_first_pass=before, two=random.Random(draw)
        )
        try:
            stage.oracle.storm = True
            first = stage.process.life
            first.dies(where, nth)
            story(stage)
            died = not (first.alive and stage.process.life.alive)
            stage.process.life.spare()
            stage.quiets()
        except AssertionError as error:
            error.add_note("\n".join([f"cut {where} no. {nth}, drawn from {draw}", *told]))
            raise
        finally:
            stage.close()
            shutil.rmtree(folder, ignore_errors=True)
        return died

    return played


@pytest.mark.parametrize(
    ("name", "where", "nth"),
    [("first load", "after write", 1), ("busy hour", "before commit", 4)],
)
def test_i1_i2_a_story_of_two_workers_of_whom_one_dies_here_and_there_ends_as_it_should(
    play: Play, name: str, where: Where, nth: int
) -> None:
    assert play(name, where, nth, 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("name", SHARED)
def test_i1_i2_a_story_of_two_workers_of_whom_one_dies_anywhere_ends_as_it_should(
    play: Play, name: str, where: Where, draw: int
) -> None:
    cuts = next(nth for nth in range(1, LAST) if not play(name, where, nth, draw)) - 1
    assert cuts >= 1
