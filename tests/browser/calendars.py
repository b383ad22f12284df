"""What stands in the calendars, asked of the embedded Exchange itself, and what a dispatcher does at the source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page
from tests.browser.company import Company

from fieldcal.demo import setup
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.hands import Hands
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.model import Worker
from fieldcal.state import history, workers

_BOOKINGS = "bookableresourcebooking"
_PATIENCE = 20.0


def people(at: Company) -> list[Worker]:
    """The workers who have a mailbox, by name."""
    with at.app.database.read() as tx:
        found = workers.everyone(tx, setup.ENVIRONMENT)
    return sorted((one for one in found if one.mailbox), key=lambda one: one.name)


def events(at: Company, booking: str = "") -> list[StoredEvent]:
    """Every event of ours in any calendar; of one booking, where it is named."""
    hands = Hands(at.embedded.exchange.store)
    found = [event for worker in people(at) for event in hands.look(worker.mailbox or "")]
    return [event for event in found if any(f"/{booking}" in text for text in hands.properties(event).values())]


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
