"""Create keys and marks: who an event stands for, made of stable identities only (design §4, Keys)."""

from __future__ import annotations

import hashlib

from fieldcal.marks import create_key
from fieldcal.model import BookingId, Event, MailboxId, Mark

__all__ = ["create_key", "fingerprint", "mark_of"]


def mark_of(organization: str, booking: BookingId, mailbox: MailboxId, generation: int) -> Mark:
    """The mark of this generation of the booking's event in this mailbox."""
    return Mark(organization, booking, mailbox, generation)


def fingerprint(event: Event) -> str:
    """A stamp of the fields that we own: equal for equal content, whatever the server makes of it."""
    owned = (event.subject, event.body, event.start.isoformat(), event.end.isoformat(), event.location, event.show_as)
    return hashlib.sha256("\x1f".join(owned).encode()).hexdigest()[:32]
