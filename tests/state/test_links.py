"""Links: what was written and acknowledged, and what was handed out and not answered yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.values import BOOKING, BOX, DAY, ENVIRONMENT, HOUR, NOW, OTHER_BOX, booking_id, linked, mark, unanswered_link

from fieldcal.model import Create, Delete, Event, EventId, Intent, Link, MailboxId, ShowAs, Update, Write
from fieldcal.plan.decide import forgotten
from fieldcal.plan.keys import create_key
from fieldcal.state import links
from fieldcal.state.database import Database

EVENT = Event(
    "WO-1 · Repair", "<p>Zoë &amp; 夜\u2028\"'\\</p>", NOW.replace(microsecond=250_000), NOW + HOUR, "Lindenweg 4",
    ShowAs.TENTATIVE, ("Field Service",), private=True, reminder=False,
)  # fmt: skip
ACTIONS: list[Write] = [
    Create(mark(), create_key(mark()), EVENT, "stamp"),
    Update(mark(generation=3), EventId("AAMk/x+y="), 'W/"etag"', EVENT, "stamp"),
    Delete(mark(), EventId("event-1"), ""),
]


def stored(tx: Connection, link: Link) -> Link:
    links.store(tx, ENVIRONMENT, [link], NOW)
    return links.load(tx, ENVIRONMENT, link.mailbox, [link.booking])[link.booking]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_an_intent_comes_back_to_the_last_byte_for_a_repeat_sends_the_same(database: Database, action: Write) -> None:
    link = replace(linked(), intent=Intent(action, NOW + HOUR / 7, {"status": "x", "place": "ä"}))
    with database.write() as tx:
        assert stored(tx, link) == link


@pytest.mark.parametrize(
    "link",
    [
        linked(),
        Link(BOX, BOOKING.id, 4, None),
        replace(linked(), triggers=None, rewrite=True),
        replace(linked(), etag='W/"x"', subject="夜", location="", stamp="", start=NOW.replace(microsecond=1)),
    ],
)
def test_a_link_comes_back_as_it_was_stored_and_a_later_one_takes_its_place(database: Database, link: Link) -> None:
    with database.write() as tx:
        assert stored(tx, replace(link, intent=Intent(ACTIONS[0], NOW, {}))).intent is not None
        assert stored(tx, link) == link


def test_an_attempt_leaves_the_time_of_the_last_writing_alone(database: Database) -> None:
    link = linked()
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, [replace(link, intent=Intent(ACTIONS[0], NOW, {}))], None)
        assert links.written_at(tx, ENVIRONMENT, BOX, BOOKING.id) is None, "it was handed out, and no more"
        links.store(tx, ENVIRONMENT, [link], NOW)
        links.store(tx, ENVIRONMENT, [replace(link, etag="newer")], None)
        assert links.written_at(tx, ENVIRONMENT, BOX, BOOKING.id) == NOW
        assert links.written(tx, ENVIRONMENT, [BOOKING.id]) == {(BOX, BOOKING.id): NOW}
        assert links.load(tx, ENVIRONMENT, BOX, [BOOKING.id])[BOOKING.id].etag == "newer"


def test_a_dead_link_keeps_its_generation(database: Database) -> None:
    with database.write() as tx:
        assert stored(tx, forgotten(replace(linked(), generation=4))).generation == 5
        assert links.of_mailbox(tx, ENVIRONMENT, BOX) == []


def test_f32_links_are_kept_by_mailbox(database: Database) -> None:
    other = replace(linked(), mailbox=OTHER_BOX, event=EventId("event-2"))
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, [linked(), other], NOW)
        assert links.load(tx, ENVIRONMENT, OTHER_BOX, [BOOKING.id]) == {BOOKING.id: other}
        assert {link.mailbox for link in links.of_booking(tx, ENVIRONMENT, BOOKING.id)} == {BOX, OTHER_BOX}
        assert links.load(tx, "other", BOX, [BOOKING.id]) == {}


def test_the_links_of_a_mailbox_are_those_with_an_event_or_an_unanswered_write(database: Database) -> None:
    live, waiting = linked(), unanswered_link(replace(BOOKING, id=booking_id(2)))
    dead = Link(BOX, booking_id(3), 1, None)
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, [live, waiting, dead], NOW)
        assert {link.booking for link in links.of_mailbox(tx, ENVIRONMENT, BOX)} == {live.booking, waiting.booking}


def test_thousands_of_links_are_stored_and_loaded(database: Database) -> None:
    many = [replace(linked(), booking=booking_id(number)) for number in range(1201)]
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, many, NOW)
        assert links.load(tx, ENVIRONMENT, BOX, [link.booking for link in many]) == {
            link.booking: link for link in many
        }
        assert links.live(tx, ENVIRONMENT) == 1201


def test_the_measure_of_the_budget_is_the_events_that_have_not_ended(database: Database) -> None:
    ends = [NOW - HOUR, NOW, NOW + HOUR / 3600, NOW + DAY]
    many = [replace(linked(), booking=booking_id(number), end=end) for number, end in enumerate(ends)]
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, [*many, Link(BOX, booking_id(9), 0, None)], NOW)
        assert links.not_ended(tx, ENVIRONMENT, NOW, 5) == 2
        assert links.live(tx, ENVIRONMENT) == 4
        assert links.live(tx, ENVIRONMENT, OTHER_BOX) == 0
        assert links.not_ended(tx, "other", NOW, 5) == 0


def test_an_etag_that_a_check_has_read_is_taken_over_for_that_event_in_that_mailbox_alone(database: Database) -> None:
    second = replace(linked(), booking=booking_id(2), event=EventId("event-2"))
    elsewhere = replace(linked(), mailbox=MailboxId(OTHER_BOX))
    with database.write() as tx:
        links.store(tx, ENVIRONMENT, [linked(), second, elsewhere], NOW)
        links.refresh_etags(tx, ENVIRONMENT, BOX, [(EventId("event-1"), "new"), (EventId("unknown"), "x")])
        assert links.load(tx, ENVIRONMENT, BOX, [BOOKING.id, second.booking]) == {
            BOOKING.id: replace(linked(), etag="new"),
            second.booking: second,
        }
        assert links.load(tx, ENVIRONMENT, OTHER_BOX, [BOOKING.id])[BOOKING.id].etag == "etag-1"
