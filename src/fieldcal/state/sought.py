"""What bookings are searched by: kept beside each row in small letters, so that an index finds it."""

from __future__ import annotations

from fieldcal.model import Booking, WorkOrder

#: The columns of `bookings` that are made from other texts for being searched.
SOUGHT = ("number", "account")
_LONGEST = 200


def folded(text: str) -> str:
    """The text as it is searched for: small letters, single spaces, at most 200 letters."""
    return " ".join(text.lower().split())[:_LONGEST]


def sought(booking: Booking, order: WorkOrder | None) -> dict[str, str]:
    """The searched columns of a booking: its work order's number, else its own name; the service account, else the
    one that is billed.
    """
    if order is None:
        return {"number": folded(booking.name), "account": ""}
    return {
        "number": folded(order.number or booking.name),
        "account": folded(order.service_account or order.billing_account),
    }
