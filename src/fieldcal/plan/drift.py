"""What a worker's hand did to our event, and what is done about it (D8). Pure.

Compared are start, end, subject and location, never the body: Exchange rewrites it (F16).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from fieldcal.model import Link, Observed
from fieldcal.plan.settings import Drift

#: The difference of an event that is not there any more.
DELETED = "deleted"

REPORTED = "the next change of the booking writes it again"
_DECLINED = "by setting it stays so until its time, worker or work order changes"
UNWANTED = "the rules leave it as it is, so it is not written again by itself"
_NOT_HELD = "it was written again after an earlier check, and stands so again; left until the booking changes"


class Answer(StrEnum):
    """What is done about one drift."""

    REPORT = "report"
    RESTORE = "restore"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Drifted:
    """One event of ours that a hand has changed, or deleted: `now` is None then."""

    link: Link
    now: Observed | None

    @property
    def said(self) -> str:
        """The difference in words."""
        return "it was deleted by hand" if self.now is None else "; ".join(differences(self.link, self.now))

    @property
    def print(self) -> str:
        """The difference as it is remembered: equal for equal differences."""
        if self.now is None:
            return DELETED
        seen = (self.now.start.isoformat(), self.now.end.isoformat(), self.now.subject, self.now.location)
        return hashlib.sha256("\x1f".join(seen).encode()).hexdigest()[:16]


def differences(link: Link, event: Observed) -> list[str]:
    """Each field that does not say what we wrote, in words.

    A link without a subject remembers no texts (they were pruned by age, or a person was erased): there is nothing
    that they could be compared with, and no event of ours is without one.
    """
    told = ("start", "end", "subject", "location") if link.subject else ("start", "end")
    return [
        f"{name} is {there!s}, was written as {written!s}"
        for name, there, written in (
            ("start", event.start, link.start), ("end", event.end, link.end),
            ("subject", event.subject, link.subject), ("location", event.location, link.location),
        )
        if name in told and there != written
    ]  # fmt: skip


def answer(drifted: Drifted, choice: Drift, *, wanted: bool) -> tuple[Answer, str]:
    """What is done about it and how that is told. `wanted`: the rules want an event here that says its booking.

    A difference that stands there again right after it was written over is left: either a server rewrites what we
    write, and would be written to every night for ever (F16), or a hand insists.
    """
    link, gone = drifted.link, drifted.now is None
    if link.rewrite:
        return Answer.REPORT, REPORTED  # it is written once more anyway
    if choice is Drift.RESPECT and gone and link.triggers is not None:
        return Answer.DECLINE, _DECLINED
    if choice is not Drift.RESTORE:
        return Answer.REPORT, REPORTED
    if not wanted:
        return Answer.REPORT, UNWANTED
    if link.restored == drifted.print:
        return Answer.REPORT, _NOT_HELD
    return Answer.RESTORE, "it is written again"
