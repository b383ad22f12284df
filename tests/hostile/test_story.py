"""A busy hour through a bad network: I1 to I9 are asked at every step, I2 when the network is calm again.

The story is that of `tests/sync/test_every_cut.py`; here nothing dies but answers, requests and patience.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, product
from pathlib import Path

import pytest
from tests.conftest import NewState
from tests.hostile.proxy import TROUBLES, Trouble
from tests.sync.stage import Stage
from tests.sync.test_every_cut import busy_hour
from tests.sync.world import NOW

#: the client waits for each of them until its patience ends, or has much to unpack
WAITS = {"stall", "stall after", "stall inside", "drip", "header flood", "interim flood", "endless body", "zip bomb"}
WAYS = {"Exchange": ("POST|PATCH|DELETE", ""), "field service": ("GET",)}
PATIENCE = 1.0
#: (where, which requests, from which one on, how many): one, and a storm for as long as the story lasts
PLACES = [
    (where, method, nth, times)
    for where, methods in WAYS.items()
    for method, nth, times in product(methods, (1, 2, 4), (1, None))
]
#: `make test` plays every such-and-such of them, prime to the numbers above; `make slow` plays all
STRIDE = 47

Play = Callable[[str, tuple[str, str, int, int | None]], int]


def through(stage: Stage, where: str, trouble: Trouble, told: list[str]) -> int:
    """Plays the hour on this stage with this trouble before that end; gives how many requests met it."""
    try:
        stage.roughens(where, trouble)
        busy_hour(stage)
        stage.quiets(everything=True)
        return sum(proxy.acted for proxy in stage.world.proxies)
    except AssertionError as error:
        error.add_note("\n".join(told))
        raise
    finally:
        stage.close()


@pytest.fixture
def play(new_sqlite: NewState, tmp_path: Path) -> Play:
    """Plays the story with this trouble; gives how many requests met it."""
    folders = (tmp_path / f"ends-{number}" for number in count())

    def played(kind: str, place: tuple[str, str, int, int | None]) -> int:
        where, method, nth, times = place
        told: list[str] = []
        folder = next(folders)
        folder.mkdir()
        stage = Stage(folder, new_sqlite(), now=NOW, patience=PATIENCE if kind in WAITS else 30.0, tell=told.append)
        return through(stage, where, Trouble(kind, method, nth=nth, times=times), told)

    return played


ALL = list(product(TROUBLES, PLACES))
QUICK = [(kind, place) for kind, place in ALL if kind not in WAITS][::STRIDE]


@pytest.mark.parametrize(("kind", "place"), QUICK, ids=str)
def test_i1_to_i9_hold_through_a_bad_network_here_and_there(
    play: Play, kind: str, place: tuple[str, str, int, int | None]
) -> None:
    assert play(kind, place) > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", TROUBLES)
def test_i1_to_i9_hold_through_a_bad_network_anywhere(play: Play, kind: str) -> None:
    met = [play(kind, place) for place in PLACES]
    assert sum(bool(number) for number in met) > len(PLACES) / 2
