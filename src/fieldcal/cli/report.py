"""What people read of a pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldcal.asked import Told
from fieldcal.model import Booking, Worker
from fieldcal.plan.zones import span_text


def lines(told: Told) -> list[str]:
    """A pass in a few lines."""
    kinds = ("created", "updated", "removed", "adopted", "failed", "held")
    done = ", ".join(f"{getattr(told, kind):,} {kind}" for kind in kinds)
    found = [
        f"{told.environment}: {done}; {plural(told.mailboxes, 'mailbox', 'mailboxes')}, {told.seconds:.1f} s",
        f"  requests: {told.requests['source']:,} to the source, {told.requests['calendars']:,} to the calendars",
    ]
    if told.skipped:
        found.append(f"  skipped: {reasons(told.skipped)}")
    if told.held:
        found.append("  held removals wait for a person: `fieldcal plan list`")
    found += [f"  {address}: {trouble}" for address, trouble in list(told.troubles.items())[:20]]
    if told.busy:
        found.append(
            f"  another was at work in {plural(told.busy, 'mailbox', 'mailboxes')}; what is due there remains due: "
            "run `fieldcal sync` again"
        )
    if told.error:
        found.append(f"  the source could not be read: {told.error}")
    return found


def reasons(skipped: Mapping[str, int]) -> str:
    """How many for each reason, the most frequent first."""
    ordered: Sequence[tuple[str, int]] = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {code.replace('_', ' ')}" for code, number in ordered)


def plural(number: int, one: str, many: str) -> str:
    """`1 mailbox`, `2 mailboxes`."""
    return f"{number:,} {one if number == 1 else many}"


def when(booking: Booking, worker: Worker | None) -> str:
    """`Mon 23 Nov 2026, 09:00-11:30 (Europe/Berlin, CET)`: the booking's time on the worker's clock."""
    return span_text(booking.start, booking.end, worker.zone if worker else "UTC")
