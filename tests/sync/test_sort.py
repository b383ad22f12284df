"""Marked bookings, sorted by what is to be done with each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.values import (
    BOOKING,
    BOX,
    HOUR,
    NOW,
    ORDER,
    WORKER,
    booking_id,
    candidate,
    linked,
    mark,
    place,
    show,
)

from fieldcal.model import BookingId, Create, Delete, Event, EventId, Intent, Known, Link, Update, Worker
from fieldcal.plan.decide import Candidate, Resend, decide
from fieldcal.plan.settings import Settings
from fieldcal.state.marks import Later, Marked
from fieldcal.state.plans import Row
from fieldcal.sync.sort import LOOKS, SECOND_LOOK, UNREAD, Sorted, Work, sort_out
from fieldcal.sync.unanswered import conclude

MARKED = Marked(BOOKING.id, 1, 0, NOW)
GONE = Candidate(Known(BOOKING, ORDER, deleted_at=NOW), WORKER, False, linked())
EVIDENCE = f"deleted@{NOW.isoformat()}"


def work(
    item: Candidate | None,
    *said: Row,
    marked: Marked = MARKED,
    first_read: bool = True,
    settings: Settings | None = None,
) -> Work:
    candidates = {} if item is None else {BOOKING.id: item}
    return Work(place(settings or Settings()), first_read, (marked,), candidates, {BOOKING.id: list(said)})


def said(state: str, evidence: str = EVIDENCE, plan: int = 1) -> Row:
    return Row(plan, BOX, BOOKING.id, evidence, state)


def sort(item: Work, resends: dict[BookingId, Resend] | None = None) -> Sorted:
    return sort_out(item, resends or {}, show)


def test_a_write_is_armed_with_its_exact_intent() -> None:
    (armed,) = sort(work(candidate())).armed
    assert isinstance(armed.action, Create)
    assert armed.link == Link(BOX, BOOKING.id, 0, None, intent=Intent(armed.action, NOW, armed.decision.triggers or {}))
    assert (armed.counted, armed.resend) == (False, False)


def test_an_armed_update_leaves_what_the_link_says_as_it_was() -> None:
    (armed,) = sort(work(candidate(replace(BOOKING, status="x"), link=linked()))).armed
    assert isinstance(armed.action, Update)
    assert replace(armed.link, intent=None) == linked()


@pytest.mark.parametrize("item", [None, candidate(link=linked())])
def test_what_asks_for_nothing_is_done_with(item: Candidate | None) -> None:
    result = sort(work(item))
    assert (result.idle, result.armed, result.waiting) == ([MARKED], [], [])


@pytest.mark.parametrize("removal", [True, False])
def test_i1_an_unanswered_write_whose_event_is_kept_from_us_waits_and_is_not_made_anew(removal: bool) -> None:
    event = EventId("event-1")
    action = (
        Delete(mark(), event, "")
        if removal
        else Update(mark(), event, "", show(Known(BOOKING, ORDER), WORKER, Settings(), NOW), "stamp")
    )
    item = work(candidate(link=replace(linked(), event=event, intent=Intent(action, NOW, {}))))
    found = conclude(item, {}, {})
    assert (found.changed, found.removed, found.work.marked) == ([], [], ())
    assert [later.marked for later in found.waiting] == [MARKED]
    assert [link.event for link in conclude(item, {}, {event: None}).changed] == [None]


# --- removals --------------------------------------------------------------------------------------------------------


def test_an_evidenced_removal_is_armed_and_counted() -> None:
    (armed,) = sort(work(GONE)).armed
    assert isinstance(armed.action, Delete)
    assert (armed.counted, armed.evidence) == (True, EVIDENCE)


def test_f09_nothing_is_removed_before_the_first_complete_read() -> None:
    result = sort(work(GONE, first_read=False))
    assert (result.armed, result.idle) == ([], [])
    (later,) = result.waiting
    assert (later.due, later.failed) == (NOW + UNREAD, False)


@pytest.mark.parametrize(
    ("rows", "armed", "counted"),
    [
        pytest.param([said("rejected")], False, None, id="rejected with this evidence"),
        pytest.param(
            [said("rejected", "deleted@earlier")], True, True, id="rejected with older evidence: proposed again"
        ),
        pytest.param([said("held")], False, None, id="held: a person has the word"),
        pytest.param([said("held", "deleted@earlier")], True, True, id="held with older evidence"),
        pytest.param([said("approved")], True, False, id="approved: does not count"),
        pytest.param([said("approved", "deleted@earlier")], True, False, id="approved, and still true"),
        pytest.param([said("approved", plan=2), said("rejected", plan=1)], True, False, id="the newest word holds"),
        pytest.param([said("rejected", plan=2), said("dropped", plan=1)], False, None, id="rejected last"),
        pytest.param([said("done")], True, True, id="carried out once, proven again"),
        pytest.param([said("dropped")], True, True, id="had lapsed, proven again"),
    ],
)
def test_what_persons_have_said_of_a_removal_is_kept(rows: list[Row], armed: bool, counted: bool | None) -> None:
    result = sort(work(GONE, *rows))
    assert [item.counted for item in result.armed] == ([counted] if armed else [])
    assert result.idle == ([] if armed else [MARKED])
    assert result.lapsed == []


@pytest.mark.parametrize(
    ("state", "lapsed"), [("held", True), ("approved", True), ("rejected", False), ("done", False), ("dropped", False)]
)
def test_a_removal_that_waits_lapses_when_its_evidence_does(state: str, lapsed: bool) -> None:
    result = sort(work(candidate(link=linked()), said(state)))
    assert result.lapsed == ([BOOKING.id] if lapsed else [])
    assert result.idle == [MARKED]


# --- creates that go out again ---------------------------------------------------------------------------------------


def unanswered() -> tuple[Link, Create]:
    action = decide(candidate(), place(), show).action
    assert isinstance(action, Create)
    return Link(BOX, BOOKING.id, 0, None, intent=Intent(action, NOW - HOUR, {"status": "as it was"})), action


def test_a_repeat_sends_the_same_bytes_and_newer_content_follows() -> None:
    link, action = unanswered()
    moved = replace(BOOKING, start=BOOKING.start + HOUR, end=BOOKING.end + HOUR)
    (armed,) = sort(work(candidate(moved, link=link)), {BOOKING.id: Resend(action)}).armed
    assert (armed.action, armed.resend) == (action, True)
    assert armed.decision.triggers == {"status": "as it was"}
    assert armed.link.intent == Intent(action, NOW, {"status": "as it was"})


@pytest.mark.parametrize("attempts", range(LOOKS - 1))
def test_a_create_that_nobody_wants_any_more_is_looked_for_again(attempts: int) -> None:
    link, action = unanswered()
    marked = replace(MARKED, attempts=attempts)
    result = sort(work(replace(GONE, link=link), marked=marked), {BOOKING.id: Resend(action)})
    (later,) = result.waiting
    assert (later.due, later.failed, result.armed) == (NOW + SECOND_LOOK, True, [])


def test_a_create_that_nobody_wants_and_that_never_turned_up_is_taken_for_not_carried_out() -> None:
    link, action = unanswered()
    marked = replace(MARKED, attempts=LOOKS - 1)
    assert sort(work(replace(GONE, link=link), marked=marked), {BOOKING.id: Resend(action)}).idle == [marked]


# --- neighbours ------------------------------------------------------------------------------------------------------


def poisoned(known: Known, worker: Worker, settings: Settings, now: datetime) -> Event:
    if known.booking.id == booking_id(2):
        raise OverflowError("date value\nout of range")
    return show(known, worker, settings, now)


def test_i7_a_booking_that_cannot_be_rendered_waits_with_its_reason_and_its_neighbours_go_on() -> None:
    ids = [booking_id(number) for number in (1, 2, 3)]
    marked = tuple(Marked(key, 1, 2, NOW) for key in ids)
    candidates = {key: candidate(replace(BOOKING, id=key)) for key in ids}
    result = sort_out(Work(place(), True, marked, candidates, {}), {}, poisoned)
    assert [item.marked.booking for item in result.armed] == [ids[0], ids[2]]
    (later,) = result.waiting
    assert (later.marked, later.due, later.failed) == (marked[1], NOW + timedelta(seconds=16), True)
    assert "OverflowError: date value out of range" in later.trouble
    assert isinstance(later, Later)
