"""Stages whose calendars lie on a CalDAV server, for the tests that play on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.conftest import NewState
from tests.dav.servers import DavServer
from tests.sync.machine import SyncMachine
from tests.sync.stage import Stage


def caldav_machine(server: DavServer, new_state: NewState, folder: Path) -> type[SyncMachine]:
    """A machine whose every example has users of its own on this server, and a field service and a state of its own."""
    made = 0

    def new_stage(now: datetime, follow: bool, tell: Callable[[str], None]) -> Stage:
        nonlocal made
        made += 1
        shutil.rmtree(folder / f"ends-{made - 1}", ignore_errors=True)
        place = folder / f"ends-{made}"
        place.mkdir()
        return Stage(place, new_state(), now=now, follow_work_order=follow, caldav=server, tell=tell)

    return type("Machine", (SyncMachine,), {"new_stage": staticmethod(new_stage)})
