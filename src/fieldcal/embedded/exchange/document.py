"""An event as the embedded Exchange keeps it: what is searched in columns, the rest in one document. Pure values."""

from __future__ import annotations

from typing import Any

import msgspec


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The part of an event that has no column of its own, under the names of Graph."""

    start_zone: str = "UTC"
    end_zone: str = "UTC"
    body_type: str = "text"
    body: str = ""
    body_preview: str = ""
    importance: str = "normal"
    sensitivity: str = "normal"
    show_as: str = "busy"
    is_all_day: bool = False
    is_reminder_on: bool = True
    reminder_minutes_before_start: int = 15
    response_requested: bool = True
    allow_new_time_proposals: bool = True
    hide_attendees: bool = False
    is_online_meeting: bool = False
    online_meeting_provider: str = "unknown"
    categories: list[str] = []
    locations: list[dict[str, Any]] = []
    attendees: list[dict[str, Any]] = []


class Draft(msgspec.Struct, frozen=True):
    """What a request wants an event to be. `start` and `end` are stamps in UTC."""

    subject: str = ""
    start: str = ""
    end: str = ""
    transaction_id: str | None = None
    document: Document = Document()
    #: extended properties that the request sets, kept id -> value
    properties: dict[str, str] = {}


class StoredEvent(msgspec.Struct, frozen=True):
    """One event of one mailbox. Times are stamps in UTC; `change` counts every change in the whole store upwards."""

    row: int
    key: bytes
    filing: int
    #: how often it was changed
    revision: int
    change: int
    deleted: bool
    created: str
    modified: str
    subject: str
    start: str
    end: str
    transaction_id: str | None
    digest: bytes
    document: Document

    def as_draft(self) -> Draft:
        return Draft(self.subject, self.start, self.end, self.transaction_id, self.document)
