"""What a dispatcher does to bookings, and what each deed has to come to in a calendar. Pure but for `stock` and `standing`."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.ends import made_id, z
from fieldcal.embedded.fieldservice import FieldService

#: name -> number of its id, status and field-service status; the first two are made by `bench.ends.fill`
STATUSES = {
    "Scheduled": (1, 2, 690970000), "Traveling": (2, 2, 690970001), "In Progress": (3, 2, 690970003),
    "Completed": (4, 2, 690970004), "Canceled": (5, 3, 690970005),
}  # fmt: skip
_LENGTH = timedelta(minutes=90)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a calendar has to show of a booking: in whose mailbox, from when (UTC, to the second), in which status."""

    mailbox: str
    start: str
    status: str


@dataclass(frozen=True, slots=True)
class Change:
    """One deed. `at`: seconds from the beginning; `shown`: what it comes to, None where the event has to go."""

    at: float
    booking: str
    kind: str
    method: str
    body: Mapping[str, Any] | None
    shown: Shown | None


class Planner:
    """Decides deeds by chance, the same ones for the same seed, and keeps what is then true of each booking."""

    def __init__(self, seed: int, workers: int, truth: Mapping[str, Shown]) -> None:
        self._chance, self._workers, self.truth = random.Random(seed), workers, dict[str, Shown | None](truth)
        self._orders = min(len(truth), 1_000)
        self._day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)

    def do(self, at: float, kind: str, booking: str) -> Change:
        """One deed of this kind: book, move, give, status, cancel or delete."""
        before = self.truth.get(booking)
        after, method, body = self._deed(kind, before)
        if kind == "book":
            body = {**body, "bookableresourcebookingid": booking, "name": "Visit"}
        self.truth[booking] = after
        return Change(at, booking, kind, method, body, after)

    def _deed(self, kind: str, before: Shown | None) -> tuple[Shown | None, str, dict[str, Any]]:
        if kind == "book":
            worker, (start, times) = self._chance.randrange(self._workers), self._times("")
            order = self._chance.randrange(self._orders)
            body = {
                **times, **_of_worker(worker), **_of_status("Scheduled"),
                "msdyn_workorder@odata.bind": f"/msdyn_workorders({made_id('order', order)})",
            }  # fmt: skip
            return Shown(made_id("box", worker), start, "Scheduled"), "POST", body
        assert before is not None
        match kind:
            case "move":
                start, times = self._times(before.start)
                return replace(before, start=start), "PATCH", times
            case "give":
                worker = next(n for n in self._pair() if made_id("box", n) != before.mailbox)
                return replace(before, mailbox=made_id("box", worker)), "PATCH", _of_worker(worker)
            case "status" | "cancel":
                others = [name for name in STATUSES if name not in {before.status, "Canceled"}]
                name = "Canceled" if kind == "cancel" else self._chance.choice(others)
                return replace(before, status=name), "PATCH", _of_status(name)
            case _:
                return None, "DELETE", {}

    def _pair(self) -> list[int]:
        """Two workers."""
        return self._chance.sample(range(self._workers), 2)

    def _times(self, before: str) -> tuple[str, dict[str, Any]]:
        """Another start than before, within the next twelve days, and the columns that say so."""
        while True:
            start = self._day + timedelta(minutes=5 * self._chance.randrange(12 * 288))
            if z(start)[:19] != before:
                return z(start)[:19], {"starttime": z(start), "endtime": z(start + _LENGTH)}


def _of_worker(number: int) -> dict[str, Any]:
    return {"Resource@odata.bind": f"/bookableresources({made_id('worker', number)})"}


def _of_status(name: str) -> dict[str, Any]:
    return {"BookingStatus@odata.bind": f"/bookingstatuses({made_id('status', STATUSES[name][0])})"}


def stock(data: Path) -> None:
    """Add the statuses of a working day to the Field Service of this folder."""
    field_service = FieldService(data / "fieldservice.sqlite3")
    field_service.store.load("bookingstatus", [
        {"bookingstatusid": made_id("status", number), "name": name, "status": status, "msdyn_fieldservicestatus": own}
        for name, (number, status, own) in STATUSES.items() if number > 2
    ])  # fmt: skip
    field_service.close()


def standing(data: Path, workers: int) -> dict[str, Shown]:
    """The bookings that the Field Service of this folder has now, all of them scheduled."""
    boxes = {made_id("worker", n): made_id("box", n) for n in range(workers)}
    asked = "SELECT bookableresourcebookingid, resource, starttime FROM bookableresourcebooking"
    with closing(sqlite3.connect(data / "fieldservice.sqlite3")) as file:
        return {row[0]: Shown(boxes[row[1]], row[2][:19], "Scheduled") for row in file.execute(asked)}
