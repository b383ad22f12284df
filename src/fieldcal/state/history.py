"""What was decided and what became of it: one line a write, one row a pass. `why` and `status` read them."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, or_, select, update

from fieldcal.plan.spread import Spread
from fieldcal.sent import Sent
from fieldcal.state import latency
from fieldcal.state.pass_tables import passes
from fieldcal.state.rows import add_missing, from_json, to_json, together
from fieldcal.state.tables import history

#: what is counted mailbox by mailbox
_TALLIED = ("created", "updated", "removed", "adopted", "failed", "held", "churn")
_ADD = (
    update(passes)
    .where(passes.c.id == bindparam("b_run"))
    .values(ended_at=bindparam("n_at"), **{name: passes.c[name] + bindparam(f"n_{name}") for name in _TALLIED})
)

_LAST_ENDED = (
    select(passes.c.id)
    .where(passes.c.environment == bindparam("b_environment"), passes.c.ended_at.is_not(None))
    .order_by(passes.c.started_at.desc(), passes.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Line:
    """One write and its answer."""

    mailbox: str
    booking: str
    #: `create`, `update`, `remove`, `adopt`, `forget`, `hold`, `set aside`
    action: str
    reason: str
    answer: str
    ok: bool
    at: datetime
    run: str = ""
    #: method and address, shortened, "" where nothing was asked of a server; and the answer's status, 0: there was none
    request: str = ""
    status: int = 0


def write(tx: Connection, environment: str, run: str, lines: Sequence[Line]) -> None:
    """Keep these lines, in this order."""
    if lines:
        tx.execute(
            insert(history),
            together([
                {"environment": environment, "mailbox": line.mailbox, "booking": line.booking, "at": line.at,
                 "pass": run,
                 "action": line.action, "reason": line.reason, "answer": line.answer[:500], "ok": line.ok,
                 "request": line.request[:200], "status": line.status}
                for line in lines
            ]),
        )  # fmt: skip


#: Tells apart, in their order, what this process begins in one instant.
_BEGUN = itertools.count()
#: An id begins with the microseconds since then; years beyond 9999 are nobody's.
_RUN, _EPOCH = re.compile(r"00[0-9a-f]{30}"), datetime(1970, 1, 1, tzinfo=UTC)


def new_run(at: datetime) -> str:
    """An id of a pass that begins now; among ids of one process the later one sorts behind the earlier one."""
    return f"{int(at.timestamp() * 1_000_000):016x}{next(_BEGUN) % 2**32:08x}{secrets.token_hex(4)}"


def began_at(run: str) -> datetime | None:
    """When a pass of this id began, by the clock of who made the id; None where it is no id of ours."""
    if not _RUN.fullmatch(run):
        return None
    return _EPOCH + timedelta(microseconds=int(run[:16], 16))


def of_booking(tx: Connection, environment: str, booking: str, limit: int = 20) -> list[Line]:
    """The last lines of one booking, the newest first."""
    return _last(tx, environment, history.c.booking == booking, limit)


def of_mailbox(tx: Connection, environment: str, mailbox: str, limit: int = 20) -> list[Line]:
    """The last lines of one mailbox, the newest first."""
    return _last(tx, environment, history.c.mailbox == mailbox, limit)


def _last(tx: Connection, environment: str, of: ColumnElement[bool], limit: int) -> list[Line]:
    wanted = select(history).where(history.c.environment == environment, of)
    return [line_of(row) for row in tx.execute(wanted.order_by(history.c.id.desc()).limit(limit))]


def line_of(row: Row[Any]) -> Line:
    return Line(
        row.mailbox, row.booking, row.action, row.reason, row.answer, row.ok, row.at, getattr(row, "pass"), row.request,
        row.status,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tally:
    """What one pass did. Adding two gives what both did."""

    changes: int = 0
    created: int = 0
    updated: int = 0
    removed: int = 0
    adopted: int = 0
    failed: int = 0
    held: int = 0
    #: mailboxes left alone because another was at work in them; not kept with the pass
    busy: int = 0
    #: writes whose mark names no cause that we know; not kept by itself, `churn` is
    uncalled: int = 0
    #: updates that wrote the very bytes again that the link remembers, though nobody had asked for that; likewise
    same: int = 0
    #: how long changes took from the source into the calendar; kept by the hour (`state.latency`)
    took: Spread = field(default_factory=Spread)

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def churn(self) -> int:
        """Writes that followed no change and no fault: anything but 0 is a fault of ours, writing again and again.

        The same bytes may follow a change (a job given to another worker of one shared mailbox), never none.
        """
        return self.uncalled + (0 if self.changes else self.same)

    @property
    def writes(self) -> int:
        """Requests that changed a calendar, or tried to."""
        return self.created + self.updated + self.removed + self.failed


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass as it is remembered."""

    id: str
    kind: str
    started_at: datetime
    ended_at: datetime | None
    tally: Tally
    error: str
    #: writes that followed no change and no fault
    churn: int = 0
    #: what it sent and how that was answered; None where nothing is known of it
    sent: Sent | None = None


