"""Which events of ours stand in a mailbox beside the one that counts, and which of them may be removed. Pure.

Every event here carries our mark. One that was made under our own create key is ours beyond doubt: left by a state that
was lost, by two installations at once, or by a server that made it twice. One without that key cannot be told from a
copy that a worker has made, and a worker's copy is not ours (I3): it is shown, and removed only where a person names
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fieldcal.model import BookingId, EventId, Link, MailboxId, Observed
from fieldcal.plan.keys import create_key


@dataclass(frozen=True, slots=True)
class Double:
    """One event beside the true one."""

    event: Observed
    #: made under our own key; False: perhaps by a hand
    made_by_us: bool
    #: the event that counts for this booking, as it stands there now
    true: Observed | None
    #: why that one is the true one
    because: str
    #: why this one may not be removed, whoever asks; "" where it may
    obstacle: str

    @property
    def offered(self) -> bool:
        """Removed on approval without being named."""
        return self.made_by_us and not self.obstacle


def doubles(
    organization: str, mailbox: MailboxId, linked: Sequence[Link], events: Sequence[Observed]
) -> tuple[Double, ...]:
    """Every event beside a booking's true one, by booking and start. `events`: the list, and linked ones read by id."""
    known = {link.booking: link for link in linked}
    by_booking: dict[BookingId, dict[EventId, Observed]] = {}
    for event in events:
        mark = event.mark
        if mark is not None and (mark.organization, mark.mailbox) == (organization, mailbox):
            by_booking.setdefault(mark.booking, {})[event.id] = event
    found: list[Double] = []
    for booking, there in by_booking.items():
        link = known.get(booking)
        true = there.get(link.event) if link is not None and link.event is not None else None
        obstacle = _obstacle(link, true)
        found += [
            Double(event, _made_by_us(event), true, _because(true), obstacle)
            for event in there.values()
            if true is None or event.id != true.id
        ]
    return tuple(sorted(found, key=lambda one: (one.event.start, str(one.event.mark), one.event.id)))


def _obstacle(link: Link | None, true: Observed | None) -> str:
    """Nothing is removed unless another event of ours is known to stand there for the same booking."""
    if link is None or link.event is None:
        return "no event of ours is known for its booking; `fieldcal check --all` looks again"
    if link.intent is not None:
        return "a write of its booking went unanswered; `fieldcal sync` finds out"
    if true is None:
        return "the event that counts is not there, so this one is all that stands"
    return ""


def _because(true: Observed | None) -> str:
    if true is None:
        return ""
    key = "made under our key, and known" if _made_by_us(true) else "known"
    return f"{key} as the event of this booking"


def _made_by_us(event: Observed) -> bool:
    return event.mark is not None and event.key == create_key(event.mark)


def wanted(found: Sequence[Double], named: frozenset[EventId]) -> list[Double]:
    """What is to be removed: all that is offered, or exactly those that are named and may be."""
    if not named:
        return [one for one in found if one.offered]
    return [one for one in found if one.event.id in named and not one.obstacle]


def proven(one: Double, there: Observed | None) -> bool:
    """Whether the true event, read just now, stands there for the same booking, and so nothing is lost."""
    return there is not None and there.id != one.event.id and one.event.mark is not None and (
        there.mark is not None
        and (there.mark.organization, there.mark.booking, there.mark.mailbox)
        == (one.event.mark.organization, one.event.mark.booking, one.event.mark.mailbox)
    )  # fmt: skip
