"""What a clean takes out of a mailbox: what is linked or made under our key, and never a copy or a stranger's event."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import BOOKING, BOX, NOW, ORGANIZATION, OTHER_BOX, booking_id, linked, mark, observed

from fieldcal.model import Create, Delete, Intent, Link, Observed
from fieldcal.plan.clean import absent, armed, batches, part, removed
from fieldcal.plan.keys import create_key

LINK = linked()
COPY = observed("copy")


def by_key(event: str = "made", generation: int = 0, **other: object) -> Observed:
    of = replace(mark(generation=generation), **other)
    return observed(event, of, key=create_key(of))


@pytest.mark.parametrize(
    ("links", "owned", "ours", "copies"),
    [
        ([LINK], [observed()], ["event-1"], []),
        ([LINK], [observed(), COPY], ["event-1"], ["copy"]),
        ([], [by_key()], ["made"], []),
        ([], [COPY], [], ["copy"]),
        ([Link(BOX, BOOKING.id, 1, None)], [COPY, by_key(generation=1)], ["made"], ["copy"]),
        ([LINK], [observed(), by_key(generation=3)], ["event-1", "made"], []),
        ([], [by_key(mailbox=OTHER_BOX)], [], []),
        ([], [by_key(organization="another")], [], []),
        ([], [replace(COPY, mark=None)], [], []),
    ],
)
def test_i3_ours_is_what_is_linked_or_made_under_our_key(
    links: list[Link], owned: list[Observed], ours: list[str], copies: list[str]
) -> None:
    found = part(ORGANIZATION, BOX, links, owned, {})
    assert sorted(event.id for event in found.ours) == ours
    assert [event.id for event in found.copies] == copies


def test_a_linked_event_that_a_list_does_not_name_is_asked_for_and_taken_out_if_it_is_there() -> None:
    assert absent([LINK], []) == ["event-1"]
    found = part(ORGANIZATION, BOX, [LINK], [], {LINK.event: observed()})  # type: ignore[dict-item]
    assert [event.id for event in found.ours] == ["event-1"]
    assert part(ORGANIZATION, BOX, [LINK], [], {LINK.event: None}).gone == (LINK,)  # type: ignore[dict-item]


def test_i3_a_linked_event_whose_mark_a_hand_took_away_is_forgotten_and_not_touched() -> None:
    found = part(ORGANIZATION, BOX, [LINK], [], {LINK.event: replace(observed(), mark=None)})  # type: ignore[dict-item]
    assert (found.ours, found.gone) == ((), (LINK,))


def test_a_create_without_an_answer_and_without_a_trace_is_neither_ours_nor_gone() -> None:
    of = mark(generation=2)
    action = Create(of, create_key(of), None, "")  # type: ignore[arg-type]
    waiting = Link(BOX, BOOKING.id, 2, None, intent=Intent(action, NOW, {}))
    found = part(ORGANIZATION, BOX, [waiting], [], {})
    assert (found.ours, found.gone, found.unseen) == ((), (), (waiting,))
    assert part(ORGANIZATION, BOX, [waiting], [by_key(generation=2)], {}).unseen == ()


def test_no_batch_names_a_booking_twice_or_holds_more_than_it_may() -> None:
    events = [by_key(f"{number}-{generation}", generation, booking=booking_id(number))
              for number in range(5) for generation in range(2)]  # fmt: skip
    found = batches(events, 3)
    assert sorted(event.id for batch in found for event in batch) == sorted(event.id for event in events)
    for batch in found:
        assert len(batch) <= 3
        assert len({event.mark.booking for event in batch if event.mark}) == len(batch)
    assert batches([], 3) == []


@pytest.mark.parametrize(("known", "generation"), [(None, 3), (Link(BOX, BOOKING.id, 7, None), 8), (LINK, 3)])
def test_the_link_of_a_removed_event_has_a_generation_that_was_never_used(known: Link | None, generation: int) -> None:
    event = by_key(generation=2)
    handed_out = armed(event, known, NOW)
    assert handed_out.intent is not None
    assert handed_out.intent.action == Delete(event.mark, event.id, event.etag)  # type: ignore[arg-type]
    after = removed(handed_out)
    assert (after.event, after.intent, after.generation) == (None, None, generation)
