"""From a write's outcome to what is remembered of it. `settle` is pure; `learn` reads what an outcome leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fieldcal.errors import (
    Changed,
    ConnectorError,
    EventError,
    FieldcalError,
    Gone,
    KeyUsed,
    LeaseLost,
    MailboxError,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    Unreachable,
)
from fieldcal.model import Create, Delete, EventId, Link, Mark, Observed, Receipt, Update, Write
from fieldcal.plan.decide import Decision, adopted, forgotten, ours, written, yielded
from fieldcal.plan.retry import next_try
from fieldcal.plan.rules import SENTENCES, Reason
from fieldcal.plan.spread import Spread
from fieldcal.ports import BeforeSend, Calendar, Outcome
from fieldcal.state.history import Line, Tally
from fieldcal.state.marks import CAUSES, Later, Marked

_NAMES: dict[type, str] = {Create: "create", Update: "update", Delete: "remove"}


@dataclass(frozen=True, slots=True)
class Armed:
    """A write that is handed out: the mark it serves, the link with its intent, and why."""

    marked: Marked
    link: Link
    decision: Decision
    action: Write
    #: a removal that counts against the hour's budget
    counted: bool = False
    #: the same bytes went out before and were not answered: what failed now says nothing of that time
    resend: bool = False
    #: how often its booking was tried before in this pass
    tries: int = 0
    #: how it is asked for, as people are told
    request: str = ""

    @property
    def evidence(self) -> str:
        """What proves the removal; "" for anything else."""
        return self.decision.evidence.text if self.decision.evidence else ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What one outcome leaves behind: the link, the mark (None: cleared), a line for `why`, and the count."""

    armed: Armed
    link: Link | None
    later: Later | None
    line: Line
    tally: Tally
    #: the removal is carried out or has become needless: its plan row is closed
    closes_plan: bool = False

    @property
    def wrote(self) -> bool:
        """An event was really written: its server said so."""
        return self.tally.created + self.tally.updated > 0

    @property
    def unspent(self) -> bool:
        """A counted removal that was certainly not carried out (one without an answer may have been)."""
        open_still = self.link is not None and self.link.intent is not None
        return self.armed.counted and not self.closes_plan and not open_still


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read because outcomes left it open: events by id (None: gone) and by mark."""

    by_id: Mapping[EventId, Observed | None] = field(default_factory=dict)
    by_mark: Mapping[Mark, Sequence[Observed]] = field(default_factory=dict)


async def learn(
    calendar: Calendar, armed: Sequence[Armed], outcomes: Mapping[Mark, Outcome], before_send: BeforeSend
) -> Seen:
    """Read what the outcomes leave open. A failed read leaves it open still; nothing is concluded from it."""
    ids: set[EventId] = set()
    marks: set[Mark] = set()
    for item in armed:
        outcome = outcomes.get(item.action.mark)
        match outcome:
            case Receipt(id=event, suspect=True):
                ids.add(event)
            case Changed() if not isinstance(item.action, Create):
                ids.add(item.action.id)
            case KeyUsed(existing=str(existing)):
                ids.add(EventId(existing))
            case KeyUsed():
                marks.add(item.action.mark)
    try:
        by_id = await calendar.get(sorted(ids), before_send) if ids else {}
        by_mark = await calendar.find(sorted(marks, key=str), before_send) if marks else {}
    except (MailboxError, ConnectorError, LeaseLost):
        return Seen()
    return Seen(by_id, by_mark)


def another_wrote(armed: Sequence[Armed], seen: Seen) -> bool:
    """Whether an event of ours holds what this installation never wrote: another one may serve the mailbox (R14).

    The stamp tells: a worker's hand leaves it as it was. What we are about to write counts too: both write the same.
    """
    for item in armed:
        if isinstance(item.action, Create):
            continue  # what stands under its key may be of a state of ours that was forgotten
        there = seen.by_id.get(item.action.id)
        if there is not None and there.stamp and there.stamp != item.link.stamp:
            return True
    return False


def settle(armed: Armed, outcome: Outcome | None, seen: Seen, now: datetime, spread: float) -> Settled:
    """What this outcome leaves behind; a missing outcome is an unknown one."""
    match outcome:
        case Receipt():
            return _done(armed, outcome, seen, now, spread)
        case Gone():
            if isinstance(armed.action, Delete):
                return _done(armed, Receipt(armed.action.id, "", status=outcome.status), seen, now, spread)
            return _vanished(armed, outcome, now, spread)
        case Changed() if not isinstance(armed.action, Create) and armed.action.id in seen.by_id:
            current = seen.by_id[armed.action.id]
            if current is None:
                return _vanished(armed, outcome, now, spread)
            return _again(armed, outcome, replace(armed.link, etag=current.etag, intent=None), now, spread)
        case KeyUsed() if isinstance(armed.action, Create):
            return _key_used(armed, outcome, seen, now, spread)
        case OutcomeUnknown() | Unavailable() | Unreachable():
            return _again(armed, outcome, armed.link, now, spread)
        case None:
            return _again(armed, OutcomeUnknown("the answer does not name it"), armed.link, now, spread)
        case Rejected():
            return _again(armed, outcome, replace(armed.link, intent=None), now, spread)
        case _:
            # Certainly not carried out this time: the intent is taken back, and what is right then is decided anew.
            link = armed.link if armed.resend else replace(armed.link, intent=None)
            return _again(armed, outcome, link, now, spread)


def _done(armed: Armed, receipt: Receipt, seen: Seen, now: datetime, spread: float) -> Settled:
    action = armed.action
    if isinstance(action, Delete):
        return Settled(
            armed, forgotten(armed.link), None, _line(armed, "done", now, ok=True, status=receipt.status),
            _counted(armed, Tally(removed=1)), closes_plan=True,
        )  # fmt: skip
    if receipt.suspect:
        if receipt.id not in seen.by_id:
            unread = OutcomeUnknown("the event may be an older one and could not be read")
            return _again(armed, unread, armed.link, now, spread)
        current = seen.by_id[receipt.id]
        if current is None or current.mark != action.mark:
            # Deleted, or without our mark and so none of ours whatever its key says (I3).
            burnt = Gone("the key stood for an event that is not there any more; a new one is used")
            return _again(armed, burnt, forgotten(armed.link), now, spread)
    triggers = armed.decision.triggers or {}
    # An update's answer may look other than what was sent: servers rewrite, and asking again changes nothing (F16).
    differs = receipt.differs and isinstance(action, Create)
    link = written(armed.link, action, receipt.id, receipt.etag, triggers, again=differs)
    # Bytes that were sent again are as old as their first sending: the booking is looked at once more.
    later = Later(armed.marked, now, "an older content stands there; what is newer follows", failed=False)
    tally = _counted(armed, Tally(created=1) if isinstance(action, Create) else Tally(updated=1))
    if armed.marked.changed_at is not None and not differs:
        tally = replace(tally, took=Spread.of((now - armed.marked.changed_at).total_seconds()))
    answer = "done; other content stood there" if differs else "done"
    line = _line(armed, answer, now, ok=True, status=receipt.status)
    return Settled(armed, link, later if differs or armed.resend else None, line, tally)


def _counted(armed: Armed, did: Tally) -> Tally:
    """One write, and whether it is one that nothing called for, should the pass have taken no change in (churn)."""
    marked, action = armed.marked, armed.action
    called = marked.reason in CAUSES or marked.attempts > 0
    asked_once_more = marked.reason != "changed" or marked.attempts > 0 or armed.decision.reason is not Reason.CHANGED
    same = isinstance(action, Update) and action.stamp == armed.link.stamp and not asked_once_more
    return replace(did, uncalled=int(not called), same=int(same))


def _key_used(armed: Armed, error: KeyUsed, seen: Seen, now: datetime, spread: float) -> Settled:
    """Found: adopt it, then update. Gone: the next generation of the key. Not looked up: ask again later."""
    assert isinstance(armed.action, Create)  # nothing else carries a key
    mark = armed.action.mark
    existing = EventId(error.existing) if error.existing else None
    if existing is not None and existing in seen.by_id:
        current = seen.by_id[existing]
        found = [] if current is None else [current]
    elif mark in seen.by_mark:
        found = [event for event in seen.by_mark[mark] if event.key == armed.action.key]
    else:
        return _again(armed, error, armed.link, now, spread)
    # An event under our key but without our mark is none of ours, nor is one with our mark under another key (I3).
    found = [event for event in found if event.mark == mark]
    link = adopted(armed.link, ours(found, armed.action.key, None)) if found else forgotten(armed.link)
    settled = _again(armed, error, link, now, spread)
    return replace(settled, tally=Tally(adopted=1)) if found else settled


def _again(armed: Armed, error: FieldcalError, link: Link, now: datetime, spread: float) -> Settled:
    due = next_try(error, armed.marked.attempts + 1, now, spread, here=armed.tries + 1)
    line = _line(armed, str(error), now, ok=False, status=_status(error))
    if isinstance(error, Rejected):
        line = replace(line, answer=f"set aside until the booking changes: {error}")
    return Settled(armed, link, Later(armed.marked, due, str(error)), line, Tally(failed=1))


def _vanished(armed: Armed, error: FieldcalError, now: datetime, spread: float) -> Settled:
    """A hand took the event: made anew under the next generation of its key, unless that is respected (D8)."""
    if not armed.decision.yields:
        # No failure of anything: the same pass makes it anew.
        return replace(_again(armed, error, forgotten(armed.link), now, spread), tally=Tally())
    line = _line(armed, "the worker has deleted it; by setting it stays so", now, ok=True, status=_status(error))
    return Settled(armed, yielded(armed.link), None, line, Tally())


def _line(armed: Armed, answer: str, now: datetime, *, ok: bool, status: int) -> Line:
    action, decision = armed.action, armed.decision
    return Line(
        action.mark.mailbox, action.mark.booking, _NAMES[type(action)], SENTENCES[decision.reason], answer, ok, now,
        request=armed.request, status=status,
    )  # fmt: skip


def _status(error: FieldcalError) -> int:
    """The HTTP status that this is told by, 0 where there was none."""
    return error.status if isinstance(error, EventError | MailboxError | ConnectorError) else 0
