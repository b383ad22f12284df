"""One event: create, read, change, delete, and the properties on it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from fieldcal.embedded.control import Control
from fieldcal.embedded.exchange import ids, inbound
from fieldcal.embedded.exchange.call import Answer, Call
from fieldcal.embedded.exchange.document import Draft, StoredEvent
from fieldcal.embedded.exchange.errors import conflict, item_not_found, key_used
from fieldcal.embedded.exchange.mailboxes import Mailbox, refuse_unwritable
from fieldcal.embedded.exchange.outbound import View, event_id, event_json
from fieldcal.embedded.exchange.properties import property_id
from fieldcal.embedded.exchange.query import Options, read_options
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.store import Store

EXPANDABLE_TOO = frozenset({"singleValueExtendedProperties"})
EVENT_NAMES = inbound.KNOWN | EXPANDABLE_TOO
_SORTED = msgspec.json.Encoder(order="deterministic")


def digest_of(body: Any) -> bytes:
    """What tells a repeated request from another one under the same key, whatever the order of its members."""
    return hashlib.blake2b(_SORTED.encode(body), digest_size=16).digest()


class SingleEvents:
    """The operations on one event. Each checks all before it writes, so that a refusal leaves nothing behind."""

    def __init__(self, store: Store, control: Control[Settings]) -> None:
        self._store = store
        self._control = control

    def create(self, call: Call, mailbox: Mailbox) -> Answer:
        """201 with a new event, or with the one that the same request has made before."""
        refuse_unwritable(mailbox, growing=True)
        draft = inbound.new_event(call.body)
        digest = digest_of(call.body)
        with self._store.database.transaction():
            event = self._made_before(draft, digest, call, mailbox)
            if event is None:
                event = self._store.events.add(mailbox.row, draft, digest=digest, now=self._store.stamp())
                self._count_mails(mailbox, draft)
        return self._shown(201, event, call, mailbox)

    def read(self, call: Call, mailbox: Mailbox, named: str) -> Answer:
        options = read_options(call.query, EVENT_NAMES)
        return self._shown(200, self.find(call, mailbox, named), call, mailbox, options)

    def change(self, call: Call, mailbox: Mailbox, named: str) -> Answer:
        """200 with the changed event; what the request leaves out keeps its value."""
        refuse_unwritable(mailbox, growing=False)
        with self._store.database.transaction():
            event = self.find(call, mailbox, named)
            self._check_match(call, mailbox, event)
            draft = inbound.changed_event(call.body, event.as_draft())
            event = self._store.events.change(mailbox.row, event, draft, now=self._store.stamp())
            self._count_mails(mailbox, draft)
        return self._shown(200, event, call, mailbox)

    def remove(self, call: Call, mailbox: Mailbox, named: str) -> Answer:
        """204; the event's key and its id are remembered as dead."""
        refuse_unwritable(mailbox, growing=False)
        with self._store.database.transaction():
            event = self.find(call, mailbox, named)
            self._check_match(call, mailbox, event)
            self._store.events.remove(event, now=self._store.stamp())
            self._count_mails(mailbox, event.as_draft())
        return Answer(204)

    def remove_property(self, call: Call, mailbox: Mailbox, named: str, name: str) -> Answer:
        refuse_unwritable(mailbox, growing=False)
        with self._store.database.transaction():
            event = self.find(call, mailbox, named)
            kept = property_id(name)
            if not self._store.events.properties([event.row], [kept]):
                raise item_not_found()
            self._store.events.remove_property(event, kept)
        return Answer(204)

    def find(self, call: Call, mailbox: Mailbox, named: str) -> StoredEvent:
        """The living event of that id, which must be of the kind that the request prefers."""
        ref = ids.parse_event_id(named, immutable=call.prefer.immutable)
        event = self._store.events.get(mailbox.row, ref.key) if ref.mailbox == mailbox.object_id else None
        if event is None or (ref.filing is not None and ref.filing != event.filing):
            raise item_not_found()
        return event

    def _made_before(self, draft: Draft, digest: bytes, call: Call, mailbox: Mailbox) -> StoredEvent | None:
        if draft.transaction_id is None:
            return None
        before = self._store.events.by_transaction(mailbox.row, draft.transaction_id)
        if before is None:
            return None
        if before.deleted:
            dead_key = self._control.settings.dead_key
            if dead_key == "new":
                return None
            if dead_key == "dead" and before.digest == digest:
                return before
            raise key_used(None)
        if before.digest != digest:
            raise key_used(event_id(before, mailbox, call.prefer))
        return before

    def _check_match(self, call: Call, mailbox: Mailbox, event: StoredEvent) -> None:
        wanted = call.headers.get("if-match", "*").strip()
        key = ids.change_key(mailbox.object_id, event.change)
        if wanted not in {"*", ids.etag(key), f'"{key}"', key}:
            raise conflict()

    def _count_mails(self, mailbox: Mailbox, draft: Draft) -> None:
        if draft.document.attendees:
            self._store.mailboxes.count_mails(mailbox, len(draft.document.attendees))

    def _shown(
        self, status: int, event: StoredEvent, call: Call, mailbox: Mailbox, options: Options | None = None
    ) -> Answer:
        options = options or Options()
        expanded = self._store.events.properties([event.row], options.expand) if options.expand else None
        shown = event_json(event, View(mailbox, call.prefer, options.select, expanded))
        owner = mailbox.object_id
        body = {"@odata.context": f"{call.base}/$metadata#users('{owner}')/events/$entity", **shown}
        headers = {"ETag": shown["@odata.etag"]}
        if status == 201:  # noqa: PLR2004 # Created
            headers["Location"] = f"{call.base}/users('{owner}')/events('{shown['id'].replace('=', '%3D')}')"
        return Answer(status, body, headers)
