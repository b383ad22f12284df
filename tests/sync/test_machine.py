"""The whole sync as a state machine, in short here and at length in `make slow`; also over PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.conftest import NewState
from tests.sync.machine import SyncMachine
from tests.sync.stage import Stage

ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
SHORT = settings(max_examples=10, stateful_step_count=25, derandomize=True, database=None, **ALWAYS)  # type: ignore[arg-type]
LONG = settings(
    max_examples=int(os.environ.get("FIELDCAL_EXAMPLES", "300")), stateful_step_count=50, database=None,
    **ALWAYS,  # type: ignore[arg-type]
)  # fmt: skip


def machine(new_state: NewState, folder: Path, **ends: Any) -> type[SyncMachine]:
    """A machine whose every example has ends and a state of its own; `ends`: what else its stages are made of."""
    made = 0

    def new_stage(now: datetime, follow: bool, tell: Callable[[str], None]) -> Stage:
        nonlocal made
        made += 1
        shutil.rmtree(folder / f"ends-{made - 1}", ignore_errors=True)
        place = folder / f"ends-{made}"
        place.mkdir()
        return Stage(place, new_state(), now=now, follow_work_order=follow, tell=tell, **ends)

    return type("Machine", (SyncMachine,), {"new_stage": staticmethod(new_stage)})


@pytest.mark.timeout(900)
def test_f58_whatever_happens_the_calendars_end_up_as_the_rules_say(new_sqlite: NewState, tmp_path: Path) -> None:
    run_state_machine_as_test(machine(new_sqlite, tmp_path), settings=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_f58_whatever_happens_at_length(new_state: NewState, tmp_path: Path) -> None:
    run_state_machine_as_test(machine(new_state, tmp_path), settings=LONG)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_f58_whatever_happens_where_no_changes_are_tracked(new_sqlite: NewState, tmp_path: Path) -> None:
    run_state_machine_as_test(machine(new_sqlite, tmp_path, swept=True), settings=LONG)
