"""What stands in the calendars, asked of the embedded Exchange itself, and what a dispatcher does at the source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page
from tests.browser.company import Company

from fieldcal.demo import setup
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.hands import Hands
from fieldcal.embedded.exchange.zones import stamp
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.model import Worker
from fieldcal.state import history, workers

_BOOKINGS = "bookableresourcebooking"
_PATIENCE = 30.0
#: in the mark that our events carry
_STROKES = 4


def people(at: Company) -> list[Worker]:
    """The workers who have a mailbox, by name."""
    with at.app.database.read() as tx:
        found = workers.everyone(tx, setup.ENVIRONMENT)
    return sorted((one for one in found if one.mailbox), key=lambda one: one.name)


def standing(at: Company) -> list[tuple[str, StoredEvent]]:
    """Every event of ours in any calendar with the booking that it is of, by start."""
    store = at.embedded.exchange.store
    found: list[tuple[str, StoredEvent]] = []
    for worker in people(at):
        here = Hands(store).look(worker.mailbox or "")
        marks = store.events.properties([event.row for event in here])
        found += [(text.split("/")[2], event) for event in here for text in marks.get(event.row, {}).values()
                  if text.count("/") == _STROKES]  # fmt: skip
    return sorted(found, key=lambda one: one[1].start)


def events(at: Company, booking: str) -> list[StoredEvent]:
    """The events of this booking, in whatever calendars."""
    return [event for known, event in standing(at) if known == booking]


def ahead(at: Company) -> list[str]:
    """The bookings that have an event which is not over, the nearest first."""
    now = stamp(at.app.clock.now())
    return [booking for booking, event in standing(at) if event.end > now]


def unbook(at: Company, bookings: Iterable[str]) -> None:
    """A dispatcher deletes these bookings."""
    for booking in bookings:
        at.embedded.field_service.store.remove(_BOOKINGS, booking)
    at.embedded.changed()


def move(at: Company, booking: str, by: timedelta) -> None:
    """A dispatcher moves a booking, and nothing announces it."""
    store = at.embedded.field_service.store
    row = store.get(_BOOKINGS, booking) or {}
    later = {name: instant_text(datetime.fromisoformat(row[name]) + by) for name in ("starttime", "endtime")}
    store.change(_BOOKINGS, booking, later)


async def until(holds: Callable[[], Any]) -> None:
    """Wait for what no page tells."""
    async with asyncio.timeout(_PATIENCE):
        while not holds():  # noqa: ASYNC110 - a calendar rings no bell
            await asyncio.sleep(0.05)


async def reloaded(page: Page, wanted: Locator) -> None:
    """Load the page again, as a person who waits does, until this stands there."""
    async with asyncio.timeout(_PATIENCE):
        while not await wanted.count():
            await page.reload()


async def after_a_pass(at: Company) -> None:
    """Wait until the service has run its first pass to its end."""

    def ended() -> bool:
        with at.app.database.read() as tx:
            return any(one.ended_at for one in history.last_passes(tx, setup.ENVIRONMENT))

    await until(ended)


def book(at: Company, worker: Worker, begins: datetime) -> tuple[str, str]:
    """A dispatcher books an hour of this worker for a work order; gives the booking's id and the order's number."""
    store = at.embedded.field_service.store
    like = next(row for row in store.rows(_BOOKINGS) if row["resource"] == worker.id and row["msdyn_workorder"])
    order = store.get("msdyn_workorder", like["msdyn_workorder"]) or {}
    named = ("name", "resource", "bookingstatus", "msdyn_workorder")
    span = {"starttime": instant_text(begins), "endtime": instant_text(begins + timedelta(hours=1))}
    made = store.create(_BOOKINGS, {name: like[name] for name in named} | span)
    at.embedded.changed()
    return made, order["msdyn_name"]
