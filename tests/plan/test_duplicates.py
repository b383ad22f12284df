"""Which events stand beside the true one, which of them may go, and which only when a person names them (I3, I4, F36)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import BOOKING, BOX, DAY, HOUR, NOW, ORGANIZATION, OTHER_BOX, booking_id, linked, mark, observed

from fieldcal.model import Create, Event, EventId, Intent, Link, Observed
from fieldcal.plan.duplicates import Double, doubles, proven, wanted
from fieldcal.plan.keys import create_key

LINK = linked()
TRUE = observed(key=create_key(mark()))
COPY = observed("copy", created=NOW - DAY)


def made(event: str, generation: int = 1) -> Observed:
    of = mark(generation=generation)
    return observed(event, of, key=create_key(of))


def found(links: list[Link], events: list[Observed]) -> tuple[Double, ...]:
    return doubles(ORGANIZATION, BOX, links, events)


def test_what_stands_once_is_no_duplicate() -> None:
    other = booking_id(2)
    second = observed("event-2", mark(other))
    assert found([LINK, replace(LINK, booking=other, event=EventId("event-2"))], [TRUE, second]) == ()


def test_f36_a_copy_is_shown_and_only_ours_is_offered() -> None:
    copy, ours = found([LINK], [COPY, TRUE, made("other")])
    assert [(one.event.id, one.made_by_us, one.offered) for one in (copy, ours)] == [
        ("copy", False, False),
        ("other", True, True),
    ]
    assert {one.true for one in (copy, ours)} == {TRUE}
    assert {one.because for one in (copy, ours)} == {"made under our key, and known as the event of this booking"}


def test_of_two_under_one_create_key_the_linked_one_is_true() -> None:
    [one] = found([LINK], [replace(TRUE, id=EventId("twin")), TRUE])
    assert (one.event.id, one.offered, one.true) == ("twin", True, TRUE)


@pytest.mark.parametrize(
    ("links", "events", "words"),
    [
        pytest.param([], [made("a")], "no event of ours is known", id="the booking is unknown"),
        pytest.param([Link(BOX, BOOKING.id, 2, None)], [made("a")], "no event of ours is known", id="ours was taken"),
        pytest.param([LINK], [made("a"), COPY], "not there", id="the true one is gone"),
        pytest.param(
            [
                replace(
                    LINK,
                    intent=Intent(
                        Create(mark(), "", Event("", "", NOW, NOW, "", "busy"), ""),  # type: ignore[arg-type] # any
                        NOW,
                        {},
                    ),
                )
            ],
            [TRUE, made("a")],
            "unanswered",
            id="a write is open",
        ),
    ],
)
def test_i4_nothing_may_be_removed_where_no_true_event_is_known_to_stand(
    links: list[Link], events: list[Observed], words: str
) -> None:
    for one in found(links, events):
        assert words in one.obstacle
        assert not one.offered
    assert wanted(found(links, events), frozenset(event.id for event in events)) == []


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(replace(made("x"), mark=None), id="without a mark"),
        pytest.param(observed("x", mark(mailbox=OTHER_BOX)), id="of a colleague's mailbox"),
        pytest.param(observed("x", replace(mark(), organization="another")), id="of another organization"),
    ],
)
def test_i3_what_is_not_ours_in_this_mailbox_is_not_even_shown(event: Observed) -> None:
    assert found([LINK], [TRUE, event]) == ()


def test_i3_a_copy_goes_only_when_it_is_named_and_then_alone() -> None:
    both = found([LINK], [COPY, TRUE, made("other")])
    assert [one.event.id for one in wanted(both, frozenset())] == ["other"]
    assert [one.event.id for one in wanted(both, frozenset({EventId("copy")}))] == ["copy"]
    assert wanted(both, frozenset({EventId("event-1")})) == []


@pytest.mark.parametrize(
    ("there", "is_proof"),
    [
        pytest.param(TRUE, True, id="it stands"),
        pytest.param(None, False, id="it is gone"),
        pytest.param(replace(TRUE, mark=None), False, id="its mark is gone"),
        pytest.param(replace(TRUE, mark=mark(booking_id(9))), False, id="it is of another booking"),
        pytest.param(replace(TRUE, id=EventId("other")), False, id="it is the very event"),
        pytest.param(replace(TRUE, start=TRUE.start + HOUR), True, id="a hand moved it"),
    ],
)
def test_i4_the_true_event_is_proven_by_a_read_of_it(there: Observed | None, is_proof: bool) -> None:
    [one] = found([LINK], [TRUE, made("other")])
    assert proven(one, there) is is_proof
