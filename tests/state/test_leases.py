"""Leases: one holder at a time, and nobody who lost one stores anything (F45)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.state.stocked import Second
from tests.values import NOW

from fieldcal.errors import LeaseLost
from fieldcal.state import leases
from fieldcal.state.database import Database
from fieldcal.state.leases import Lease

SPAN = timedelta(seconds=120)
TICK = timedelta(microseconds=1)
END = NOW + SPAN


def take(tx: Connection, owner: str = "first", at: timedelta = timedelta(0)) -> Lease | None:
    return leases.take(tx, "mailbox:a", owner, NOW + at, SPAN)


def held(tx: Connection, owner: str = "first", at: timedelta = timedelta(0)) -> Lease:
    lease = take(tx, owner, at)
    assert lease is not None
    return lease


def test_a_free_lease_is_taken_and_a_held_one_is_not(database: Database) -> None:
    with database.write() as tx:
        assert take(tx) == Lease("mailbox:a", "first", 1, END)
        assert take(tx, "second") is None
        assert take(tx, "first") is None
        assert take(tx, "second", SPAN - TICK) is None
        assert leases.take(tx, "mailbox:b", "second", NOW, SPAN) is not None


def test_a_lease_whose_time_is_up_goes_to_the_next_with_a_higher_fence(database: Database) -> None:
    with database.write() as tx:
        held(tx)
        assert take(tx, "second", SPAN) == Lease("mailbox:a", "second", 2, END + SPAN)


def test_a_lease_that_is_given_back_is_free_at_once(database: Database) -> None:
    with database.write() as tx:
        leases.give_back(tx, held(tx))
        assert held(tx, "second").fence == 2


def test_a_lease_is_ended_with_what_is_stored_by_its_holder_alone(database: Database) -> None:
    with database.write() as tx:
        leases.end(tx, held(tx))
        stale = held(tx, "second")
        assert stale.fence == 2
        taken = held(tx, "third", SPAN)
        with pytest.raises(LeaseLost, match="mailbox:a was taken by another worker"):
            leases.end(tx, stale)
        leases.check(tx, taken)
        leases.end_all(tx)
        with pytest.raises(LeaseLost):
            leases.end(tx, taken)


def test_renewing_moves_the_end_and_keeps_the_fence(database: Database) -> None:
    with database.write() as tx:
        lease = leases.renew(tx, held(tx), NOW + SPAN / 2, SPAN)
        assert lease == Lease("mailbox:a", "first", 1, END + SPAN / 2)
        assert take(tx, "second", SPAN) is None
        leases.check(tx, lease)


def test_a_holder_that_overslept_goes_on_while_nobody_has_taken_its_lease(database: Database) -> None:
    with database.write() as tx:
        lease = held(tx)
        leases.check(tx, lease)
        assert leases.renew(tx, lease, NOW + 10 * SPAN, SPAN).until == NOW + 11 * SPAN


def test_i8_a_stale_holder_can_neither_renew_nor_store_nor_give_back_what_another_has(database: Database) -> None:
    with database.write() as tx:
        stale = held(tx)
        current = held(tx, "second", SPAN)
        for refused in (leases.check, lambda tx, lease: leases.renew(tx, lease, NOW, SPAN)):
            with pytest.raises(LeaseLost, match="mailbox:a"):
                refused(tx, stale)
        leases.give_back(tx, stale)
        leases.check(tx, current)
        assert take(tx, "third", SPAN) is None


def test_i8_a_holder_that_gave_its_lease_back_stores_nothing_more(database: Database) -> None:
    with database.write() as tx:
        lease = held(tx)
        leases.give_back(tx, lease)
        with pytest.raises(LeaseLost):
            leases.check(tx, lease)
        with pytest.raises(LeaseLost):
            leases.renew(tx, lease, NOW, SPAN)


def test_i8_the_same_worker_taking_it_again_makes_its_former_taking_stale(database: Database) -> None:
    with database.write() as tx:
        former = held(tx)
        held(tx, "first", SPAN)
        with pytest.raises(LeaseLost):
            leases.check(tx, former)


def test_a_lease_that_never_was_is_lost(database: Database) -> None:
    with database.write() as tx, pytest.raises(LeaseLost):
        leases.check(tx, Lease("mailbox:never", "first", 1, END))


def test_of_two_that_take_a_lease_at_once_one_gets_it(database: Database) -> None:
    with database.write() as tx:
        leases.give_back(tx, held(tx))
    with database.write() as tx:
        first = take(tx, "first")
        second = Second(database, lambda tx: take(tx, "second"))
        second.until_it_waits()
    assert first is not None
    assert second.finished() is None


def test_i8_nobody_takes_a_lease_between_its_check_and_the_end_of_the_holders_transaction(database: Database) -> None:
    with database.write() as tx:
        lease = held(tx)
    with database.write() as tx:
        leases.check(tx, lease)
        thief = Second(database, lambda tx: take(tx, "thief", SPAN))
        thief.until_it_waits()
        leases.check(tx, lease)
    assert thief.finished().fence == 2
