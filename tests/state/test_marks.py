"""Marks: raised, cleared only if unchanged, set aside; the mailbox's next try is always computed from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, insert, select, update
from tests.state.stocked import Second, due, mark, next_due, stock
from tests.values import (
    BERND,
    BOOKING,
    BOX,
    COLLEAGUE,
    DAY,
    ENVIRONMENT,
    HOUR,
    NOW,
    OTHER_BOX,
    WINDOW,
    booking_id,
    linked,
)

from fieldcal.model import BookingId, Link, MailboxId
from fieldcal.plan.decide import forgotten
from fieldcal.state import bookings, marks
from fieldcal.state.database import Database
from fieldcal.state.marks import Later, Marked, Waiting
from fieldcal.state.tables import bookings as booking_table
from fieldcal.state.tables import environments, mailboxes

ONE, TWO, THREE = booking_id(1), booking_id(2), booking_id(3)


def test_a_marked_booking_is_due_at_once_and_so_is_its_mailbox(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        assert due(tx) == [Marked(ONE, 1, 0, NOW)]
        assert next_due(tx) == NOW
        assert marks.due_mailboxes(tx, ENVIRONMENT, NOW) == [BOX]
        assert marks.due_mailboxes(tx, ENVIRONMENT, NOW - HOUR) == []


def test_marking_again_raises_the_sequence_and_begins_anew(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        marks.postpone(tx, ENVIRONMENT, BOX, [Later(due(tx)[0], None, "refused")])
        mark(tx, ONE, now=NOW + HOUR)
        assert due(tx, NOW + HOUR) == [Marked(ONE, 2, 0, NOW)]
        assert marks.one(tx, ENVIRONMENT, BOX, ONE) == Waiting(NOW + HOUR, "")


def test_a_mark_is_cleared_only_if_it_is_unchanged_since_it_was_loaded(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE, TWO)
        loaded = due(tx)
        mark(tx, TWO)
        marks.clear(tx, ENVIRONMENT, BOX, loaded)
        marks.recompute(tx, ENVIRONMENT, [BOX])
        assert [(item.booking, item.seq) for item in due(tx)] == [(TWO, 2)]
        assert next_due(tx) == NOW


def test_a_mark_that_was_raised_meanwhile_is_not_postponed(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        loaded = due(tx)
        mark(tx, ONE)
        marks.postpone(tx, ENVIRONMENT, BOX, [Later(loaded[0], None, "refused")])
        assert [item.seq for item in due(tx)] == [2]


def test_a_postponed_mark_comes_due_in_its_time_and_counts_only_failures(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE, TWO)
        first, second = due(tx)
        waits = [Later(first, NOW + HOUR, "busy"), Later(second, NOW + 2 * HOUR, "waits", failed=False)]
        marks.postpone(tx, ENVIRONMENT, BOX, waits)
        marks.recompute(tx, ENVIRONMENT, [BOX])
        assert due(tx) == []
        assert next_due(tx) == NOW + HOUR
        assert due(tx, NOW + HOUR) == [Marked(ONE, 1, 1, NOW)]
        assert due(tx, NOW + 2 * HOUR) == [Marked(ONE, 1, 1, NOW), Marked(TWO, 1, 0, NOW)]


def test_a_mark_that_is_set_aside_is_never_due_until_it_is_marked_again(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        marks.postpone(tx, ENVIRONMENT, BOX, [Later(due(tx)[0], None, "x" * 2000)])
        marks.recompute(tx, ENVIRONMENT, [BOX])
        assert (due(tx, NOW + 365 * DAY), next_due(tx)) == ([], None)
        set_aside = marks.one(tx, ENVIRONMENT, BOX, ONE)
        assert set_aside is not None
        assert (set_aside.due, len(set_aside.trouble)) == (None, 500)
        mark(tx, ONE)
        assert [item.booking for item in due(tx)] == [ONE]


def test_the_last_mark_cleared_leaves_the_mailbox_at_rest(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        marks.clear(tx, ENVIRONMENT, BOX, due(tx))
        marks.recompute(tx, ENVIRONMENT, [BOX])
        assert (next_due(tx), marks.one(tx, ENVIRONMENT, BOX, ONE)) == (None, None)


def test_the_oldest_comes_first_and_no_more_than_asked_for(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, TWO, now=NOW)
        mark(tx, ONE, THREE, now=NOW - HOUR)
        assert [item.booking for item in marks.due(tx, ENVIRONMENT, BOX, NOW, 2)] == [ONE, THREE]
        assert [item.booking for item in due(tx)] == [ONE, THREE, TWO]


def test_r11_a_booking_whose_details_wait_to_be_read_is_not_due(database: Database) -> None:
    with database.write() as tx:
        stock(tx, [BOOKING, replace(BOOKING, id=TWO)])
        mark(tx, ONE, TWO, THREE)
        bookings.set_stale(tx, ENVIRONMENT, [ONE])
        assert [item.booking for item in due(tx)] == [TWO, THREE]


def test_marks_of_one_mailbox_are_none_of_another(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        mark(tx, TWO, mailbox=OTHER_BOX)
        loaded = due(tx)
        marks.clear(tx, ENVIRONMENT, OTHER_BOX, loaded)
        marks.clear(tx, "another environment", BOX, loaded)
        assert [item.booking for item in due(tx)] == [ONE]
        assert [item.booking for item in due(tx, mailbox=OTHER_BOX)] == [TWO]


def test_r13_a_mailbox_that_is_switched_off_is_not_due_and_its_marks_wait(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
        tx.execute(update(mailboxes).values(enabled=False))
        assert marks.due_mailboxes(tx, ENVIRONMENT, NOW) == []
        tx.execute(update(mailboxes).values(enabled=True))
        assert marks.due_mailboxes(tx, ENVIRONMENT, NOW) == [BOX]


def test_the_mailbox_that_waits_longest_comes_first(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE, mailbox=OTHER_BOX, now=NOW - HOUR)
        mark(tx, ONE)
        assert marks.due_mailboxes(tx, ENVIRONMENT, NOW) == [OTHER_BOX, BOX]


def test_marks_of_many_mailboxes_at_once_make_each_due(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        boxes = [MailboxId(f"m-{number:04}") for number in range(1200)]
        tx.execute(insert(mailboxes), [{"environment": ENVIRONMENT, "id": box, "enabled": True} for box in boxes])
        marks.mark(tx, ENVIRONMENT, [(box, ONE) for box in boxes], NOW, "test")
        assert marks.due_mailboxes(tx, ENVIRONMENT, NOW) == boxes


# --- mark_mailbox ----------------------------------------------------------------------------------------------------

BEFORE = replace(BOOKING, id=TWO, start=WINDOW.near - HOUR, end=WINDOW.near)
AFTER = replace(BOOKING, id=THREE, start=WINDOW.far, end=WINDOW.far + HOUR)


def mark_box(tx: Connection, mailbox: MailboxId = BOX) -> set[BookingId]:
    marks.mark_mailbox(tx, ENVIRONMENT, mailbox, WINDOW, NOW, "enabled")
    marked = {item.booking for item in due(tx, mailbox=mailbox)}
    stale = tx.scalars(select(booking_table.c.id).where(booking_table.c.stale)).all()
    return marked | {BookingId(f"stale {key[-1]}") for key in stale}


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        pytest.param([], {"stale 1"}, id="only the window, to be read first"),
        pytest.param([linked()], {ONE}, id="linked: not read again (R11)"),
        pytest.param([linked(BEFORE)], {TWO, "stale 1"}, id="a link outside the window is marked too"),
        pytest.param([forgotten(linked())], {"stale 1"}, id="a dead link is none"),
    ],
)
def test_enabling_a_mailbox_marks_its_window_bookings_and_its_links(
    database: Database, links: list[Link], expected: set[str]
) -> None:
    with database.write() as tx:
        stock(tx, [BOOKING, BEFORE, AFTER], links)
        assert mark_box(tx) == expected


def test_d10_a_shared_mailbox_marks_the_bookings_of_all_its_workers(database: Database) -> None:
    with database.write() as tx:
        stock(tx, [BOOKING, replace(BOOKING, id=TWO, worker=BERND)], people=[replace(COLLEAGUE, mailbox=BOX)])
        assert mark_box(tx) == {"stale 2"}


def test_a_mailbox_of_nobody_marks_its_links_alone(database: Database) -> None:
    stranger = MailboxId("nobody's")
    with database.write() as tx:
        stock(tx, [BOOKING], [replace(linked(), mailbox=stranger)])
        assert mark_box(tx, stranger) == {ONE}


# --- two at once -----------------------------------------------------------------------------------------------------


def test_a_mark_made_while_another_transaction_clears_the_last_one_keeps_the_mailbox_due(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        mark(tx, ONE)
    with database.read() as tx:
        loaded = due(tx)

    def clear(tx: Connection) -> datetime | None:
        marks.clear(tx, ENVIRONMENT, BOX, loaded)
        marks.recompute(tx, ENVIRONMENT, [BOX])
        return next_due(tx)

    with database.write() as tx:
        mark(tx, TWO)
        reconcile = Second(database, clear)
        reconcile.until_it_waits()
    assert reconcile.finished() == NOW


def test_an_unknown_environment_has_nothing_due(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        tx.execute(insert(environments).values(id="other", created_at=NOW))
        mark(tx, ONE)
        assert marks.due_mailboxes(tx, "other", NOW) == []
        assert marks.due(tx, "other", BOX, NOW, 10) == []
