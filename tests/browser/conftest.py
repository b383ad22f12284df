"""The browser of a test process, and a company that is shared by the stories of one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.company import Stage, Tell, stage


@pytest.fixture(scope="session", name="stage")
def _stage(sqlite_template: Path) -> Iterator[Stage]:
    with stage(sqlite_template) as made:
        yield made


@pytest.fixture(scope="module")
def tell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Iterator[Tell]:
    """Tells a story at the company of this file, which is made as its `WORLD` says."""
    with stage.telling(tmp_path_factory.mktemp("company"), **request.module.WORLD) as told:
        yield told
