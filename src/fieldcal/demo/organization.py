"""The sample organization in both embedded systems: people and bookings in the one, their mailboxes in the other."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fieldcal.embedded.exchange import NewMailbox
from fieldcal.embedded.fieldservice.sample import Sample, load_sample
from fieldcal.ends import Embedded
from fieldcal.errors import ConfigError


def fill(embedded: Embedded, now: datetime, workers: int, bookings: int) -> Sample:
    """Write the organization into both systems, which must be empty; `ConfigError` where the numbers are too small."""
    try:
        made = load_sample(embedded.field_service.store, now=now, workers=workers, bookings=bookings)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    embedded.exchange.store.mailboxes.add(
        NewMailbox(UUID(box.object_id), box.address, box.name, box.address, zone=box.zone) for box in made.mailboxes
    )
    return made


def feed_address(embedded: Embedded, mailbox: str) -> str:
    """Where a phone or Outlook can subscribe to this mailbox's calendar."""
    return f"{embedded.ends.exchange}/feeds/{embedded.exchange.store.mailboxes.get(mailbox).feed_token}.ics"
