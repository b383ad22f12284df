"""Workers as the source told them, and the mailboxes they point at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update

from fieldcal.model import BookingId, MailboxId, Window, Worker, WorkerId, WorkerKind
from fieldcal.state import bookings as booking_rows
from fieldcal.state.marks import alone, mark
from fieldcal.state.rows import add_missing, slices, upsert
from fieldcal.state.tables import bookings, links, mailboxes, marks, workers

# built once: building it costs more than running it
_LOAD = select(workers).where(
    workers.c.environment == bindparam("b_environment"), workers.c.id.in_(bindparam("b_ids", expanding=True))
)


def _worker(row: Row[Any]) -> Worker:
    return Worker(
        WorkerId(row.id), row.name, WorkerKind(row.kind), row.active, MailboxId(row.mailbox) if row.mailbox else None,
        row.address, row.sign_in, row.zone,
    )  # fmt: skip


def load(tx: Connection, environment: str, ids: Iterable[str | None]) -> dict[str, tuple[Worker, bool]]:
    """Those of these workers that are known, each with whether the source says that it is gone."""
    found: dict[str, tuple[Worker, bool]] = {}
    for some in slices(sorted({worker for worker in ids if worker})):
        for row in tx.execute(_LOAD, {"b_environment": environment, "b_ids": some}):
            found[row.id] = (_worker(row), row.gone)
    return found


def everyone(tx: Connection, environment: str) -> list[Worker]:
    """Every worker that is not gone, by name."""
    rows = tx.execute(
        select(workers).where(workers.c.environment == environment, workers.c.gone.is_(False)).order_by(workers.c.name)
    )
    return [_worker(row) for row in rows]


def called(tx: Connection, environment: str, part: str, limit: int) -> list[Worker]:
    """The workers whose id this is, or whose name, address or sign-in name holds it, by name; at most so many."""
    held = [func.lower(column).contains(part.lower(), autoescape=True)
            for column in (workers.c.name, workers.c.address, workers.c.sign_in)]  # fmt: skip
    rows = tx.execute(
        select(workers)
        .where(workers.c.environment == environment, or_(workers.c.id == part, *held))
        .order_by(workers.c.environment, workers.c.id)
        .limit(limit)
    )
    return sorted((_worker(row) for row in rows), key=lambda worker: (worker.name, worker.id))


def store(
    tx: Connection, environment: str, told: Sequence[Worker], gone: Sequence[WorkerId], window: Window, now: datetime
) -> None:
    """Keep these workers; make rows for new mailboxes; mark the bookings of those whose mailbox changed (D10).

    A source tells a mailbox by its object id, and by its address where it does not tell the object id. Both with one
    address are one mailbox, and the worker keeps the one that was there: keys and marks are made of its id, so
    another id would take every event out and make it anew. Only a mailbox known by its address in which nothing of
    ours stands, and which no other worker shares, takes on the object id.
    """
    told = [*{worker.id: worker for worker in told}.values()]  # of two rows of one worker the later
    before = load(tx, environment, [worker.id for worker in told])
    told = _known_mailboxes(tx, environment, told, before)
    rows = [
        {"environment": environment, "id": worker.id, "name": worker.name, "kind": worker.kind.value,
         "active": worker.active, "mailbox": worker.mailbox, "address": worker.address, "sign_in": worker.sign_in,
         "zone": worker.zone, "gone": False}
        for worker in told
        if before.get(worker.id) != (worker, False)  # most of a full read is as it was
    ]  # fmt: skip
    upsert(tx, workers, rows)
    for some in slices(gone):
        tx.execute(
            update(workers).where(workers.c.environment == environment, workers.c.id.in_(some)).values(gone=True)
        )
    _store_mailboxes(tx, environment, told)
    changed = [worker for worker in told if _has_another_mailbox(before.get(worker.id), worker)]
    _mark_bookings(tx, environment, changed, window, now)


def _has_another_mailbox(known: tuple[Worker, bool] | None, told: Worker) -> bool:
    return known is None or known[0].mailbox != told.mailbox or known[1]


def _known_mailboxes(
    tx: Connection, environment: str, told: Sequence[Worker], before: Mapping[str, tuple[Worker, bool]]
) -> list[Worker]:
    """The workers as told, but with the mailbox that they had where it is the same one under another name."""
    named = {worker.id: _with_mailbox(tx, environment, worker, before[worker.id][0])
             for worker in told if worker.id in before}  # fmt: skip
    same = {worker.id: named[worker.id] for worker in told
            if worker.id in named and _same_mailbox(named[worker.id], worker)}  # fmt: skip
    # Before it is asked what stands there: a reconciliation holds the row, too, while it decides what it sends.
    alone(tx, environment, {box.mailbox for box in same.values() if box.mailbox is not None and _by_address(box)})
    result: list[Worker] = []
    for worker in told:
        known = same.get(worker.id)
        if known is None or known.mailbox is None:
            result.append(worker)
        elif _by_address(known) and _free(tx, environment, known):
            _rename(tx, environment, known.mailbox, worker.mailbox)
            result.append(worker)
        else:
            result.append(replace(worker, mailbox=known.mailbox))
    return result


def _with_mailbox(tx: Connection, environment: str, told: Worker, known: Worker) -> Worker:
    """The worker as known; one told without a mailbox in between had the one of this address that is known."""
    if known.mailbox is not None or not _by_address(told):
        return known
    same = select(mailboxes.c.id).where(
        mailboxes.c.environment == environment, func.lower(mailboxes.c.address) == told.address.lower()
    )
    box = tx.scalars(same.order_by(mailboxes.c.enabled.desc(), mailboxes.c.id)).first()
    return replace(known, mailbox=MailboxId(box), address=told.address) if box else known


def _by_address(worker: Worker) -> bool:
    return worker.mailbox is not None and worker.mailbox.casefold() == worker.address.casefold()


def _same_mailbox(known: Worker, told: Worker) -> bool:
    """One address, told once by its object id and once without."""
    if told.mailbox is None or known.mailbox == told.mailbox or known.address.casefold() != told.address.casefold():
        return False
    return _by_address(known) != _by_address(told)


def _free(tx: Connection, environment: str, known: Worker) -> bool:
    """Nothing of ours stands or may stand in the worker's mailbox, and nobody else's is the same."""
    ours = select(links.c.booking).where(
        links.c.environment == environment, links.c.mailbox == known.mailbox,
        or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
    )  # fmt: skip
    shared = select(workers.c.id).where(
        workers.c.environment == environment, workers.c.mailbox == known.mailbox, workers.c.id != known.id
    )
    return tx.execute(ours.limit(1)).first() is None and tx.execute(shared.limit(1)).first() is None


def _rename(tx: Connection, environment: str, old: MailboxId, new: MailboxId | None) -> None:
    """Give the mailbox's row its object id, set up as it is; where that one is known already, the old row stays."""
    for_new = select(mailboxes.c.id).where(mailboxes.c.environment == environment, mailboxes.c.id == new)
    if tx.execute(for_new).first() is not None:
        return
    here = (mailboxes.c.environment == environment, mailboxes.c.id == old)
    tx.execute(update(mailboxes).where(*here).values(id=new))
    there = (marks.c.environment == environment, marks.c.mailbox == old)
    tx.execute(update(marks).where(*there).values(mailbox=new))


