"""The words in which a calendar is asked: bookings, marks, actions, and a run against an end's server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.contracts.graph_end import ORGANIZATION

from fieldcal.model import BookingId, Create, Delete, Event, Mark, Receipt, ShowAs, Update, Window

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(START - timedelta(days=7), START + timedelta(days=14))


def free():
    """A lease that is held."""


def run(end, body):
    """Run `body(calendar)` against the end's server."""

    async def go():
        async with end.serve():
            return await body(end.calendar())

    return asyncio.run(go())


def event(number=0, **changes):
    start = START + number * HOUR
    text = f"{number:04} · Repair"
    made = Event(text, "<p>text</p>", start, start + HOUR, "Main Street 1", ShowAs.BUSY, ("Field Service",))
    return replace(made, **changes)


def booking(number=0):
    return BookingId(f"0c000000-0000-4000-8000-{number:012}")


def mark(end, number=0, generation=1):
    return Mark(ORGANIZATION, booking(number), end.mailbox, generation)


def create(end, number=0, generation=1, /, **changes):
    made = mark(end, number, generation)
    return Create(made, f"key-{number}-{generation}", event(number, **changes), f"stamp-{number}")


def update(action, receipt, etag=None, **changes):
    return Update(
        action.mark, receipt.id, receipt.etag if etag is None else etag, replace(action.event, **changes), "stamp-new"
    )


def delete(action, receipt, etag=None):
    return Delete(action.mark, receipt.id, receipt.etag if etag is None else etag)


async def make(calendar, *actions):
    """Write these creations and give their receipts in order."""
    outcomes = await calendar.write(list(actions), free)
    receipts = [outcomes[action.mark] for action in actions]
    failed = [each for each in receipts if not isinstance(each, Receipt)][:3]
    assert not failed, failed
    return receipts
