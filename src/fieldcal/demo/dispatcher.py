"""A dispatcher at the embedded Field Service's own API: moves, cancels, reassigns, deletes, edits a work order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from sqlalchemy import Connection

from fieldcal.errors import Unreachable
from fieldcal.http import Http
from fieldcal.model import Booking, BookingId, StatusKind, WorkerId
from fieldcal.state import bookings, links, workers
from fieldcal.sync.site import Site

API = "/api/data/v9.2"
_CANCELED = 690970005


@dataclass(frozen=True, slots=True)
class Change:
    """One thing the dispatcher did, in words, and the booking it was done to."""

    what: str
    booking: BookingId
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Bookings that stand in calendars and begin later, one worker after the other; who else could take one."""

    bookings: tuple[Booking, ...]
    names: dict[BookingId, str]
    workers: tuple[WorkerId, ...]


def candidates(tx: Connection, site: Site) -> Colleagues:
    """What a dispatcher can change so that a calendar shows it: firm bookings with an event, not begun yet."""
    moment = site.moment(None)
    soon, latest = moment.now + timedelta(hours=1), moment.window.far - timedelta(days=2)
    found = [item.known for item in bookings.in_window(tx, site.environment, moment.window)]
    good = [
        known.booking
        for known in found
        if soon < known.booking.start < latest and known.booking.kind is StatusKind.COMMITTED and known.snapshot
    ]
    live = {link.booking for link in links.of_bookings(tx, site.environment, [row.id for row in good]) if link.event}
    standing = [row for row in good if row.id in live]
    people = {worker.id: worker.name for worker in workers.everyone(tx, site.environment) if worker.mailbox}
    first: list[Booking] = []
    for row in standing:
        if row.worker not in {other.worker for other in first}:
            first.append(row)
    rest = [row for row in standing if row not in first]
    names = {known.booking.id: known.snapshot.number if known.snapshot else known.booking.name for known in found}
    return Colleagues(tuple(first + rest), names, tuple(people))


class Dispatcher:
    """Works over HTTP with a sign-in of its own, as any other client of the Dataverse Web API."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def change_some(self, among: Colleagues) -> list[Change]:
        """Move, cancel, reassign and delete one booking each, and edit the work order of another."""
        picked = iter(among.bookings)
        done: list[Change] = []
        for act in (self._move, self._cancel, self._reassign, self._delete, self._edit_work_order):
            booking = next(picked, None)
            if booking is not None:
                what, detail = await act(booking, among)
                done.append(Change(what, booking.id, among.names.get(booking.id, booking.name), detail))
        return done

    async def _move(self, booking: Booking, _among: Colleagues) -> tuple[str, str]:
        later = timedelta(days=1)
        await self._write(
            "PATCH", f"bookableresourcebookings({booking.id})",
            {"starttime": _instant(booking.start + later), "endtime": _instant(booking.end + later)},
        )  # fmt: skip
        return "moved", "to the next day"

    async def _cancel(self, booking: Booking, _among: Colleagues) -> tuple[str, str]:
        statuses = await self._read("bookingstatuses?$select=bookingstatusid,msdyn_fieldservicestatus")
        canceled = next(row for row in statuses if row["msdyn_fieldservicestatus"] == _CANCELED)
        bind = {"BookingStatus@odata.bind": f"/bookingstatuses({canceled['bookingstatusid']})"}
        await self._write("PATCH", f"bookableresourcebookings({booking.id})", bind)
        return "canceled", "the event stays, marked and free"

    async def _reassign(self, booking: Booking, among: Colleagues) -> tuple[str, str]:
        other = next(worker for worker in among.workers if worker != booking.worker)
        bind = {"Resource@odata.bind": f"/bookableresources({other})"}
        await self._write("PATCH", f"bookableresourcebookings({booking.id})", bind)
        return "reassigned", "to a colleague: removed here, made there"

    async def _delete(self, booking: Booking, _among: Colleagues) -> tuple[str, str]:
        await self._write("DELETE", f"bookableresourcebookings({booking.id})", None)
        return "deleted", "its event goes"

    async def _edit_work_order(self, booking: Booking, _among: Colleagues) -> tuple[str, str]:
        summary = {"msdyn_workordersummary": "Bring the long ladder; the key is with the neighbour."}
        await self._write("PATCH", f"msdyn_workorders({booking.work_order})", summary)
        return "got a new summary", "a change of the work order alone reaches no calendar"

    async def _read(self, path: str) -> list[dict[str, Any]]:
        answer = await self._http.request("GET", f"{API}/{path}")
        told = answer.json()
        if answer.status != HTTPStatus.OK or not isinstance(told, dict):
            raise Unreachable(f"the Field Service answers HTTP {answer.status} to a read of {path.partition('?')[0]}")
        return list(told["value"])

    async def _write(self, method: str, path: str, values: dict[str, str] | None) -> None:
        body = None if values is None else msgspec.json.encode(values)
        headers = {"Content-Type": "application/json", "If-Match": "*"}
        answer = await self._http.request(method, f"{API}/{path}", headers=headers, body=body)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            raise Unreachable(f"the Field Service answers HTTP {answer.status} to {method} {path}")


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
