"""A worker process that is stopped (SIGSTOP) in the middle of a pass, past its lease, and woken when others are done."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.ends import made_id, z
from sqlalchemy import select
from tests.cli.processes import Process
from tests.sync.crowd import Crowd, awaited, crowd, told
from tests.sync.one_pass import QuickClock

from fieldcal.errors import ConfigError
from fieldcal.state.database import Database
from fieldcal.state.held import LEASE
from fieldcal.state.tables import leases

#: a lease of 50 s is over in two or three seconds
SPEED = 20
BOOKINGS, WORKERS = 160, 2


def _stopped(sleeper: Process, ends: Crowd) -> bool:
    """Stop it; one that is caught within a transaction keeps SQLite's lock and with it everybody: it goes on a while."""
    sleeper.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED)
    database = Database(ends.given.state, busy_timeout=0.2)
    try:
        with database.write():
            return True
    except ConfigError:
        sleeper.signal(signal.SIGCONT)
        return False
    finally:
        database.close()


def _settled(ends: Crowd) -> bool:
    """Every request that arrived has been answered."""
    return all(entry.status for entry in ends.exchange.control.ledger())


def _in_the_middle(ends: Crowd) -> bool:
    return sum(entry.status == 200 and "$batch" in entry.url for entry in ends.exchange.control.ledger()) >= WORKERS


def test_i8_a_worker_that_wakes_after_its_lease_begins_no_request_and_nothing_is_doubled(tmp_path: Path) -> None:
    with crowd(tmp_path / "ends", workers=WORKERS, bookings=BOOKINGS, speed=SPEED) as ends:
        ends.exchange.control.change(latency=0.02)  # each item takes its time, so that there is a middle
        with ends.starts("the sleeper") as sleeper:
            awaited("the sleeper has written its first batches", lambda: _in_the_middle(ends))
            awaited("it is stopped between two transactions", lambda: _stopped(sleeper, ends))
            awaited("what was in flight is answered", lambda: _settled(ends))
            before = ends.marks().total()
            assert 0 < before < BOOKINGS
            ends.exchange.control.change(latency=0.0)
            moved = _move_one_that_is_written(ends)
            awaited("the sleeper's leases are over", lambda: _leases_over(ends))
            second = ends.passes("the second")
            assert (ends.marks().total(), second.failed) == (BOOKINGS, 0)
            stands = {number: ends.exchange.hands.look(made_id("box", number)) for number in range(WORKERS)}
            last = max(entry.number for entry in ends.exchange.control.ledger())
            sleeper.signal(signal.SIGCONT)
            report = told(sleeper)
        assert ends.exchange.control.ledger(last) == [], "the woken worker began a request"
        assert report.failed == WORKERS, "both mailboxes are left: their leases are somebody else's"
        assert set(ends.marks().values()) == {1}
        assert {number: ends.exchange.hands.look(made_id("box", number)) for number in range(WORKERS)} == stands
        assert moved in {event.start[:19] + "Z" for event in stands[0]}
        again = ends.passes("the third")
        assert (again.created, again.updated, again.removed, again.failed) == (0, 0, 0, 0)


def test_a_killed_workers_mailboxes_are_anothers_within_a_minute_and_nothing_is_doubled(tmp_path: Path) -> None:
    with crowd(tmp_path / "ends", workers=WORKERS, bookings=BOOKINGS, speed=SPEED) as ends:
        ends.exchange.control.change(latency=0.02)
        with ends.starts("the killed") as killed:
            awaited("it has written its first batches", lambda: _in_the_middle(ends))
            killed.signal(signal.SIGKILL)
            killed.wait()
        died = QuickClock(SPEED, ends.given.epoch).now()
        assert max(_ends_of_leases(ends)) <= died + LEASE < died + timedelta(minutes=1)
        ends.exchange.control.change(latency=0.0)
        awaited("its leases are over", lambda: _leases_over(ends))
        second = ends.passes("the second")
        assert (ends.marks().total(), second.failed) == (BOOKINGS, 0)
        assert set(ends.marks().values()) == {1}


def _move_one_that_is_written(ends: Crowd) -> str:
    """A dispatcher moves a booking that the sleeper has written; returns its new start."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    booking = next(booking for (number, booking), _ in ends.marks().items() if number == 0)
    change = {"starttime": z(start), "endtime": z(start + timedelta(hours=1))}
    ends.field_service.store.change("bookableresourcebooking", booking, change)
    return z(start)


def _ends_of_leases(ends: Crowd) -> list[datetime]:
    database = Database(ends.given.state)
    try:
        with database.read() as tx:
            until = list(tx.scalars(select(leases.c.until).where(leases.c.name.startswith("mailbox:"))))
    finally:
        database.close()
    assert len(until) == WORKERS
    return until


def _leases_over(ends: Crowd) -> bool:
    return max(_ends_of_leases(ends)) <= QuickClock(SPEED, ends.given.epoch).now()