def begin(tx: Connection, environment: str, run: str, kind: str, now: datetime) -> None:
    """Remember that a pass began; one whose worker died, and which another begins again, is one."""
    add_missing(tx, passes, [{"id": run, "environment": environment, "kind": kind, "started_at": now}])


def end(tx: Connection, run: str, tally: Tally, error: str, now: datetime, sent: Sent | None = None) -> None:
    """Remember how the pass ended, what it sent, and how long the changes took that it carried."""
    place = tx.scalar(select(passes.c.environment).where(passes.c.id == run)) if tally.took.counts else None
    if place is not None:
        latency.add(tx, place, tally.took, now)
    tx.execute(
        update(passes).where(passes.c.id == run).values(
            ended_at=now, changes=tally.changes, created=tally.created, updated=tally.updated, removed=tally.removed,
            adopted=tally.adopted, failed=tally.failed, held=tally.held, churn=tally.churn, error=error[:500],
            requests=to_json(sent) if sent else "",
        )
    )  # fmt: skip


def last_ended(tx: Connection, environment: str, /) -> str | None:
    """The id of the last pass that has ended: what its pull has found is worked off after it, mailbox by mailbox."""
    found: str | None = tx.scalar(_LAST_ENDED, {"b_environment": environment})
    return found


def add(tx: Connection, done: Mapping[str, Tally], now: datetime) -> None:
    """Add what was done in mailboxes to passes that have ended, by their ids."""
    # First the hours, then the passes, each in its order: two of these never wait for each other.
    took: dict[str, Spread] = {}
    for run, place in tx.execute(select(passes.c.id, passes.c.environment).where(passes.c.id.in_(sorted(done)))):
        took[place] = took.get(place, Spread()) + done[run].took
    for place in sorted(took):
        latency.add(tx, place, took[place], now)
    for run in sorted(done):
        tx.execute(_ADD, {"b_run": run, "n_at": now, **{f"n_{name}": getattr(done[run], name) for name in _TALLIED}})


def count_passes(tx: Connection, environment: str) -> int:
    """How many passes are remembered."""
    return tx.scalar(select(func.count()).select_from(passes).where(passes.c.environment == environment)) or 0


def last_passes(
    tx: Connection, environment: str, limit: int = 10, before: tuple[datetime, str] | None = None, *, offset: int = 0
) -> list[Pass]:
    """The last passes, the newest first; `before`: those that come after the one of this start and id."""
    where = [passes.c.environment == environment]
    if before is not None:
        at, run = before
        where += [passes.c.started_at <= at, or_(passes.c.started_at < at, passes.c.id < run)]
    order = (passes.c.started_at.desc(), passes.c.id.desc())
    rows = tx.execute(select(passes).where(*where).order_by(*order).limit(limit).offset(offset))
    return [_pass(row) for row in rows]


def one_pass(tx: Connection, environment: str, run: str) -> Pass | None:
    """The pass of this id, None where none is remembered."""
    row = tx.execute(select(passes).where(passes.c.id == run, passes.c.environment == environment)).first()
    return None if row is None else _pass(row)


def _pass(row: Row[Any]) -> Pass:
    did = Tally(row.changes, row.created, row.updated, row.removed, row.adopted, row.failed, row.held)
    sent = from_json(row.requests, Sent) if row.requests else None
    return Pass(row.id, row.kind, row.started_at, row.ended_at, did, row.error, row.churn, sent)


#: What stands as the error of a pass whose process ended before it did.
INTERRUPTED = "interrupted: its process ended before it did; what was due remains due"
#: And of one that read nothing, for another was reading at that moment.
OVERTAKEN = "another worker was reading the source at that moment; it is read again at once"
_COUNTED = {"create": "created", "update": "updated", "remove": "removed"}


def unended(tx: Connection, *which: ColumnElement[bool]) -> list[Row[Any]]:
    """The passes that have not told their end: id, environment, start."""
    asked = select(passes.c.environment, passes.c.id, passes.c.started_at)
    return list(tx.execute(asked.where(passes.c.ended_at.is_(None), *which)))


def interrupt(tx: Connection, now: datetime, *which: ColumnElement[bool]) -> int:
    """Have every pass that has not ended (of these) told as interrupted, with what it did; returns how many there were.

    For whoever knows that nobody is at them any more. A pass that is under way after all tells its own end later.
    """
    open_ones = unended(tx, *which)
    for row in open_ones:
        end(tx, row.id, done_in(tx, row.environment, row.id, row.started_at), INTERRUPTED, now)
    return len(open_ones)


def done_in(tx: Connection, environment: str, run: str, began: datetime) -> Tally:
    """What the history tells of a pass that did not tell itself."""
    rows = tx.execute(
        select(history.c.action, history.c.ok, func.count())
        .where(history.c.environment == environment, history.c.at >= began, history.c["pass"] == run)
        .group_by(history.c.action, history.c.ok)
    )
    found = {"created": 0, "updated": 0, "removed": 0, "failed": 0, "held": 0}
    for action, ok, number in rows:
        kind = "held" if action == "hold" else _COUNTED.get(action) if ok else "failed"
        if kind is not None:
            found[kind] += number
    return Tally(
        created=found["created"], updated=found["updated"], removed=found["removed"], failed=found["failed"],
        held=found["held"],
    )  # fmt: skip
