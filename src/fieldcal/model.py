"""The values that travel: bookings on their way in, events on their way out. Frozen; times aware, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

#: Dataverse GUIDs, lower case without braces.
BookingId = NewType("BookingId", str)
WorkerId = NewType("WorkerId", str)
WorkOrderId = NewType("WorkOrderId", str)
#: The directory's object id (GUID, lower case); the lower-case address where the source knows no object id.
MailboxId = NewType("MailboxId", str)
#: The calendar server's id of one event: opaque, case-sensitive.
EventId = NewType("EventId", str)
#: An environment's name as the operator gave it.
EnvironmentId = NewType("EnvironmentId", str)


class StatusKind(StrEnum):
    """What a booking status means, from its codes, never from its name (`bookingstatus.status`)."""

    PROPOSED = "proposed"
    COMMITTED = "committed"
    CANCELED = "canceled"


class WorkerKind(StrEnum):
    """`bookableresource.resourcetype`: only `USER` has a mailbox of its own."""

    GENERIC = "generic"
    CONTACT = "contact"
    USER = "user"
    EQUIPMENT = "equipment"
    ACCOUNT = "account"
    CREW = "crew"
    FACILITY = "facility"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Booking:
    """One row of the schedule as the source has it: all that decides *whether* something must happen."""

    id: BookingId
    name: str
    start: datetime
    end: datetime
    worker: WorkerId | None
    #: id of the booking status row; a change of it is what R10 calls a change of the status
    status: str
    status_name: str
    kind: StatusKind
    work_order: WorkOrderId | None
    #: `statecode` 0; an inactive row counts as deleted (D16)
    active: bool
    #: `versionnumber`, from the etag; grows with every change of the row
    version: int
    #: the booking's own place (D1 `location`), "" where it has none
    place: str = ""
    #: when the source says that it was last changed, told with its details and not stored; decides nothing
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """The fields of R11 and D15 as they were when the booking was read; texts are as typed, not yet safe to show."""

    id: WorkOrderId
    number: str
    type: str = ""
    priority: str = ""
    incident_type: str = ""
    summary: str = ""
    service_account: str = ""
    billing_account: str = ""
    reported_by: str = ""
    account_contact: str = ""
    #: display address, else its parts, else its name (D15)
    location: str = ""
    promised_from: datetime | None = None
    promised_to: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Detailed:
    """A booking together with its work order as it is now; None where it has none (D2) or it was deleted."""

    booking: Booking
    work_order: WorkOrder | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A bookable resource; `mailbox` is None where it has none of its own (D10)."""

    id: WorkerId
    name: str
    kind: WorkerKind
    active: bool
    mailbox: MailboxId | None
    #: the address the mailbox is known by; "" without a mailbox
    address: str
    #: sign-in name of the user (`domainname`), for D13
    sign_in: str
    #: IANA zone in which dates and times inside the text are written
    zone: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the other end is. A tenant is "" where the end does not tell one."""

    organization: str
    tenant: str
    name: str = ""


class ShowAs(StrEnum):
    """How the time is shown to others (`event.showAs`)."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Event:
    """What one booking should look like in a calendar. The second group is sent at creation only."""

    subject: str
    #: HTML, sanitized
    body: str
    start: datetime
    end: datetime
    location: str
    show_as: ShowAs

    categories: tuple[str, ...] = ()
    private: bool = False
    #: False: no reminder; True: the mailbox's own
    reminder: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """How an event says whose it is: stable identities only, so that a reinstalled Fieldcal finds its events again."""

    organization: str
    booking: BookingId
    mailbox: MailboxId
    generation: int


