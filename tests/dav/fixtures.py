"""Both servers, started once for each test process and only where a test asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.dav.servers import DavServer, running

KINDS = ("radicale", "xandikos")


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    with running("radicale", tmp_path_factory.mktemp("radicale")) as server:
        yield server


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    with running("xandikos", tmp_path_factory.mktemp("xandikos")) as server:
        yield server


@pytest.fixture(params=KINDS)
def dav_server(request: pytest.FixtureRequest) -> DavServer:
    """One of them; a test that asks for it is asked of both."""
    return request.getfixturevalue(request.param)
