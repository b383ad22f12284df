"""What people wait for: a pass for some mailboxes or all, its progress on the way, its report or error at the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fieldcal.model import MailboxId
from fieldcal.sync.passes import Progress, Report


def silent(_done: int, _of: int) -> None:
    """For whom progress is nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's wish for a pass: which mailboxes (None: all), whom to tell of progress, whom to give the report."""

    only: frozenset[MailboxId] | None
    progress: Progress
    answer: asyncio.Future[Report]


def together(wishes: list[Wish], *, everything: bool) -> frozenset[MailboxId] | None:
    """The mailboxes of all wishes; None for all."""
    named: set[MailboxId] = set()
    for wish in wishes:
        if wish.only is None:
            return None
        named |= wish.only
    return None if everything else frozenset(named)


def all_told(wishes: list[Wish]) -> Progress:
    """What tells everybody who waits how far it is."""

    def tell(done: int, of: int) -> None:
        for wish in wishes:
            wish.progress(done, of)

    return tell


def answer(wishes: list[Wish], outcome: Report | BaseException) -> None:
    """Give whoever still waits the report, or raise the error there."""
    for wish in wishes:
        if wish.answer.done():
            continue
        if isinstance(outcome, Report):
            wish.answer.set_result(outcome)
        elif isinstance(outcome, Exception):
            wish.answer.set_exception(outcome)
        else:
            wish.answer.cancel()
