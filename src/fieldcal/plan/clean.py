"""What a clean takes out of a mailbox and what it leaves: links set beside what stands there. Pure.

Taken out is what is linked, or was made under our own create key. A copy that a hand has made carries our mark too,
but neither: it is the worker's, and stays (I3, F36).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fieldcal.model import BookingId, Create, Delete, EventId, Intent, Link, MailboxId, Mark, Observed
from fieldcal.plan.decide import forgotten
from fieldcal.plan.keys import create_key


@dataclass(frozen=True, slots=True)
class Parted:
    """One mailbox's events and links, by what becomes of them."""

    ours: tuple[Observed, ...]
    #: copies by hand; listed, never touched
    copies: tuple[Observed, ...]
    #: links of which nothing stands there any more
    gone: tuple[Link, ...]
    #: creates that went unanswered and left no trace yet; a search lags behind (F55)
    unseen: tuple[Link, ...]


def absent(linked: Sequence[Link], owned: Sequence[Observed]) -> list[EventId]:
    """The linked events that the list does not name: they have to be asked for by id, absence proves nothing."""
    named = {event.id for event in owned}
    return [link.event for link in linked if link.event is not None and link.event not in named]


def part(
    organization: str,
    mailbox: MailboxId,
    linked: Sequence[Link],
    owned: Sequence[Observed],
    there: Mapping[EventId, Observed | None],
) -> Parted:
    """Part what is ours from what is not. `there`: the answer to `absent`, None for an event that is gone."""
    known = {link.booking: link for link in linked}
    every = {event.id: event for event in [*owned, *(event for event in there.values() if event is not None)]}
    ours: list[Observed] = []
    copies: list[Observed] = []
    for event in every.values():
        mark = event.mark
        if mark is None or (mark.organization, mark.mailbox) != (organization, mailbox):
            continue  # a linked event whose mark a hand has taken away is not ours any more
        link = known.get(mark.booking)
        is_linked = link is not None and link.event == event.id
        (ours if is_linked or event.key == create_key(mark) else copies).append(event)
    standing = {event.mark.booking for event in ours if event.mark is not None}
    rest = [link for link in linked if link.booking not in standing]
    unseen = [link for link in rest if link.event is None and link.intent and isinstance(link.intent.action, Create)]
    gone = [link for link in rest if link not in unseen]
    return Parted(tuple(ours), tuple(copies), tuple(gone), tuple(unseen))


def batches(events: Sequence[Observed], size: int) -> list[list[Observed]]:
    """These events in batches, no booking twice in one: a link knows one event, and an answer is told by its mark."""
    found: list[list[Observed]] = [[]]
    taken: set[BookingId] = set()
    later: list[Observed] = []
    for event in events:
        booking = _mark(event).booking
        if booking in taken:
            later.append(event)
            continue
        if len(found[-1]) == size:
            found.append([])
        found[-1].append(event)
        taken.add(booking)
    return [batch for batch in found if batch] + (batches(later, size) if later else [])


def armed(event: Observed, link: Link | None, now: datetime) -> Link:
    """The link that remembers that this event's removal was handed out."""
    mark = _mark(event)
    base = link or Link(mark.mailbox, mark.booking, mark.generation, None)
    intent = Intent(Delete(mark, event.id, event.etag), now, {})
    generation = max(base.generation, mark.generation)
    return replace(base, event=event.id, etag=event.etag, generation=generation, intent=intent)


def removed(link: Link) -> Link:
    """The link after its event was taken out: kept for its generation, so that the next event has a key of its own."""
    return forgotten(link)


def _mark(event: Observed) -> Mark:
    assert event.mark is not None  # `part` hands out nothing else
    return event.mark
