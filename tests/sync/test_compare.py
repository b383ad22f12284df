"""Links set beside what stands in the mailbox: what is adopted, reported, or asked for by its id."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import BOOKING, BOX, DAY, HOUR, NOW, booking_id, linked, mark, observed

from fieldcal.model import Create, EventId, Intent, Link, MailboxId, Observed, Update, Window
from fieldcal.plan.keys import create_key
from fieldcal.plan.settings import Drift
from fieldcal.sync.check import Absent, Compared, compare, settle_absent

WINDOW = Window(NOW - 7 * DAY, NOW + 14 * DAY)
LINK = replace(linked(), etag="event-1-etag")


def compared(links: list[Link], events: list[Observed], window: Window | None = WINDOW) -> Compared:
    return compare(MailboxId(BOX), links, events, window)


def made_by_us(event: str, generation: int) -> Observed:
    """An event of this generation that was made under its own key, one hour later for each generation."""
    of = mark(generation=generation)
    return observed(event, of, key=create_key(of), created=NOW + generation * HOUR)


def test_what_stands_as_it_was_written_is_no_news() -> None:
    assert compared([LINK], [observed()]) == Compared()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": BOOKING.start + HOUR}, "start is"),
        ({"end": BOOKING.end + HOUR}, "end is"),
        ({"subject": "Mine"}, "subject is Mine"),
        ({"location": "Pub"}, "location is Pub"),
    ],
)
def test_d8_what_a_hand_changed_is_told_and_taken_over_by_nobody(changes: dict[str, object], words: str) -> None:
    found = compared([LINK], [replace(observed(), etag="etag-2", **changes)])
    (drifted,) = found.drifted
    assert (drifted.link, drifted.now is not None) == (LINK, True)
    assert words in drifted.said
    assert (found.adopted, found.etags) == ([], [("event-1", "etag-2")])


def test_a_new_etag_alone_is_taken_over_and_not_reported() -> None:
    found = compared([LINK], [replace(observed(), etag="etag-2")])
    assert (found.etags, found.drifted) == ([("event-1", "etag-2")], [])


def test_what_is_to_be_written_once_more_anyway_is_not_reported() -> None:
    assert compared([replace(LINK, rewrite=True)], [replace(observed(), subject="Old")]).drifted == []


@pytest.mark.parametrize("links", [[], [Link(BOX, BOOKING.id, 0, None)], [Link(BOX, BOOKING.id, 4, None)]])
def test_an_owned_event_without_a_link_is_adopted_to_be_written_once(links: list[Link]) -> None:
    (link,) = compared(links, [made_by_us("event-1", 2)]).adopted
    assert (link.event, link.rewrite, link.triggers) == ("event-1", True, None)
    # Never back behind a generation that was used: its key stood for an event already.
    assert link.generation == max(2, *(known.generation for known in links), 0)


def test_f36_i3_once_ours_was_taken_away_a_copy_by_hand_is_listed_and_not_ours() -> None:
    found = compared([Link(BOX, BOOKING.id, 1, None)], [observed("copy", created=NOW - DAY)])
    assert found.adopted == []
    assert [(finding.event, finding.kind) for finding in found.findings] == [("copy", "copy")]


def test_f36_of_several_events_with_one_mark_the_linked_one_is_ours_and_the_others_are_listed() -> None:
    older, ours_by_key = observed("copy", created=NOW - DAY), made_by_us("other", 0)
    found = compared([LINK], [older, ours_by_key, observed()])
    assert found.adopted == []
    assert {(finding.event, finding.kind) for finding in found.findings} == {("copy", "copy"), ("other", "copy")}


def test_f36_without_a_link_the_one_under_our_key_is_ours() -> None:
    found = compared([], [observed("copy", created=NOW - DAY), made_by_us("event-1", 0)])
    assert [link.event for link in found.adopted] == ["event-1"]
    assert [finding.event for finding in found.findings] == ["copy"]


def test_i3_without_link_and_key_none_is_ours_and_all_are_told() -> None:
    found = compared([], [observed("copy"), observed("event-1", created=NOW - DAY)])
    assert found.adopted == []
    assert {(finding.event, finding.kind) for finding in found.findings} == {("copy", "copy"), ("event-1", "copy")}


def test_of_two_generations_the_newest_is_ours() -> None:
    found = compared([], [made_by_us("first", 0), made_by_us("second", 1)])
    assert [(link.event, link.generation) for link in found.adopted] == [("second", 1)]
    assert [finding.event for finding in found.findings] == ["first"]


@pytest.mark.parametrize(
    ("start", "window", "asked"),
    [
        pytest.param(NOW, WINDOW, True, id="in the window"),
        pytest.param(NOW + 30 * DAY, WINDOW, False, id="beyond the window that was read"),
        pytest.param(WINDOW.near - HOUR, WINDOW, False, id="ends exactly at the near edge"),
        pytest.param(WINDOW.far, WINDOW, False, id="starts exactly at the far edge"),
        pytest.param(NOW + 30 * DAY, None, True, id="everything was read"),
    ],
)
def test_absence_from_the_list_is_no_evidence_the_event_is_asked_for_by_its_id(
    start: object, window: Window | None, asked: bool
) -> None:
    assert isinstance(start, type(NOW))
    link = replace(LINK, start=start, end=start + HOUR)
    found = compared([link], [], window)
    assert found.absent == ([Absent(link)] if asked else [])
    assert (found.adopted, found.findings) == ([], [])


def test_a_dead_link_is_not_missed() -> None:
    assert compared([Link(BOX, BOOKING.id, 3, None)], [], None) == Compared()


# --- unanswered writes -----------------------------------------------------------------------------------------------


def with_intent(link: Link, action: Create | Update) -> Link:
    return replace(link, intent=Intent(action, NOW, {}))


EVENT = observed()
LOST_CREATE = Create(mark(), create_key(mark()), None, "stamp")  # type: ignore[arg-type] # its content does not matter
LOST_UPDATE = Update(mark(), EventId("event-1"), "etag", None, "stamp")  # type: ignore[arg-type] # nor does this


@pytest.mark.parametrize(
    "link",
    [
        pytest.param(with_intent(Link(BOX, BOOKING.id, 0, None), LOST_CREATE), id="create"),
        pytest.param(with_intent(LINK, LOST_UPDATE), id="update"),
    ],
)
def test_an_event_with_an_unanswered_write_is_left_to_reconcile_and_its_booking_marked(link: Link) -> None:
    # A create that nobody wanted any more is not looked for after a while: the check is what finds its event.
    found = compared([link], [replace(EVENT, subject="Mine", etag="other")])
    assert found == Compared(unanswered=[BOOKING.id])


def test_an_unanswered_removal_that_is_not_listed_was_not_done_by_hand() -> None:
    assert compared([with_intent(LINK, LOST_UPDATE)], []) == Compared()


# --- what was not listed, read by its id -----------------------------------------------------------------------------


def absent(*others: Observed) -> Compared:
    found = Compared()
    found.absent.append(Absent(LINK, others))
    return found


def test_an_event_moved_out_of_the_window_by_a_hand_is_reported_as_changed() -> None:
    found = absent()
    settle_absent(found, {EventId("event-1"): replace(EVENT, start=NOW + 40 * DAY, end=NOW + 41 * DAY)})
    assert [(drifted.link, drifted.now is None) for drifted in found.drifted] == [(LINK, False)]


def test_i1_of_an_event_that_is_kept_from_us_nothing_is_concluded() -> None:
    found = absent(made_by_us("event-2", 1))
    settle_absent(found, {})
    assert (found.drifted, found.adopted, found.findings) == ([], [], [])


def test_d8_an_event_deleted_by_hand_is_reported_and_not_made_anew() -> None:
    found = absent()
    settle_absent(found, {EventId("event-1"): None})
    assert [(drifted.link, drifted.now) for drifted in found.drifted] == [(LINK, None)]
    assert found.adopted == []


@pytest.mark.parametrize(("choice", "asked"), [(Drift.REPORT, 1), (Drift.RESTORE, 1), (Drift.RESPECT, 0)])
def test_d8_a_deletion_that_is_respected_is_told_from_memory_and_asked_for_by_no_request(
    choice: Drift, asked: int
) -> None:
    declined = replace(LINK, declined=True)
    found = compare(MailboxId(BOX), [declined], [], WINDOW, choice)
    assert (len(found.absent), [drifted.link for drifted in found.drifted]) == (asked, [declined] * (1 - asked))


@pytest.mark.parametrize(("remembered", "whatever_it_says"), [({"declined": True}, True), ({"restored": "1"}, False)])
def test_d8_an_event_that_stands_again_ends_a_deletion_and_as_it_was_written_a_restoration(
    remembered: dict[str, object], whatever_it_says: bool
) -> None:
    link = replace(LINK, **remembered)  # type: ignore[arg-type] # fields by name
    assert compared([link], [observed()]).over == [BOOKING.id]
    assert compared([link], [replace(observed(), subject="Mine")]).over == [BOOKING.id] * whatever_it_says


def test_an_event_made_after_the_backup_that_was_restored_takes_the_place_of_the_linked_one() -> None:
    found = absent(made_by_us("event-2", 1))
    settle_absent(found, {EventId("event-1"): None})
    assert [(link.event, link.generation, link.rewrite) for link in found.adopted] == [("event-2", 1, True)]
    assert found.findings == []


def test_i3_a_copy_does_not_take_the_place_of_an_event_deleted_by_hand() -> None:
    found = absent(observed("copy"))
    settle_absent(found, {EventId("event-1"): None})
    assert found.adopted == []
    assert [(drifted.link.event, drifted.now) for drifted in found.drifted] == [("event-1", None)]
    assert [(finding.event, finding.kind) for finding in found.findings] == [("copy", "copy")]


def test_copies_beside_an_event_that_a_hand_moved_away_are_listed() -> None:
    found = absent(made_by_us("event-2", 1))
    settle_absent(found, {EventId("event-1"): EVENT})
    assert [(finding.event, finding.kind) for finding in found.findings] == [("event-2", "copy")]
    assert found.adopted == []


def test_each_booking_is_compared_for_itself() -> None:
    second = booking_id(2)
    events = [observed("event-1"), observed("event-2", mark(second))]
    found = compared([LINK, replace(LINK, booking=second, event=EventId("event-2"), etag="event-2-etag")], events)
    assert found == Compared()
