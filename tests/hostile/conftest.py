from __future__ import annotations

from zlib import crc32

import pytest

#: one in so many of what is asked of CalDAV is asked in `make test`; `make slow` asks all
ONE_IN = 20


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        call = getattr(item, "callspec", None)
        asked = call is not None and {"radicale", "xandikos"} & set(map(str, call.params.values()))
        if asked and "tests/hostile/" in item.nodeid and crc32(item.nodeid.encode()) % ONE_IN:
            item.add_marker(pytest.mark.slow)