@dataclass(frozen=True, slots=True)
class Observed:
    """An event that carries a mark of our organization, as the server has it now."""

    id: EventId
    etag: str
    mark: Mark | None
    subject: str
    start: datetime
    end: datetime
    location: str
    created: datetime | None
    #: the create key it was made with, "" where unknown
    key: str = ""
    #: the fingerprint of the content that we last wrote into it, "" where unknown
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Make the event, once, whatever is lost on the way: `key` is the same for every repeat of these bytes."""

    mark: Mark
    key: str
    event: Event
    stamp: str


@dataclass(frozen=True, slots=True)
class Update:
    """Write the fields that we own into this event, if it still is as we know it (`etag`; "": whatever it is)."""

    mark: Mark
    id: EventId
    etag: str
    event: Event
    stamp: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Take this event away, if it still is as we know it (`etag`; "": whatever it is)."""

    mark: Mark
    id: EventId
    etag: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """Remember this event as ours without writing anything."""

    mark: Mark
    observed: Observed


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop what we remember of this event without writing anything; its generation is kept."""

    mark: Mark


Action = Create | Update | Delete | Adopt | Forget
#: what a calendar is asked to do
Write = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server's word that a write is done."""

    id: EventId
    etag: str
    #: the answer shows other subject, start or end than were sent: an event of that key stood there already
    differs: bool = False
    #: the event may be older than this sending (its creation lies before it by the server's own clock): a key that
    #: had been used, whose event may since be deleted; read it before believing in it
    suspect: bool = False
    #: HTTP status of the answer, 0 where there was none; told, never decided by
    status: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open, [near, far): a booking lies in it when `start < far and end > near` (R12)."""

    near: datetime
    far: datetime

    def holds(self, start: datetime, end: datetime) -> bool:
        return start < self.far and end > self.near


@dataclass(frozen=True, slots=True)
class Check:
    """One line of Test & Enable: what was looked at, how it went, and what helps."""

    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    #: a failure that time may heal; False: a person has to act
    transient: bool = False


@dataclass(frozen=True, slots=True)
class SetUpThere:
    """A mailbox as the source's own server-side synchronization has it (R6, D9)."""

    #: the user's object id in the directory, lower case; "" where the source has none
    object_id: str
    #: lower case
    address: str
    #: what is missing there for appointments to be synchronized, in words; "": it is set up
    missing: str
    #: when Microsoft's own booking synchronization last wrote for this user, lately; None: no sign of it
    served_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SetUpList:
    """Every mailbox of the source; `doubt`: why it cannot be told whom Microsoft's own booking sync serves, or ""."""

    mailboxes: tuple[SetUpThere, ...]
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook's registration, as it stands at the source."""

    #: the address that is called; "" where nothing of ours is registered
    url: str
    #: what is not as it should be, in words
    differences: tuple[str, ...]
    #: the last calls that failed for good, in the source's words; None where they may not be read
    failed: tuple[str, ...] | None
    #: names of further webhooks that look like a Fieldcal's, and are not ours to touch
    others: tuple[str, ...]


class Reading(StrEnum):
    """How changes are learned of: the source tells them, or the whole window is read at every pass."""

    TRACKED = "tracked"
    SWEPT = "swept"


@dataclass(frozen=True, slots=True)
class Way:
    """How this source can be read now, and why no better way is open ("" where the best one is)."""

    reading: Reading
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A booking as it is stored: its row, the work order as it was read with it (R11), and what is proven of it."""

    booking: Booking
    snapshot: WorkOrder | None = None
    #: when the source told that the row is gone
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was handed out and not answered yet: the exact action, and what the link is to keep of it."""

    action: Write
    at: datetime
    #: the trigger values that the action was decided from
    triggers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Link:
    """What we know to stand in one mailbox for one booking: only what was written *and acknowledged*."""

    mailbox: MailboxId
    booking: BookingId
    #: raised by each deletion of ours and each event found gone, so that a create key is never used for two events
    generation: int
    #: None: no event of ours stands there
    event: EventId | None
    etag: str = ""
    #: trigger values it was written from; None: adopted, nothing is known of it
    triggers: dict[str, str] | None = None
    subject: str = ""
    start: datetime | None = None
    end: datetime | None = None
    location: str = ""
    stamp: str = ""
    #: write it once more, whatever the triggers say (adopted, or to be restored)
    rewrite: bool = False
    intent: Intent | None = None
    #: a hand took the event, and by setting that is respected (D8); what stands above is how it was last written
    declined: bool = False
    #: the difference by a hand that was last written over, until a check finds the event as written; "" for none
    restored: str = ""
