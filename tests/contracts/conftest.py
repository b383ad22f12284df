from __future__ import annotations

import pytest
from tests.contracts.roads import slow_on_rough_roads, turn_about


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if "tests/contracts/" in item.nodeid]
    slow_on_rough_roads(ours)
    turn_about(ours)
