"""The sample organization: people and bookings in the embedded Field Service, their calendars at the demo's side."""

from __future__ import annotations

from datetime import datetime

from fieldcal.demo.side import Side
from fieldcal.embedded.fieldservice import Store
from fieldcal.embedded.fieldservice.sample import Sample, load_sample
from fieldcal.ends import Embedded
from fieldcal.errors import ConfigError

#: What waits to be booked, and what it has from a work order that is booked.
_WAITING = (
    "Second visit: fit the spare part that was ordered", "Yearly inspection, due this month",
    "Noise from the fan, not urgent", "Readings for the insurance", "Door does not close by itself",
    "Replace the filter, and show the caretaker how",
)  # fmt: skip
_ALIKE = (
    "msdyn_addressname", "msdyn_address1", "msdyn_city", "msdyn_stateorprovince", "msdyn_postalcode", "msdyn_country",
    "msdyn_totalestimatedduration", "msdyn_serviceaccount", "msdyn_billingaccount", "msdyn_priority",
    "msdyn_workordertype", "utcconversiontimezonecode",
)  # fmt: skip


def fill(embedded: Embedded, side: Side, now: datetime, workers: int, bookings: int) -> Sample:
    """Write the organization into both systems, which must be empty; `ConfigError` where the numbers are too small."""
    try:
        made = load_sample(embedded.field_service.store, now=now, workers=workers, bookings=bookings)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    _open_orders(embedded.field_service.store, made)
    side.fill(made.mailboxes)
    return made


def _open_orders(store: Store, made: Sample) -> None:
    """Work orders that nobody is booked for yet: at the side of the schedule board, like those that stand already."""
    for summary, like in zip(_WAITING, made.work_orders, strict=False):
        row = store.get("msdyn_workorder", like) or {}
        store.create("msdyn_workorder", {name: row[name] for name in _ALIKE} | {"msdyn_workordersummary": summary})
