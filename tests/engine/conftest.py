"""A queue in a PostgreSQL of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url
from tests.conftest import NewState
from tests.engine.queue_place import Place

from fieldcal.state import beside, queue_schema
from fieldcal.state.database import Database


@pytest.fixture
def queue_state(new_postgres: NewState) -> str:
    url = new_postgres()
    database = Database(url)
    queue_schema.upgrade(database)
    database.close()
    return url


@pytest.fixture
def address(queue_state: str) -> str:
    return beside.address(make_url(queue_state), beside.QUEUE)


@pytest.fixture
def place(queue_state: str) -> Iterator[Place]:
    made = Place(queue_state)
    yield made
    made.close()
