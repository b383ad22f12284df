"""Sort marked bookings by what is to be done with each: written, done with, or looked at later. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from fieldcal.errors import one_line
from fieldcal.model import BookingId, Create, Intent, Link, MailboxId
from fieldcal.plan.decide import Candidate, Decision, Place, Render, Resend, decide
from fieldcal.plan.retry import pause
from fieldcal.plan.rules import Reason, trigger_values
from fieldcal.state.marks import Later, Marked
from fieldcal.state.plans import Row
from fieldcal.sync.apply import Armed

#: Looked at again this soon: an event that nobody wants any more was perhaps made (its create went unanswered).
SECOND_LOOK = timedelta(seconds=60)
#: After so many looks without a trace of it, the create is taken for not carried out; the nightly check remains.
LOOKS = 3
#: How soon a removal is tried again that waits for the first complete read.
UNREAD = timedelta(seconds=30)
#: How soon a removal is looked at again whose worker is told to have another mailbox, which is not set up.
NOT_OPEN = timedelta(hours=1)

_OPEN = ("held", "approved")


@dataclass(frozen=True, slots=True)
class Work:
    """The marked bookings of one load, each with all that is known of it in this mailbox."""

    place: Place
    #: the source was read completely at least once; nothing is removed before
    first_read: bool
    marked: tuple[Marked, ...]
    candidates: Mapping[BookingId, Candidate]
    #: what persons have said of removals, the newest first
    verdicts: Mapping[str, list[Row]]
    #: of the other mailboxes in which these bookings belong, those that may be written to
    open_homes: frozenset[MailboxId] = frozenset()


@dataclass(slots=True)
class Sorted:
    """What to do with each marked booking of one load."""

    armed: list[Armed] = field(default_factory=list)
    idle: list[Marked] = field(default_factory=list)
    #: bookings with a removal that waits for a person or for its turn, and that is not wanted any more
    lapsed: list[BookingId] = field(default_factory=list)
    waiting: list[Later] = field(default_factory=list)
    #: links that from now on keep a value that D1 began to follow after their event was written
    learned: list[Link] = field(default_factory=list)


def sort_out(work: Work, resends: Mapping[BookingId, Resend], render: Render) -> Sorted:
    """Decide each marked booking; one that cannot be decided does not stop its neighbours (I7)."""
    result = Sorted()
    for marked in work.marked:
        candidate = work.candidates.get(marked.booking)
        if candidate is None:
            result.idle.append(marked)
            continue
        try:
            decision = decide(candidate, work.place, render)
        except Exception as error:  # noqa: BLE001 -- whatever one booking's texts or a template do, its neighbours go on
            result.waiting.append(_undecided(work, marked, error))
            continue
        if decision.evidence is None and any(row.state in _OPEN for row in work.verdicts.get(marked.booking, ())):
            result.lapsed.append(marked.booking)
        resend = resends.get(marked.booking)
        if resend is not None:
            _again(result, work, marked, candidate, decision, resend)
        elif decision.action is None:
            result.idle.append(marked)
            if decision.reason is Reason.UP_TO_DATE:
                _learn(result, work, candidate)
        elif decision.evidence is not None:
            _removal(result, work, marked, candidate, decision)
        else:
            result.armed.append(_armed(work, marked, candidate, decision))
    return result


def _learn(result: Sorted, work: Work, candidate: Candidate) -> None:
    """A setting alone rewrites nothing; but what it follows from now on has to be known, to see it change (D1)."""
    link, known = candidate.link, candidate.known
    if link is None or link.triggers is None:
        return
    now = trigger_values(known.booking, known.snapshot, work.place.settings)
    if not now.keys() <= link.triggers.keys():
        result.learned.append(replace(link, triggers={**now, **link.triggers}))


def _armed(work: Work, marked: Marked, candidate: Candidate, decision: Decision, *, counted: bool = False) -> Armed:
    assert decision.action is not None
    link = candidate.link or Link(work.place.mailbox, marked.booking, 0, None)
    intent = Intent(decision.action, work.place.moment.now, decision.triggers or {})
    # A change of the booking ends what was remembered of a hand: what stands there afterwards is judged anew (D8).
    restored = "" if decision.reason is Reason.CHANGED else link.restored
    return Armed(marked, replace(link, intent=intent, restored=restored), decision, decision.action, counted=counted)


def _undecided(work: Work, marked: Marked, error: Exception) -> Later:
    """Tried again with growing pauses, for a template may be mended meanwhile; `why` shows what it came to."""
    due = work.place.moment.now + timedelta(seconds=pause(marked.attempts + 1, 0.0))
    return Later(marked, due, one_line(f"it cannot be decided or rendered: {type(error).__name__}: {error}"))


def _again(
    result: Sorted, work: Work, marked: Marked, candidate: Candidate, decision: Decision, resend: Resend
) -> None:
    """A create that went unanswered and was not found: the same bytes again, if an event is still wanted here."""
    assert candidate.link is not None
    assert candidate.link.intent is not None
    if isinstance(decision.action, Create):
        same = replace(decision, action=resend.action, triggers=candidate.link.intent.triggers)
        result.armed.append(replace(_armed(work, marked, candidate, same), resend=True))
    elif marked.attempts + 1 < LOOKS:
        due = work.place.moment.now + SECOND_LOOK
        result.waiting.append(Later(marked, due, "a create that nobody wants any more went unanswered"))
    else:
        result.idle.append(marked)


def _removal(result: Sorted, work: Work, marked: Marked, candidate: Candidate, decision: Decision) -> None:
    assert decision.evidence is not None
    if not work.first_read:
        due = work.place.moment.now + UNREAD
        result.waiting.append(Later(marked, due, "nothing is removed before the first complete read", failed=False))
        return
    home = candidate.worker.mailbox if candidate.worker else None
    if decision.evidence.counted and decision.reason is Reason.MOVED and home not in work.open_homes:
        # Nobody has set up what the same worker is said to have now: the booking would be in no calendar at all.
        due, why = work.place.moment.now + NOT_OPEN, "the worker's other mailbox is not set up; the event stays so long"
        result.waiting.append(Later(marked, due, why, failed=False))
        return
    said = [row.state for row in work.verdicts.get(marked.booking, []) if row.evidence == decision.evidence.text]
    if said and said[0] in ("held", "rejected"):
        # Held: a person has the word, even when the hour's budget has room again. Rejected: until newer evidence.
        result.idle.append(marked)
        return
    approved = "approved" in [row.state for row in work.verdicts.get(marked.booking, [])]
    counted = decision.evidence.counted and not approved
    result.armed.append(_armed(work, marked, candidate, decision, counted=counted))
