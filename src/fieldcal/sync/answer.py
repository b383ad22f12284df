"""Is this booking in the calendar, and why (not)? One sentence from what is known of one mailbox; history as sentences.

Pure. Every answer begins with "It is in the calendar" or "It is not in the calendar".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fieldcal.plan.rules import SENTENCES, Reason
from fieldcal.state.history import Line
from fieldcal.state.marks import Waiting
from fieldcal.state.plans import Row
from fieldcal.sync.clean import CLEANED

_COMMAND = re.compile(r" \(`fieldcal [^()]*\)")
#: What every answer begins with.
IN, NOT_IN = "It is in the calendar", "It is not in the calendar"
#: What is to be done next; None: nothing.
Step = Literal["create", "update", "remove"]

#: Why an event stands though the rules have nothing to write, where `SENTENCES` tells why a booking has none.
_STANDS: dict[Reason, str] = {
    Reason.NO_WORKER: "no worker is booked now; that proves nothing against the event, so it stays",
    Reason.UNKNOWN_WORKER: "the worker booked now is not among the workers that were read, so the event stays",
    Reason.ENDS_BEFORE_START: "its event stays as it was, for now the booking ends before it starts; correct its times",
    Reason.FROZEN: "its event's time and its own both lie before the window, so it stays as it is",
}
#: Reasons that tell more than that the mailbox was cleaned.
_FINAL = frozenset({
    Reason.DELETED, Reason.INACTIVE, Reason.WITHOUT_WORK_ORDER, Reason.PROPOSED, Reason.ENDS_BEFORE_START,
    Reason.ELSEWHERE, Reason.NO_WORKER, Reason.UNKNOWN_WORKER, Reason.NOT_A_PERSON, Reason.NO_MAILBOX,
})  # fmt: skip
#: What the worker sees of a canceled booking (D5).
_MARKED = 'The booking was canceled: the worker sees its event marked "Canceled: ", and the time shown as free'
_PLAIN = "The worker sees the event as before, and the time as taken"
_FREE = 'The booking was canceled: its event is then marked "Canceled: ", and the time shown as free'
_NEXT = "the next pass (`fieldcal sync` runs one now)"


@dataclass(frozen=True, slots=True)
class Case:
    """One booking in one mailbox, as far as the answer asks for it."""

    step: Step | None
    reason: Reason
    #: an event of ours stands there, as far as is known
    standing: bool
    #: whose calendar, where it is not the one in which the booking belongs
    of: str = ""
    #: why nothing may be written there, and the command that helps
    closed: str = ""
    remedy: str = ""
    #: the event was taken out by a clean: when, and the line's own reason
    cleaned: tuple[datetime, str] | None = None
    #: what was said of its removal, when that is what has to be done
    verdict: Row | None = None
    mark: Waiting | None = None
    #: until when the mailbox or its whole server waits, and why
    pause: tuple[datetime, str] | None = None
    #: why its row cannot be read, "" where it can: nothing is written so long
    unreadable: str = ""
    #: its details have to be read from the source before anything is written
    stale: bool = False
    #: when the write was sent that went unanswered
    unanswered: datetime | None = None
    #: what the last check found to be changed, or deleted, by hand
    drift: str = ""
    #: of a canceled booking (D5): whether its event says so, says it not, or went; "" for any other
    canceled: Literal["", "marked", "plain", "removed"] = ""


def answer(case: Case) -> str:
    """The sentence for this mailbox."""
    of = f" of {case.of}" if case.of else ""
    if case.unreadable and case.standing:
        return f"{IN}{of}: as it was when its row could last be read; {spoiled(case.unreadable)}."
    if case.unreadable:
        return f"{NOT_IN}{of}: {spoiled(case.unreadable)}."
    if case.standing:
        return f"{IN}{of}: {_standing(case)}."
    return f"{NOT_IN}{of}: {_absent(case)}."


def _closed(case: Case) -> str:
    return f"{case.closed} ({case.remedy})" if case.remedy else case.closed


def without_commands(text: str) -> str:
    """The same for who has a button for it: commands that stand in brackets are left out."""
    return _COMMAND.sub("", text)


def spoiled(reason: str) -> str:
    """Why a booking that is set aside is left alone, and what helps (I7)."""
    return (
        f"what the source says of it now cannot be read ({reason}), so nothing is written and nothing is removed; "
        "correct it at the source, and the next pass carries it"
    )


def homeless(reason: Reason) -> str:
    """The sentence for a booking that belongs into no mailbox and stands in none."""
    return f"{NOT_IN}: {SENTENCES[reason]}."


def _standing(case: Case) -> str:
    why = SENTENCES[case.reason]
    if case.step == "remove":
        return _held(case) or _leaving(case)
    if case.step is not None:
        how = why if case.reason is Reason.REWRITE else f"as it was before {why}"
        then = f". {_FREE}" if case.canceled == "plain" else ""
        return f"{how}; {_delay(case) or f'{_NEXT} writes it'}{then}"
    text = _STANDS.get(case.reason, why)
    if case.reason is Reason.UP_TO_DATE and case.closed:
        text = f"the event says what the booking said when it was last read; nothing new is written: {_closed(case)}"
    if case.canceled == "marked":
        text += f". {_MARKED}"
    elif case.reason is Reason.CANCELED_KEPT:
        text += f". {_PLAIN}"
    return f"{text}; but the last check found it changed by hand: {case.drift}" if case.drift else text


def _held(case: Case) -> str:
    """What a person has said, or has to say, of its removal; "" where nobody has to."""
    if case.verdict is None:
        return ""
    plan, why = case.verdict.plan, SENTENCES[case.reason]
    match case.verdict.state:
        case "held":
            return (
                f"it still stands there, though {why}; its removal is held in plan {plan}, for more were to be removed "
                "than the hour allows. Approved, it is removed; rejected, it stays where it is "
                f"(`fieldcal plan approve {plan}`, `fieldcal plan reject {plan}`)"
            )
        case "rejected":
            return f"{why}, but its removal was rejected in plan {plan}, so it stays"
        case "approved":
            return f"its removal was approved in plan {plan} ({why}); {_delay(case) or f'{_NEXT} removes it'}"
        case _:
            return ""


def _leaving(case: Case) -> str:
    return f"it still stands there, though {SENTENCES[case.reason]}; {_delay(case) or f'{_NEXT} removes it'}"


def _absent(case: Case) -> str:
    if case.drift:
        return case.drift
    if case.cleaned and case.closed and case.reason not in _FINAL:
        at, why = case.cleaned
        return f"it was taken out at {instant(at)}, when {why}; {_closed(case)}"
    if case.canceled == "removed" and case.reason is Reason.CANCELED_UNSEEN:
        return "the booking was canceled, and by setting its event was removed: the worker sees nothing of it any more"
    if case.step is None:
        return SENTENCES[case.reason]
    delay = _delay(case)
    if delay:
        return delay
    if case.mark is None:
        return f"{SENTENCES[case.reason]}, and nothing waits to be written; the booking's next change has it written"
    return f"{SENTENCES[case.reason]}; {_NEXT} writes it"


def _delay(case: Case) -> str:
    """What keeps the next pass from doing it; "" for nothing that is known."""
    if case.closed:
        return f"nothing is written into the mailbox: {_closed(case)}"
    if case.stale:
        return f"its details have to be read from the source first; {_NEXT} does so"
    if case.mark is not None and case.mark.due is None:
        return (
            f"the calendar refused it for good ({_once(case.mark.trouble)}); it is tried again when the booking changes"
        )
    if case.pause is not None:
        until, why = case.pause
        return f"nothing is sent there until {instant(until)}: {why}"
    if case.unanswered is not None:
        return f"what was sent at {instant(case.unanswered)} went unanswered, and {_NEXT} finds out what became of it"
    if case.mark is not None and case.mark.due is not None and case.mark.trouble:
        return f"the last try failed ({case.mark.trouble}); the next is at {instant(case.mark.due)}"
    return ""


def _once(trouble: str) -> str:
    """What the server said, without the words that the sentence around it says already."""
    begins = "refused for good ("
    return trouble[len(begins) : -1] if trouble.startswith(begins) and trouble.endswith(")") else trouble


#: what was tried: how it is told when it was done, and when it was not
_DEEDS = {
    "create": ("the event was made", "making the event failed"),
    "update": ("the event was changed", "changing the event failed"),
    "remove": ("the event was removed", "removing the event failed"),
    "adopt": ("the event was taken over", "taking the event over failed"),
    "forget": ("the event was forgotten", "forgetting the event failed"),
    "restore": ("what a hand did is written over", "what a hand did is not written over"),
    "decline": ("what a hand did is respected", "what a hand did is not respected"),
    "remove duplicate": ("an event that stood double was removed", "removing an event that stands double failed"),
    "hold": ("the removal was held for a person", "the removal was held for a person"),
}


def told(line: Line) -> str:
    """One line of the history as a sentence without its instant."""
    done, failed = _DEEDS.get(line.action, (line.action, f"{line.action} failed"))
    text = f"{done if line.ok else failed}: {line.reason}"
    return text if line.ok and line.answer == "done" else f"{text}; {line.answer}"


def request_told(line: Line) -> str:
    """What was asked of the calendar server and its answer's status, "" where nothing was asked."""
    return f"{line.request}: {line.status or 'no answer'}" if line.request else ""


def cleaned(lines: Sequence[Line], mailbox: str) -> tuple[datetime, str] | None:
    """When a clean took its event out of this mailbox, and on whose behalf; None when that is not the last that was
    done there. `lines`: its history, the newest first.
    """
    last = next((line for line in lines if line.mailbox == mailbox and line.ok), None)
    if last is None or last.action != "remove" or not last.reason.startswith(CLEANED):
        return None
    return last.at, last.reason


def instant(at: datetime | None) -> str:
    """`2026-11-23 08:00 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"
