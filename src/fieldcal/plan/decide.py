"""Desired x links x observed -> actions. One booking in one mailbox at a time; the neighbours do not matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fieldcal.model import (
    Adopt,
    Create,
    Delete,
    Event,
    EventId,
    Forget,
    Known,
    Link,
    MailboxId,
    Mark,
    Observed,
    Update,
    Worker,
    Write,
)
from fieldcal.plan.keys import create_key, fingerprint, mark_of
from fieldcal.plan.rules import (
    Evidence,
    Hide,
    Leave,
    Moment,
    Reason,
    Show,
    differ,
    home,
    same_job,
    trigger_values,
    wish,
)
from fieldcal.plan.settings import Drift, Settings

#: Makes the event of a booking for a worker at an instant (`plan.render`).
Render = Callable[[Known, Worker, Settings, datetime], Event]


@dataclass(frozen=True, slots=True)
class Place:
    """The mailbox that is decided for, with what holds for all of it."""

    organization: str
    mailbox: MailboxId
    settings: Settings
    moment: Moment


@dataclass(frozen=True, slots=True)
class Candidate:
    """One marked booking with all that is known of it here."""

    known: Known
    worker: Worker | None
    #: the worker was read before and is not among the workers any more
    worker_gone: bool
    link: Link | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one booking in one mailbox, and why; no action: nothing is to be done."""

    action: Create | Update | Delete | None
    reason: Reason
    #: present exactly with a Delete
    evidence: Evidence | None = None
    #: the trigger values that the action was decided from
    triggers: dict[str, str] | None = None
    #: should the event turn out to be gone, a hand took it, and that is respected (D8)
    yields: bool = False


def decide(candidate: Candidate, place: Place, render: Render) -> Decision:
    """The one action that makes this mailbox say what the rules want, or none."""
    known, link = candidate.known, candidate.link
    live = link if link is not None and link.event is not None else None
    where = home(known.booking, candidate.worker, candidate.worker_gone)
    wanted = wish(known, where, place.mailbox, live, place.settings, place.moment)
    match wanted:
        case Leave(reason):
            return Decision(None, reason)
        case Hide(evidence):
            assert live is not None
            assert live.event is not None
            return Decision(Delete(_mark(place, live), live.event, live.etag), evidence.kind, evidence)
        case Show():
            return _show(candidate, live, place, render)


def _show(candidate: Candidate, live: Link | None, place: Place, render: Render) -> Decision:
    known, worker = candidate.known, candidate.worker
    assert worker is not None  # `home` named a mailbox, so there is a worker
    triggers = trigger_values(known.booking, known.snapshot, place.settings)
    if live is None:
        generation = candidate.link.generation if candidate.link else 0
        mark = mark_of(place.organization, known.booking.id, place.mailbox, generation)
        event = render(known, worker, place.settings, place.moment.now)
        return Decision(Create(mark, create_key(mark), event, fingerprint(event)), Reason.NEW, None, triggers)
    respects = place.settings.drift is Drift.RESPECT and live.triggers is not None
    if respects and live.declined and same_job(live.triggers or {}, triggers):
        return Decision(None, Reason.DECLINED)
    # Never because the rendering differs: a work-order-only change writes nothing (I6), nor does a changed template.
    if live.rewrite or live.triggers is None:
        reason = Reason.REWRITE
    elif differ(live.triggers, triggers):
        reason = Reason.CHANGED
    else:
        return Decision(None, Reason.UP_TO_DATE)
    event = render(known, worker, place.settings, place.moment.now)
    assert live.event is not None
    action = Update(_mark(place, live), live.event, live.etag, event, fingerprint(event))
    yields = respects and reason is Reason.CHANGED and same_job(live.triggers or {}, triggers)
    return Decision(action, reason, None, triggers, yields)


def _mark(place: Place, link: Link) -> Mark:
    return mark_of(place.organization, link.booking, place.mailbox, link.generation)


@dataclass(frozen=True, slots=True)
class Resend:
    """The unanswered create was not found: the same bytes go out again under the same key."""

    action: Create


