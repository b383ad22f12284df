"""What people read of a pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldcal.asked import Told
from fieldcal.model import Booking, Worker
from fieldcal.plan.rules import SENTENCES, Reason
from fieldcal.plan.zones import span_text

#: Why bookings have no event, where it is no rule's own word.
_REASONS = {
    "not_set_up": "their mailbox is not set up or switched off; `fieldcal status` says what stands in the way",
    "unreadable": "what the source says of them now cannot be read; `fieldcal why ID` tells each",
    "held": "their events stand still, for their removal is held for a person: `fieldcal plan list`",
    "rejected": "their events stay, for their removal was rejected by a person",
}


def lines(told: Told) -> list[str]:
    """A pass in a few lines: how it ended first."""
    found = [
        _first(told),
        f"  requests: {told.requests['source']:,} to the source, {told.requests['calendars']:,} to the calendars",
    ]
    found += [f"  {line}" for line in without_event(told.skipped)]
    if told.held:
        found.append(f"  {plural(told.held, 'removal waits', 'removals wait')} for a person: `fieldcal plan list`")
    if told.unreadable:
        are = plural(told.unreadable, "booking is", "bookings are")
        found.append(f"  {are} set aside, for their rows cannot be read: `fieldcal status` names them")
    found += [f"  {address}: {trouble}" for address, trouble in list(told.troubles.items())[:20]]
    if told.busy:
        found.append(
            f"  another was at work in {plural(told.busy, 'mailbox', 'mailboxes')}; what is due there remains due: "
            "run `fieldcal sync` again"
        )
    if told.error:
        found.append(f"  the source could not be read: {told.error}")
    return found


def _first(told: Told) -> str:
    state = "is synchronized" if told.good else "is synchronized only in part"
    kinds = ("created", "updated", "removed", "adopted", "failed", "held")
    did = [f"{getattr(told, kind):,} {kind}" for kind in kinds if getattr(told, kind)]
    what = ", ".join(did) or "nothing had to be written"
    where = f" in {plural(told.mailboxes, 'mailbox', 'mailboxes')}" if did else ""
    if not did and not told.good:
        what = "nothing was written"
    return f"Environment {told.environment} {state}: {what}{where} ({told.seconds:.1f} s)."


def without_event(skipped: Mapping[str, int]) -> list[str]:
    """How many bookings of the window have no event, a line for each reason, the most frequent first."""
    ordered: Sequence[tuple[str, int]] = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    return [
        f"{plural(number, 'booking is', 'bookings are')} left alone: {_REASONS.get(code) or SENTENCES[Reason(code)]}"
        for code, number in ordered
    ]


def plural(number: int, one: str, many: str) -> str:
    """`1 mailbox`, `2 mailboxes`."""
    return f"{number:,} {one if number == 1 else many}"


def when(booking: Booking, worker: Worker | None) -> str:
    """`Mon 23 Nov 2026, 09:00-11:30 (Europe/Berlin, CET)`: the booking's time on the worker's clock."""
    return span_text(booking.start, booking.end, worker.zone if worker else "UTC")
