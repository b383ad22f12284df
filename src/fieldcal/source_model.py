"""What a source says when it is asked: pages, parts, details, and the rows of them that cannot be read. Frozen."""

from __future__ import annotations

from dataclasses import dataclass, field

from fieldcal.model import Booking, BookingId, Detailed, Worker, WorkerId, WorkOrderId


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is there and cannot be read: it proves nothing, and nothing of its own is concluded from it (I7)."""

    #: the booking's or the worker's id
    id: str
    #: `versionnumber`; None where that cannot be read either
    version: int | None
    #: what is wrong with the row, in one line
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the booking feed: thin rows, deleted ids, and where to go on."""

    rows: tuple[Booking, ...]
    deleted: tuple[BookingId, ...]
    #: to be stored with the rows, in the same transaction
    cursor: str
    #: False: ask again at once with `cursor`; True: everything up to now has been told
    complete: bool
    #: work orders changed (D1 `work_order`), empty unless asked for
    work_orders: tuple[WorkOrderId, ...] = ()
    #: bookings of this page whose rows cannot be read
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Swept:
    """Rows of a whole read, proven to be all of their part; `orders`: their work orders' versions, where followed."""

    rows: tuple[Booking, ...]
    orders: dict[WorkOrderId, int] = field(default_factory=dict)
    #: bookings of this part whose rows cannot be read; they count as named
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """One page of workers; `complete` as in `Page`. A full read of workers names every one that exists."""

    rows: tuple[Worker, ...]
    gone: tuple[WorkerId, ...]
    cursor: str
    complete: bool
    #: this page belongs to a read of all workers, not to a read of what changed
    full: bool
    #: workers whose rows cannot be read; what was known of them stands
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Details:
    """The answer to a read by id: what is there, and what is proven (404 to a read of that one id) not to exist."""

    found: tuple[Detailed, ...]
    missing: tuple[BookingId, ...] = ()
    #: asked for, but the answer proves nothing (a 403, a failed single read, a row that cannot be read)
    unknown: tuple[BookingId, ...] = ()
    #: of the unknown ones those that are there, but whose row or work order cannot be read
    unreadable: tuple[Unreadable, ...] = ()
