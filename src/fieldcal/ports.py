"""What each outside end promises to the sync. The contract suites in `tests/contracts/` ask every implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from fieldcal.errors import FieldcalError
from fieldcal.model import (
    BookingId,
    Check,
    EventId,
    Identity,
    MailboxId,
    Mark,
    Observed,
    Receipt,
    Registered,
    Way,
    Window,
    Write,
)
from fieldcal.source_model import Details, Page, Swept, WorkerPage

#: Called right before each request is handed to the network; raises `LeaseLost` when none may begin any more.
BeforeSend = Callable[[], None]
#: What became of one write: the server's word, or the error that names who must act.
Outcome = Receipt | FieldcalError


#: The header in which a webhook's calls carry their secret.
SECRET_HEADER = "x-fieldcal-secret"  # noqa: S105 - a header's name


class BookingSource(Protocol):
    """Where bookings come from. Sends nothing but reads (I9).

    Every call may raise `Throttled`, `SignInFailed`, `Denied`, `Unreachable`, `Incomplete`: nothing may then be
    concluded. None of them retries longer than a few seconds by itself.
    """

    async def identity(self) -> Identity:
        """The organization and tenant this source is."""
        ...

    async def way(self) -> Way:
        """Look whether changes are tracked and may be read; `ConfigError` names what the source lacks altogether."""
        ...

    async def workers(self, cursor: str | None) -> WorkerPage:
        """Bookable resources with their mailboxes: every one at first (cursor None), then what changed.

        A source that keeps no changes of them gives everyone each time, with the cursor "".
        """
        ...

    async def changes(self, cursor: str | None) -> Page:
        """Thin rows and deleted ids since the cursor; None begins with everything there is.

        The same cursor may be asked twice and answers the same or newer. Raises `CursorExpired`.
        """
        ...

    async def bookings(self, ids: Sequence[BookingId]) -> Details:
        """These bookings with their work orders as they are now. Ids absent from a list are asked one by one."""
        ...

    def sweep(self, window: Window, changed_since: datetime | None = None) -> AsyncIterator[Swept]:
        """Every booking in the window, and those outside of it that changed since then, part by part.

        Each part is proven whole before it is given; raises `Incomplete` where one cannot be, and nothing may then
        be concluded from what did not come.
        """
        ...

    async def affected(self, work_orders: Sequence[str]) -> Sequence[BookingId]:
        """The bookings of these work orders (D1 `work_order`)."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Registrar(Protocol):
    """Registers the webhook by which a source announces its changes: set-up, on an administrator's command (I9).

    Touches nothing but what bears our name. Every call may raise as a `BookingSource` does.
    """

    async def look(self) -> Registered:
        """What stands there, against what should."""
        ...

    async def put(self, url: str, secret: str) -> Sequence[str]:
        """Have this address called, with this secret; says what was done. Doing it again repairs and renews.

        A first registration that fails is taken back; where that fails too, the error says what is left.
        """
        ...

    async def take_back(self) -> int:
        """Remove what is ours; returns how many rows that were."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Calendar(Protocol):
    """Where events go: one mailbox's calendar. It writes exactly the actions it is given and decides nothing.

    Reads and writes may raise for the mailbox (`Unavailable`, `Forbidden`, `NotAMailbox`, `Full`) or the connector
    (`Throttled`, `SignInFailed`, `Unreachable`); what concerns one event is that event's `Outcome`.
    """

    @property
    def width(self) -> int:
        """The most writes that it likes to be handed at once; a slow server is handed fewer (`sync/widths.py`)."""
        ...

    @property
    def lanes(self) -> int:
        """How many calls of `write` may be under way at once: 2, and the wire is not idle between two batches."""
        ...

    async def write(self, actions: Sequence[Write], before_send: BeforeSend) -> Mapping[Mark, Outcome]:
        """Carry these out, in any order, batched as the server likes it; an outcome for each, none missing.

        `before_send` raises `LeaseLost` when the lease's time is nearly up. Where others of these actions are under
        way then, the outcomes of those that were sent are given, and the rest gets `NotSent`.

        Where the request as a whole fails before an outcome is known, each of its actions gets `OutcomeUnknown`
        or `NotSent`, or, where all are concerned alike, the mailbox's or connector's error.
        """
        ...

    def request(self, action: Write) -> str:
        """How this action is asked for, as people are told: method and address, shortened; no name stands in it."""
        ...

    async def owned(self, window: Window | None, before_send: BeforeSend) -> Sequence[Observed]:
        """The events of our organization in the window; None: wherever they lie. Proven whole, or it raises."""
        ...

    async def get(self, ids: Sequence[EventId], before_send: BeforeSend) -> Mapping[EventId, Observed | None]:
        """These events as they are now; None for one that is gone.

        One that alone is kept from us is left out: nothing is known of it, and nothing may be concluded.
        """
        ...

    async def find(self, marks: Sequence[Mark], before_send: BeforeSend) -> Mapping[Mark, Sequence[Observed]]:
        """The events that carry these marks; a miss is no proof of absence (F55).

        A mark that could not be looked for everywhere, and of which nothing was found, is left out.
        """
        ...

    async def test(self, before_send: BeforeSend) -> Sequence[Check]:
        """What Test & Enable shows of this end: sign-in, mailbox found, calendar writable, claim."""
        ...

    async def claim(self, before_send: BeforeSend) -> str | None:
        """The claim that stands on this calendar, None where there is none (R14)."""
        ...

    async def set_claim(self, value: str | None, before_send: BeforeSend) -> bool:
        """Write or take back the claim (Test & Enable, take over, clean).

        False: this server keeps none, so two installations cannot see each other there; nothing was written.
        """
        ...


class Calendars(Protocol):
    """One server profile's end: opens mailboxes' calendars over shared connections."""

    async def identity(self) -> Identity:
        """The tenant this end signs in to (R7); its organization is ""."""
        ...

    def open(self, mailbox: MailboxId, organization: str) -> Calendar:
        """This mailbox's calendar, marks being those of `organization`."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Holding(Protocol):
    """The lease of a mailbox in our hands, with which what the mailbox was sent goes from worker to worker."""

    @property
    def mailbox(self) -> MailboxId | None:
        """The mailbox; None: it is the lease of something else."""
        ...

    @property
    def before(self) -> tuple[str, int]:
        """What was sent, as the holder before told it, and how many holders have told nothing since."""
        ...

    @property
    def paused(self) -> datetime | None:
        """The end of the mailbox's pause, as it stood when the lease was taken."""
        ...

    @property
    def told(self) -> int:
        """Up to which of our requests the state knows what was sent."""
        ...

    def counts(self, told: Callable[[], tuple[str, int]]) -> None:
        """Have each renewal tell what was sent."""
        ...

    async def ready(self, *, anew: bool = False) -> None:
        """Have time for a request; `anew`: and the state know what was sent. Raises `LeaseLost`."""
        ...


