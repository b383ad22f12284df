"""Workers as they are told: their mailboxes, a changed address, a changed mailbox (D10)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, event, select, update
from tests.state.stocked import due, next_due
from tests.values import (
    ANNA,
    BERND,
    BOOKING,
    BOX,
    COLLEAGUE,
    ENVIRONMENT,
    HOUR,
    NOW,
    OTHER_BOX,
    WINDOW,
    WORKER,
    booking_id,
    linked,
)

from fieldcal.model import Booking, Link, MailboxId, Worker, WorkerId, WorkerKind
from fieldcal.plan.decide import forgotten
from fieldcal.state import bookings, workers
from fieldcal.state.database import Database
from fieldcal.state.tables import bookings as booking_table
from fieldcal.state.tables import mailboxes

CREW = Worker(WorkerId("crew"), "Night crew", WorkerKind.CREW, True, None, "", "", "UTC")
BARE = replace(WORKER, mailbox=None, address="")
NEW_BOX = MailboxId("cccccccc-0000-4000-8000-00000000000c")
PAST = replace(BOOKING, id=booking_id(2), start=WINDOW.near - HOUR, end=WINDOW.near)
FUTURE = replace(BOOKING, id=booking_id(3), start=WINDOW.far, end=WINDOW.far + HOUR)
OTHERS = replace(BOOKING, id=booking_id(4), worker=BERND)


def tell(tx: Connection, *told: Worker, gone: tuple[WorkerId, ...] = ()) -> None:
    workers.store(tx, ENVIRONMENT, told, gone, WINDOW, NOW)


def rows(tx: Connection, *given: Booking) -> None:
    bookings.store_rows(tx, ENVIRONMENT, given, "", stale=False)


def marked(tx: Connection, mailbox: MailboxId = BOX) -> set[str]:
    """The bookings marked in this mailbox; those that have to be read first begin with "read "."""
    stale = set(tx.scalars(select(booking_table.c.id).where(booking_table.c.stale)))
    tx.execute(update(booking_table).values(stale=False))
    return {("read " if item.booking in stale else "") + item.booking[-1] for item in due(tx, mailbox=mailbox)}


def box(tx: Connection, mailbox: MailboxId = BOX) -> dict[str, object]:
    return dict(tx.execute(select(mailboxes).where(mailboxes.c.id == mailbox)).mappings().one())


def approve(tx: Connection) -> None:
    tx.execute(update(mailboxes).values(approval="approved", enabled=True, test="success"))


@pytest.mark.parametrize("worker", [WORKER, BARE, CREW, replace(WORKER, active=False, name="Zoë 夜")])
def test_a_worker_comes_back_as_told(database: Database, worker: Worker) -> None:
    with database.write() as tx:
        tell(tx, worker)
        assert workers.load(tx, ENVIRONMENT, [worker.id, None, "unknown"]) == {worker.id: (worker, False)}
        assert workers.load(tx, "other", [worker.id]) == {}


def test_a_worker_that_is_gone_is_remembered_as_gone_until_told_again(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER, COLLEAGUE)
        tell(tx, gone=(ANNA, WorkerId("never heard of")))
        assert workers.load(tx, ENVIRONMENT, [ANNA])[ANNA] == (WORKER, True)
        assert [worker.id for worker in workers.everyone(tx, ENVIRONMENT)] == [BERND]
        tell(tx, WORKER)
        assert workers.load(tx, ENVIRONMENT, [ANNA])[ANNA] == (WORKER, False)


# --- mailboxes -------------------------------------------------------------------------------------------------------


def test_r3_a_new_mailbox_has_a_row_that_nothing_may_be_written_to_yet(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER, CREW)
        row = box(tx)
        assert (row["address"], row["name"], row["enabled"]) == ("anna@x.example", "Anna", False)
        assert (row["approval"], row["method"], row["test"], row["profile"]) == ("empty", "none", "not_run", None)
        assert tx.scalars(select(mailboxes.c.id)).all() == [BOX]


def test_two_workers_who_share_a_mailbox_have_one_row(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER, replace(COLLEAGUE, mailbox=BOX, address=WORKER.address))
        assert tx.scalars(select(mailboxes.c.id)).all() == [BOX]


@pytest.mark.parametrize(
    ("address", "approval", "enabled"),
    [
        ("anna@x.example", "approved", True),
        ("ANNA@X.example", "approved", True),
        ("anna.maria@x.example", "empty", False),
        ("", "empty", False),
    ],
)
def test_a_changed_address_needs_its_approval_again(
    database: Database, address: str, approval: str, enabled: bool
) -> None:
    with database.write() as tx:
        tell(tx, WORKER)
        approve(tx)
        tell(tx, replace(WORKER, address=address, name="Anna Maria"))
        row = box(tx)
        assert (row["address"], row["name"]) == (address, "Anna Maria")
        assert (row["approval"], row["enabled"]) == (approval, enabled)
        assert bool(row["disabled_reason"]) is not enabled


def test_telling_the_same_again_changes_nothing_and_marks_nothing(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER, COLLEAGUE)
        approve(tx)
        rows(tx, BOOKING)
        before = box(tx)
        tell(tx, WORKER, COLLEAGUE)
        assert box(tx) == before
        assert marked(tx) == set()


# --- marks -----------------------------------------------------------------------------------------------------------


def test_d10_a_worker_who_gets_a_mailbox_later_has_all_window_bookings_marked(database: Database) -> None:
    with database.write() as tx:
        tell(tx, BARE, COLLEAGUE)
        rows(tx, BOOKING, PAST, FUTURE, OTHERS)
        tell(tx, WORKER)
        approve(tx)
        assert next_due(tx) == NOW
        assert due(tx) == []  # their details are read first
        tx.execute(update(booking_table).values(stale=False))
        assert marked(tx) == {"1"}
        assert marked(tx, OTHER_BOX) == set()


def test_d10_a_worker_heard_of_after_the_bookings_has_them_marked(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING, PAST)
        tell(tx, WORKER)
        assert bookings.stale(tx, ENVIRONMENT, 10) == [BOOKING.id]
        tx.execute(update(booking_table).values(stale=False))
        assert marked(tx) == {"1"}


def links_of(tx: Connection, *links: Link) -> None:
    from fieldcal.state import links as link_rows

    link_rows.store(tx, ENVIRONMENT, links, NOW)


def test_a_worker_whose_mailbox_changes_has_bookings_marked_in_the_new_and_links_in_the_old(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER)
        rows(tx, BOOKING, PAST)
        tx.execute(update(booking_table).values(stale=False))
        links_of(tx, linked(), linked(PAST))
        tell(tx, replace(WORKER, mailbox=NEW_BOX, address="new@x.example"))
        assert bookings.stale(tx, ENVIRONMENT, 10) == [BOOKING.id]
        tx.execute(update(booking_table).values(stale=False))
        assert marked(tx, NEW_BOX) == {"1"}
        assert marked(tx) == {"1", "2"}


def test_a_worker_who_loses_the_mailbox_has_the_links_marked_and_nothing_else(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER)
        rows(tx, BOOKING, PAST)
        links_of(tx, linked(), forgotten(linked(PAST)))
        tell(tx, BARE)
        assert marked(tx) == {"1"}


def test_a_booking_that_has_its_event_in_the_new_mailbox_already_is_not_read_again(database: Database) -> None:
    with database.write() as tx:
        tell(tx, BARE)
        rows(tx, BOOKING)
        links_of(tx, linked())
        tell(tx, WORKER)
        assert bookings.stale(tx, ENVIRONMENT, 10) == []
        assert marked(tx) == {"1"}


def test_absence_of_a_worker_marks_nothing(database: Database) -> None:
    with database.write() as tx:
        tell(tx, WORKER, COLLEAGUE)
        rows(tx, BOOKING)
        links_of(tx, linked())
        tell(tx, COLLEAGUE, gone=(ANNA,))
        assert marked(tx) == set()


MANY = [
    replace(WORKER, id=WorkerId(f"w-{n}"), name=f"Worker {n}", mailbox=MailboxId(f"box-{n}"), address=f"{n}@x.example")
    for n in range(5_000)
]


OTHER_BOXES = [replace(worker, mailbox=MailboxId(f"{worker.mailbox}-new")) for worker in MANY]
OTHER_ADDRESSES = [replace(worker, address=f"new.{worker.address}") for worker in MANY]


@pytest.mark.parametrize(
    "told", [MANY, OTHER_BOXES, OTHER_ADDRESSES], ids=["new", "other mailboxes", "other addresses"]
)
def test_thousands_of_workers_are_stored_with_a_handful_of_statements(database: Database, told: list[Worker]) -> None:
    """A statement a worker took minutes for a first read."""
    with database.write() as tx:
        if told is not MANY:
            tell(tx, *MANY)
            approve(tx)
        rows(tx, *(replace(BOOKING, id=booking_id(n), worker=told[n].id) for n in range(0, 5_000, 10)))
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        event.listen(tx, "before_cursor_execute", counted)
        tell(tx, *told)
        event.remove(tx, "before_cursor_execute", counted)
    assert count < 100
    with database.read() as tx:
        changed = told is MANY or told[0].mailbox != MANY[0].mailbox
        assert len(bookings.stale(tx, ENVIRONMENT, 1_000)) == (500 if changed else 0)
        assert workers.load(tx, ENVIRONMENT, [told[7].id])[told[7].id] == (told[7], False)
        assert box(tx, told[7].mailbox)["address"] == told[7].address  # type: ignore[arg-type]


def test_workers_told_together_each_have_their_own_bookings_marked(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING, OTHERS, PAST)
        tell(tx, WORKER, COLLEAGUE, CREW)
        assert bookings.stale(tx, ENVIRONMENT, 10) == [BOOKING.id, OTHERS.id]
        tx.execute(update(booking_table).values(stale=False))
        assert (marked(tx), marked(tx, OTHER_BOX)) == ({"1"}, {"4"})