def _store_mailboxes(tx: Connection, environment: str, told: Sequence[Worker]) -> None:
    """One row a mailbox, whoever points at it; a changed address needs its approval again."""
    owners = {worker.mailbox: worker for worker in told if worker.mailbox is not None}
    stored: dict[str, tuple[str, str]] = {}
    for some in slices(sorted(owners)):
        for row in tx.execute(
            select(mailboxes.c.id, mailboxes.c.address, mailboxes.c.name).where(
                mailboxes.c.environment == environment, mailboxes.c.id.in_(some)
            )
        ):
            stored[row.id] = (row.address, row.name)
    add_missing(
        tx, mailboxes,
        [{"environment": environment, "id": box, "name": worker.name, "address": worker.address}
         for box, worker in owners.items() if box not in stored],
    )  # fmt: skip
    changed = [(box, w) for box, w in owners.items() if stored.get(box, (w.address, w.name)) != (w.address, w.name)]
    moved = [(box, w) for box, w in changed if stored[box][0].casefold() != w.address.casefold()]
    _change_mailboxes(tx, environment, changed)
    _change_mailboxes(
        tx, environment, moved,
        approval="empty", enabled=False, disabled_reason="the address changed: approve it again",
    )  # fmt: skip


def _change_mailboxes(
    tx: Connection, environment: str, changed: Sequence[tuple[MailboxId, Worker]], **also: str | bool
) -> None:
    """Give these rows their workers' names and addresses, and all of them the values `also`."""
    if changed:
        tx.execute(
            update(mailboxes)
            .where(mailboxes.c.environment == environment, mailboxes.c.id == bindparam("b_id"))
            .values(address=bindparam("b_address"), name=bindparam("b_name"), **also),
            [{"b_id": box, "b_address": worker.address, "b_name": worker.name} for box, worker in changed],
        )


def _mark_bookings(tx: Connection, environment: str, changed: Sequence[Worker], window: Window, now: datetime) -> None:
    """Mark these workers' window bookings in their new mailboxes, and the links of their bookings wherever they are.

    A few queries for hundreds of workers: a first read tells thousands at once.
    """
    homes = {worker.id: worker.mailbox for worker in changed}
    pairs: set[tuple[MailboxId, BookingId]] = set()
    unread: list[BookingId] = []
    for some in slices(sorted(homes)):
        linked = _linked(tx, environment, some)
        pairs |= linked
        for booking, worker in _in_window(tx, environment, some, window):
            box = homes[worker]
            if box is not None:
                if (box, booking) not in linked:
                    unread.append(booking)
                pairs.add((box, booking))
    booking_rows.set_stale(tx, environment, unread)
    mark(tx, environment, pairs, now, "worker")


def _linked(tx: Connection, environment: str, some: Sequence[WorkerId]) -> set[tuple[MailboxId, BookingId]]:
    # Not a join: without statistics SQLite would begin it at the links and walk every live one.
    theirs = select(bookings.c.id).where(bookings.c.environment == environment, bookings.c.worker.in_(some))
    rows = tx.execute(
        select(links.c.mailbox, links.c.booking).where(
            links.c.environment == environment, links.c.event.is_not(None), links.c.booking.in_(theirs)
        )
    )
    return {(MailboxId(row.mailbox), BookingId(row.booking)) for row in rows}


def _in_window(
    tx: Connection, environment: str, some: Sequence[WorkerId], window: Window
) -> Iterator[tuple[BookingId, WorkerId]]:
    rows = tx.execute(
        select(bookings.c.id, bookings.c.worker).where(
            bookings.c.environment == environment,
            bookings.c.worker.in_(some),
            bookings.c.start < window.far,
            bookings.c.end > window.near,
        )
    )
    return ((BookingId(row.id), WorkerId(row.worker)) for row in rows)
