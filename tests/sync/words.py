"""Removals that wait for a person, and what persons have said of them, as `fieldcal plan` shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fieldcal.state.plans import Row

#: longer than a pass takes: what is full when it begins may have room before it ends
SOON = timedelta(minutes=15)
#: a mailbox and a booking
Where = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Word:
    """A removal that was held, and what was true when it was held."""

    plan: int
    evidence: str
    #: `held`, `approved` or `rejected`
    state: str
    #: whatever newer evidence would change: the booking's rows so far, the settings so far, the worker's mailbox
    at: tuple[object, ...]


class Words:
    """Whether a removal that counts against the hour's budget may be carried out."""

    def __init__(self, true_now: Callable[[str], tuple[object, ...]]) -> None:
        self._true_now = true_now
        self._words: dict[Where, Word] = {}
        #: as they were before the last hearing: what was done since was done under these
        self._before: dict[Where, Word] = {}
        #: the hour's removals are spent until then
        self.full_until: datetime | None = None

    def hear(self, rows: Sequence[Row], since: datetime | None) -> list[str]:
        """Take over what is shown, the oldest plan first; returns what was held since then though there was room."""
        newest = {(str(row.mailbox), str(row.booking)): row for row in rows}
        needless: list[str] = []
        kept: dict[Where, Word] = {}
        for where, row in newest.items():
            if row.state in ("done", "dropped"):
                continue
            known = self._words.get(where)
            if known is None or (known.plan, known.evidence) != (row.plan, row.evidence):
                if row.state == "held" and since is not None and not self.full(since):
                    needless.append(where[1])
                known = Word(row.plan, row.evidence, row.state, self._true_now(where[1]))
            kept[where] = replace(known, state=row.state)
        self._before, self._words = self._words, kept
        return needless

    @property
    def are_asked(self) -> bool:
        """Whether something waits for a person."""
        return any(word.state == "held" for word in self._words.values())

    def full(self, at: datetime) -> bool:
        return self.full_until is not None and at < self.full_until

    def may_go(self, where: Where, now: datetime) -> bool:
        """Approved, or within the hour's budget and not held or rejected on this same evidence."""
        return self._lets_go(self._words.get(where), where, now)

    def might_have_gone(self, where: Where, now: datetime) -> bool:
        """The same of what was done before the last hearing."""
        return self._lets_go(self._before.get(where), where, now)

    def _lets_go(self, word: Word | None, where: Where, now: datetime) -> bool:
        if word is not None and word.state == "approved":
            return True
        if word is not None and word.at == self._true_now(where[1]):
            return False
        return not self.full(now)

    def may_stay(self, where: Where, now: datetime) -> bool:
        """Whether a pass at `now` may leave it for a person."""
        word = self._words.get(where)
        if word is not None:
            return word.state != "approved"  # on newer evidence it may be proposed again, or not looked at again
        return self.full(now)

    def may_turn(self, where: Where, now: datetime) -> bool:
        """Whether the hour may be over before the pass is."""
        nearly = self.full_until is not None and self.full_until - SOON <= now < self.full_until
        return nearly and where not in self._words
