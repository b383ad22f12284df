"""Who is shown what: triggers, window, and what the rules want of one booking in one mailbox (R10-R13, D1-D8, D16).

Every function here answers from values alone. A removal is wanted only together with its evidence (design §4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fieldcal.model import Booking, Known, Link, MailboxId, StatusKind, Window, Worker, WorkerKind, WorkOrder
from fieldcal.plan.settings import Canceled, Deleted, Proposed, Settings, WithoutWorkOrder


class Reason(StrEnum):
    """Why something is done or left; each has its sentence in `SENTENCES`."""

    NEW = "new"
    CHANGED = "changed"
    REWRITE = "rewrite"
    UP_TO_DATE = "up_to_date"
    NO_WORKER = "no_worker"
    UNKNOWN_WORKER = "unknown_worker"
    NOT_A_PERSON = "not_a_person"
    NO_MAILBOX = "no_mailbox"
    LOST_MAILBOX = "lost_mailbox"
    MOVED = "moved"
    ELSEWHERE = "elsewhere"
    DELETED = "deleted"
    DELETED_KEPT = "deleted_kept"
    ENDED = "ended"
    INACTIVE = "inactive"
    CANCELED = "canceled"
    CANCELED_UNSEEN = "canceled_unseen"
    CANCELED_KEPT = "canceled_kept"
    WITHOUT_WORK_ORDER = "without_work_order"
    PROPOSED = "proposed"
    ENDS_BEFORE_START = "ends_before_start"
    BEFORE_WINDOW = "before_window"
    AFTER_WINDOW = "after_window"
    FROZEN = "frozen"
    DECLINED = "declined"


SENTENCES: dict[Reason, str] = {
    Reason.NEW: "it lies in the window and has no event yet",
    Reason.CHANGED: "its status, time, worker or work order changed",
    Reason.REWRITE: "the event was taken over and is written once more",
    Reason.UP_TO_DATE: "the event says what the booking says",
    Reason.NO_WORKER: "no worker is booked",
    Reason.UNKNOWN_WORKER: "the booked worker is not among the workers that were read",
    Reason.NOT_A_PERSON: "what is booked is no user; contacts, accounts, crews, equipment and places have no mailbox",
    Reason.NO_MAILBOX: "the worker has no mailbox: no user, no address, or the user is disabled",
    Reason.LOST_MAILBOX: "the worker has no mailbox any more; the event is left where it is",
    Reason.MOVED: "the booking was given to another worker",
    Reason.ELSEWHERE: "it belongs into another mailbox",
    Reason.DELETED: "the booking was deleted",
    Reason.DELETED_KEPT: "the booking was deleted; by setting its event stays",
    Reason.ENDED: "the booking was deleted after its event had ended; ended events stay",
    Reason.INACTIVE: "the booking is inactive, which counts as deleted",
    Reason.CANCELED: "the booking was canceled; by setting its event is removed",
    Reason.CANCELED_UNSEEN: "it was canceled before it had an event",
    Reason.CANCELED_KEPT: "the booking was canceled; by setting its event stays as it is",
    Reason.WITHOUT_WORK_ORDER: "it has no work order, and by setting only bookings with one are synchronized",
    Reason.PROPOSED: "it is only proposed, and by setting such bookings are left out",
    Reason.ENDS_BEFORE_START: "it ends before it starts; correct the booking's times",
    Reason.BEFORE_WINDOW: "it ended before the window begins",
    Reason.AFTER_WINDOW: "it starts after the window ends; it gets its event when time brings it in",
    Reason.FROZEN: "its event's time and its own both lie before the window",
    Reason.DECLINED: "the worker deleted its event; by setting it stays so until time, worker or work order changes",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves one removal, and which one it is: newer evidence has another text (design §4, Removals)."""

    kind: Reason
    text: str
    #: counts against the hour's budget; moves and cancellations do not
    counted: bool


def evidence_told(text: str) -> str:
    """What the text of an evidence says, as a sentence; one that is not of a rule is shown as it is."""
    kind, _, proof = text.partition("@")
    if kind not in SENTENCES:
        return text
    told = SENTENCES[Reason(kind)]
    return f"{told}, as the source said at {proof[:16].replace('T', ' ')} UTC" if proof[4:5] == "-" else told


@dataclass(frozen=True, slots=True)
class Show:
    """The booking belongs into this mailbox."""


@dataclass(frozen=True, slots=True)
class Hide:
    """Its event has to go, for a reason that is proven."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is made, changed or removed."""

    reason: Reason


Wish = Show | Hide | Leave

#: Trigger values whose change makes no other job of it.
_NOT_THE_JOB = frozenset({"status", "work_order_version"})


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant and the window at it; the window's far edge never lies before one that was reached already (D3)."""

    now: datetime
    window: Window


def trigger_values(booking: Booking, work_order: WorkOrder | None, settings: Settings) -> dict[str, str]:
    """The values whose change updates an event (R10, D1); a link keeps those it was written from."""
    values = {
        "status": booking.status,
        # what the status means too: read wrongly once, or defined anew, it is put right at the next look
        "kind": booking.kind,
        "start": booking.start.isoformat(),
        "end": booking.end.isoformat(),
        "worker": booking.worker or "",
        "work_order": booking.work_order or "",
    }
    if settings.follow_location:
        values["place"] = booking.place
    if settings.follow_work_order:
        values["work_order_version"] = str(work_order.version if work_order else 0)
    return values


def differ(written: dict[str, str], now: dict[str, str]) -> bool:
    """Whether a trigger value changed; one that was not yet followed when the event was written has not."""
    return any(written[name] != value for name, value in now.items() if name in written)


