"""What is wrong in the calendars when all is done: nothing, where every booking stands once and true. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bench.latency.changes import Shown


def wrong(truth: Mapping[str, Shown | None], events: Mapping[str, Collection[Shown]], strange: int) -> list[str]:
    """A line for each booking that does not stand once and as it is, and for what stands without a booking.

    `events`: the living ones by booking; `strange`: how many carry no mark of ours.
    """
    lines = [f"{strange} events without a mark"] if strange else []
    for booking, wanted in truth.items():
        found = list(events.get(booking, ()))
        if wanted is None and found:
            lines.append(f"{booking}: deleted, but stands as {found}")
        elif wanted is not None and not found:
            lines.append(f"{booking}: missing, should be {wanted}")
        elif wanted is not None and found != [wanted]:
            lines.append(f"{booking}: {'double' if len(found) > 1 else 'another'}: {found}, should be {wanted}")
    lines += [f"{booking}: of no booking" for booking, found in events.items() if found and booking not in truth]
    return lines
