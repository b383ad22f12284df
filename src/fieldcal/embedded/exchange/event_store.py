"""The events of the store. New ones are gathered and written together, once a transaction."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from fieldcal.embedded.exchange.database import Database
from fieldcal.embedded.exchange.document import Document, Draft, StoredEvent
from fieldcal.embedded.exchange.properties import folded
from fieldcal.embedded.exchange.tables import events, properties

_COLUMNS = (
    events.c.row,
    events.c.key,
    events.c.filing,
    events.c.revision,
    events.c.change,
    events.c.deleted,
    events.c.created,
    events.c.modified,
    events.c.subject,
    events.c.start,
    events.c.end,
    events.c.transaction_id,
    events.c.digest,
    events.c.document,
)
#: literal, so that SQLite sees that its partial indexes apply
LIVE = events.c.deleted == literal_column("0")
_SELECT = select(*_COLUMNS)
_BY_KEY = _SELECT.where(events.c.mailbox == bindparam("mailbox"), events.c.key == bindparam("of"))
_BY_TRANSACTION = (
    _SELECT.where(
        events.c.mailbox == bindparam("mailbox"),
        events.c.transaction_id == bindparam("transaction"),
        literal_column("transaction_id IS NOT NULL"),
    )
    .order_by(events.c.row.desc())
    .limit(1)
)
_UPDATE = update(events).where(events.c.row == bindparam("of"))
_TOPS = select(
    select(func.coalesce(func.max(events.c.row), 0)).scalar_subquery(),
    select(func.coalesce(func.max(events.c.change), 0)).scalar_subquery(),
)
_DOCUMENT = msgspec.json.Decoder(Document)
_JSON = msgspec.json.Encoder()


class EventStore:
    """Events by mailbox row. Everything that writes stands inside a transaction of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database.connection
        self._tops: list[int] | None = None
        self._gathered: dict[tuple[int, bytes], tuple[StoredEvent, Draft]] = {}
        self._keyed: dict[tuple[int, str], StoredEvent] = {}
        #: create keys known to be unused, by mailbox
        self._unused: set[tuple[int, str]] = set()
        database.before_commit.append(self._flush)
        database.after.append(self._forget)

    def add(self, mailbox: int, draft: Draft, *, digest: bytes, now: str) -> StoredEvent:
        """A new event; `digest` is of the request that makes it, `now` a stamp."""
        if self._tops is None:
            self._tops = list(self._connection.execute(_TOPS).one())
        self._tops[0] += 1
        self._tops[1] += 1
        event = StoredEvent(
            row=self._tops[0],
            key=os.urandom(16),
            filing=0,
            revision=0,
            change=self._tops[1],
            deleted=False,
            created=now,
            modified=now,
            subject=draft.subject,
            start=draft.start,
            end=draft.end,
            transaction_id=draft.transaction_id,
            digest=digest,
            document=draft.document,
        )
        self._gathered[mailbox, event.key] = (event, draft)
        if event.transaction_id:
            self._keyed[mailbox, event.transaction_id] = event
            self._unused.discard((mailbox, event.transaction_id))
        return event

    def get(self, mailbox: int, key: bytes) -> StoredEvent | None:
        """The event of that key while it lives."""
        with self._database.reading():
            self._flush()
            row = self._connection.execute(_BY_KEY, {"mailbox": mailbox, "of": key}).first()
        return None if row is None or row.deleted else _event(row)

    def by_transaction(self, mailbox: int, transaction_id: str) -> StoredEvent | None:
        """The newest event made with this key, dead or alive."""
        if (mailbox, transaction_id) in self._unused:
            return None
        with self._database.reading():
            made = self._keyed.get((mailbox, transaction_id))
            if made is not None and (mailbox, made.key) in self._gathered:
                return made
            asked = {"mailbox": mailbox, "transaction": transaction_id}
            row = self._connection.execute(_BY_TRANSACTION, asked).first()
        return None if row is None else _event(row)

    def foresee(self, keys: Collection[tuple[int, str]]) -> None:
        """Look up many create keys at once, for a transaction that is going to ask for each of them."""
        asked = select(events.c.mailbox, events.c.transaction_id).where(
            events.c.mailbox.in_({mailbox for mailbox, _ in keys}),
            events.c.transaction_id.in_({key for _, key in keys}),
            literal_column("transaction_id IS NOT NULL"),
        )
        used = {(row.mailbox, row.transaction_id) for row in self._connection.execute(asked)}
        self._unused = set(keys) - used - self._keyed.keys()

    def change(self, mailbox: int, event: StoredEvent, draft: Draft, *, now: str) -> StoredEvent:
        """The event with the draft's content, and the extended properties that the draft sets."""
        changed = msgspec.structs.replace(
            event,
            change=self._next_change(),
            revision=event.revision + 1,
            modified=now,
            subject=draft.subject,
            start=draft.start,
            end=draft.end,
            transaction_id=draft.transaction_id,
            document=draft.document,
        )
        self._write(changed)
        if draft.properties:
            self.set_properties(mailbox, event, draft.properties)
        return changed

    def remove(self, event: StoredEvent, *, now: str) -> StoredEvent:
        """Let the event die; it stays as a tombstone, without its extended properties."""
        dead = msgspec.structs.replace(
            event, change=self._next_change(), revision=event.revision + 1, modified=now, deleted=True
        )
        self._write(dead)
        self._connection.execute(delete(properties).where(properties.c.event == event.row))
        return dead

    def refile(self, event: StoredEvent, *, now: str) -> StoredEvent:
        """File the event elsewhere and back: its mutable id changes, its immutable one does not."""
        moved = msgspec.structs.replace(event, change=self._next_change(), modified=now, filing=event.filing + 1)
        self._write(moved)
        return moved

    def page(
        self,
        mailbox: int,
        where: Sequence[ColumnElement[bool]],
        order: Sequence[ColumnElement[Any]],
        *,
        skip: int = 0,
        top: int | None = None,
    ) -> list[StoredEvent]:
        """Living events that meet all conditions, in order."""
        asked = _SELECT.where(events.c.mailbox == mailbox, LIVE, *where).order_by(*order, events.c.row)
        asked = asked.offset(skip) if top is None else asked.limit(top).offset(skip)
        with self._database.reading():
            self._flush()
            return [_event(row) for row in self._connection.execute(asked)]

    def count(self, mailbox: int, where: Sequence[ColumnElement[bool]]) -> int:
        asked = select(func.count()).select_from(events).where(events.c.mailbox == mailbox, LIVE, *where)
        with self._database.reading():
            self._flush()
            return int(self._connection.execute(asked).scalar_one())

    def changed_since(self, mailbox: int, change: int, *, top: int) -> list[StoredEvent]:
        """Events, dead ones too, whose last change is later, in the order of their changes."""
        asked = (
            _SELECT.where(events.c.mailbox == mailbox, events.c.change > change).order_by(events.c.change).limit(top)
        )
        with self._database.reading():
            self._flush()
            return [_event(row) for row in self._connection.execute(asked)]

    def latest(self, mailbox: int) -> tuple[int, str]:
        """The number of the mailbox's last change and its stamp; 0 and nothing for a mailbox without events."""
        asked = select(events.c.change, events.c.modified).where(events.c.mailbox == mailbox)
        with self._database.reading():
            self._flush()
            row = self._connection.execute(asked.order_by(events.c.change.desc()).limit(1)).first()
        return (0, "") if row is None else (row.change, row.modified)

    def last_change(self) -> int:
        with self._database.reading():
            self._flush()
            return int(self._connection.execute(select(func.coalesce(func.max(events.c.change), 0))).scalar_one())

    def properties(self, rows: Iterable[int], named: Collection[str] | None = None) -> dict[int, dict[str, str]]:
        """Extended properties of these events, by row; only the named ones, or all."""
        asked = select(properties.c.event, properties.c.name, properties.c.value)
        asked = asked.where(properties.c.event.in_(list(rows)))
        if named is not None:
            asked = asked.where(properties.c.name.in_(list(named)))
        found: dict[int, dict[str, str]] = {}
        with self._database.reading():
            self._flush()
            for row in self._connection.execute(asked.order_by(properties.c.name)):
                found.setdefault(row.event, {})[row.name] = row.value
        return found

    def set_properties(self, mailbox: int, event: StoredEvent, changed: Mapping[str, str]) -> None:
        table = properties
        for name in changed:
            self._connection.execute(delete(table).where(table.c.event == event.row, table.c.name == name))
        self._connection.execute(insert(table), list(_property_rows(mailbox, event.row, changed)))

    def remove_property(self, event: StoredEvent, name: str) -> None:
        table = properties
        self._connection.execute(delete(table).where(table.c.event == event.row, table.c.name == name))

    def _next_change(self) -> int:
        self._flush()
        if self._tops is None:
            self._tops = list(self._connection.execute(_TOPS).one())
        self._tops[1] += 1
        return self._tops[1]

    def _write(self, event: StoredEvent) -> None:
        values = _columns(event)
        del values["row"]
        self._connection.execute(_UPDATE, {"of": event.row, **values})

    def _flush(self) -> None:
        if not self._gathered:
            return
        made = list(self._gathered.items())
        self._gathered.clear()
        self._connection.execute(
            insert(events), [{"mailbox": mailbox, **_columns(event)} for (mailbox, _), (event, _) in made]
        )
        rows = [
            row for (mailbox, _), (event, draft) in made for row in _property_rows(mailbox, event.row, draft.properties)
        ]
        if rows:
            self._connection.execute(insert(properties), rows)

    def _forget(self) -> None:
        self._tops = None
        self._gathered.clear()
        self._keyed.clear()
        self._unused.clear()


def overlapping(start: str, end: str) -> list[ColumnElement[bool]]:
    """Conditions for events that overlap [start, end), stamps; an event without length counts at its start."""
    return [events.c.start < end, or_(events.c.end > start, events.c.start >= start)]


def _property_rows(mailbox: int, event: int, values: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    for name, value in values.items():
        yield {"event": event, "name": name, "mailbox": mailbox, "value": value, "folded": folded(value)}


def _columns(event: StoredEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    values["document"] = _JSON.encode(event.document).decode()
    return values


def _event(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    values: list[Any] = list(row)
    values[-1] = _DOCUMENT.decode(values[-1])
    return StoredEvent(*values)
