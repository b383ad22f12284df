"""From a write's outcome to what is remembered of it: each outcome by each action."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import (
    BOOKING,
    BOX,
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

from fieldcal.errors import (
    Changed,
    EventError,
    FieldcalError,
    Forbidden,
    Full,
    Gone,
    KeyUsed,
    LeaseLost,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
)
from fieldcal.model import BookingId, Create, Delete, EventId, Intent, Known, Link, MailboxId, Receipt, Update, Write
from fieldcal.plan.decide import Decision, decide
from fieldcal.plan.keys import create_key, fingerprint
from fieldcal.plan.retry import AT_ONCE
from fieldcal.plan.rules import Evidence, Reason, trigger_values
from fieldcal.state.history import Tally
from fieldcal.state.marks import Later, Marked
from fieldcal.sync.apply import Armed, Seen, Settled, settle

MARKED = Marked(BOOKING.id, 5, 0, NOW - HOUR)
EVENT = show(Known(BOOKING, ORDER), WORKER, SETTINGS, NOW)
STAMP = fingerprint(EVENT)
CREATE = Create(mark(), create_key(mark()), EVENT, STAMP)
UPDATE = Update(mark(), EventId("event-1"), "etag-1", EVENT, STAMP)
REMOVE = Delete(mark(), EventId("event-1"), "etag-1")
TRIGGERS = trigger_values(BOOKING, ORDER, SETTINGS)
OLD = replace(linked(), triggers={**TRIGGERS, "status": "before"}, stamp="before")
BLANK = Link(BOX, BOOKING.id, 0, None)
EVIDENCE = Evidence(Reason.DELETED, "deleted@then", counted=True)
NOTHING = Seen()


def armed(action: Write, *, resend: bool = False, attempts: int = 0) -> Armed:
    before = BLANK if isinstance(action, Create) else OLD
    link = replace(before, intent=Intent(action, NOW, TRIGGERS))
    if isinstance(action, Delete):
        decision = Decision(action, Reason.DELETED, EVIDENCE)
    else:
        decision = Decision(action, Reason.NEW, None, TRIGGERS)
    marked = replace(MARKED, attempts=attempts)
    return Armed(marked, link, decision, action, counted=isinstance(action, Delete), resend=resend)


def without_intent(item: Armed) -> Link:
    return replace(item.link, intent=None)


def settled(item: Armed, outcome: Receipt | FieldcalError | None, seen: Seen = NOTHING) -> Settled:
    return settle(item, outcome, seen, NOW, 0.0)


def due_in(result: Settled) -> float | None:
    """Seconds until the next try; None: set aside."""
    assert result.later is not None
    return None if result.later.due is None else (result.later.due - NOW).total_seconds()


# --- done ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "tally"), [(CREATE, Tally(created=1)), (UPDATE, Tally(updated=1))])
def test_a_write_that_is_done_is_remembered_as_it_was_sent_and_its_mark_is_cleared(action: Write, tally: Tally) -> None:
    result = settled(armed(action), Receipt(EventId("event-9"), "etag-9"))
    assert result.link == Link(
        BOX, BOOKING.id, 0, EventId("event-9"), "etag-9", TRIGGERS, EVENT.subject, EVENT.start, EVENT.end,
        EVENT.location, STAMP,
    )  # fmt: skip
    assert (result.later, result.tally, result.line.ok, result.closes_plan) == (None, tally, True, False)
    assert result.wrote
    assert decide(candidate(link=result.link), place(), show).reason is Reason.UP_TO_DATE


@pytest.mark.parametrize("outcome", [Receipt(EventId("event-1"), ""), Gone("it is gone already")])
def test_a_removal_that_is_done_or_needless_raises_the_generation_and_closes_its_plan(
    outcome: Receipt | Gone,
) -> None:
    result = settled(armed(REMOVE), outcome)
    assert result.link == Link(BOX, BOOKING.id, 1, None)
    assert (result.later, result.tally, result.closes_plan) == (None, Tally(removed=1), True)


def test_a_creation_whose_answer_shows_other_content_is_followed_by_an_update() -> None:
    result = settled(armed(CREATE), Receipt(EventId("event-9"), "etag-9", differs=True))
    assert result.link is not None
    assert (result.link.event, result.link.rewrite) == ("event-9", True)
    assert result.later == Later(MARKED, NOW, result.later.trouble if result.later else "", failed=False)
    assert isinstance(decide(candidate(link=result.link), place(), show).action, Update)


def test_f16_an_update_whose_answer_shows_other_content_is_not_sent_again() -> None:
    result = settled(armed(UPDATE), Receipt(EventId("event-1"), "etag-2", differs=True))
    assert result.link is not None
    assert (result.link.rewrite, result.later) == (False, None)


# --- suspect receipts ------------------------------------------------------------------------------------------------

SUSPECT = Receipt(EventId("event-1"), "etag-9", suspect=True)


def test_a_suspect_receipt_is_believed_when_the_event_stands_with_our_mark() -> None:
    result = settled(armed(CREATE), SUSPECT, Seen({EventId("event-1"): observed()}))
    assert result.link is not None
    assert (result.link.event, result.later, result.tally) == ("event-1", None, Tally(created=1))


def test_a_suspect_receipt_of_an_event_that_is_gone_takes_the_next_generation_at_once() -> None:
    result = settled(armed(CREATE), SUSPECT, Seen({EventId("event-1"): None}))
    assert result.link == Link(BOX, BOOKING.id, 1, None)
    assert due_in(result) == 0


@pytest.mark.parametrize("of", [None, mark(generation=1), mark(mailbox=OTHER_BOX), mark(BookingId("other"))])
def test_i3_a_suspect_receipt_of_an_event_without_our_mark_is_none_of_ours(of: None) -> None:
    foreign = replace(observed(), mark=of)
    result = settled(armed(CREATE), SUSPECT, Seen({EventId("event-1"): foreign}))
    assert result.link == Link(BOX, BOOKING.id, 1, None)


def test_a_suspect_receipt_that_could_not_be_read_is_an_unknown_outcome() -> None:
    item = armed(CREATE)
    result = settled(item, SUSPECT)
    assert result.link == item.link
    assert due_in(result) == 1


# --- key used --------------------------------------------------------------------------------------------------------

USED = KeyUsed("used", existing="event-7")


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (USED, Seen({EventId("event-7"): observed("event-7")})),
        (KeyUsed("used"), Seen(by_mark={mark(): [observed("event-7", key=CREATE.key)]})),
        (
            KeyUsed("used"),
            Seen(by_mark={mark(): [observed("copy", created=NOW - DAY), observed("event-7", key=CREATE.key)]}),
        ),
    ],
)
def test_a_used_key_whose_event_is_found_is_adopted_and_then_updated(error: KeyUsed, seen: Seen) -> None:
    result = settled(armed(CREATE), error, seen)
    assert result.link is not None
    assert (result.link.event, result.link.generation, result.link.rewrite) == ("event-7", 0, True)
    assert (due_in(result), result.tally) == (0, Tally(adopted=1))
    assert isinstance(decide(candidate(link=result.link), place(), show).action, Update)


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        pytest.param(USED, Seen({EventId("event-7"): None}), id="gone"),
        pytest.param(KeyUsed("used"), Seen(by_mark={mark(): []}), id="not found"),
        pytest.param(USED, Seen({EventId("event-7"): replace(observed("event-7"), mark=None)}), id="no mark"),
        pytest.param(
            USED, Seen({EventId("event-7"): observed("event-7", mark(mailbox=OTHER_BOX))}), id="another mailbox's mark"
        ),
        pytest.param(
            USED, Seen({EventId("event-7"): observed("event-7", mark(BookingId("other")))}), id="another booking's mark"
        ),
    ],
)
def test_f20_a_used_key_whose_event_is_gone_or_foreign_takes_the_next_generation(error: KeyUsed, seen: Seen) -> None:
    result = settled(armed(CREATE), error, seen)
    assert result.link == Link(BOX, BOOKING.id, 1, None)
    assert due_in(result) == 0
    action = decide(candidate(link=result.link), place(), show).action
    assert isinstance(action, Create)
    assert action.key == create_key(mark(generation=1))


def test_a_used_key_that_could_not_be_looked_up_is_asked_for_again() -> None:
    item = armed(CREATE)
    assert settled(item, USED).link == item.link


@pytest.mark.parametrize("action", [UPDATE, REMOVE])
def test_i7_an_answer_that_makes_no_sense_for_the_action_stops_nothing(action: Write) -> None:
    item = armed(action)
    result = settled(item, USED, Seen({EventId("event-7"): observed("event-7")}))
    assert result.link == without_intent(item)
    assert result.later is not None


# --- changed, gone ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [UPDATE, REMOVE])
def test_f49_a_stale_etag_is_read_again_and_the_write_tried_once_more_at_once(action: Write) -> None:
    item = armed(action)
    result = settled(item, Changed("412"), Seen({EventId("event-1"): replace(observed(), etag="etag-5")}))
    assert result.link == replace(without_intent(item), etag="etag-5")
    assert due_in(result) == 0
    assert due_in(settled(armed(action, attempts=5), Changed("412"))) == 0
    assert due_in(settled(replace(armed(action), tries=AT_ONCE), Changed("412"))) == 1


@pytest.mark.parametrize("action", [UPDATE, REMOVE])
def test_an_event_found_gone_after_a_stale_etag_raises_the_generation(action: Write) -> None:
    result = settled(armed(action), Changed("412"), Seen({EventId("event-1"): None}))
    assert result.link == Link(BOX, BOOKING.id, 1, None)


@pytest.mark.parametrize("action", [CREATE, UPDATE, REMOVE])
def test_a_stale_etag_that_could_not_be_read_again_changes_nothing(action: Write) -> None:
    item = armed(action)
    assert settled(item, Changed("412")).link == without_intent(item)


def test_an_update_of_an_event_that_is_gone_makes_it_anew_under_the_next_key_at_once() -> None:
    result = settled(armed(UPDATE), Gone("404"))
    assert result.link == Link(BOX, BOOKING.id, 1, None)
    assert (due_in(result), result.closes_plan) == (0, False)


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [CREATE, UPDATE, REMOVE])
@pytest.mark.parametrize(
    "outcome", [OutcomeUnknown("no answer"), Unavailable("moving"), Unreachable("503"), None], ids=repr
)
def test_f11_an_unknown_outcome_keeps_the_intent_and_a_missing_one_is_unknown(
    action: Write, outcome: FieldcalError | None
) -> None:
    item = armed(action)
    result = settled(item, outcome)
    assert result.link == item.link
    assert result.later is not None
    assert (result.later.failed, result.later.marked, result.tally) == (True, MARKED, Tally(failed=1))


DEFINITE = [
    NotSent("429", retry_after=30),
    Throttled("429", retry_after=30),
    SignInFailed("401"),
    Forbidden("403"),
    Full("quota"),
    EventError("odd"),
    LeaseLost("taken"),
]


@pytest.mark.parametrize("action", [CREATE, UPDATE, REMOVE])
@pytest.mark.parametrize("outcome", DEFINITE, ids=repr)
def test_a_definite_failure_takes_the_intent_back_so_that_what_is_right_then_is_sent(
    action: Write, outcome: FieldcalError
) -> None:
    item = armed(action)
    result = settled(item, outcome)
    assert result.link == without_intent(item)
    assert result.later is not None
    assert result.later.due is not None
    assert (result.tally, result.line.ok, result.closes_plan) == (Tally(failed=1), False, False)


@pytest.mark.parametrize("outcome", DEFINITE, ids=repr)
def test_f11_a_repeat_keeps_its_intent_on_a_definite_failure_for_the_first_sending_may_have_arrived(
    outcome: FieldcalError,
) -> None:
    item = armed(CREATE, resend=True)
    assert settled(item, outcome).link == item.link


@pytest.mark.parametrize("action", [CREATE, UPDATE, REMOVE])
def test_f40_what_is_refused_for_good_is_set_aside_with_its_reason(action: Write) -> None:
    item = armed(action)
    result = settled(item, Rejected("the subject is poisoned"))
    assert result.link == without_intent(item)
    assert result.later == Later(MARKED, None, "the subject is poisoned")
    assert "set aside" in result.line.answer
    assert "the subject is poisoned" in result.line.answer
    assert not result.wrote, "an attempt is no writing"
    assert result.line.answer.count("refused") == 0, "the server's word says it, once"


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 30), (1, 30), (3, 32), (20, 900)])
def test_pauses_grow_with_the_failures_in_a_row_and_keep_the_servers_word(attempts: int, seconds: float) -> None:
    assert due_in(settled(armed(CREATE, attempts=attempts), NotSent("429", retry_after=30))) == seconds


@pytest.mark.parametrize(("action", "verb"), [(CREATE, "create"), (UPDATE, "update"), (REMOVE, "remove")])
def test_every_outcome_leaves_one_line_that_tells_what_was_tried_and_what_was_answered(
    action: Write, verb: str
) -> None:
    line = settled(armed(action), Unreachable("no answer within 30 s")).line
    assert (line.action, line.answer, line.ok, line.at) == (verb, "no answer within 30 s", False, NOW)
    assert (line.mailbox, line.booking) == (BOX, BOOKING.id)


def test_the_evidence_of_an_armed_write_is_that_of_its_removal() -> None:
    assert [armed(action).evidence for action in (CREATE, UPDATE, REMOVE)] == ["", "", "deleted@then"]


def test_an_outcome_never_moves_a_link_into_another_mailbox() -> None:
    outcomes = [Receipt(EventId("x"), ""), Gone("x"), Rejected("x"), OutcomeUnknown("x"), NotSent("x"), None]
    for action in (CREATE, UPDATE, REMOVE):
        for outcome in outcomes:
            link = settled(armed(action), outcome).link
            assert link is not None
            assert (link.mailbox, link.booking) == (MailboxId(BOX), BOOKING.id)


@pytest.mark.parametrize(
    ("action", "outcome", "unspent"),
    [
        pytest.param(REMOVE, NotSent("429"), True, id="certainly not carried out: tried again, it counts again"),
        pytest.param(REMOVE, Rejected("400"), True, id="refused"),
        pytest.param(REMOVE, Changed("412"), True, id="changed meanwhile"),
        pytest.param(REMOVE, OutcomeUnknown("?"), False, id="perhaps carried out"),
        pytest.param(REMOVE, None, False, id="not answered"),
        pytest.param(REMOVE, Receipt(EventId("event-1"), ""), False, id="done"),
        pytest.param(REMOVE, Gone("404"), False, id="gone"),
        pytest.param(CREATE, NotSent("429"), False, id="no removal"),
    ],
)
def test_the_budget_of_a_removal_that_did_not_happen_is_given_back(
    action: Write, outcome: Receipt | FieldcalError | None, unspent: bool
) -> None:
    assert settled(armed(action), outcome).unspent is unspent
    assert not settled(replace(armed(action), counted=False), outcome).unspent
