"""What the source told becomes stored bookings and marks: only news, never an older version, whom it concerns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select
from tests.state.stocked import due, stock
from tests.values import (
    BERND,
    BOOKING,
    BOX,
    DAY,
    ENVIRONMENT,
    HOUR,
    NOW,
    ORDER,
    OTHER_BOX,
    SETTINGS,
    WINDOW,
    booking_id,
    linked,
    unanswered_link,
)

from fieldcal.model import Booking, BookingId, Detailed, Known, MailboxId, WorkOrder
from fieldcal.plan.settings import Settings
from fieldcal.source_model import Details, Unreadable
from fieldcal.state import aside, bookings, marks
from fieldcal.state.aside import Kind
from fieldcal.state.bookings import Stored
from fieldcal.state.database import Database
from fieldcal.state.tables import marks as mark_table
from fieldcal.sync.absorb import Frame, Told, absorb, wanting

FRAME = Frame(ENVIRONMENT, SETTINGS, WINDOW, "", NOW)
LATER_ORDER = replace(ORDER, version=99, summary="other")
RENAMED = replace(BOOKING, version=101, name="Renamed")
MOVED = replace(BOOKING, version=101, start=BOOKING.start + HOUR, end=BOOKING.end + HOUR)
GIVEN = replace(BOOKING, version=101, worker=BERND)
PAST = replace(BOOKING, start=WINDOW.near - HOUR, end=WINDOW.near)
BEYOND = replace(BOOKING, start=WINDOW.far, end=WINDOW.far + HOUR)


def detailed(booking: Booking = BOOKING, order: WorkOrder | None = ORDER) -> Details:
    return Details((Detailed(booking, order),))


def known(tx: Connection, booking: Booking = BOOKING, order: WorkOrder | None = ORDER) -> None:
    """Store it as an earlier pull would have."""
    bookings.store_details(tx, ENVIRONMENT, [Detailed(booking, order)], "")


def stored(tx: Connection) -> Stored | None:
    return bookings.load(tx, ENVIRONMENT, [BOOKING.id]).get(BOOKING.id)


def marked(tx: Connection) -> set[MailboxId]:
    return set(tx.scalars(select(mark_table.c.mailbox).where(mark_table.c.booking == BOOKING.id)))


# --- new rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "kept", "boxes"),
    [
        pytest.param(BOOKING, True, {BOX}, id="in the window"),
        pytest.param(BEYOND, True, set(), id="starts at the far edge: enter's"),
        pytest.param(PAST, False, set(), id="F26 ended at the near edge: cannot matter any more"),
        pytest.param(replace(PAST, end=WINDOW.near + HOUR), True, {BOX}, id="ends inside"),
        pytest.param(replace(BOOKING, worker=None), True, set(), id="nobody is booked"),
        pytest.param(replace(BOOKING, worker="unknown"), True, set(), id="an unknown worker"),
    ],
)
def test_r1_r12_a_new_row_is_kept_while_it_can_matter_and_marked_where_it_belongs(
    sqlite_database: Database, row: Booking, kept: bool, boxes: set[str]
) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        assert absorb(tx, FRAME, Told((row,), detailed(row))) == (1 if boxes else 0)
        assert stored(tx) == (Stored(Known(row, ORDER), stale=False) if kept else None)
        assert marked(tx) == boxes


def test_d4_a_row_before_the_window_is_kept_while_it_has_an_event(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        absorb(tx, FRAME, Told((PAST,), detailed(PAST)))
        assert stored(tx) is not None
        assert marked(tx) == {BOX}


def test_a_row_whose_details_are_not_known_is_marked_but_not_due_until_they_come(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        absorb(tx, FRAME, Told((BOOKING,), Details((), unknown=(BOOKING.id,))))
        assert stored(tx) == Stored(Known(BOOKING), stale=True)
        assert (marked(tx), due(tx)) == ({BOX}, [])
        absorb(tx, FRAME, Told(details=detailed()))
        assert [item.booking for item in due(tx)] == [BOOKING.id]


# --- changes ---------------------------------------------------------------------------------------------------------


def test_r11_a_change_that_triggers_nothing_leaves_the_snapshot_alone_and_marks_nothing(
    sqlite_database: Database,
) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert wanting(tx, FRAME, [RENAMED]) == []
        assert absorb(tx, FRAME, Told((RENAMED,))) == 0
        assert stored(tx) == Stored(Known(RENAMED, ORDER), stale=False)
        assert marked(tx) == set()


def test_r10_r11_a_change_of_the_time_reads_the_work_order_again_and_marks(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert wanting(tx, FRAME, [MOVED]) == [BOOKING.id]
        assert absorb(tx, FRAME, Told((MOVED,), detailed(MOVED, LATER_ORDER))) == 1
        assert stored(tx) == Stored(Known(MOVED, LATER_ORDER), stale=False)
        assert marked(tx) == {BOX}


@pytest.mark.parametrize("row", [BOOKING, replace(MOVED, version=99), replace(MOVED, version=100 - 99)])
def test_a_page_that_is_told_twice_or_late_marks_nothing_and_changes_nothing(
    sqlite_database: Database, row: Booking
) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert wanting(tx, FRAME, [row]) == []
        assert absorb(tx, FRAME, Told((row,))) == 0
        assert stored(tx) == Stored(Known(BOOKING, ORDER), stale=False)


def test_details_that_lag_behind_the_feed_are_not_taken_and_are_read_again(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        absorb(tx, FRAME, Told((MOVED,), detailed(BOOKING, LATER_ORDER)))
        assert stored(tx) == Stored(Known(MOVED, ORDER), stale=True)
        assert marked(tx) == {BOX}


def test_details_newer_than_the_feed_take_the_thin_rows_place_and_are_what_is_compared(
    sqlite_database: Database,
) -> None:
    back = replace(BOOKING, version=102)  # moved and moved back, before the details were read
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert absorb(tx, FRAME, Told((MOVED,), detailed(back))) == 0
        assert stored(tx) == Stored(Known(back, ORDER), stale=False)


def test_a_booking_that_still_waits_for_details_is_marked_when_they_come_whatever_changed(
    sqlite_database: Database,
) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [BOOKING])
        bookings.set_stale(tx, ENVIRONMENT, [BOOKING.id])
        assert wanting(tx, FRAME, [RENAMED]) == [BOOKING.id]
        assert absorb(tx, FRAME, Told((RENAMED,), detailed(RENAMED))) == 1
        assert marked(tx) == {BOX}


@pytest.mark.parametrize(
    ("link", "boxes"),
    [(None, {BOX}), (linked(), {BOX}), (unanswered_link(), {BOX})],
    ids=["was in the window", "event", "unanswered"],
)
def test_d4_a_booking_moved_beyond_the_window_is_marked_where_its_event_stands(
    sqlite_database: Database, link: None, boxes: set[str]
) -> None:
    far = replace(BEYOND, version=101, start=WINDOW.far + 90 * DAY, end=WINDOW.far + 91 * DAY)
    with sqlite_database.write() as tx:
        stock(tx, [], [link] if link else [])
        known(tx)
        absorb(tx, FRAME, Told((far,), detailed(far)))
        assert marked(tx) == boxes


# --- another worker --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_event", [True, False])
def test_d7_a_booking_given_to_another_is_marked_in_both_mailboxes(sqlite_database: Database, with_event: bool) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()] if with_event else [])
        known(tx)
        absorb(tx, FRAME, Told((GIVEN,), detailed(GIVEN)))
        assert marked(tx) == {BOX, OTHER_BOX}


def test_f31_a_booking_given_on_twice_before_a_write_is_marked_wherever_it_may_stand(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        absorb(tx, FRAME, Told((GIVEN,), detailed(GIVEN)))
        nobody = replace(BOOKING, version=102, worker=None)
        absorb(tx, FRAME, Told((nobody,), detailed(nobody)))
        assert marked(tx) == {BOX, OTHER_BOX}
        assert [item.seq for item in due(tx)] == [2]


# --- deleted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [Told(deleted=(BOOKING.id,)), Told(details=Details((), missing=(BOOKING.id,)))],
    ids=["a deleted entry", "a 404 to a read of that one id"],
)
@pytest.mark.parametrize(("with_event", "boxes"), [(True, {BOX}), (False, set())])
def test_d6_a_proof_of_deletion_is_kept_and_marks_where_an_event_stands(
    sqlite_database: Database, told: Told, with_event: bool, boxes: set[str]
) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()] if with_event else [])
        known(tx)
        assert absorb(tx, FRAME, told) == len(boxes)
        after = stored(tx)
        assert after is not None
        assert after.known.deleted_at == NOW
        assert marked(tx) == boxes
        # told again: no news
        marks.clear(tx, ENVIRONMENT, BOX, due(tx))
        assert absorb(tx, replace(FRAME, now=NOW + HOUR), told) == 0
        assert marked(tx) == set()


def test_f28_an_answer_that_proves_nothing_deletes_nothing(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        assert absorb(tx, FRAME, Told(details=Details((), unknown=(BOOKING.id,)))) == 0
        assert stored(tx) == Stored(Known(BOOKING, ORDER), stale=False)


def test_a_row_as_old_as_its_deletion_does_not_bring_it_back_and_a_newer_one_does(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        absorb(tx, FRAME, Told(deleted=(BOOKING.id,)))
        assert wanting(tx, FRAME, [BOOKING]) == []
        absorb(tx, FRAME, Told((BOOKING,)))
        assert getattr(getattr(stored(tx), "known", None), "deleted_at", None) == NOW
        assert wanting(tx, FRAME, [RENAMED]) == [BOOKING.id]
        absorb(tx, FRAME, Told((RENAMED,), detailed(RENAMED)))
        assert stored(tx) == Stored(Known(RENAMED, ORDER), stale=False)
        assert [item.seq for item in due(tx)] == [2]


def test_a_404_about_a_row_that_the_feed_just_named_is_no_proof_until_it_is_read_again(
    sqlite_database: Database,
) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        absorb(tx, FRAME, Told((BOOKING,), Details((), missing=(BOOKING.id,))))
        after = stored(tx)
        assert after is not None
        assert (after.known.deleted_at, after.stale) == (None, True)
        absorb(tx, FRAME, Told(details=Details((), missing=(BOOKING.id,))))
        after = stored(tx)
        assert after is not None
        assert (after.known.deleted_at, after.stale) == (NOW, False)


def test_d16_an_inactive_row_needs_no_details_and_marks_where_an_event_stands(sqlite_database: Database) -> None:
    inactive = replace(BOOKING, version=101, active=False)
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        assert wanting(tx, FRAME, [inactive]) == []
        absorb(tx, FRAME, Told((inactive,)))
        assert stored(tx) == Stored(Known(inactive, ORDER), stale=False)
        assert [item.booking for item in due(tx)] == [BOOKING.id]


# --- rows that cannot be read (I7) -----------------------------------------------------------------------------------

BAD = Unreadable(BOOKING.id, 101, "it has no start")


def set_aside(tx: Connection) -> str:
    """Why the booking is set aside, "" if it is not."""
    found = aside.load(tx, ENVIRONMENT, Kind.BOOKING, [BOOKING.id])
    return found[BOOKING.id].reason if found else ""


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(Told(unreadable=(BAD,)), id="thin"),
        pytest.param(Told(details=Details((), unknown=(BOOKING.id,), unreadable=(BAD,))), id="details"),
        pytest.param(Told(unreadable=(replace(BAD, version=None),)), id="without a version"),
    ],
)
def test_i7_a_row_that_cannot_be_read_is_set_aside_and_what_is_known_stands(
    sqlite_database: Database, told: Told
) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        assert absorb(tx, FRAME, told) == 0
        assert stored(tx) == Stored(Known(BOOKING, ORDER), stale=False)
        assert (set_aside(tx), marked(tx)) == (BAD.reason, set())


@pytest.mark.parametrize(
    ("told", "aside_after"),
    [
        pytest.param(Told(unreadable=(replace(BAD, version=100),)), False, id="as old as what was read"),
        pytest.param(Told(unreadable=(replace(BAD, version=99),)), False, id="older"),
        pytest.param(Told((MOVED,), detailed(MOVED), (BAD,)), False, id="read soundly beside"),
        pytest.param(Told((MOVED,), Details((), unreadable=(BAD,))), True, id="thin sound, details not"),
        pytest.param(Told(unreadable=(BAD,), deleted=(BOOKING.id,)), False, id="deleted beside"),
        pytest.param(
            Told(details=Details((), unreadable=(replace(BAD, version=100),)), forced=frozenset({BOOKING.id})), True,
            id="asked for anew",
        ),
    ],
)  # fmt: skip
def test_a_bad_row_counts_only_where_nothing_sound_is_as_new(
    sqlite_database: Database, told: Told, aside_after: bool
) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        absorb(tx, FRAME, told)
        assert bool(set_aside(tx)) is aside_after
        assert due(tx) == [] or not aside_after, "nothing is written of what is set aside"


def test_i4_a_404_about_a_row_that_cannot_be_read_is_no_proof(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        absorb(tx, FRAME, Told((), Details((), missing=(BOOKING.id,)), (BAD,)))
        assert stored(tx) == Stored(Known(BOOKING, ORDER), stale=False)
        assert set_aside(tx)


@pytest.mark.parametrize("version", [101, None])
def test_i2_a_row_that_is_well_again_is_marked_though_it_says_what_it_said(
    sqlite_database: Database, version: int | None
) -> None:
    well = replace(BOOKING, version=BOOKING.version if version is None else 102)
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        absorb(tx, FRAME, Told(unreadable=(replace(BAD, version=version),)))
        assert absorb(tx, FRAME, Told((well,))) == 1
        assert (set_aside(tx), marked(tx)) == ("", {BOX})
        # R11: nothing in it triggers, so its work order is not read anew
        assert stored(tx) == Stored(Known(well, ORDER), stale=False)


def test_an_older_row_that_comes_late_takes_nothing_back_that_is_set_aside(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        absorb(tx, FRAME, Told(unreadable=(replace(BAD, version=105),)))
        absorb(tx, FRAME, Told((MOVED,), detailed(MOVED)))
        assert set_aside(tx)
        assert due(tx) == []


def test_f30_a_full_read_that_names_a_bad_row_has_seen_it(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx, [], [linked()])
        known(tx)
        assert bookings.unseen(tx, ENVIRONMENT, "run") == [BOOKING.id]
        absorb(tx, replace(FRAME, run="run"), Told(unreadable=(BAD,)))
        assert bookings.unseen(tx, ENVIRONMENT, "run") == []


# --- asked for ------------------------------------------------------------------------------------------------------

FORCED = frozenset({BOOKING.id})


def test_d3_what_is_asked_for_is_marked_though_nothing_changed(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert wanting(tx, FRAME, [BOOKING], FORCED) == [BOOKING.id]
        assert absorb(tx, FRAME, Told(details=detailed(BOOKING, LATER_ORDER), forced=FORCED)) == 1
        assert stored(tx) == Stored(Known(BOOKING, LATER_ORDER), stale=False)
        assert marked(tx) == {BOX}


@pytest.mark.parametrize(
    "details",
    [Details((), unknown=(BOOKING.id,)), detailed(replace(BOOKING, version=99), LATER_ORDER)],
    ids=["no answer", "an older answer"],
)
def test_d3_what_is_asked_for_and_not_answered_for_is_marked_and_read_again(
    sqlite_database: Database, details: Details
) -> None:
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert absorb(tx, FRAME, Told(details=details, forced=FORCED)) == 1
        assert stored(tx) == Stored(Known(BOOKING, ORDER), stale=True)
        assert (marked(tx), due(tx)) == ({BOX}, [])


def test_d1_location_is_news_only_where_it_is_followed(sqlite_database: Database) -> None:
    elsewhere = replace(BOOKING, version=101, place="Elsewhere 1")
    following = replace(FRAME, settings=Settings(follow_location=True))
    with sqlite_database.write() as tx:
        stock(tx)
        known(tx)
        assert (wanting(tx, FRAME, [elsewhere]), wanting(tx, following, [elsewhere])) == ([], [BOOKING.id])
        assert absorb(tx, following, Told((elsewhere,), detailed(elsewhere))) == 1


# --- full reads ------------------------------------------------------------------------------------------------------


def test_f30_a_full_read_has_seen_what_it_named_also_where_nothing_changed(sqlite_database: Database) -> None:
    second = replace(BOOKING, id=booking_id(2))
    third = replace(BOOKING, id=booking_id(3))
    with sqlite_database.write() as tx:
        stock(tx, [BOOKING, second, third], [linked(), linked(second), linked(third)])
        absorb(tx, replace(FRAME, run="run-1"), Told((BOOKING, replace(second, version=99))))
        assert bookings.unseen(tx, ENVIRONMENT, "run-1") == [BookingId(third.id)]
        assert marked(tx) == set()
