"""Booking -> event: what the worker reads (R4, R10, R11, D5, D11, D14, D15, D16).

The same booking, settings and zone give the same event at any time, but for the reminder of one that has begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from fieldcal.errors import ConfigError
from fieldcal.model import (
    Booking,
    BookingId,
    Event,
    Known,
    ShowAs,
    StatusKind,
    Worker,
    WorkerId,
    WorkerKind,
    WorkOrder,
    WorkOrderId,
)
from fieldcal.plan import templates
from fieldcal.plan.settings import Account, Contact, Settings
from fieldcal.plan.texts import LINE, block, line, shorten
from fieldcal.plan.zones import date_text, instant_text, span_text

CATEGORY = "Field Service"
#: What the subject of a canceled booking begins with (D5).
CANCELED = "Canceled: "
_SHOWN = {
    StatusKind.PROPOSED: ShowAs.TENTATIVE,
    StatusKind.COMMITTED: ShowAs.BUSY,
    StatusKind.CANCELED: ShowAs.FREE,
}
#: the names a template may use; all are texts, "" where there is nothing to say, but for `canceled` and `rows`
NAMES = frozenset(
    {
        "title", "number", "type", "priority", "incident_type", "account", "contact", "summary", "location", "place",
        "status", "date", "window", "promised", "worker", "zone", "booking", "link", "canceled", "rows",
    }
)  # fmt: skip


def render(known: Known, worker: Worker, settings: Settings, now: datetime) -> Event:
    """The event that stands for this booking in the worker's calendar; `now` decides only about the reminder.

    Whatever the source's texts hold, the event is safe to show and within Exchange's lengths. Raises `ConfigError`
    where a template of the settings is at fault.
    """
    booking = known.booking
    facts = _facts(booking, known.snapshot or _NONE, worker, settings)
    title = facts["title"]
    if settings.subject_template:
        title = line(templates.subject(settings.subject_template, facts)) or title
    if booking.kind is StatusKind.CANCELED:
        title = shorten(CANCELED + title, LINE)
    return Event(
        subject=title,
        body=templates.body(settings.body_template, facts),
        start=booking.start.astimezone(UTC),
        end=booking.end.astimezone(UTC),
        location=facts["location"],
        show_as=_SHOWN[booking.kind],
        categories=(CATEGORY,),
        private=settings.private,
        reminder=booking.start > now,
    )


def named(known: Known, worker: Worker, settings: Settings) -> dict[str, Any]:
    """What each of `NAMES` stands for, of this booking."""
    return _facts(known.booking, known.snapshot or _NONE, worker, settings)


def preview(settings: Settings, known: Known, worker: Worker, now: datetime) -> Event:
    """What `render` would make with these settings; raises one `ConfigError` that names every mistake in them."""
    found = check_templates(settings)
    if found:
        raise ConfigError("; ".join(found))
    return render(known, worker, settings, now)


def check_templates(settings: Settings) -> list[str]:
    """The mistakes in what the settings say about how events look, a clear line each."""
    found: list[str] = []
    if settings.booking_url and not _web_address(settings.booking_url):
        found.append("booking_url: not an address that begins with https:// or http://")
    for setting in ("subject_template", "body_template"):
        text = getattr(settings, setting)
        if text:
            found += templates.mistakes(setting, text, NAMES) or _tried(setting, text, settings)
    return found


def _tried(setting: str, text: str, settings: Settings) -> list[str]:
    """What goes wrong when the template meets a booking with everything and one with nothing."""
    fill = templates.subject if setting == "subject_template" else templates.body
    try:
        for booking, order in ((_SAMPLE, _SAMPLE_ORDER), (_BARE, _NONE)):
            fill(text, _facts(booking, order, _SAMPLE_WORKER, settings))
    except ConfigError as error:
        return [str(error)]
    return []


def _facts(booking: Booking, order: WorkOrder, worker: Worker, settings: Settings) -> dict[str, Any]:
    """What templates see: texts made fit to be shown, "" where there is nothing to say."""
    account = line(order.billing_account if settings.account is Account.BILLING else order.service_account)
    own, address = line(booking.place), line(order.location)
    facts: dict[str, Any] = {
        "title": _title(booking, order, account),
        "number": line(order.number),
        "type": line(order.type),
        "priority": line(order.priority),
        "incident_type": line(order.incident_type),
        "account": account,
        "contact": line(_contact(order, settings.contact)),
        "summary": block(order.summary),
        "location": address or own,
        "place": own if address else "",
        "status": line(booking.status_name),
        "date": date_text(booking.start, worker.zone),
        "window": span_text(booking.start, booking.end, worker.zone),
        "promised": _promised(order, worker.zone),
        "worker": line(worker.name),
        "zone": line(worker.zone),
        "booking": line(booking.name),
        "link": _link(settings.booking_url, booking),
        "canceled": booking.kind is StatusKind.CANCELED,
    }
    facts["rows"] = _rows(facts)
    return facts


def title(known: Known, settings: Settings) -> str:
    """What an event of this booking is called without a template; also of a booking that gets none."""
    order = known.snapshot or _NONE
    account = line(order.billing_account if settings.account is Account.BILLING else order.service_account)
    return _title(known.booking, order, account)


def _title(booking: Booking, order: WorkOrder, account: str) -> str:
    parts = (line(order.number), line(order.type), account)
    return line(" · ".join(part for part in parts if part)) or line(booking.name) or "Booking"


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The table of R4, R11 and the status; what a booking does not have has no row."""
    labelled = (
        ("Work order", facts["number"]),
        ("Work order date", facts["date"]),
        ("Time window", facts["window"]),
        ("Promised", facts["promised"]),
        ("Location", facts["location"]),
        ("Place of the booking", facts["place"]),
        ("Work order type", facts["type"]),
        ("Priority", facts["priority"]),
        ("Primary incident type", facts["incident_type"]),
        ("Account", facts["account"]),
        ("Primary contact", facts["contact"]),
        ("Status", facts["status"]),
        ("Summary", facts["summary"]),
    )
    return [(label, value) for label, value in labelled if value]


