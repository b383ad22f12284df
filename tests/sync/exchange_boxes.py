"""The embedded Exchange as the stage needs it; `dav_boxes.py` shows a CalDAV server in the same way."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

from fieldcal.calendars.graph import GraphCalendars
from fieldcal.clock import Clock
from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.exchange import Exchange, NewMailbox, ids
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.faults import Fault, Match
from fieldcal.http import Http
from fieldcal.ports import Pace


class ExchangeBoxes(Exchange):
    """The embedded Exchange, and what else the stage asks of a calendar server."""

    #: whether a claim on a calendar stays there for others to see
    keeps_claims = True

    def __init__(self, path: Path, tenant_id: UUID, now: Clock) -> None:
        super().__init__(path, tenant_id=tenant_id, clock=SandboxClock(now.now), sandbox=True)
        self.look, self.properties = self.hands.look, self.hands.properties
        self.edit, self.delete = self.hands.edit, self.hands.delete
        self.copy, self.add = self.hands.copy, self.hands.add

    def adds_mailbox(self, box: str, name: str) -> None:
        address = f"{name.lower()}@northwind-trades.example"
        self.store.mailboxes.add([NewMailbox(UUID(box), address, address, name)])

    def calendars(self, url: str, http: Http, pace: Pace, clock: Clock, name: str) -> GraphCalendars:  # noqa: ARG002
        return GraphCalendars(http, pace, clock, name)

    def box_of(self, url: str) -> str | None:
        """Whose mailbox a request went to."""
        _, found, rest = url.partition("/users/")
        return rest.split("/")[0].split("?")[0] if found else None

    def is_event(self, linked: str | None, box: str, event: StoredEvent) -> bool:
        """Whether that is what the state calls this event."""
        return linked == self.name_of(box, event)

    def is_etag(self, linked: str, box: str, event: StoredEvent) -> bool:
        return linked == ids.etag(ids.change_key(UUID(box), event.change))

    def name_of(self, box: str, event: StoredEvent) -> str:
        return ids.immutable_id(UUID(box), event.key)

    def plant(self, fault: Fault) -> None:
        self.control.add_fault(fault)

    def refuse(self, booking: str, standing: list[tuple[str, StoredEvent]]) -> None:
        """400 to every creation and update of this booking's event, alone or in a batch."""
        matches = [Match(method="POST", path="events", body=booking, item=item) for item in (True, False)]
        for box, event in standing:
            name = re.escape(self.name_of(box, event))
            matches += [Match(method="PATCH", path=name, item=item) for item in (True, False)]
        for match in matches:
            self.control.add_fault(Fault(kind="status", status=400, times=None, match=match))

    def used_keys_answer(self, how: str) -> None:
        self.control.change(dead_key=how)

    def blinds(self, *, blind: bool) -> None:
        self.control.change(blind_search=blind)

    async def stop(self) -> None:
        """Nothing of it runs by itself."""
