"""Reconciliations, a person and what the source tells, all at the same rows: nobody is thrown back, nothing is lost.

In which order rows are held: docs/decisions/005-leases-and-clocks.md.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text
from tests.conftest import NewState
from tests.state.stocked import stock
from tests.values import BOOKING, ENVIRONMENT, NOW, WINDOW, WORKER, booking_id, linked

from fieldcal.model import BookingId, MailboxId, WorkerId
from fieldcal.state import links, mailboxes, marks, plans, workers
from fieldcal.state.database import Database

ROUNDS = 120
BOXES = [MailboxId(f"box{number}@x.example") for number in range(4)]
IDS = [booking_id(number) for number in range(12)]
PEOPLE = [
    replace(WORKER, id=WorkerId(f"a0000000-0000-4000-8000-{number:012}"), mailbox=box, address=box, sign_in=box)
    for number, box in enumerate(BOXES)
]
HOME = {booking: BOXES[number % len(BOXES)] for number, booking in enumerate(IDS)}

Step = Callable[[Connection, random.Random], object]


def _reconciles(box: MailboxId) -> Step:
    """As `sync/reconcile.py` settles one batch and arms the next."""
    mine = [booking for booking in IDS if HOME[booking] == box]

    def done(tx: Connection, known: list[BookingId]) -> None:
        marks.clear(tx, ENVIRONMENT, box, marks.due(tx, ENVIRONMENT, box, NOW, 10))
        marks.recompute(tx, ENVIRONMENT, [box])
        links.store(
            tx,
            ENVIRONMENT,
            [replace(linked(), mailbox=box, booking=one, triggers={"start": "some"}) for one in known],
            NOW,
        )

    def step(tx: Connection, chance: random.Random) -> None:
        mailboxes.why_not(tx, ENVIRONMENT, box, alone=True)
        if chance.random() < 0.7:
            done(tx, mine[:2])
            plans.finish(tx, ENVIRONMENT, box, mine[:2])
            plans.return_budget(tx, ENVIRONMENT, chance.randrange(2))
        if chance.random() < 0.7:
            plans.take_budget(tx, ENVIRONMENT, 1, NOW)
            rows = [(box, booking, "deleted@1") for booking in chance.sample(mine, 2)]
            plans.retell(tx, plans.hold(tx, ENVIRONMENT, rows, "", NOW), "more")
            done(tx, mine[1:])

    return step


def _decides(tx: Connection, chance: random.Random) -> None:
    """As `sync/approve.py` does."""
    for plan in plans.load(tx, ENVIRONMENT, "held"):
        asked = plans.rows_of(tx, ENVIRONMENT, plan.id)
        marks.alone(tx, ENVIRONMENT, {row.mailbox for row in asked})
        known = {(row.mailbox, row.booking) for row in asked}
        decided = plans.decide(tx, ENVIRONMENT, plan.id, chance.choice(["approved", "rejected"]), "mia", "", NOW)
        silent = [row for row in decided if (row.mailbox, row.booking) not in known or chance.random() < 0.2]
        for row in silent:
            plans.drop(tx, ENVIRONMENT, row.mailbox, [row.booking])
        if silent:
            plans.hold(tx, ENVIRONMENT, [(row.mailbox, row.booking, row.evidence) for row in silent], "", NOW)
        going = [(row.mailbox, row.booking) for row in decided if row not in silent]
        marks.mark(tx, ENVIRONMENT, going, NOW, "approved")


def _changes(tx: Connection, chance: random.Random) -> None:
    some = chance.sample(IDS, 4)
    links.rewrite_unfollowed(tx, ENVIRONMENT, some, "place")
    marks.mark(tx, ENVIRONMENT, [(HOME[booking], booking) for booking in some], NOW, "changed")


def _tells(tx: Connection, chance: random.Random) -> None:
    told = [replace(worker, mailbox=MailboxId(f"of-{worker.id}")) for worker in chance.sample(PEOPLE, 3)]
    workers.store(tx, ENVIRONMENT, told, [], WINDOW, NOW)


@pytest.mark.slow
def test_all_who_hold_rows_at_once_wait_for_each_other_in_turn_and_no_held_removal_is_lost(
    new_postgres: NewState,
) -> None:
    database = Database(new_postgres())
    rows = [replace(BOOKING, id=booking, worker=PEOPLE[number % 4].id) for number, booking in enumerate(IDS)]
    standing = [
        replace(linked(), booking=booking, mailbox=HOME[booking], triggers={"start": "some"}) for booking in IDS
    ]
    with database.write() as tx:
        stock(tx, rows, standing, PEOPLE)
    failed: list[BaseException] = []

    def works(step: Step, seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(ROUNDS):
                with database.write() as tx:
                    step(tx, chance)
        except BaseException as error:  # noqa: BLE001 -- told by the test, in its own thread
            failed.append(error)

    steps: list[Step] = [*map(_reconciles, BOXES), _decides, _changes, _tells]
    crowd = [threading.Thread(target=works, args=each) for each in zip(steps, range(len(steps)), strict=True)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    with database.read() as tx:
        lost = [row for plan in plans.load(tx, ENVIRONMENT) if plan.state != "held"
                for row in plans.rows_of(tx, ENVIRONMENT, plan.id) if row.state == "held"]  # fmt: skip
        deadlocks = tx.scalar(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
    database.close()
    assert (failed, deadlocks, lost) == ([], 0, [])
