"""The busy hour of `test_story.py` where the calendars lie on a CalDAV server, and the network before it is bad."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, product
from pathlib import Path

import pytest
from tests.conftest import NewState
from tests.dav.servers import DavServer
from tests.hostile.proxy import TROUBLES, Trouble
from tests.hostile.test_story import PATIENCE, WAITS, through
from tests.sync.stage import Stage
from tests.sync.world import NOW

#: (which requests, from which one on, how many): one, and a storm for as long as the story lasts
PLACES = list(product(("PUT|DELETE", ""), (1, 3), (1, None)))
#: `make test` plays every such-and-such of them; `make slow` plays all
STRIDE = 90

Place = tuple[str, int, int | None]
Play = Callable[[DavServer, str, Place], int]


@pytest.fixture
def play(new_sqlite: NewState, tmp_path: Path) -> Play:
    """Plays the story with this trouble on the way to the calendars; gives how many requests met it."""
    folders = (tmp_path / f"ends-{number}" for number in count())

    def played(server: DavServer, kind: str, place: Place) -> int:
        method, nth, times = place
        told: list[str] = []
        folder = next(folders)
        folder.mkdir()
        patience = PATIENCE if kind in WAITS else 30.0
        stage = Stage(folder, new_sqlite(), now=NOW, patience=patience, caldav=server, tell=told.append)
        return through(stage, "Exchange", Trouble(kind, method, nth=nth, times=times), told)

    return played


ALL = list(product(TROUBLES, PLACES))
QUICK = [(kind, place) for kind, place in ALL if kind not in WAITS][7::STRIDE]


@pytest.mark.parametrize(("kind", "place"), QUICK, ids=str)
def test_i1_to_i9_hold_on_caldav_through_a_bad_network_here_and_there(
    play: Play, radicale: DavServer, kind: str, place: Place
) -> None:
    assert play(radicale, kind, place) > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", TROUBLES)
def test_i1_to_i9_hold_on_caldav_through_a_bad_network_anywhere(play: Play, dav_server: DavServer, kind: str) -> None:
    met = [play(dav_server, kind, place) for place in PLACES]
    assert sum(bool(number) for number in met) > len(PLACES) / 2
