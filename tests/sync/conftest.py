from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import NewState
from tests.sync.stage import Stage
from tests.sync.world import NOW, World


@pytest.fixture
def new_world(new_sqlite: NewState, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds over fresh states on SQLite; closes them."""
    made: list[World] = []

    def make(url: str | None = None, **settings: Any) -> World:
        folder = tmp_path / f"ends-{len(made)}"
        folder.mkdir()
        made.append(World(folder, url or new_sqlite(), **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def stage(new_sqlite: NewState, tmp_path: Path) -> Iterator[Stage]:
    """A stage on which a story can be played; the oracle looks on."""
    made = Stage(tmp_path, new_sqlite(), now=NOW)
    yield made
    made.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world with the default settings."""
    return new_world()
