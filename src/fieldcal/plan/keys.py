"""Create keys and marks: who an event stands for, made of stable identities only (design §4, Keys)."""

from __future__ import annotations

import hashlib
import uuid

from fieldcal.model import BookingId, Event, MailboxId, Mark

# Fixed for ever: another namespace would make every key new and so double every event.
_NAMESPACE = uuid.UUID("6b0f4f0e-5a56-4d0c-9a6e-0d5a3c1e7f42")


def mark_of(organization: str, booking: BookingId, mailbox: MailboxId, generation: int) -> Mark:
    """The mark of this generation of the booking's event in this mailbox."""
    return Mark(organization, booking, mailbox, generation)


def create_key(mark: Mark) -> str:
    """The same key for every repeat of one creation, another for every other event there can ever be."""
    return str(uuid.uuid5(_NAMESPACE, f"{mark.organization}/{mark.booking}/{mark.mailbox}/{mark.generation}"))


def fingerprint(event: Event) -> str:
    """A stamp of the fields that we own: equal for equal content, whatever the server makes of it."""
    owned = (event.subject, event.body, event.start.isoformat(), event.end.isoformat(), event.location, event.show_as)
    return hashlib.sha256("\x1f".join(owned).encode()).hexdigest()[:32]
