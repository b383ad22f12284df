"""An admin centre for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import NewState
from tests.web.centre_end import Centre


@pytest.fixture
def place(new_sqlite: NewState, tmp_path: Path) -> Centre:
    return Centre(tmp_path / "data", new_sqlite())
