"""The sentence that `why` begins with: every verdict, as a table of what is known and what is then said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fieldcal.model import BookingId, MailboxId
from fieldcal.plan.budget import too_many
from fieldcal.plan.rules import SENTENCES, Reason, evidence_told
from fieldcal.state.history import Line
from fieldcal.state.marks import Waiting
from fieldcal.state.plans import Row
from fieldcal.sync.answer import Case, answer, cleaned, homeless, told

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BOX = MailboxId("box-1")
NEW = Case("create", Reason.NEW, standing=False, mark=Waiting(NOW, ""))
OLD = Case("update", Reason.CHANGED, standing=True, mark=Waiting(NOW, ""))
GOING = Case("remove", Reason.DELETED, standing=True, mark=Waiting(NOW, ""))
CLEAN = (NOW, "the mailbox was cleaned on behalf of petra")


def verdict(state: str) -> Row:
    return Row(7, BOX, BookingId("b"), "deleted@1", state)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (NEW, "it lies in the window and has no event yet; the next pass (`fieldcal sync` runs one now) writes it"),
        (replace(NEW, mark=None), "nothing waits to be written"),
        (replace(NEW, closed="the server profile x is not active (`do`)"), "mailbox: the server profile x is not active"),
        (replace(NEW, stale=True), "its details have to be read from the source first"),
        (replace(NEW, closed="x is not active", remedy="`do`"), "mailbox: x is not active (`do`)"),
        (replace(NEW, mark=Waiting(None, "400")), "refused it for good (400); it is tried again when the booking"),
        (replace(NEW, mark=Waiting(None, "refused for good (HTTP 400 Bad: no (none))")), "for good (HTTP 400 Bad: no (none));"),
        (replace(NEW, mark=Waiting(NOW, "503")), "the last try failed (503); the next is at 2026-11-23 08:00 UTC"),
        (replace(NEW, pause=(NOW, "busy")), "nothing is sent there until 2026-11-23 08:00 UTC: busy"),
        (replace(NEW, unanswered=NOW), "what was sent at 2026-11-23 08:00 UTC went unanswered"),
        (replace(NEW, closed="off", cleaned=CLEAN), "taken out at 2026-11-23 08:00 UTC, when the mailbox was cleaned"),
        (replace(NEW, drift="it was deleted by hand"), "it was deleted by hand"),
        (Case(None, Reason.DELETED, standing=False, closed="off", cleaned=CLEAN), "the booking was deleted"),
        (Case(None, Reason.AFTER_WINDOW, standing=False), "it starts after the window ends"),
    ],
)  # fmt: skip
def test_a_booking_without_an_event_is_told_why_it_has_none(case: Case, text: str) -> None:
    said = answer(case)
    assert said.startswith("It is not in the calendar: ")
    assert text in said
    assert "about to be written" not in said


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (OLD, "as it was before its status, time, worker or work order changed; the next pass"),
        (replace(OLD, closed="off"), "changed; nothing is written into the mailbox: off"),
        (replace(OLD, mark=Waiting(None, "400")), "changed; the calendar refused it for good (400)"),
        (replace(OLD, reason=Reason.REWRITE), "taken over and is written once more; the next pass"),
        (GOING, "it still stands there, though the booking was deleted; the next pass (`fieldcal sync` runs one now)"),
        (replace(GOING, closed="off"), "though the booking was deleted; nothing is written into the mailbox: off"),
        (replace(GOING, verdict=verdict("held")), "its removal is held in plan 7"),
        (replace(GOING, verdict=verdict("held")), "rejected, it stays where it is (`fieldcal plan approve 7`, `fieldcal plan reject 7`)"),
        (replace(GOING, verdict=verdict("rejected")), "its removal was rejected in plan 7, so it stays"),
        (replace(GOING, verdict=verdict("approved")), "approved in plan 7 (the booking was deleted); the next pass"),
        (replace(GOING, verdict=verdict("done")), "it still stands there, though the booking was deleted"),
        (Case(None, Reason.UP_TO_DATE, standing=True), "the event says what the booking says"),
        (Case(None, Reason.UP_TO_DATE, standing=True, closed="off"), "said when it was last read; nothing new is written"),
        (Case(None, Reason.UP_TO_DATE, standing=True, drift="start is x"), "found it changed by hand: start is x"),
        (Case(None, Reason.NO_WORKER, standing=True), "no worker is booked now; that proves nothing"),
        (Case(None, Reason.FROZEN, standing=True), "both lie before the window, so it stays as it is"),
    ],
)  # fmt: skip
def test_a_booking_with_an_event_is_told_so_whatever_else_is_to_be_done(case: Case, text: str) -> None:
    said = answer(case)
    assert said.startswith("It is in the calendar: ")
    assert text in said


def test_a_calendar_that_is_not_the_booking_s_own_is_named() -> None:
    assert answer(replace(GOING, of="anna@x")).startswith("It is in the calendar of anna@x: it still stands")


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("standing", [True, False])
@pytest.mark.parametrize("step", [None, "create", "update", "remove"])
def test_every_verdict_answers_the_question(reason: Reason, standing: bool, step: str | None) -> None:
    said = answer(Case(step, reason, standing=standing))  # type: ignore[arg-type] # any of the steps
    assert said.startswith("It is in the calendar: " if standing else "It is not in the calendar: ")
    assert said.endswith(".")
    assert homeless(reason) == f"It is not in the calendar: {SENTENCES[reason]}."


def line(action: str, *, ok: bool = True, answer: str = "done", reason: str = "why", mailbox: str = BOX) -> Line:
    return Line(mailbox, "b", action, reason, answer, ok, NOW)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (line("create"), "the event was made: why"),
        (line("create", ok=False, answer="HTTP 400"), "making the event failed: why; HTTP 400"),
        (line("hold", answer="it waits in plan 1"), "the removal was held for a person: why; it waits in plan 1"),
        (line("adopt", answer="it is written once more"), "the event was taken over: why; it is written once more"),
        (line("something new"), "something new: why"),
    ],
)
def test_a_line_of_the_history_is_a_sentence(one: Line, text: str) -> None:
    assert told(one) == text


def test_a_clean_is_known_as_long_as_nothing_was_done_in_that_mailbox_since() -> None:
    clean = line("remove", reason="the mailbox was cleaned on behalf of petra")
    assert cleaned([line("create", mailbox="other"), clean], BOX) == (NOW, clean.reason)
    assert cleaned([line("create", ok=False), clean], BOX) == (NOW, clean.reason)
    assert cleaned([line("create"), clean], BOX) is None
    assert cleaned([line("remove")], BOX) is None
    assert cleaned([], BOX) is None


def test_an_evidence_is_told_in_words() -> None:
    gone = f"deleted@{(NOW - timedelta(hours=1)).isoformat()}"
    assert evidence_told(gone) == "the booking was deleted, as the source said at 2026-11-23 07:00 UTC"
    assert evidence_told("moved@812") == "the booking was given to another worker"
    assert evidence_told("clean") == "clean"


@pytest.mark.parametrize(
    ("held", "text"),
    [
        ({"anna@x": 1}, "1 more removal in anna@x than the hour allows"),
        ({"anna@x": 1200}, "1,200 more removals in anna@x than the hour allows"),
        ({"a@x": 1, "b@x": 3}, "4 more removals than the hour allows: 3 in b@x, 1 in a@x"),
        (dict.fromkeys("abcdefg", 1), ("7 more removals than the hour allows: 1 in a, 1 in b, 1 in c, 1 in d, 1 in e "
                                      "and 2 others")),
    ],
)  # fmt: skip
def test_why_a_plan_waits_counts_what_is_held_and_names_addresses(held: dict[str, int], text: str) -> None:
    assert too_many(held) == text
