"""The calendar contract's end at a real tenant: one test mailbox, in which only what was made here is ever touched."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote

import pytest
from tests.contracts.graph_end import ORGANIZATION, GraphEnd, RecordingPace
from tests.live.tenant import Hands, Refused, Tenant

from fieldcal.calendars.graph import GraphCalendars, wire
from fieldcal.clock import SystemClock
from fieldcal.model import Create, MailboxId

#: on every event that hands make here, whatever else it bears
LIVE = f"String {{{wire.NAMESPACE}}} Name FieldcalLive"
HEADERS = {"Prefer": wire.PREFER}
_COLUMNS = "id,subject,start,end,location,showAs,categories,sensitivity,isReminderOn"


class LiveCalendarEnd:
    """What `GraphEnd` is, as far as a server without a control plane can be; a test that needs more is skipped."""

    connector = "connector:live"
    reads = GraphEnd.reads
    keeps_claims, checks, some_id = GraphEnd.keeps_claims, GraphEnd.checks, GraphEnd.some_id
    refused, where = GraphEnd.refused, GraphEnd.where

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.hands = Hands(tenant, "GRAPH")
        self.mailbox = MailboxId(tenant.mailbox)
        self.pace = RecordingPace()
        # A real server remembers the keys of earlier tests, which begin with the same numbers.
        self._salt = uuid.uuid4().hex
        self.calendars: GraphCalendars | None = None

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip(f"a real server has no {name!r} for tests")

    @property
    def tenant(self) -> str:
        told = self.hands.ask("GET", f"{self._root}/organization?$select=id")
        if told.status != 200:
            pytest.skip(f"the application may not read /organization ({told})")
        return str(told.body["value"][0]["id"]).lower()

    @property
    def _root(self) -> str:
        return "/v1.0"

    @property
    def _user(self) -> str:
        return f"{self._root}/users/{quote(self._tenant.mailbox, safe='@.')}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[LiveCalendarEnd]:
        self.calendars = GraphCalendars(self._tenant.http("GRAPH"), self.pace, SystemClock(), "live")
        try:
            yield self
        finally:
            await self.calendars.close()

    def calendar(self, mailbox: str | None = None, organization: str = ORGANIZATION) -> Any:
        if mailbox not in {None, self.mailbox}:
            pytest.skip("no other mailbox is asked for")
        assert self.calendars is not None
        return Salted(self.calendars.open(self.mailbox, organization), self._salt)

    # what stands there, and hands on it

    def events(self) -> list[dict[str, Any]]:
        """What was made here, by start."""
        ours = self._list(wire.MARK, f"1/{ORGANIZATION}/")
        live = self._list(LIVE, "")
        found = {event["id"]: event for event in [*ours, *live]}
        return sorted(found.values(), key=lambda event: str(event["start"]["dateTime"]))

    def _list(self, name: str, begins: str) -> list[dict[str, Any]]:
        condition = f"singleValueExtendedProperties/any(ep: ep/id eq '{name}' and startswith(ep/value,'{begins}'))"
        link = f"{self._user}/events?$filter={quote(condition)}&$select={_COLUMNS}&$top=100"
        found: list[dict[str, Any]] = []
        while link:
            told = self.hands.ask("GET", link, headers=HEADERS)
            if told.status != 200:
                raise Refused(f"what was made in {self._tenant.mailbox} cannot be listed: {told}")
            found += told.body["value"]
            link = told.body.get("@odata.nextLink", "")
        return found

    def shown(self) -> list[tuple[Any, ...]]:
        return [
            (
                event["subject"], datetime.fromisoformat(event["start"]["dateTime"][:19]).replace(tzinfo=UTC),
                event["location"]["displayName"], event["showAs"], tuple(event["categories"]), event["sensitivity"],
                event["isReminderOn"],
            )
            for event in self.events()
        ]  # fmt: skip

    def worker_adds(self, start: datetime, mark: str | None = None) -> Any:
        properties = [{"id": LIVE, "value": "1"}, *([{"id": wire.MARK, "value": mark}] if mark else [])]
        times = {"start": start, "end": start + timedelta(hours=1)}
        moments = {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, at in times.items()}
        event = {"subject": "Dentist", **moments, "singleValueExtendedProperties": properties}
        return self.hands.ask("POST", f"{self._user}/events", event, HEADERS)

    def worker_edits(
        self, subject: str = "changed by hand", categories: list[str] | None = None, reminder: bool | None = None
    ) -> None:
        changes: dict[str, Any] = {"subject": subject} if categories is None else {"categories": categories}
        if reminder is not None:
            changes["isReminderOn"] = reminder
        self.hands.ask("PATCH", self._of(self.events()[0]), changes, HEADERS)

    def worker_deletes(self) -> None:
        self.hands.ask("DELETE", self._of(self.events()[0]), headers=HEADERS)

    def _of(self, event: dict[str, Any]) -> str:
        return f"{self._user}/events/{quote(event['id'], safe='')}"

    # before and after

    def is_for_tests(self) -> None:
        """Raises `Refused` for a mailbox that somebody synchronizes."""
        told = self.hands.ask("GET", self._root + wire.claim_path(self.mailbox), headers=HEADERS)
        if told.status != 200:
            raise Refused(f"the calendar of {self._tenant.mailbox} cannot be read: {told}")
        if claim := wire.claim_of(told.body):
            raise Refused(f"{self._tenant.mailbox} is synchronized by an installation (its claim: {claim[:80]})")

    def clean(self) -> int:
        """Take away what was made here, also by a run that died; gives how many events that were."""
        left = self.events()
        for event in left:
            self.hands.ask("DELETE", self._of(event), headers=HEADERS)
        self.hands.ask("PATCH", f"{self._user}/calendar", wire.claim_body(None), HEADERS)
        return len(left)


class Salted:
    """A calendar whose create keys begin with the run's own word; what is observed shows them without it."""

    def __init__(self, calendar: Any, salt: str) -> None:
        self._calendar, self._salt = calendar, salt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._calendar, name)

    async def write(self, actions: Any, before_send: Any) -> Any:
        salted = [replace(each, key=self._salt + each.key) if isinstance(each, Create) else each for each in actions]
        return await self._calendar.write(salted, before_send)

    async def owned(self, window: Any, before_send: Any) -> Any:
        return [self._plain(seen) for seen in await self._calendar.owned(window, before_send)]

    async def get(self, ids: Any, before_send: Any) -> Any:
        return {
            event: seen and self._plain(seen) for event, seen in (await self._calendar.get(ids, before_send)).items()
        }

    async def find(self, marks: Any, before_send: Any) -> Any:
        found = await self._calendar.find(marks, before_send)
        return {mark: [self._plain(seen) for seen in events] for mark, events in found.items()}

    def _plain(self, seen: Any) -> Any:
        return replace(seen, key=seen.key.removeprefix(self._salt))
