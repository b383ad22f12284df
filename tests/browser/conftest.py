"""A company that is shared by the stories of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browser.company import Tell, telling


@pytest.fixture(scope="module")
def tell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tell]:
    """Tells a story at the company of this file, which is made as its `WORLD` says."""
    with telling(tmp_path_factory.mktemp("company"), **request.module.WORLD) as told:
        yield told
