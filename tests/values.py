"""Bookings, workers, links and events as values, each a plain one to be changed with `dataclasses.replace`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fieldcal.model import (
    Booking,
    BookingId,
    Create,
    Event,
    EventId,
    Intent,
    Known,
    Link,
    MailboxId,
    Mark,
    Observed,
    ShowAs,
    StatusKind,
    Worker,
    WorkerId,
    WorkerKind,
    WorkOrder,
    WorkOrderId,
)
from fieldcal.plan.decide import Candidate, Place
from fieldcal.plan.keys import create_key, fingerprint, mark_of
from fieldcal.plan.rules import Moment, trigger_values
from fieldcal.plan.settings import Settings

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ENVIRONMENT = "main"
ORGANIZATION = "0f1e2d3c-0000-4000-8000-000000000001"
BOX, OTHER_BOX = MailboxId("aaaaaaaa-0000-4000-8000-00000000000a"), MailboxId("bbbbbbbb-0000-4000-8000-00000000000b")
ANNA, BERND = WorkerId("a0000000-0000-4000-8000-000000000001"), WorkerId("b0000000-0000-4000-8000-000000000002")
SETTINGS = Settings()
WINDOW = SETTINGS.window(NOW)
MOMENT = Moment(NOW, WINDOW)

BOOKING = Booking(
    id=BookingId("c0000000-0000-4000-8000-000000000001"), name="Boiler", start=NOW + HOUR, end=NOW + 3 * HOUR,
    worker=ANNA, status="status-scheduled", status_name="Scheduled", kind=StatusKind.COMMITTED,
    work_order=WorkOrderId("d0000000-0000-4000-8000-000000000001"), active=True, version=100, place="Lindenweg 4",
)  # fmt: skip
ORDER = WorkOrder(WorkOrderId("d0000000-0000-4000-8000-000000000001"), "WO-1", location="Lindenweg 4", version=7)
WORKER = Worker(ANNA, "Anna", WorkerKind.USER, True, BOX, "anna@x.example", "anna@x.example", "Europe/Berlin")
COLLEAGUE = Worker(BERND, "Bernd", WorkerKind.USER, True, OTHER_BOX, "bernd@x.example", "bernd@x.example", "UTC")


def booking_id(number: int) -> BookingId:
    return BookingId(f"c0000000-0000-4000-8000-{number:012}")


def show(known: Known, worker: Worker, settings: Settings, now: datetime) -> Event:
    """A rendering that says all that may turn up in an event, the snapshot's version too."""
    booking = known.booking
    subject = f"{booking.name} ({booking.status_name})"
    body = f"{known.snapshot.version if known.snapshot else '-'} {worker.zone} {settings.subject_template}"
    return Event(subject, body, booking.start, booking.end, booking.place, ShowAs.BUSY)


def linked(booking: Booking = BOOKING, mailbox: MailboxId = BOX, order: WorkOrder | None = ORDER) -> Link:
    """The link of an event that was written from this booking."""
    event = show(Known(booking, order), WORKER, SETTINGS, NOW)
    return Link(
        mailbox, booking.id, 0, EventId("event-1"), "etag-1", trigger_values(booking, order, SETTINGS), event.subject,
        event.start, event.end, event.location, fingerprint(event),
    )  # fmt: skip


def candidate(
    booking: Booking = BOOKING,
    worker: Worker | None = WORKER,
    link: Link | None = None,
    order: WorkOrder | None = ORDER,
) -> Candidate:
    return Candidate(Known(booking, order), worker, False, link)


def place(settings: Settings = SETTINGS, mailbox: MailboxId = BOX, now: datetime = NOW) -> Place:
    return Place(ORGANIZATION, mailbox, settings, Moment(now, settings.window(now)))


def mark(booking: BookingId = BOOKING.id, generation: int = 0, mailbox: MailboxId = BOX) -> Mark:
    return mark_of(ORGANIZATION, booking, mailbox, generation)


def observed(
    event: str = "event-1", of: Mark | None = None, *, key: str = "", stamp: str = "", created: datetime | None = NOW
) -> Observed:
    """An event as it stands in a calendar, at the time of `BOOKING`."""
    return Observed(
        EventId(event), f"{event}-etag", mark() if of is None else of, "Boiler (Scheduled)", BOOKING.start, BOOKING.end,
        "Lindenweg 4", created, key, stamp,
    )  # fmt: skip


def unanswered_link(booking: Booking = BOOKING) -> Link:
    """The link of a booking whose creation was handed out and not answered."""
    event = show(Known(booking, ORDER), WORKER, SETTINGS, NOW)
    action = Create(mark(booking.id), create_key(mark(booking.id)), event, fingerprint(event))
    return Link(BOX, booking.id, 0, None, intent=Intent(action, NOW, trigger_values(booking, ORDER, SETTINGS)))
