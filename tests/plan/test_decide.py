"""One booking in one mailbox: what is decided, what an unanswered write turns out to be, what a link then remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.values import (
    ANNA,
    BERND,
    BOOKING,
    BOX,
    COLLEAGUE,
    DAY,
    HOUR,
    NOW,
    ORDER,
    OTHER_BOX,
    SETTINGS,
    WORKER,
    candidate,
    linked,
    mark,
    observed,
    place,
    show,
)

from fieldcal.model import (
    Adopt,
    Booking,
    Create,
    Delete,
    EventId,
    Forget,
    Intent,
    Known,
    Link,
    Observed,
    StatusKind,
    Update,
    WorkerKind,
    Write,
)
from fieldcal.plan.decide import Candidate, Resend, adopted, decide, forgotten, ours, resolve, written
from fieldcal.plan.keys import create_key, fingerprint
from fieldcal.plan.rules import Evidence, Reason, trigger_values
from fieldcal.plan.settings import Canceled, Deleted, Proposed, Settings, WithoutWorkOrder

MOVED = replace(BOOKING, start=BOOKING.start + HOUR, end=BOOKING.end + HOUR, version=101)
EVENT = show(Known(BOOKING, ORDER), WORKER, SETTINGS, NOW)
DEAD = Link(BOX, BOOKING.id, 3, None)


def test_a_new_booking_is_created_under_its_key_with_its_mark() -> None:
    decision = decide(candidate(), place(), show)
    action = decision.action
    assert isinstance(action, Create)
    assert (action.mark, action.key, action.event) == (mark(), create_key(mark()), EVENT)
    assert action.stamp == fingerprint(EVENT)
    assert decision.triggers == trigger_values(BOOKING, ORDER, SETTINGS)
    assert (decision.reason, decision.evidence) == (Reason.NEW, None)


def test_an_event_made_again_after_its_end_has_the_next_generations_key() -> None:
    action = decide(candidate(link=DEAD), place(), show).action
    assert isinstance(action, Create)
    assert action.mark == mark(generation=3)
    assert action.key == create_key(mark(generation=3)) != create_key(mark())


def test_a_changed_booking_updates_its_event_in_place() -> None:
    decision = decide(candidate(MOVED, link=linked()), place(), show)
    action = decision.action
    assert isinstance(action, Update)
    assert (action.id, action.etag, action.event.start) == ("event-1", "etag-1", MOVED.start)
    assert decision.reason is Reason.CHANGED


def test_a_removal_carries_its_evidence() -> None:
    gone = Candidate(Known(BOOKING, ORDER, deleted_at=NOW), WORKER, False, linked())
    decision = decide(gone, place(), show)
    assert decision.action == Delete(mark(), EventId("event-1"), "etag-1")
    assert decision.evidence == Evidence(Reason.DELETED, f"deleted@{NOW.isoformat()}", counted=True)


@pytest.mark.parametrize(
    ("changes", "order", "settings"),
    [
        pytest.param({}, replace(ORDER, version=99, summary="other"), SETTINGS, id="the work order"),
        pytest.param({}, None, SETTINGS, id="the snapshot is gone"),
        pytest.param({}, ORDER, Settings(subject_template="{{ x }}", body_template="y"), id="the templates"),
        pytest.param({}, ORDER, Settings(private=True, booking_url="https://x.example/{id}"), id="the look"),
        pytest.param({}, ORDER, Settings(follow_location=True, follow_work_order=True), id="what is followed"),
        pytest.param({"name": "Other", "place": "Other", "version": 200}, ORDER, SETTINGS, id="what triggers nothing"),
    ],
)
def test_i6_a_changed_rendering_alone_writes_nothing(
    changes: dict[str, object], order: None, settings: Settings
) -> None:
    decision = decide(candidate(replace(BOOKING, **changes), link=linked(), order=order), place(settings), show)
    assert (decision.action, decision.reason) == (None, Reason.UP_TO_DATE)


def test_i6_the_next_change_of_the_booking_carries_what_the_work_order_says_by_then() -> None:
    decision = decide(candidate(MOVED, link=linked(), order=replace(ORDER, version=99)), place(), show)
    assert isinstance(decision.action, Update)
    assert decision.action.event.body.startswith("99 ")


def test_d7_two_workers_with_one_mailbox_update_in_place() -> None:
    given_away = replace(BOOKING, worker=BERND, version=101)
    decision = decide(candidate(given_away, replace(COLLEAGUE, mailbox=BOX), linked()), place(), show)
    assert isinstance(decision.action, Update)
    assert decision.action.id == "event-1"


@pytest.mark.parametrize("link", [replace(linked(), rewrite=True), replace(linked(), triggers=None)])
def test_an_adopted_event_gets_one_update(link: Link) -> None:
    decision = decide(candidate(link=link), place(), show)
    assert isinstance(decision.action, Update)
    after = written(link, decision.action, decision.action.id, "etag-2", decision.triggers or {}, again=False)
    assert decide(candidate(link=after), place(), show).reason is Reason.UP_TO_DATE


# --- unanswered writes -----------------------------------------------------------------------------------------------

CREATE = Create(mark(), create_key(mark()), EVENT, fingerprint(EVENT))
LATER = show(Known(MOVED, ORDER), WORKER, SETTINGS, NOW)
UPDATE = Update(mark(), EventId("event-1"), "etag-1", LATER, fingerprint(LATER))
REMOVE = Delete(mark(), EventId("event-1"), "etag-1")
TRIGGERS = trigger_values(MOVED, ORDER, SETTINGS)


def unanswered(link: Link, action: Write) -> Link:
    return replace(link, intent=Intent(action, NOW, TRIGGERS))


def found(action: Create | Update | None = None) -> Observed:
    return observed(key=create_key(mark()), stamp=action.stamp if action else "older")


@pytest.mark.parametrize(
    ("action", "events", "expected"),
    [
        pytest.param(CREATE, [found(CREATE)], Adopt(mark(), found(CREATE)), id="create found"),
        pytest.param(CREATE, [], Resend(CREATE), id="create not found: the same bytes again"),
        pytest.param(UPDATE, [found()], Adopt(mark(), found()), id="update: the event stands"),
        pytest.param(UPDATE, [], Forget(mark()), id="update: the event is gone"),
        pytest.param(REMOVE, [found()], Adopt(mark(), found()), id="removal: the event stands"),
        pytest.param(REMOVE, [], Forget(mark()), id="removal: the event is gone"),
    ],
)
def test_what_became_of_an_unanswered_write(
    action: Write, events: list[Observed], expected: Adopt | Forget | Resend
) -> None:
    assert resolve(unanswered(linked(), action), events) == expected


def test_f11_a_create_that_arrived_counts_as_done() -> None:
    link = adopted(unanswered(replace(DEAD, generation=0), CREATE), found(CREATE))
    assert (link.event, link.etag, link.triggers, link.rewrite) == ("event-1", "event-1-etag", TRIGGERS, False)
    assert (link.subject, link.start, link.end, link.intent) == (EVENT.subject, EVENT.start, EVENT.end, None)


def test_a_create_that_stands_with_other_content_is_written_once_more() -> None:
    link = adopted(unanswered(replace(DEAD, generation=0), CREATE), found())
    assert (link.event, link.rewrite, link.triggers) == ("event-1", True, None)


def test_an_update_that_arrived_counts_as_done() -> None:
    link = adopted(unanswered(linked(), UPDATE), found(UPDATE))
    assert (link.start, link.stamp, link.triggers, link.etag) == (MOVED.start, UPDATE.stamp, TRIGGERS, "event-1-etag")
    assert decide(candidate(MOVED, link=link), place(), show).reason is Reason.UP_TO_DATE


def test_d8_what_was_to_be_written_over_a_hand_and_did_not_arrive_is_still_to_be_written() -> None:
    # The hand left our stamp where it was, so that only the etag tells; without one the stamp is believed.
    again = replace(linked(), rewrite=True)
    untouched = replace(found(UPDATE), subject="Mine", etag=UPDATE.etag)
    assert adopted(unanswered(again, UPDATE), untouched) == again
    assert not adopted(unanswered(again, replace(UPDATE, etag="")), replace(untouched, etag="")).rewrite
    assert not adopted(unanswered(again, UPDATE), replace(untouched, etag="another")).rewrite


@pytest.mark.parametrize("action", [UPDATE, REMOVE])
@pytest.mark.parametrize("rewrite", [True, False])
def test_an_update_or_removal_that_did_not_arrive_leaves_the_link_saying_what_it_said(
    action: Write, rewrite: bool
) -> None:
    # A hand moved the event meanwhile: the link goes on saying what we wrote, so that the check can tell.
    by_hand = replace(found(), subject="Mine", start=NOW - 2 * DAY, end=NOW - DAY, location="Pub")
    before = replace(linked(), rewrite=rewrite)
    assert adopted(unanswered(before, action), by_hand) == replace(before, etag="event-1-etag")


def test_an_owned_event_without_a_link_is_adopted_to_be_written_once() -> None:
    link = adopted(Link(BOX, BOOKING.id, 2, None), found())
    assert (link.event, link.generation, link.rewrite, link.triggers) == ("event-1", 2, True, None)
    assert (link.start, link.end, link.subject) == (BOOKING.start, BOOKING.end, "Boiler (Scheduled)")


def test_a_forgotten_event_raises_the_generation_and_leaves_nothing_else() -> None:
    assert forgotten(unanswered(replace(linked(), generation=4), UPDATE)) == Link(BOX, BOOKING.id, 5, None)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([observed("a"), observed("linked"), observed("b", key="key")], "linked", id="the linked one"),
        pytest.param([observed("a", created=NOW - DAY), observed("b", key="key")], "b", id="the one under our key"),
        pytest.param([observed("b"), observed("a", created=NOW - DAY), observed("c")], "a", id="the oldest"),
        pytest.param([observed("a", created=None), observed("b")], "b", id="unknown age is youngest"),
        pytest.param([observed("b"), observed("a")], "a", id="equal age: the same one every time"),
        pytest.param(
            [observed("linked"), observed("x", key="key", created=NOW - DAY)], "linked", id="F36 the map wins"
        ),
    ],
)
def test_f36_of_several_events_with_one_mark_one_is_ours(events: list[Observed], expected: str) -> None:
    assert ours(events, "key", "linked").id == expected
    assert ours(events[::-1], "key", "linked").id == expected


# --- properties ------------------------------------------------------------------------------------------------------

PEOPLE = {
    ANNA: WORKER,
    BERND: COLLEAGUE,
    "sharing": replace(COLLEAGUE, id="sharing", mailbox=BOX),
    "bare": replace(COLLEAGUE, id="bare", mailbox=None),
    "crew": replace(COLLEAGUE, id="crew", mailbox=None, kind=WorkerKind.CREW),
}
hours = st.integers(-24 * 30, 24 * 40).map(lambda count: NOW + timedelta(hours=count))
mostly = st.sampled_from([True, True, True, True, False])


@st.composite
def booked(draw: st.DrawFn) -> Booking:
    start = draw(hours)
    return replace(
        BOOKING,
        start=start,
        end=start + timedelta(hours=draw(st.integers(-1, 48))),
        worker=draw(st.sampled_from([None, "unknown", "sharing", "bare", "crew", BERND, *[ANNA] * 9])),
        status=draw(st.sampled_from(["status-scheduled", "status-traveling"])),
        kind=draw(st.sampled_from(StatusKind)),
        work_order=BOOKING.work_order if draw(mostly) else None,
        active=draw(mostly),
        version=draw(st.integers(1, 9)),
    )


bookings = booked()
settings_ = st.builds(
    Settings,
    without_work_order=st.sampled_from(WithoutWorkOrder),
    canceled=st.sampled_from(Canceled),
    deleted=st.sampled_from(Deleted),
    proposed=st.sampled_from(Proposed),
    follow_location=st.booleans(),
    follow_work_order=st.booleans(),
)
live = st.builds(
    replace,
    bookings.map(linked),
    rewrite=st.booleans(),
    generation=st.integers(0, 3),
    triggers=st.one_of(st.none(), bookings.map(lambda row: trigger_values(row, ORDER, SETTINGS))),
)
links = st.one_of(st.none(), st.just(DEAD), live)
proofs = st.tuples(mostly, hours).map(lambda drawn: None if drawn[0] else drawn[1])


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    booking: Booking = draw(bookings)
    worker = PEOPLE.get(booking.worker or "")
    deleted_at: datetime | None = draw(proofs)
    return Candidate(Known(booking, ORDER, deleted_at), worker, not draw(mostly), draw(links))


@given(candidates(), settings_)
def test_what_was_written_is_up_to_date(item: Candidate, settings: Settings) -> None:
    decision = decide(item, place(settings), show)
    action = decision.action
    if not isinstance(action, Create | Update):
        return
    link = item.link or Link(BOX, BOOKING.id, 0, None)
    event = action.id if isinstance(action, Update) else EventId("new")
    after = written(link, action, event, "etag", decision.triggers or {}, again=False)
    second = decide(replace(item, link=after), place(settings), show)
    assert second.action is None
    assert second.reason in {Reason.UP_TO_DATE, Reason.FROZEN, Reason.CANCELED_KEPT}


@given(candidates(), settings_)
def test_what_was_removed_stays_removed(item: Candidate, settings: Settings) -> None:
    if item.link is not None and isinstance(decide(item, place(settings), show).action, Delete):
        after = forgotten(item.link)
        assert decide(replace(item, link=after), place(settings), show).action is None
        assert after.generation == item.link.generation + 1


@given(candidates(), settings_)
def test_i4_a_removal_has_its_evidence_and_nothing_else_has_one(item: Candidate, settings: Settings) -> None:
    decision = decide(item, place(settings), show)
    assert isinstance(decision.action, Delete) is (decision.evidence is not None)
    if decision.evidence is not None:
        booking = item.known.booking
        proven = {
            Reason.DELETED: item.known.deleted_at is not None,
            Reason.INACTIVE: not booking.active,
            Reason.CANCELED: booking.kind is StatusKind.CANCELED and settings.canceled is Canceled.REMOVE,
            Reason.PROPOSED: booking.kind is StatusKind.PROPOSED and settings.proposed is Proposed.LEAVE_OUT,
            Reason.WITHOUT_WORK_ORDER: booking.work_order is None,
            Reason.MOVED: item.worker is not None and not item.worker_gone and item.worker.mailbox != BOX,
        }
        assert proven[decision.evidence.kind]


@given(candidates(), settings_)
def test_i1_nothing_is_created_where_an_event_stands_and_nothing_else_is_done_where_none_does(
    item: Candidate, settings: Settings
) -> None:
    action = decide(item, place(settings), show).action
    stands = item.link is not None and item.link.event is not None
    assert isinstance(action, Update | Delete) <= stands
    assert not (isinstance(action, Create) and stands)


@given(candidates(), settings_)
def test_another_mailbox_without_an_event_is_left_alone(item: Candidate, settings: Settings) -> None:
    stranger = replace(item, link=replace(DEAD, mailbox=OTHER_BOX))
    assume(item.worker is None or item.worker.mailbox != OTHER_BOX)
    assert decide(stranger, place(settings, OTHER_BOX), show).action is None


@given(candidates(), settings_)
def test_an_action_concerns_this_booking_in_this_mailbox_alone(item: Candidate, settings: Settings) -> None:
    action = decide(item, place(settings), show).action
    if action is not None:
        generation = item.link.generation if item.link else 0
        assert action.mark == mark(generation=generation)


@given(candidates(), settings_)
def test_the_same_values_decide_the_same(item: Candidate, settings: Settings) -> None:
    assert decide(item, place(settings), show) == decide(item, place(settings), show)
