"""Names that Exchange gives to things: two kinds of event ids, change keys, the iCalendar UID. Pure.

An immutable id stays for an event's whole life in its mailbox; a mutable one changes when the event is filed
elsewhere (https://learn.microsoft.com/graph/outlook-immutable-id). The two are never interchangeable. Both are
URL-safe base64, end in `=`, and are case-sensitive.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from fieldcal.embedded.exchange.errors import id_malformed, item_not_found

_IMMUTABLE = base64.urlsafe_b64decode("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A")
_MUTABLE = b"\x00\x03\x24\x00"
_CALENDAR = b"\x00\x03\x24\x01"
_KEY = 16
_FILING = 4
_GLOBAL_OBJECT = "040000008200E00074C5B7101A82E0080000000000000000000000000000000010000000"


@dataclass(frozen=True, slots=True)
class EventRef:
    """An event id taken apart: the mailbox it was given out for, the event's key, and how often it had been filed."""

    mailbox: UUID
    key: bytes
    #: None for an immutable id
    filing: int | None


def immutable_id(mailbox: UUID, key: bytes) -> str:
    return base64.urlsafe_b64encode(_IMMUTABLE + mailbox.bytes + key).decode()


def mutable_id(mailbox: UUID, key: bytes, filing: int) -> str:
    raw = _MUTABLE + str(mailbox).encode() + filing.to_bytes(_FILING, "big") + key
    return base64.urlsafe_b64encode(raw + b"\0\0").decode()


def calendar_id(mailbox: UUID) -> str:
    """The id of the mailbox's own calendar; containers have no immutable ids."""
    return base64.urlsafe_b64encode(_CALENDAR + str(mailbox).encode() + b"\0").decode()


def parse_event_id(text: str, *, immutable: bool) -> EventRef:
    """The parts of an id of the wanted kind.

    Raises ErrorInvalidIdMalformed for a text that is no id, or a mutable id where immutable ones were asked for,
    and ErrorItemNotFound for an immutable id in a request that did not ask for that kind.
    """
    raw = _decode(text)
    if raw.startswith(_IMMUTABLE) and len(raw) == len(_IMMUTABLE) + 16 + _KEY:
        if not immutable:
            raise item_not_found()
        inner = raw[len(_IMMUTABLE) :]
        return EventRef(UUID(bytes=inner[:16]), inner[16:], None)
    if raw.startswith(_MUTABLE) and len(raw) == len(_MUTABLE) + 36 + _FILING + _KEY + 2:
        if immutable:
            raise id_malformed()
        inner = raw[len(_MUTABLE) :]
        return EventRef(_uuid(inner[:36]), inner[40:56], int.from_bytes(inner[36:40], "big"))
    raise id_malformed()


def change_key(mailbox: UUID, change: int) -> str:
    return base64.b64encode(mailbox.bytes + change.to_bytes(6, "big")).decode()


def etag(key: str) -> str:
    return f'W/"{key}"'


def ical_uid(key: bytes) -> str:
    """One UID for an event's whole life, in Graph (`iCalUId`) and in the feed."""
    return _GLOBAL_OBJECT + key.hex().upper()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise id_malformed() from None


def _uuid(raw: bytes) -> UUID:
    try:
        return UUID(raw.decode("ascii"))
    except ValueError:
        raise id_malformed() from None
