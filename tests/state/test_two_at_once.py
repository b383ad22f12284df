"""Transactions that get into each other's way: on PostgreSQL one waits or is run again, on SQLite they wait in line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update
from tests.state.stocked import Second, mark, stock
from tests.values import BOX, ENVIRONMENT, NOW, OTHER_BOX, booking_id, linked

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup_model import Endpoint, ServerProfile
from fieldcal.state import bookings, links, mailboxes, marks, plans, profiles, pruning
from fieldcal.state import tables as stored
from fieldcal.state.database import Database
from fieldcal.state.tables import leases

ONE, TWO = booking_id(1), booking_id(2)


def _stock(database: Database) -> None:
    with database.write() as tx:
        tx.execute(leases.insert(), [{"name": name, "fence": 0, "until": NOW} for name in ("a", "b")])


class _Raising:
    """Raises both fences in the order of `names`; at its first run it meets the other when each holds one."""

    def __init__(self, names: str, both_hold_one: threading.Barrier | None) -> None:
        self._names, self._meeting = names, both_hold_one

    def __call__(self, tx: Connection) -> None:
        for name in self._names:
            tx.execute(update(leases).where(leases.c.name == name).values(fence=leases.c.fence + 1))
            meeting, self._meeting = self._meeting, None
            if meeting is not None:
                meeting.wait(20)


def test_of_two_that_wait_for_each_other_one_is_run_again_and_both_are_kept(database: Database) -> None:
    _stock(database)
    # On SQLite the second does not begin before the first has ended, so they cannot meet.
    meeting = None if database.is_sqlite else threading.Barrier(2)

    async def both() -> None:
        await asyncio.gather(database.writing(_Raising("ab", meeting)), database.writing(_Raising("ba", meeting)))

    asyncio.run(both())
    with database.read() as tx:
        assert tx.scalars(select(leases.c.fence)).all() == [2, 2]


def test_what_fails_for_another_reason_is_not_run_again(database: Database) -> None:
    _stock(database)
    runs: list[int] = []

    def fail(tx: Connection) -> None:
        runs.append(1)
        tx.execute(update(leases).values(fence=9))
        raise ConfigError("stopped on purpose")

    with pytest.raises(ConfigError, match="on purpose"):
        asyncio.run(database.writing(fail))
    with database.read() as tx:
        assert (len(runs), tx.scalars(select(leases.c.fence)).all()) == (1, [0, 0])


# --- plans -----------------------------------------------------------------------------------------------------------


def hold(tx: Connection, mailbox: MailboxId = BOX, booking: str = ONE) -> int:
    return plans.hold(tx, ENVIRONMENT, [(mailbox, booking_id(int(booking[-2:])), "deleted@1")], "too many", NOW)


ENDS: dict[str, Callable[[Connection, int], object]] = {
    "a person approves it": lambda tx, plan: plans.decide(tx, ENVIRONMENT, plan, "approved", "mia", "", NOW),
    "a person rejects it": lambda tx, plan: plans.decide(tx, ENVIRONMENT, plan, "rejected", "mia", "", NOW),
    "its last removal is carried out": lambda tx, _: plans.finish(tx, ENVIRONMENT, BOX, [ONE]),
    "its last removal is needless": lambda tx, _: plans.drop(tx, ENVIRONMENT, BOX, [ONE]),
}


@pytest.mark.parametrize("holds_first", [True, False], ids=["held first", "held second"])
@pytest.mark.parametrize("end", ENDS)
def test_a_removal_is_never_held_in_a_plan_that_ends_at_the_same_moment(
    end: str, holds_first: bool, database: Database
) -> None:
    with database.write() as tx:
        stock(tx)
        plan = hold(tx)
    held: Callable[[Connection], object] = lambda tx: hold(tx, OTHER_BOX, TWO)  # noqa: E731 -- one of two, in an order
    ended: Callable[[Connection], object] = lambda tx: ENDS[end](tx, plan)  # noqa: E731 -- likewise
    one, two = (held, ended) if holds_first else (ended, held)
    with database.write() as tx:
        one(tx)
        second = Second(database, two)
        second.until_it_waits()
    second.finished()
    with database.read() as tx:
        where = {row.id: row.state for row in plans.load(tx, ENVIRONMENT)}
        lost = [row for number in where for row in plans.rows_of(tx, ENVIRONMENT, number)
                if row.state == "held" and where[row.plan] != "held"]  # fmt: skip
        said = plans.verdicts(tx, ENVIRONMENT, OTHER_BOX, [TWO])[TWO]
    assert lost == [], "nobody would ever be asked about it"
    assert [row.state for row in said] in (["held"], ["approved"], ["rejected"])


CLOSINGS: dict[str, Callable[[Connection, int, MailboxId], None]] = {
    "held removals": lambda tx, _, box: plans.finish(tx, ENVIRONMENT, box, [ONE]),
    "duplicates": lambda tx, plan, box: plans.close(tx, ENVIRONMENT, plan, box, [ONE]),
}


@pytest.mark.parametrize("kind", CLOSINGS)
def test_of_two_workers_who_carry_out_the_last_of_a_plan_one_closes_it(kind: str, database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        rows = [(box, ONE, "deleted@1") for box in (BOX, OTHER_BOX)]
        plan = plans.approve(tx, ENVIRONMENT, "removals", rows, "mia", "", NOW)
    with database.write() as tx:
        CLOSINGS[kind](tx, plan, BOX)
        second = Second(database, lambda tx: CLOSINGS[kind](tx, plan, OTHER_BOX))
        second.until_it_waits()
    second.finished()
    with database.read() as tx:
        assert [row.state for row in plans.load(tx, ENVIRONMENT)] == ["done"]


# --- whether a mailbox may be written ---------------------------------------------------------------------------------


def test_who_waits_for_a_mailbox_finds_its_profile_as_it_is_when_it_has_it(database: Database) -> None:
    """Else a batch is sent through a profile that was switched off, and told to be, before."""
    with database.write() as tx:
        stock(tx)
        profiles.add(tx, ServerProfile("exchange", Endpoint("http://exchange"), NOW))
        tx.execute(
            stored.mailboxes.update().values(
                profile="exchange", approved_address=stored.mailboxes.c.address, method="server-side-sync"
            )
        )
        assert mailboxes.why_not(tx, ENVIRONMENT, BOX, alone=True) is None
    if database.is_sqlite:
        return  # one writer at a time: whoever switches the profile off waits, too
    with database.write() as tx:
        marks.alone(tx, ENVIRONMENT, [BOX])
        second = Second(database, lambda tx: mailboxes.why_not(tx, ENVIRONMENT, BOX, alone=True))
        second.until_it_waits()
        with database.write() as third:
            profiles.save(third, replace(profiles.get(third, "exchange"), active=False))
    assert second.finished() == "the server profile exchange is not active"


# --- marks, links ----------------------------------------------------------------------------------------------------


def between(tx: Connection, happens: Callable[[], None]) -> None:
    """Have this happen once, right after the next statement of this connection."""
    pending = [happens]

    def after(*_: Any) -> None:
        if pending:
            pending.pop()()

    event.listen(tx, "after_cursor_execute", after)


def test_a_mailbox_that_is_written_while_it_is_asked_for_is_named_by_its_mark_or_by_its_link(
    database: Database,
) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)

    def written() -> None:
        with database.write() as tx:
            links.store(tx, ENVIRONMENT, [replace(linked(), booking=ONE)], NOW)
            marks.clear(tx, ENVIRONMENT, BOX, marks.due(tx, ENVIRONMENT, BOX, NOW, 10))

    with database.read() as tx:
        between(tx, written)
        assert bookings.concerned(tx, ENVIRONMENT, [ONE]) == {ONE: {BOX}}
    with database.read() as tx:
        assert marks.due(tx, ENVIRONMENT, BOX, NOW, 10) == []


def test_a_place_is_forgotten_of_what_a_worker_writes_at_the_same_moment(database: Database) -> None:
    before = replace(linked(), booking=ONE, triggers={"start": "old", "place": "Lindenweg 4"})
    with database.write() as tx:
        stock(tx, linked=[before])
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, [replace(before, triggers={"start": "new", "place": "Lindenweg 4"})], NOW)
        second = Second(database, lambda tx: pruning.forget_places(tx, stored.links.c.booking == ONE))
        second.until_it_waits()
    second.finished()
    with database.read() as tx:
        assert links.load(tx, ENVIRONMENT, BOX, [ONE])[ONE].triggers == {"start": "new"}


def test_who_holds_a_mailbox_waits_for_nobody_who_waits_for_it(database: Database) -> None:
    with database.write() as tx:
        stock(tx, linked=[replace(linked(), booking=ONE, triggers={"start": "old"})])
        mark(tx, ONE)

    def followed(tx: Connection) -> None:
        links.rewrite_unfollowed(tx, ENVIRONMENT, [ONE], "place")
        mark(tx, ONE)

    with database.write() as tx:
        marks.clear(tx, ENVIRONMENT, BOX, marks.due(tx, ENVIRONMENT, BOX, NOW, 10))
        second = Second(database, followed)
        second.until_it_waits()
        links.store(tx, ENVIRONMENT, [replace(linked(), booking=ONE)], NOW)
    second.finished()
    with database.read() as tx:
        assert len(marks.due(tx, ENVIRONMENT, BOX, NOW, 10)) == 1
