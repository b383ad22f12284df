"""Erasing a person on command: who may, what is put on record, and what no command of ours can reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor
from fieldcal.state import audit, erasure, wipe
from fieldcal.state.database import Database


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of which table were, or would be, changed or deleted; what is left elsewhere, a sentence each."""

    rows: dict[str, int]
    left: Sequence[str]

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


#: does the erasure, or would: raises where it is refused
Work = Callable[[Connection], Erased]


class _NotKept(Exception):
    """Ends a transaction whose changes were only to be counted."""


def counted(database: Database, work: Work) -> Erased:
    """What it would come to; nothing is kept of it."""
    found: list[Erased] = []
    with suppress(_NotKept), database.write() as tx:
        found.append(work(tx))
        raise _NotKept
    return found[0]


def carry_out(database: Database, work: Work, expect: int | None = None) -> tuple[Erased, str]:
    """Do it, have the old bytes gone from the files, and tell all that is left; the sentence of its own: of old bytes.

    `expect`: at another number of rows nothing is done.
    """
    with database.write() as tx:
        done = work(tx)
        if expect not in {None, done.total}:
            raise ConfigError(f"{done.total} rows tell of this person now, not {expect}; nothing was done")
    unwiped = wipe.wipe(database)
    return Erased(done.rows, [*([unwiped] if unwiped else []), *done.left, *out_of_reach(database)]), unwiped


def worker(tx: Connection, actor: Actor, now: datetime, environment: str, named: str, also: Sequence[str]) -> Erased:
    """Erase a worker; refused while the mailbox is switched on or events of ours stand in it."""
    require(actor, Action.ERASE)
    traces = erasure.find_worker(tx, environment, named, also)
    rows = erasure.erase_worker(tx, traces)
    _record(tx, actor, now, "erase worker", f"{environment}/{traces.worker}", rows)
    source = "the source still tells of this worker, so the next read of the workers brings the name again: remove the "
    left = [] if traces.gone else [f"{source}worker or the user there, then erase once more"]
    if traces.mailbox is not None and not traces.alone:
        left.append("the mailbox is shared with another worker, so its name and address stay")
    return Erased(dict(rows), left)


def contact(tx: Connection, actor: Actor, now: datetime, name: str, also: Sequence[str]) -> Erased:
    """Erase a contact, or a customer who is a person, in every environment; nothing found is no mistake."""
    require(actor, Action.ERASE)
    words = erasure.contact_words(name, also)
    events = erasure.events_left(tx, words)
    rows = erasure.erase_contact(tx, words)
    if rows:
        _record(tx, actor, now, "erase contact", "contact", rows)
    left = ["what the source tells of this person comes again with the next change of a booking: erase it there first"]
    if events:
        left.append(
            f"{events} events in calendars name the person still, until the booking changes or a hand edits them"
        )
    return Erased(dict(rows), left)


def _record(tx: Connection, actor: Actor, now: datetime, action: str, subject: str, rows: Counter[str]) -> None:
    """Who did it, when, and how much went: never whom it was."""
    told = ", ".join(f"{table} {number}" for table, number in sorted(rows.items()))
    audit.record(tx, actor, now, action, [subject], f"{rows.total()} rows: {told}")


def out_of_reach(database: Database) -> list[str]:
    """What holds the person still wherever this state was copied to, a sentence each."""
    if not database.is_sqlite:
        return ["the server's write-ahead log, its archives, standbys and dumps hold the person until they are removed"]
    told = ["backups that were made before hold the person: remove them, or erase once more after a restore"]
    path = Path(database.url.database or "")
    ours = {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    older = sorted(one.name for one in path.parent.glob(f"{path.name}*") if one.name not in ours)
    if older:
        told.append(f"older states lie beside this one: {', '.join(older)}")
    return told