class Pace(Protocol):
    """Limits and pauses, shared by all workers, stored. Scopes: a mailbox id, or "connector:NAME", "source:NAME"."""

    def enter(self, holding: Holding) -> None:
        """Go on counting what this mailbox is sent, and keep its lease alive while it is."""
        ...

    def leave(self, holding: Holding) -> None:
        """Count no more for this mailbox: its lease is given back."""
        ...

    async def take(self, mailbox: MailboxId, cost: int, application: str = "") -> None:
        """Return when `cost` more requests on this mailbox, in this application's name, are within the limits.

        "": only the mailbox's own limit counts.

        To be awaited right before the request is sent: a lease that we hold then has time for it, else `LeaseLost`.
        Raises `Throttled` with the seconds where there is no room for long; the pause of its scope is stored then.
        """
        ...

    async def pause(self, scope: str, until: datetime, reason: str) -> None:
        """Nothing of this scope before `until`; the later of two pauses holds."""
        ...

    async def paused(self, scopes: Sequence[str]) -> datetime | None:
        """The instant until which one of these scopes is paused, None when none is."""
        ...


class Job(Protocol):
    """Something to be done; jobs sort by urgency."""

    @property
    def key(self) -> str:
        """Two jobs of one key never run together."""
        ...


JobT = TypeVar("JobT", bound=Job)


class Engine(Protocol[JobT]):
    """Who runs jobs, at least once."""

    def enqueue(self, job: JobT) -> None:
        """Have it run soon; the same job already waiting at that priority is not queued twice."""
        ...

    async def run(self, handle: Callable[[JobT], Awaitable[None]]) -> None:
        """Run what is enqueued until cancelled."""
        ...
