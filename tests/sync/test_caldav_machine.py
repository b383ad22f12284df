"""The whole sync as a state machine where the calendars lie on a CalDAV server: the same deeds, rules and oracle."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.conftest import NewState
from tests.dav.servers import DavServer
from tests.sync.mortal import Where
from tests.sync.stage import Stage
from tests.sync.test_every_cut import CUTS, LAST, busy_hour, restore
from tests.sync.test_machine import ALWAYS, machine
from tests.sync.world import NOW

SHORT = settings(max_examples=3, stateful_step_count=12, derandomize=True, database=None, **ALWAYS)  # type: ignore[arg-type]
LONG = settings(
    max_examples=int(os.environ.get("FIELDCAL_EXAMPLES", "40")), stateful_step_count=50, database=None,
    **ALWAYS,  # type: ignore[arg-type]
)  # fmt: skip
STORIES = {"busy hour": busy_hour, "restore": restore}


@pytest.mark.timeout(900)
def test_f58_whatever_happens_the_calendars_of_a_caldav_server_end_up_as_the_rules_say(
    radicale: DavServer, new_sqlite: NewState, tmp_path: Path
) -> None:
    run_state_machine_as_test(machine(new_sqlite, tmp_path, caldav=radicale), settings=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_f58_whatever_happens_at_length_on_caldav(dav_server: DavServer, new_sqlite: NewState, tmp_path: Path) -> None:
    run_state_machine_as_test(machine(new_sqlite, tmp_path, caldav=dav_server), settings=LONG)


class Plays:
    """Plays a story on a CalDAV server whose process dies there."""

    def __init__(self, server: DavServer, new_state: NewState, folder: Path) -> None:
        self._server, self._new_state, self._folder = server, new_state, folder
        self._numbers = count()

    def dies(self, name: str, where: Where, nth: int) -> bool:
        """True where it came to die; however that is, the calendars end up as the rules say."""
        folder, told = self._folder / f"ends-{next(self._numbers)}", list[str]()
        folder.mkdir()
        stage = Stage(folder, self._new_state(), now=NOW, caldav=self._server, tell=told.append)
        try:
            stage.oracle.storm = True
            stage.process.life.dies(where, nth)
            first = stage.process.life
            STORIES[name](stage)
            died = not (first.alive and stage.process.life.alive)
            stage.process.life.spare()
            stage.quiets()
        except AssertionError as error:
            error.add_note("\n".join(told))
            raise
        finally:
            stage.close()
        return died


@pytest.fixture
def plays(dav_server: DavServer, new_sqlite: NewState, tmp_path: Path) -> Plays:
    return Plays(dav_server, new_sqlite, tmp_path)


def test_a_busy_hour_on_caldav_ends_as_it_should(radicale: DavServer, new_sqlite: NewState, tmp_path: Path) -> None:
    assert not Plays(radicale, new_sqlite, tmp_path).dies("busy hour", "before write", LAST), "nobody dies in it"


@pytest.mark.parametrize(("where", "nth"), [("after write", 2)])
def test_a_busy_hour_on_caldav_cut_here_and_there_ends_as_it_should(
    radicale: DavServer, new_sqlite: NewState, tmp_path: Path, where: Where, nth: int
) -> None:
    assert Plays(radicale, new_sqlite, tmp_path).dies("busy hour", where, nth)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("name", STORIES)
def test_a_story_on_caldav_cut_anywhere_ends_as_it_should(plays: Plays, name: str, where: Where) -> None:
    cuts = next(nth for nth in range(1, LAST) if not plays.dies(name, where, nth)) - 1
    assert cuts >= 8