def _contact(order: WorkOrder, choice: Contact) -> str:
    match choice:
        case Contact.EITHER:
            return order.reported_by or order.account_contact
        case Contact.REPORTED_BY:
            return order.reported_by
        case Contact.ACCOUNT:
            return order.account_contact


def _promised(order: WorkOrder, zone: str) -> str:
    begin, until = order.promised_from, order.promised_to
    if begin is not None and until is not None:
        return span_text(begin, until, zone)
    if begin is not None:
        return f"from {instant_text(begin, zone)}"
    return "" if until is None else f"until {instant_text(until, zone)}"


def _link(pattern: str, booking: Booking) -> str:
    """The booking in the source's own pages; "" where the setting is no web address."""
    if not pattern or not _web_address(pattern):
        return ""
    return pattern.replace("{id}", quote(booking.id, safe="", errors="replace"))


def _web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # "https://[" is no address at all
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and text.isprintable() and " " not in text


_NONE = WorkOrder(WorkOrderId(""), "")
_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
_SAMPLE = Booking(
    BookingId("0a1b2c3d-0000-4000-8000-000000000001"), "Booking 1", _AT, _AT + timedelta(hours=2), None, "",
    "Scheduled", StatusKind.COMMITTED, None, active=True, version=1, place="Facility",
)  # fmt: skip
_BARE = Booking(
    BookingId("0a1b2c3d-0000-4000-8000-000000000002"), "", _AT, _AT, None, "", "", StatusKind.CANCELED, None,
    active=True, version=1,
)  # fmt: skip
_SAMPLE_ORDER = WorkOrder(
    WorkOrderId("0a1b2c3d-0000-4000-8000-000000000003"), "WO-00042", "Repair", "High", "Pump failure",
    "Pump in cellar leaks.\nKey at the gate.", "Harbour Mills", "Harbour Group", "A. Reporter", "A. Contact",
    "1 Quay Street, Hamburg", _AT, _AT + timedelta(hours=4), 1,
)  # fmt: skip
_SAMPLE_WORKER = Worker(
    WorkerId("0a1b2c3d-0000-4000-8000-000000000004"), "A. Worker", WorkerKind.USER, active=True, mailbox=None,
    address="", sign_in="", zone="Europe/Berlin",
)  # fmt: skip
