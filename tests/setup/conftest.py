from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.setup.room import Room

from fieldcal.state.database import Database


@pytest.fixture
def room(sqlite_database: Database, tmp_path: Path) -> Iterator[Room]:
    """A set-up with its Exchange, on SQLite."""
    made = Room(sqlite_database, tmp_path)
    yield made
    made.close()


@pytest.fixture
def both_rooms(database: Database, tmp_path: Path) -> Iterator[Room]:
    """A set-up with its Exchange, on both databases."""
    made = Room(database, tmp_path)
    yield made
    made.close()
