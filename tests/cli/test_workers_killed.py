"""Workers are killed (-9) in the middle of a first load, one after another; there are always two, and a schedule."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.cli.company import Company
from tests.cli.company import company as company_of
from tests.cli.conftest import Fieldcal
from tests.cli.test_several_machines import copies, process
from tests.conftest import NewState

from fieldcal.state import feeds, history, waiting
from fieldcal.state.database import Database

#: how often at most, while something waits to be written; and at least
KILLS, AT_LEAST = 6, 2


@pytest.fixture
def many(
    tmp_path: Path, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, new_postgres: NewState
) -> Iterator[Company]:
    """A company with enough bookings that workers can be killed again and again before all are written."""
    with company_of(tmp_path, workers=8, bookings=1500) as made:
        monkeypatch.setenv("FIELDCAL_DATABASE_URL", new_postgres())
        assert fieldcal("db", "upgrade").status == 0
        made.attach(fieldcal, monkeypatch)
        made.set_up(fieldcal)
        yield made


@pytest.fixture
def state(many: Company) -> Iterator[Database]:
    database = Database(os.environ["FIELDCAL_DATABASE_URL"])
    with database.write() as tx:
        feeds.change(tx, "main", last_check_at=datetime.now(UTC))
    yield database
    database.close()


def forget_the_dead(state: Database, pid: int) -> None:
    """As if the minute had passed after which a dead worker's leases end and its heart is missed: no clock is played."""
    with state.write() as tx:
        tx.execute(text("UPDATE leases SET until = 0 WHERE owner LIKE :owner"), {"owner": f"%:{pid}:%"})
        tx.execute(
            text("UPDATE procrastinate.procrastinate_workers SET last_heartbeat = now() - interval '30 seconds'")
        )


def until_more(many: Company, state: Database, before: int) -> int:
    """Return when more stands than before, how much; 0 where nothing waits to be written any more."""
    deadline = time.monotonic() + 150
    while (now := copies(many).total()) <= before:
        with state.read() as tx:
            waits = waiting.backlog(tx, "main").waiting
        if before and not waits:
            return 0
        assert time.monotonic() < deadline, f"{before} stand, {waits} wait, and nothing is written"
        time.sleep(0.05)
    return now


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_i1_i2_two_workers_are_killed_again_and_again_and_nothing_is_doubled_or_lost(
    many: Company, state: Database, fieldcal: Fieldcal
) -> None:
    draw = random.Random(8)
    many.exchange.control.change(latency=0.5)  # so that there is a middle
    with ExitStack() as stack:
        stack.enter_context(process("fieldcal", "serve", "--no-worker")).until("Stop with Ctrl-C.")
        pair = [stack.enter_context(process("fieldcal", "worker")) for _ in range(2)]
        stood, moments = 0, list[float]()
        for _ in range(KILLS):
            stood = until_more(many, state, stood)
            if not stood:
                break
            victim = pair.pop(draw.randrange(2))
            moments.append(draw.uniform(0.0, 0.7))
            time.sleep(moments[-1])
            victim.signal(signal.SIGKILL)
            assert victim.wait() == -signal.SIGKILL
            forget_the_dead(state, victim.pid)
            assert max(copies(many).values(), default=0) <= 1, moments
            pair.append(stack.enter_context(process("fieldcal", "worker")))
        assert len(moments) >= AT_LEAST
        many.exchange.control.change(latency=0.0)
        deadline = time.monotonic() + 300
        while (last := fieldcal("sync", "--json").json()[0])["error"] or last["busy"] or last["created"]:
            assert time.monotonic() < deadline, last
        assert (last["updated"], last["removed"]) == (0, 0), (last, moments)
        stands: Counter[str] = copies(many)
        assert set(stands.values()) == {1}
        assert {one.id for one in many.coming()} <= stands.keys()
        with state.read() as tx:
            passes = history.last_passes(tx, "main", 500)
        assert [one.kind for one in passes if one.ended_at is None] == []
        assert sum(one.churn for one in passes) == 0
