"""Create keys and stamps: stable for ever, other for every other event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fieldcal.model import BookingId, Event, MailboxId, Mark, ShowAs
from fieldcal.plan.keys import create_key, fingerprint, mark_of

MARK = Mark(
    "0f1e2d3c-0000-4000-8000-000000000001", BookingId("c0000000-0000-4000-8000-000000000001"), MailboxId("m-1"), 0
)
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EVENT = Event(
    "WO-1 · Repair · Lindenhof", "<p>Boiler</p>", START, START + timedelta(hours=2), "Lindenweg 4", ShowAs.BUSY
)


@pytest.mark.parametrize(
    ("mark", "key"),
    [
        (MARK, "33163bf7-df48-5dd1-9e6a-169886ad8d1d"),
        (replace(MARK, generation=1), "4fb1d453-1607-57de-a597-349541298d09"),
        (replace(MARK, mailbox=MailboxId("anna@x.example")), "49ac6fba-b0be-5970-9908-39c17a2bd45a"),
    ],
)
def test_a_key_never_changes(mark: Mark, key: str) -> None:
    # Keys stand in customers' mailboxes: another value here would double every event that was ever made.
    assert create_key(mark) == key


def test_a_stamp_never_changes() -> None:
    # A changed stamp makes every unanswered write look as if it had not arrived, once.
    assert fingerprint(EVENT) == "2095fff3efc25dd87dd0ca5970e32e22"


def test_a_key_is_other_for_another_organization_booking_mailbox_and_generation() -> None:
    marks = [
        MARK,
        replace(MARK, organization="0f1e2d3c-0000-4000-8000-000000000002"),
        replace(MARK, booking=BookingId("c0000000-0000-4000-8000-000000000002")),
        replace(MARK, mailbox=MailboxId("m-2")),
        *(replace(MARK, generation=generation) for generation in range(1, 20)),
    ]
    assert len({create_key(mark) for mark in marks}) == len(marks)


def test_a_mark_is_made_of_stable_identities_only() -> None:
    assert mark_of(MARK.organization, MARK.booking, MARK.mailbox, 0) == MARK


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"subject": "Another"}, False),
        ({"body": "<p>Another</p>"}, False),
        ({"start": START + timedelta(seconds=1)}, False),
        ({"end": START + timedelta(hours=3)}, False),
        ({"location": ""}, False),
        ({"show_as": ShowAs.FREE}, False),
        ({"categories": ("Field Service",)}, True),
        ({"private": True}, True),
        ({"reminder": False}, True),
    ],
)
def test_a_stamp_speaks_of_the_fields_that_we_own_and_of_no_other(changes: dict[str, object], same: bool) -> None:
    assert (fingerprint(replace(EVENT, **changes)) == fingerprint(EVENT)) is same


def test_a_text_that_moves_from_one_field_into_the_next_changes_the_stamp() -> None:
    assert fingerprint(replace(EVENT, subject="ab", body="c")) != fingerprint(replace(EVENT, subject="a", body="bc"))
