"""Stored bookings: never an older version, proofs of deletion, what a full read has named, what enters the window."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.state.stocked import mark, stock
from tests.values import (
    BOOKING,
    BOX,
    DAY,
    ENVIRONMENT,
    HOUR,
    NOW,
    ORDER,
    OTHER_BOX,
    WINDOW,
    booking_id,
    linked,
    unanswered_link,
)

from fieldcal.model import Booking, BookingId, Detailed, Known, StatusKind, WorkOrder
from fieldcal.plan.decide import forgotten
from fieldcal.state import bookings
from fieldcal.state.bookings import Stored
from fieldcal.state.database import Database

ONE, TWO, THREE = booking_id(1), booking_id(2), booking_id(3)
NEWER = replace(BOOKING, version=101, name="Newer", start=NOW, end=NOW + HOUR, status="x", kind=StatusKind.CANCELED)
OLDER = replace(BOOKING, version=99, name="Older")


def rows(tx: Connection, *given: Booking, run: str = "", stale: bool = False) -> None:
    bookings.store_rows(tx, ENVIRONMENT, given, run, stale=stale)


def details(tx: Connection, booking: Booking = BOOKING, order: WorkOrder | None = ORDER) -> None:
    bookings.store_details(tx, ENVIRONMENT, [Detailed(booking, order)], "")


def stored(tx: Connection, key: BookingId = ONE) -> Stored:
    return bookings.load(tx, ENVIRONMENT, [key])[key]


def many(count: int) -> list[Booking]:
    return [replace(BOOKING, id=booking_id(number)) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    "booking",
    [
        BOOKING,
        NEWER,
        replace(BOOKING, worker=None, work_order=None, place="", name="Zoë's Bäckerei — 夜", active=False),
        replace(BOOKING, start=NOW.replace(microsecond=123456), end=NOW.replace(year=9999)),
        replace(BOOKING, start=NOW.replace(year=1), version=2**62),
    ],
)
def test_a_booking_comes_back_as_it_was_stored(database: Database, booking: Booking) -> None:
    with database.write() as tx:
        rows(tx, booking)
        assert stored(tx) == Stored(Known(booking), stale=False)


@pytest.mark.parametrize(
    "order",
    [
        None,
        ORDER,
        replace(ORDER, summary='<b>"quoted"</b>\n\\ \u2028', promised_from=NOW, promised_to=NOW + HOUR, version=2**53),
    ],
)
def test_r11_a_work_order_comes_back_as_it_was_read(database: Database, order: WorkOrder | None) -> None:
    with database.write() as tx:
        details(tx, BOOKING, order)
        assert stored(tx) == Stored(Known(BOOKING, order), stale=False)


def test_a_row_is_stored_only_if_its_version_is_not_older(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING)
        rows(tx, OLDER)
        assert stored(tx).known.booking == BOOKING
        rows(tx, NEWER)
        assert stored(tx).known.booking == NEWER
        details(tx, OLDER)
        assert stored(tx) == Stored(Known(NEWER), stale=False)


def test_r11_a_thin_row_leaves_the_snapshot_alone_and_details_take_its_place(database: Database) -> None:
    later = replace(ORDER, version=8)
    with database.write() as tx:
        details(tx)
        rows(tx, NEWER)
        assert stored(tx).known == Known(NEWER, ORDER)
        details(tx, NEWER, later)
        assert stored(tx).known == Known(NEWER, later)
        details(tx, replace(NEWER, work_order=None, version=102), None)
        assert stored(tx).known.snapshot is None


def test_a_row_that_waits_for_its_details_goes_on_waiting_until_they_come(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING, stale=True)
        assert stored(tx).stale
        rows(tx, NEWER, stale=False)
        assert stored(tx).stale
        details(tx, OLDER)
        assert stored(tx).stale
        details(tx, NEWER)
        assert not stored(tx).stale


def test_a_proof_of_deletion_is_kept_from_its_first_telling(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING, stale=True)
        bookings.store_proofs(tx, ENVIRONMENT, [ONE, TWO], NOW)
        bookings.store_proofs(tx, ENVIRONMENT, [ONE], NOW + HOUR)
        assert stored(tx) == Stored(Known(BOOKING, None, NOW), stale=False)
        assert TWO not in bookings.load(tx, ENVIRONMENT, [TWO])


def test_a_newer_row_brings_a_deleted_booking_back_and_an_older_one_does_not(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING)
        bookings.store_proofs(tx, ENVIRONMENT, [ONE], NOW)
        rows(tx, OLDER)
        assert stored(tx).known.deleted_at == NOW
        rows(tx, NEWER)
        assert stored(tx).known == Known(NEWER, None, None)


def test_a_booking_never_seen_is_remembered_as_proven_not_to_exist_and_can_still_come(database: Database) -> None:
    with database.write() as tx:
        bookings.store_missing(tx, ENVIRONMENT, [ONE], NOW)
        assert stored(tx).known.deleted_at == NOW
        rows(tx, OLDER)
        assert stored(tx).known == Known(OLDER, None, None)


def test_a_proof_for_a_booking_that_is_stored_changes_nothing_else_of_it(database: Database) -> None:
    with database.write() as tx:
        details(tx)
        bookings.store_missing(tx, ENVIRONMENT, [ONE], NOW)
        assert stored(tx).known == Known(BOOKING, ORDER, NOW)


def test_environments_do_not_see_each_other(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING)
        bookings.store_rows(tx, "other", [NEWER], "", stale=True)
        bookings.store_proofs(tx, "other", [ONE], NOW)
        assert stored(tx) == Stored(Known(BOOKING), stale=False)
        assert bookings.stale(tx, ENVIRONMENT, 10) == []


def test_loading_asks_for_thousands_in_pieces(database: Database) -> None:
    with database.write() as tx:
        rows(tx, *many(1203))
        ids = [booking_id(number) for number in range(1300)]
        assert len(bookings.load(tx, ENVIRONMENT, [*ids, *ids])) == 1203
        bookings.store_proofs(tx, ENVIRONMENT, ids, NOW)
        assert bookings.starting(tx, ENVIRONMENT, NOW - DAY, NOW + DAY) == []


# --- entering the window ---------------------------------------------------------------------------------------------


def test_d3_what_starts_from_the_old_edge_on_and_before_the_new_one_enters(database: Database) -> None:
    edge, new = NOW, NOW + HOUR
    starts = {ONE: edge, TWO: new, THREE: edge - HOUR, booking_id(4): new - HOUR / 3600, booking_id(5): edge}
    with database.write() as tx:
        rows(tx, *(replace(BOOKING, id=key, start=start, end=start + DAY) for key, start in starts.items()))
        bookings.store_proofs(tx, ENVIRONMENT, [booking_id(5)], NOW)
        assert sorted(bookings.starting(tx, ENVIRONMENT, edge, new)) == [ONE, booking_id(4)]


@pytest.mark.parametrize(
    ("minutes", "most", "entered", "reached"),
    [
        pytest.param([], 2, 0, 60, id="nobody"),
        pytest.param([1, 2], 2, 2, 60, id="as many as may"),
        pytest.param([1, 2, 3], 2, 2, 3, id="one more"),
        pytest.param([1, 2, 2, 2], 2, 1, 2, id="those that start together are not parted"),
        pytest.param([0, 0, 0, 5], 2, 3, None, id="all that start at the edge"),
        pytest.param([5, 5, 5, 5], 2, 0, 5, id="the edge moves up to them first"),
    ],
)
def test_d3_the_edge_moves_by_some_bookings_at_a_time_and_passes_over_none(
    database: Database, minutes: list[int], most: int, entered: int, reached: int | None
) -> None:
    made = [replace(BOOKING, id=booking_id(n), start=NOW + m * HOUR / 60) for n, m in enumerate(minutes)]
    with database.write() as tx:
        rows(tx, *made)
        ids, edge = bookings.entering(tx, ENVIRONMENT, NOW, NOW + HOUR, most)
        assert edge == (NOW + timedelta(microseconds=1) if reached is None else NOW + reached * HOUR / 60)
        assert len(ids) == entered
        assert set(ids) == {row.id for row in made if row.start < edge}


def test_r12_f26_the_window_of_the_store_is_the_window_of_the_rules(database: Database) -> None:
    spans = [
        (WINDOW.near - HOUR, WINDOW.near),
        (WINDOW.near - HOUR, WINDOW.near + HOUR),
        (WINDOW.far - HOUR, WINDOW.far + HOUR),
        (WINDOW.far, WINDOW.far + HOUR),
        (NOW, NOW),
        (WINDOW.near, WINDOW.near),
    ]
    with database.write() as tx:
        made = [replace(BOOKING, id=booking_id(n), start=span[0], end=span[1]) for n, span in enumerate(spans)]
        rows(tx, *made)
        found = {item.known.booking.id for item in bookings.in_window(tx, ENVIRONMENT, WINDOW)}
        assert found == {row.id for row in made if WINDOW.holds(row.start, row.end)}


# --- what waits for its details --------------------------------------------------------------------------------------


def test_bookings_that_wait_for_details_are_told_page_by_page(database: Database) -> None:
    with database.write() as tx:
        rows(tx, *many(7), stale=True)
        rows(tx, replace(BOOKING, id=booking_id(9)))
        pages: list[list[BookingId]] = []
        after = ""
        while page := bookings.stale(tx, ENVIRONMENT, 3, after):
            pages.append(page)
            after = page[-1]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [key for page in pages for key in page] == [row.id for row in many(7)]


def test_a_deleted_booking_waits_for_no_details(database: Database) -> None:
    with database.write() as tx:
        rows(tx, BOOKING)
        bookings.store_proofs(tx, ENVIRONMENT, [ONE], NOW)
        bookings.set_stale(tx, ENVIRONMENT, [ONE, TWO])
        assert bookings.stale(tx, ENVIRONMENT, 10) == []


# --- full reads ------------------------------------------------------------------------------------------------------


def test_f30_a_full_read_asks_after_every_booking_with_an_event_that_it_did_not_name(database: Database) -> None:
    made = many(6)
    events = [linked(made[0]), linked(made[1]), forgotten(linked(made[2])), unanswered_link(made[3]), linked(made[4])]
    with database.write() as tx:
        stock(tx, made, events)
        bookings.store_proofs(tx, ENVIRONMENT, [made[4].id], NOW)
        bookings.seen(tx, ENVIRONMENT, [made[0].id], "run-1")
        # made[2] has no event any more, made[4] is known to be gone, made[5] never had one
        assert bookings.unseen(tx, ENVIRONMENT, "run-1") == [made[1].id, made[3].id]
        rows(tx, replace(made[1], version=101), run="run-1")
        assert bookings.unseen(tx, ENVIRONMENT, "run-1") == [made[3].id]
        assert bookings.unseen(tx, ENVIRONMENT, "run-2") == [made[0].id, made[1].id, made[3].id]


# --- whom a booking concerns -----------------------------------------------------------------------------------------


def test_a_booking_concerns_the_mailboxes_with_an_event_an_unanswered_write_or_a_mark_of_it(database: Database) -> None:
    made = many(5)
    with database.write() as tx:
        stock(tx, made, [linked(made[0]), unanswered_link(made[1]), forgotten(linked(made[2]))])
        mark(tx, made[0].id, made[3].id, mailbox=OTHER_BOX)
        assert bookings.concerned(tx, ENVIRONMENT, [row.id for row in made]) == {
            made[0].id: {BOX, OTHER_BOX},
            made[1].id: {BOX},
            made[3].id: {OTHER_BOX},
        }
        assert bookings.concerned(tx, "other", [made[0].id]) == {}


@pytest.mark.parametrize(
    "text", [ONE, ONE.upper(), f" {{{ONE}}} ", "Boiler", "WO-1"], ids=["id", "upper", "braces", "name", "number"]
)
def test_a_booking_is_found_by_id_name_and_work_order_number(database: Database, text: str) -> None:
    with database.write() as tx:
        details(tx)
        details(tx, replace(BOOKING, id=TWO, name="Other"), replace(ORDER, number="WO-10"))
        assert bookings.search(tx, ENVIRONMENT, text) == [ONE]


@pytest.mark.parametrize("text", ["WO-", "%", "_O-1", '"', "", "WO-1%"])
def test_a_search_takes_no_pattern(database: Database, text: str) -> None:
    with database.write() as tx:
        details(tx)
        assert bookings.search(tx, ENVIRONMENT, text) == []
