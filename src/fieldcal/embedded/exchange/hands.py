"""A worker's hands: what people do in Outlook to the events of their own calendar, without HTTP."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import msgspec

from fieldcal.embedded.exchange import inbound
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.mailboxes import Mailbox
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.tables import events


class Hands:
    """The hands of whoever owns a mailbox. Changes are given as Graph writes them: `{"showAs": "free"}`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def look(self, mailbox: str | UUID) -> list[StoredEvent]:
        """Every event of the calendar, by start."""
        return self._store.events.page(self._mailbox(mailbox).row, (), [events.c.start])

    def properties(self, event: StoredEvent) -> dict[str, str]:
        """All extended properties of the event, kept id -> value."""
        return self._store.events.properties([event.row]).get(event.row, {})

    def add(self, mailbox: str | UUID, event: dict[str, Any]) -> StoredEvent:
        """An event of the worker's own."""
        draft = inbound.new_event(event)
        with self._store.database.transaction():
            return self._store.events.add(
                self._mailbox(mailbox).row, draft, digest=os.urandom(16), now=self._store.stamp()
            )

    def edit(self, mailbox: str | UUID, event: StoredEvent, changes: dict[str, Any]) -> StoredEvent:
        """Change what the worker touches; start and end move it."""
        row = self._mailbox(mailbox).row
        with self._store.database.transaction():
            current = self._living(row, event)
            draft = inbound.changed_event(changes, current.as_draft())
            return self._store.events.change(row, current, draft, now=self._store.stamp())

    def delete(self, mailbox: str | UUID, event: StoredEvent) -> None:
        with self._store.database.transaction():
            current = self._living(self._mailbox(mailbox).row, event)
            self._store.events.remove(current, now=self._store.stamp())

    def copy(
        self, mailbox: str | UUID, event: StoredEvent, changes: dict[str, Any] | None = None, *, to: str | UUID = ""
    ) -> StoredEvent:
        """A copy as Outlook makes one: with all extended properties, without the create key.

        `changes` are those of the paste, such as another time; `to` is another mailbox.
        """
        source = self._mailbox(mailbox)
        target = self._mailbox(to) if to else source
        with self._store.database.transaction():
            current = self._living(source.row, event)
            draft = msgspec.structs.replace(
                current.as_draft(), transaction_id=None, properties=self.properties(current)
            )
            if changes:
                draft = inbound.changed_event(changes, draft)
            return self._store.events.add(target.row, draft, digest=os.urandom(16), now=self._store.stamp())

    def refile(self, mailbox: str | UUID, event: StoredEvent) -> StoredEvent:
        """File it into another calendar and back: the mutable id is another one then."""
        with self._store.database.transaction():
            current = self._living(self._mailbox(mailbox).row, event)
            return self._store.events.refile(current, now=self._store.stamp())

    def _mailbox(self, named: str | UUID) -> Mailbox:
        return self._store.mailboxes.get(named)

    def _living(self, row: int, event: StoredEvent) -> StoredEvent:
        found = self._store.events.get(row, event.key)
        if found is None:
            raise KeyError("the event is not in this calendar any more")
        return found
