"""The rules as tables: R10, R12, R13 and D1 to D16, each case an instant, a row and what is wanted of it."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from tests.values import (
    BERND,
    BOOKING,
    BOX,
    COLLEAGUE,
    DAY,
    HOUR,
    MOMENT,
    NOW,
    ORDER,
    OTHER_BOX,
    SETTINGS,
    WINDOW,
    WORKER,
    linked,
)

from fieldcal.model import Booking, Known, Link, StatusKind, Window, Worker, WorkerId, WorkerKind, WorkOrderId
from fieldcal.plan.rules import (
    SENTENCES,
    Evidence,
    Hide,
    Leave,
    Moment,
    Reason,
    Show,
    Wish,
    differ,
    home,
    matters,
    trigger_values,
    triggered,
    wish,
)
from fieldcal.plan.settings import Canceled, Deleted, Proposed, Settings, WithoutWorkOrder

NEAR, FAR = NOW - 7 * DAY, NOW + 14 * DAY
TICK = timedelta(microseconds=1)
REMOVE, KEEP = Settings(canceled=Canceled.REMOVE), Settings(canceled=Canceled.KEEP)
PAST = replace(BOOKING, start=NOW - 3 * HOUR, end=NOW - HOUR)


def told(
    booking: Booking = BOOKING,
    link: Link | None = None,
    settings: Settings = SETTINGS,
    worker: Worker | None = WORKER,
    *,
    gone: bool = False,
    deleted_at: datetime | None = None,
    moment: Moment = MOMENT,
) -> str:
    """What the rules want of this booking in `BOX`: `show`, `hide REASON` or `leave REASON`."""
    where = home(booking, worker, gone)
    return _words(wish(Known(booking, ORDER, deleted_at), where, BOX, link, settings, moment))


def _words(wanted: Wish) -> str:
    match wanted:
        case Show():
            return "show"
        case Hide(evidence):
            return f"hide {evidence.kind}"
        case Leave(reason):
            return f"leave {reason}"


def proof(
    booking: Booking = BOOKING, link: Link | None = None, settings: Settings = SETTINGS, worker: Worker = WORKER,
    deleted_at: datetime | None = None,
) -> Evidence:  # fmt: skip
    known = Known(booking, ORDER, deleted_at)
    wanted = wish(known, home(booking, worker, gone=False), BOX, link or linked(), settings, MOMENT)
    assert isinstance(wanted, Hide), wanted
    return wanted.evidence


# --- R10 and D1: what triggers ---------------------------------------------------------------------------------------

OTHER_ORDER = WorkOrderId("d0000000-0000-4000-8000-000000000002")


@pytest.mark.parametrize(
    ("changes", "follows"),
    [
        pytest.param({"status": "status-traveling"}, True, id="status"),
        pytest.param({"start": BOOKING.start + HOUR}, True, id="start"),
        pytest.param({"end": BOOKING.end + HOUR}, True, id="end"),
        pytest.param({"worker": BERND}, True, id="worker"),
        pytest.param({"worker": None}, True, id="no worker any more"),
        pytest.param({"work_order": OTHER_ORDER}, True, id="belongs to another work order"),
        pytest.param({"work_order": None}, True, id="belongs to no work order any more"),
        pytest.param({"active": False}, True, id="inactive"),
        pytest.param({"name": "Another name"}, False, id="name"),
        pytest.param({"status_name": "Renamed"}, False, id="the status row was renamed"),
        pytest.param({"place": "Elsewhere 1"}, False, id="place"),
        pytest.param({"version": 999}, False, id="version alone"),
        pytest.param({}, False, id="nothing"),
    ],
)
def test_r10_d1_an_update_follows_the_status_the_time_the_worker_the_work_order_and_activity_alone(
    changes: dict[str, object], follows: bool
) -> None:
    assert triggered(BOOKING, replace(BOOKING, **changes), SETTINGS) is follows


def test_r10_a_booking_never_seen_before_triggers() -> None:
    assert triggered(None, BOOKING, SETTINGS)


def test_d1_location_follows_only_where_it_is_chosen() -> None:
    moved = replace(BOOKING, place="Elsewhere 1")
    assert not triggered(BOOKING, moved, SETTINGS)
    assert triggered(BOOKING, moved, Settings(follow_location=True))


def test_d1_a_work_order_change_alone_shows_in_the_trigger_values_only_where_it_is_chosen() -> None:
    later, chosen = replace(ORDER, version=8), Settings(follow_work_order=True)
    assert trigger_values(BOOKING, ORDER, SETTINGS) == trigger_values(BOOKING, later, SETTINGS)
    assert differ(trigger_values(BOOKING, ORDER, chosen), trigger_values(BOOKING, later, chosen))
    assert differ(trigger_values(BOOKING, ORDER, chosen), trigger_values(BOOKING, None, chosen))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SETTINGS, Settings(follow_location=True, follow_work_order=True)),
        (Settings(follow_location=True, follow_work_order=True), SETTINGS),
    ],
)
def test_d1_a_changed_choice_alone_rewrites_nothing(before: Settings, after: Settings) -> None:
    written = trigger_values(BOOKING, ORDER, before)
    now = trigger_values(replace(BOOKING, place="Elsewhere 1"), replace(ORDER, version=8), after)
    assert not differ(written, now)


# --- R12: the window -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        pytest.param(NEAR - HOUR, NEAR, False, id="F26 ends exactly at the near edge"),
        pytest.param(NEAR - HOUR, NEAR + TICK, True, id="ends one tick after the near edge"),
        pytest.param(NEAR, NEAR + HOUR, True, id="starts at the near edge"),
        pytest.param(FAR - TICK, FAR + HOUR, True, id="starts one tick before the far edge"),
        pytest.param(FAR, FAR + HOUR, False, id="starts exactly at the far edge"),
        pytest.param(NEAR - DAY, FAR + DAY, True, id="spans all of it"),
        pytest.param(NOW, NOW, True, id="takes no time"),
        pytest.param(NEAR, NEAR, False, id="takes no time at the near edge"),
        pytest.param(FAR, FAR, False, id="takes no time at the far edge"),
    ],
)
def test_r12_f26_the_window_is_half_open(start: datetime, end: datetime, inside: bool) -> None:
    booking = replace(BOOKING, start=start, end=end)
    assert WINDOW.holds(start, end) is inside
    assert (told(booking) == "show") is inside


@pytest.mark.parametrize("hours", [13, -10, 5.75, 0])
@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [(NEAR - DAY, NEAR, False), (NEAR - DAY, NEAR + TICK, True), (FAR - TICK, FAR, True), (FAR, FAR + DAY, False)],
)
def test_r12_f27_the_edges_are_instants_whatever_zone_they_are_written_in(
    hours: float, start: datetime, end: datetime, inside: bool
) -> None:
    there = timezone(timedelta(hours=hours))
    assert (told(replace(BOOKING, start=start.astimezone(there), end=end.astimezone(there))) == "show") is inside


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Honolulu", "Europe/Berlin"])
def test_r12_f27_the_window_of_an_instant_is_the_same_in_every_zone_and_over_a_change_of_the_clocks(zone: str) -> None:
    before_the_change = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    there = before_the_change.astimezone(ZoneInfo(zone)).astimezone(UTC)
    assert SETTINGS.window(there) == Window(before_the_change - 7 * DAY, before_the_change + 14 * DAY)
    assert SETTINGS.window(there).far - SETTINGS.window(there).near == 21 * DAY


def test_r12_a_window_setting_moves_both_edges() -> None:
    assert Settings(window_past=0, window_future=30).window(NOW) == Window(NOW, NOW + 30 * DAY)


@pytest.mark.parametrize(
    ("start", "end", "link", "kept"),
    [
        (NEAR - HOUR, NEAR, False, False),
        (NEAR - HOUR, NEAR, True, True),
        (NEAR - HOUR, NEAR + TICK, False, True),
        (FAR + 100 * DAY, FAR + 101 * DAY, False, True),
        (NOW, NEAR - DAY, False, True),
    ],
)
def test_r12_a_row_is_kept_while_it_can_still_come_to_matter(
    start: datetime, end: datetime, link: bool, kept: bool
) -> None:
    assert matters(replace(BOOKING, start=start, end=end), WINDOW, linked=link) is kept


# --- R13, D2, D3 -----------------------------------------------------------------------------------------------------


def test_r13_no_rule_knows_whether_synchronization_is_on_so_none_can_remove_because_it_is_off() -> None:
    # Switches stand in the mailbox, profile and environment rows; what is wanted is made of none of them.
    assert not {field.name for field in fields(Settings)} & {"enabled", "active", "disabled"}


NO_ORDER = replace(BOOKING, work_order=None)
ONLY_WITH = Settings(without_work_order=WithoutWorkOrder.SKIP)


@pytest.mark.parametrize(
    ("booking", "link", "settings", "wanted"),
    [
        (NO_ORDER, None, SETTINGS, "show"),
        (NO_ORDER, linked(), SETTINGS, "show"),
        (NO_ORDER, None, ONLY_WITH, "leave without_work_order"),
        (NO_ORDER, linked(), ONLY_WITH, "hide without_work_order"),
        (replace(PAST, work_order=None), linked(PAST), ONLY_WITH, "leave ended"),
        (NO_ORDER, linked(), replace(ONLY_WITH, deleted=Deleted.KEEP), "leave deleted_kept"),
        (BOOKING, None, ONLY_WITH, "show"),
    ],
)
def test_d2_a_booking_without_a_work_order(
    booking: Booking, link: Link | None, settings: Settings, wanted: str
) -> None:
    assert told(booking, link, settings) == wanted


def test_d3_time_brings_a_booking_into_the_window() -> None:
    later = replace(BOOKING, start=FAR + HOUR, end=FAR + 2 * HOUR)
    assert told(later) == "leave after_window"
    then = NOW + HOUR + TICK
    assert told(later, moment=Moment(then, SETTINGS.window(then))) == "show"


# --- D4 --------------------------------------------------------------------------------------------------------------

LAST_WEEK = replace(BOOKING, start=NEAR - 3 * HOUR, end=NEAR - HOUR)


def at(start: datetime) -> Booking:
    return replace(BOOKING, start=start, end=start + HOUR)


@pytest.mark.parametrize(
    ("written", "booked", "wanted"),
    [
        pytest.param(BOOKING, at(FAR + 100 * DAY), "show", id="moved far ahead"),
        pytest.param(BOOKING, at(NEAR - 100 * DAY), "show", id="moved from the window to long ago"),
        pytest.param(LAST_WEEK, at(NOW + DAY), "show", id="last week's job moved to tomorrow"),
        pytest.param(LAST_WEEK, at(FAR + DAY), "show", id="from before the window to after it"),
        pytest.param(LAST_WEEK, at(NEAR - 5 * HOUR), "leave frozen", id="both before the window"),
        pytest.param(LAST_WEEK, at(NEAR - HOUR), "leave frozen", id="now ends exactly at the near edge"),
        pytest.param(LAST_WEEK, at(NEAR - HOUR + TICK), "show", id="now ends one tick after the near edge"),
        pytest.param(at(FAR + DAY), at(FAR + 2 * DAY), "show", id="both after the window"),
    ],
)
def test_d4_an_event_follows_its_booking_and_is_frozen_only_when_both_times_lie_before_the_window(
    written: Booking, booked: Booking, wanted: str
) -> None:
    assert told(booked, linked(written)) == wanted


def test_d4_a_canceled_booking_that_lies_before_the_window_keeps_its_event() -> None:
    canceled = replace(LAST_WEEK, kind=StatusKind.CANCELED)
    assert told(canceled, linked(LAST_WEEK), REMOVE) == "leave frozen"


# --- D5 --------------------------------------------------------------------------------------------------------------

CANCELED = replace(BOOKING, kind=StatusKind.CANCELED, status="status-canceled", version=101)


@pytest.mark.parametrize(
    ("booking", "link", "settings", "wanted"),
    [
        pytest.param(CANCELED, linked(), SETTINGS, "show", id="default: the event stays and says so"),
        pytest.param(CANCELED, linked(), REMOVE, "hide canceled", id="remove"),
        pytest.param(CANCELED, linked(), KEEP, "leave canceled_kept", id="keep unchanged"),
        pytest.param(CANCELED, None, SETTINGS, "leave canceled_unseen", id="none is made for one already canceled"),
        pytest.param(CANCELED, None, REMOVE, "leave canceled_unseen", id="nor with remove"),
        pytest.param(CANCELED, None, KEEP, "leave canceled_unseen", id="nor with keep"),
        pytest.param(BOOKING, linked(CANCELED), SETTINGS, "show", id="un-canceled: restored"),
        pytest.param(BOOKING, None, REMOVE, "show", id="un-canceled after removal: made anew"),
        pytest.param(BOOKING, linked(), KEEP, "show", id="un-canceled with keep"),
        pytest.param(
            replace(PAST, kind=StatusKind.CANCELED), linked(PAST), REMOVE, "hide canceled", id="remove, also when ended"
        ),
    ],
)
def test_d5_a_canceled_booking(booking: Booking, link: Link | None, settings: Settings, wanted: str) -> None:
    assert told(booking, link, settings) == wanted


# --- D6, D16 ---------------------------------------------------------------------------------------------------------

KEPT = Settings(deleted=Deleted.KEEP)


@pytest.mark.parametrize(
    ("booking", "link", "settings", "deleted_at", "wanted"),
    [
        pytest.param(BOOKING, linked(), SETTINGS, NOW, "hide deleted", id="deleted"),
        pytest.param(BOOKING, None, SETTINGS, NOW, "leave deleted", id="deleted, no event"),
        pytest.param(PAST, linked(PAST), SETTINGS, NOW, "leave ended", id="ended events stay"),
        pytest.param(
            at(NOW - HOUR), linked(at(NOW - HOUR)), SETTINGS, NOW, "leave ended", id="an event that ends now has ended"
        ),
        pytest.param(
            at(NOW - HOUR + TICK), linked(at(NOW - HOUR + TICK)), SETTINGS, NOW, "hide deleted", id="ends in a tick"
        ),
        pytest.param(PAST, linked(), SETTINGS, NOW, "hide deleted", id="it is the event's end that counts"),
        pytest.param(BOOKING, linked(), KEPT, NOW, "leave deleted_kept", id="keep"),
        pytest.param(replace(BOOKING, active=False), linked(), SETTINGS, None, "hide inactive", id="D16 inactive"),
        pytest.param(replace(BOOKING, active=False), None, SETTINGS, None, "leave inactive", id="D16 no event"),
        pytest.param(replace(PAST, active=False), linked(PAST), SETTINGS, None, "leave ended", id="D16 ended"),
        pytest.param(replace(BOOKING, active=False), linked(), KEPT, None, "leave deleted_kept", id="D16 keep"),
        pytest.param(
            replace(BOOKING, active=False), linked(), SETTINGS, NOW, "hide deleted", id="inactive and deleted"
        ),
    ],
)
def test_d6_d16_a_deleted_or_inactive_booking(
    booking: Booking, link: Link | None, settings: Settings, deleted_at: datetime | None, wanted: str
) -> None:
    assert told(booking, link, settings, deleted_at=deleted_at) == wanted


PROPOSED = replace(BOOKING, kind=StatusKind.PROPOSED)
LEAVE_OUT = Settings(proposed=Proposed.LEAVE_OUT)


@pytest.mark.parametrize(
    ("booking", "link", "settings", "wanted"),
    [
        (PROPOSED, None, SETTINGS, "show"),
        (PROPOSED, linked(), SETTINGS, "show"),
        (PROPOSED, None, LEAVE_OUT, "leave proposed"),
        (PROPOSED, linked(), LEAVE_OUT, "hide proposed"),
        (replace(PAST, kind=StatusKind.PROPOSED), linked(PAST), LEAVE_OUT, "leave ended"),
        (BOOKING, None, LEAVE_OUT, "show"),
    ],
)
def test_d16_a_proposed_booking(booking: Booking, link: Link | None, settings: Settings, wanted: str) -> None:
    assert told(booking, link, settings) == wanted


# --- D7, D10 ---------------------------------------------------------------------------------------------------------

GIVEN = replace(BOOKING, worker=BERND, version=101)
SHARING = replace(COLLEAGUE, mailbox=BOX)
BARE = replace(COLLEAGUE, mailbox=None)
CREW = replace(BARE, kind=WorkerKind.CREW)


@pytest.mark.parametrize(
    ("booking", "worker", "link", "wanted"),
    [
        pytest.param(GIVEN, COLLEAGUE, linked(), "hide moved", id="moved"),
        pytest.param(replace(PAST, worker=BERND), COLLEAGUE, linked(PAST), "hide moved", id="moved after it ended"),
        pytest.param(
            replace(LAST_WEEK, worker=BERND), COLLEAGUE, linked(LAST_WEEK), "hide moved", id="long after it ended"
        ),
        pytest.param(
            BOOKING, replace(WORKER, mailbox=OTHER_BOX), linked(), "hide moved", id="the worker's mailbox moved"
        ),
        pytest.param(GIVEN, SHARING, linked(), "show", id="two workers with one mailbox: in place"),
        pytest.param(GIVEN, BARE, linked(), "hide moved", id="to a colleague without a mailbox"),
        pytest.param(GIVEN, CREW, linked(), "hide moved", id="to a crew"),
        pytest.param(GIVEN, COLLEAGUE, None, "leave elsewhere", id="no event of ours here"),
        pytest.param(replace(GIVEN, active=False), COLLEAGUE, linked(), "hide inactive", id="moved and inactive"),
        pytest.param(replace(PAST, worker=BERND, active=False), COLLEAGUE, linked(PAST), "leave ended", id="and ended"),
    ],
)
def test_d7_a_booking_given_to_another_worker(booking: Booking, worker: Worker, link: Link | None, wanted: str) -> None:
    assert told(booking, link, worker=worker) == wanted


@pytest.mark.parametrize(
    ("booking", "worker", "gone", "reason"),
    [
        (replace(BOOKING, worker=None), None, False, Reason.NO_WORKER),
        (BOOKING, None, False, Reason.UNKNOWN_WORKER),
        (BOOKING, WORKER, True, Reason.UNKNOWN_WORKER),
        (BOOKING, replace(WORKER, mailbox=None), False, Reason.NO_MAILBOX),
        *(
            (BOOKING, replace(WORKER, mailbox=None, kind=kind), False, Reason.NOT_A_PERSON)
            for kind in WorkerKind
            if kind is not WorkerKind.USER
        ),
    ],
)
def test_d10_what_has_no_mailbox_is_skipped_with_its_reason(
    booking: Booking, worker: Worker | None, gone: bool, reason: Reason
) -> None:
    assert home(booking, worker, gone) is reason
    assert told(booking, worker=worker, gone=gone) == f"leave {reason}"


# --- evidence --------------------------------------------------------------------------------------------------------

LOST = replace(WORKER, mailbox=None)


@pytest.mark.parametrize(
    ("booking", "worker", "gone", "link", "reason"),
    [
        pytest.param(replace(BOOKING, worker=None), None, False, linked(), "no_worker", id="empty worker"),
        pytest.param(GIVEN, None, False, linked(), "unknown_worker", id="a worker that was never read"),
        pytest.param(GIVEN, COLLEAGUE, True, linked(), "unknown_worker", id="a worker that is gone"),
        pytest.param(BOOKING, WORKER, True, linked(), "unknown_worker", id="the worker itself is gone"),
        pytest.param(BOOKING, LOST, False, linked(), "lost_mailbox", id="the worker lost the mailbox"),
        pytest.param(
            GIVEN,
            BARE,
            False,
            replace(linked(), triggers=None),
            "lost_mailbox",
            id="adopted: whose it was is not known",
        ),
    ],
)
def test_i4_what_is_no_evidence_removes_nothing(
    booking: Booking, worker: Worker | None, gone: bool, link: Link, reason: str
) -> None:
    assert told(booking, link, worker=worker, gone=gone) == f"leave {reason}"


@pytest.mark.parametrize(
    ("evidence", "counted"),
    [
        pytest.param(proof(deleted_at=NOW), True, id="deleted"),
        pytest.param(proof(replace(BOOKING, active=False)), True, id="inactive"),
        pytest.param(proof(NO_ORDER, settings=ONLY_WITH), True, id="without a work order"),
        pytest.param(proof(PROPOSED, settings=LEAVE_OUT), True, id="proposed"),
        pytest.param(proof(CANCELED, settings=REMOVE), False, id="canceled"),
        pytest.param(proof(GIVEN, worker=COLLEAGUE), False, id="moved to another worker"),
        pytest.param(proof(GIVEN, worker=BARE), False, id="moved to a worker without a mailbox"),
        pytest.param(
            proof(worker=replace(WORKER, mailbox=OTHER_BOX)), True, id="the same worker, told to have another mailbox"
        ),
        pytest.param(
            proof(link=replace(linked(), triggers=None), worker=replace(WORKER, mailbox=OTHER_BOX)), True,
            id="adopted: whether the worker is another one is not known",
        ),
    ],
)  # fmt: skip
def test_removals_which_evidence_counts_against_the_budget(evidence: Evidence, counted: bool) -> None:
    assert evidence.counted is counted


def test_removals_newer_evidence_has_another_text_and_the_same_evidence_the_same() -> None:
    inactive = replace(BOOKING, active=False)
    assert proof(inactive).text == proof(inactive).text
    texts = {
        proof(inactive).text,
        proof(replace(inactive, version=101)).text,
        proof(deleted_at=NOW).text,
        proof(deleted_at=NOW + HOUR).text,
        proof(replace(CANCELED, version=100), settings=REMOVE).text,
        proof(replace(PROPOSED, version=100), settings=LEAVE_OUT).text,
        proof(worker=replace(WORKER, mailbox=OTHER_BOX)).text,
    }
    assert len(texts) == 7


# --- the odd ones ----------------------------------------------------------------------------------------------------


def test_a_booking_whose_end_precedes_its_start_is_left_alone_with_its_reason() -> None:
    upside_down = replace(BOOKING, start=BOOKING.end, end=BOOKING.start)
    assert told(upside_down) == told(upside_down, linked()) == "leave ends_before_start"
    assert told(replace(upside_down, worker=BERND), linked(), worker=COLLEAGUE) == "hide moved"


def test_every_reason_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
    assert all(sentence and "\n" not in sentence for sentence in SENTENCES.values())


def test_an_unknown_worker_id_is_not_told_apart_from_one_that_is_not_there() -> None:
    stranger = replace(BOOKING, worker=WorkerId("e0000000-0000-4000-8000-000000000009"))
    assert told(stranger, linked(), worker=None) == "leave unknown_worker"
