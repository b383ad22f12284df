"""The demo's calendars at a Radicale: each technician signs in with a password of the own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

import icalendar
from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.demo import week
from fieldcal.demo.radicale import Radicale
from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.embedded.fieldservice.sample import SampleMailbox
from fieldcal.errors import Unreachable
from fieldcal.http import Http
from fieldcal.model import MailboxId, Worker
from fieldcal.setup import profiles
from fieldcal.setup.accounts import Wish
from fieldcal.setup_model import CALDAV, Actor, Endpoint, Mailbox
from fieldcal.state import accounts

#: The calendar that Test & Enable makes for each technician.
CALENDAR = "Bookings"


class AtRadicale:
    """A `Side`: each mailbox signs in by itself, and its calendar is made by Test & Enable."""

    profile = "Radicale"

    def __init__(self, radicale: Radicale) -> None:
        self._radicale = radicale

    def fill(self, boxes: Sequence[SampleMailbox]) -> None:
        self._radicale.add(box.address for box in boxes)

    def attach(self, tx: Connection, actor: Actor, now: datetime) -> None:
        end = Endpoint(f"{self._radicale.url}{{user}}/", credential="password")
        profiles.add(tx, actor, now, self.profile, end, CALDAV, calendar=CALENDAR, at_once=8)

    def sign_ins(self, boxes: Sequence[Mailbox]) -> Mapping[MailboxId, Wish]:
        return {box.id: Wish(secret=f"file:{self._radicale.password_file(box.address)}") for box in boxes}

    async def week(self, app: App, worker: Worker, now: datetime) -> list[week.Entry]:
        http = Http(self._radicale.url, self._radicale.credential(worker.address), app.clock)
        try:
            answer = await http.request("GET", await self._collection(app, worker))
        finally:
            await http.close()
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"the Radicale answers HTTP {answer.status} to a read of a calendar")
        since, until = week.bounds(worker, now)
        entries = [_entry(event) for event in icalendar.Calendar.from_ical(answer.body).walk("VEVENT")]
        coming = [entry for entry in entries if entry.end > since and entry.start < until]
        return sorted(coming, key=lambda entry: (entry.start, entry.end, entry.subject))

    async def addresses(self, app: App, worker: Worker | None) -> list[str]:
        found = [f"Radicale       {self._radicale.url}   (CalDAV)"]
        if worker is not None:
            path, file = await self._collection(app, worker), self._radicale.password_file(worker.address)
            found.append(f"a calendar     {self._radicale.url.rstrip('/')}{path}   (for Thunderbird, say)")
            found.append(f"  its user     {worker.address}, the password is in {file}")
        return [*found, f"  again        {self._radicale.again}   (when the demo is over and its folder kept)"]

    async def _collection(self, app: App, worker: Worker) -> str:
        account = await app.database.reading(accounts.of, ENVIRONMENT, worker.mailbox or "")
        return account.collection


def _entry(event: Any) -> week.Entry:
    start, end = (_instant(event.decoded(name)) for name in ("DTSTART", "DTEND"))
    shown = "free" if event.get("TRANSP") == "TRANSPARENT" else "busy"
    if event.get("STATUS") == "TENTATIVE":
        shown = "tentative"
    return week.Entry(str(event.get("SUMMARY", "")), start, end, str(event.get("LOCATION", "")), shown)


def _instant(told: date) -> datetime:
    return told.astimezone(UTC) if isinstance(told, datetime) else datetime(told.year, told.month, told.day, tzinfo=UTC)