#: What an unanswered intent turned out to be.
Resolved = Adopt | Forget | Resend


def resolve(link: Link, found: Sequence[Observed]) -> Resolved:
    """What became of an unanswered write, from what stands in the calendar now.

    `found`: for a create, the events that carry its mark; for an update or delete, the event itself, if it is there.
    A worker's copy carries the mark too, but not the key it was made under: it is none of ours (I3).
    """
    assert link.intent is not None
    action = link.intent.action
    match action:
        case Create(mark=mark):
            made = [event for event in found if event.key == action.key]
            return Adopt(mark, ours(made, action.key, linked=None)) if made else Resend(action)
        case Update(mark=mark) | Delete(mark=mark):
            return Adopt(mark, found[0]) if found else Forget(mark)


def ours(found: Sequence[Observed], key: str, linked: str | None) -> Observed:
    """Of several events with one mark: the linked one, else the one made under our key, else the oldest (F36)."""

    def rank(event: Observed) -> tuple[bool, bool, float, str]:
        created = event.created.timestamp() if event.created else float("inf")
        return (event.id != linked, event.key != key, created, event.id)

    return min(found, key=rank)


def adopted(link: Link, observed: Observed) -> Link:
    """The link that remembers this event as ours.

    Where its stamp says that it holds what the intent wrote, the intent counts as done; else it is written once
    more, since nobody knows what stands in it.
    """
    intent = link.intent
    # What is written over a hand's change has the stamp that stands there anyway; an etag as before tells more.
    if intent is not None and link.rewrite and _not_arrived(intent.action, observed):
        return replace(link, intent=None)
    if intent is not None and isinstance(intent.action, Create | Update) and observed.stamp == intent.action.stamp:
        event = intent.action.event
        return replace(
            link, event=observed.id, etag=observed.etag, subject=event.subject, start=event.start, end=event.end,
            location=event.location, stamp=observed.stamp, triggers=intent.triggers, rewrite=False, intent=None,
            declined=False,
        )  # fmt: skip
    if intent is not None and not isinstance(intent.action, Create):
        # It did not arrive: the link goes on saying what we wrote, so that a hand's change can still be told.
        return replace(link, etag=observed.etag, intent=None)
    return replace(
        link, event=observed.id, etag=observed.etag, subject=observed.subject, start=observed.start, end=observed.end,
        location=observed.location, stamp=observed.stamp, rewrite=True, intent=None, declined=False,
    )  # fmt: skip


def _not_arrived(action: Write, observed: Observed) -> bool:
    """This update was certainly not carried out: the event is the very one that it was to change."""
    return isinstance(action, Update) and bool(observed.etag) and observed.etag == action.etag


def forgotten(link: Link) -> Link:
    """The link after its event is gone: the generation is raised, so that its key never makes a second event."""
    return Link(link.mailbox, link.booking, link.generation + 1, None, restored=link.restored)


def gone(link: Link, settings: Settings) -> Link:
    """The link after an unanswered update or removal whose event is gone: a hand's deed is respected (D8), or not."""
    assert link.intent is not None
    written = link.triggers if isinstance(link.intent.action, Update) and not link.rewrite else None
    if settings.drift is Drift.RESPECT and written is not None and same_job(written, link.intent.triggers):
        return yielded(link)
    return forgotten(link)


def yielded(link: Link) -> Link:
    """The link after a hand's deletion is respected (D8): it goes on saying what the worker has deleted."""
    return replace(link, intent=None, rewrite=False, declined=True)


def written(
    link: Link, action: Create | Update, event_id: EventId, etag: str, triggers: dict[str, str], *, again: bool
) -> Link:
    """The link after an acknowledged write; `again`: the answer shows other content than was sent."""
    event = action.event
    return replace(
        link, event=event_id, etag=etag, triggers=triggers, subject=event.subject, start=event.start,
        end=event.end, location=event.location, stamp=action.stamp, rewrite=again, intent=None, declined=False,
    )  # fmt: skip
