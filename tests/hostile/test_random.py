"""Random histories through a bad network: the state machine of `tests/sync/machine.py` with one more thing to go wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from tests.conftest import NewState
from tests.hostile.proxy import TROUBLES, Trouble
from tests.hostile.test_story import WAITS
from tests.sync.machine import SyncMachine
from tests.sync.stage import Stage
from tests.sync.test_machine import ALWAYS

#: What arrives late may arrive where nothing may be written any more; the stories have it.
KINDS = [kind for kind in TROUBLES if kind not in WAITS | {"late"}]
EXAMPLES = int(os.environ.get("FIELDCAL_EXAMPLES", "100"))
LONG = settings(max_examples=EXAMPLES, stateful_step_count=40, database=None, **ALWAYS)  # type: ignore[arg-type]
PATIENCE = 30.0


class RoughMachine(SyncMachine):
    """A history in which the network fails too."""

    @precondition(SyncMachine._is_stormy)
    @rule(kind=st.sampled_from(KINDS), where=st.sampled_from(["Exchange", "field service"]),
          method=st.sampled_from(["", "GET", "POST|PATCH|DELETE"]), nth=st.integers(1, 3),
          times=st.sampled_from([1, 2, None]))  # fmt: skip
    def the_network_fails(self, kind: str, where: str, method: str, nth: int, times: int | None) -> None:
        self._on_stage().roughens(where, Trouble(kind, method, nth=nth, times=times))
        self._on_stage().passes()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_f58_whatever_happens_through_a_bad_network_the_calendars_end_up_as_the_rules_say(
    new_sqlite: NewState, tmp_path: Path
) -> None:
    made = 0

    def new_stage(now: datetime, follow: bool, tell: Callable[[str], None]) -> Stage:
        nonlocal made
        made += 1
        shutil.rmtree(tmp_path / f"ends-{made - 1}", ignore_errors=True)
        place = tmp_path / f"ends-{made}"
        place.mkdir()
        return Stage(place, new_sqlite(), now=now, follow_work_order=follow, patience=PATIENCE, tell=tell)

    machine = type("Machine", (RoughMachine,), {"new_stage": staticmethod(new_stage)})
    run_state_machine_as_test(machine, settings=LONG)