def same_job(written: dict[str, str], now: dict[str, str]) -> bool:
    """Whether it is still the job that was written: its time, worker, place and work order, and what its status means.

    What a worker deleted with *respect* stays away as long (D8): on the way from Scheduled to Completed it is the same
    job, but moved, proposed and then confirmed, or canceled and then taken back it is one that nobody has seen.
    """
    return not differ({name: value for name, value in written.items() if name not in _NOT_THE_JOB}, now)


def triggered(old: Booking | None, new: Booking, settings: Settings) -> bool:
    """Whether the step from the stored row to this one concerns calendars at all (R10, D1)."""
    if old is None or old.active != new.active:
        return True
    return differ(trigger_values(old, None, settings), trigger_values(new, None, settings))


def matters(booking: Booking, window: Window, *, linked: bool) -> bool:
    """Whether a thin row can still concern a calendar and so is kept (design §4, pull)."""
    return linked or max(booking.end, booking.start) > window.near


def home(booking: Booking, worker: Worker | None, gone: bool) -> MailboxId | Reason:
    """The mailbox the booking belongs into, or why it has none (D10)."""
    if booking.worker is None:
        return Reason.NO_WORKER
    if worker is None or gone:
        return Reason.UNKNOWN_WORKER
    if worker.mailbox is not None:
        return worker.mailbox
    return Reason.NO_MAILBOX if worker.kind is WorkerKind.USER else Reason.NOT_A_PERSON


def wish(
    known: Known, where: MailboxId | Reason, mailbox: MailboxId, link: Link | None, settings: Settings, moment: Moment
) -> Wish:
    """What the rules want of this booking in this mailbox; `where` is `home` of it, `link` its live link there."""
    booking = known.booking
    if known.deleted_at is not None or not booking.active:
        return _deleted(known, link, settings, moment.now)
    if where != mailbox:
        return _elsewhere(booking, where, link)
    if booking.end < booking.start:
        return Leave(Reason.ENDS_BEFORE_START)
    if booking.work_order is None and settings.without_work_order is WithoutWorkOrder.SKIP:
        return _withdrawn(Reason.WITHOUT_WORK_ORDER, booking, link, settings, moment.now)
    if booking.kind is StatusKind.PROPOSED and settings.proposed is Proposed.LEAVE_OUT:
        return _withdrawn(Reason.PROPOSED, booking, link, settings, moment.now)
    if link is None:
        return _new(booking, moment.window)
    if _behind(link, booking, moment.window):
        return Leave(Reason.FROZEN)
    if booking.kind is StatusKind.CANCELED:
        return _canceled(booking, settings)
    return Show()


def _new(booking: Booking, window: Window) -> Wish:
    if booking.start >= window.far:
        return Leave(Reason.AFTER_WINDOW)
    if booking.end <= window.near:
        return Leave(Reason.BEFORE_WINDOW)
    # None is made for a booking that is canceled already (D5).
    return Leave(Reason.CANCELED_UNSEEN) if booking.kind is StatusKind.CANCELED else Show()


def _behind(link: Link, booking: Booking, window: Window) -> bool:
    """Both the written and the new time lie before the window (D4); an adopted link's time is the event's."""
    return link.end is not None and link.end <= window.near and booking.end <= window.near


def _canceled(booking: Booking, settings: Settings) -> Wish:
    match settings.canceled:
        case Canceled.MARK:
            return Show()
        case Canceled.KEEP:
            return Leave(Reason.CANCELED_KEPT)
        case Canceled.REMOVE:
            return Hide(_by_row(Reason.CANCELED, booking, counted=False))


def _deleted(known: Known, link: Link | None, settings: Settings, now: datetime) -> Wish:
    reason = Reason.DELETED if known.deleted_at is not None else Reason.INACTIVE
    if link is None:
        return Leave(reason)
    if known.deleted_at is not None:
        proof = Evidence(reason, f"{reason}@{known.deleted_at.isoformat()}", counted=True)
    else:
        proof = _by_row(reason, known.booking, counted=True)
    return _unless_ended(proof, link, settings, now)


def _withdrawn(reason: Reason, booking: Booking, link: Link | None, settings: Settings, now: datetime) -> Wish:
    """A booking that loses its right to an event (D2, D16) is treated as a deleted one (D6)."""
    if link is None:
        return Leave(reason)
    return _unless_ended(_by_row(reason, booking, counted=True), link, settings, now)


def _unless_ended(proof: Evidence, link: Link, settings: Settings, now: datetime) -> Wish:
    if settings.deleted is Deleted.KEEP:
        return Leave(Reason.DELETED_KEPT)
    if link.end is not None and link.end <= now:
        return Leave(Reason.ENDED)
    return Hide(proof)


def _elsewhere(booking: Booking, where: MailboxId | Reason, link: Link | None) -> Wish:
    """The row names another worker whom we know: moved (D7). Anything less is no evidence, and the event stays."""
    if link is None:
        return Leave(where if isinstance(where, Reason) else Reason.ELSEWHERE)
    if where in (Reason.NO_WORKER, Reason.UNKNOWN_WORKER):
        return Leave(Reason(where))
    another = link.triggers is not None and link.triggers.get("worker") != booking.worker
    if another:
        return Hide(_by_row(Reason.MOVED, booking, counted=False))
    if isinstance(where, Reason):
        return Leave(Reason.LOST_MAILBOX)
    # The same worker, told to have another mailbox: should the workers' list be wrong, the budget stops it.
    return Hide(Evidence(Reason.MOVED, f"{Reason.MOVED}@{booking.version}>{where}", counted=True))


def _by_row(kind: Reason, booking: Booking, *, counted: bool) -> Evidence:
    return Evidence(kind, f"{kind}@{booking.version}", counted)
