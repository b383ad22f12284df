"""The sample organization: people and bookings in the embedded Field Service, their calendars at the demo's side."""

from __future__ import annotations

from datetime import datetime

from fieldcal.demo.side import Side
from fieldcal.embedded.fieldservice.sample import Sample, load_sample
from fieldcal.ends import Embedded
from fieldcal.errors import ConfigError


def fill(embedded: Embedded, side: Side, now: datetime, workers: int, bookings: int) -> Sample:
    """Write the organization into both systems, which must be empty; `ConfigError` where the numbers are too small."""
    try:
        made = load_sample(embedded.field_service.store, now=now, workers=workers, bookings=bookings)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    side.fill(made.mailboxes)
    return made
