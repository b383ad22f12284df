"""Where the demo's calendars stand: in the embedded Exchange, or at a CalDAV server. The story is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.demo.week import Entry
from fieldcal.embedded.fieldservice.sample import SampleMailbox
from fieldcal.model import MailboxId, Worker
from fieldcal.setup.accounts import Wish
from fieldcal.setup_model import Actor, Mailbox


class Side(Protocol):
    """A calendar server with the demo's technicians."""

    #: the server profile's name
    profile: str

    def fill(self, boxes: Sequence[SampleMailbox]) -> None:
        """Have each technician there, with an empty calendar or none yet."""
        ...

    def attach(self, tx: Connection, actor: Actor, now: datetime) -> None:
        """What `fieldcal profile add` does."""
        ...

    def sign_ins(self, boxes: Sequence[Mailbox]) -> Mapping[MailboxId, Wish]:
        """What `fieldcal mailbox credentials` does; nothing where one application signs in for all."""
        ...

    async def week(self, app: App, worker: Worker, now: datetime) -> list[Entry]:
        """The worker's coming week as it stands in the calendar, read past the synchronization."""
        ...

    async def addresses(self, app: App, worker: Worker | None) -> list[str]:
        """Where people can look at it, this worker's calendar among it; one line each."""
        ...
