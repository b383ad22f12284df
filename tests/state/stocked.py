"""A stocked state, and a way to hold two transactions against each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text
from tests.values import BOX, COLLEAGUE, ENVIRONMENT, NOW, WINDOW, WORKER

from fieldcal.model import Booking, BookingId, Link, MailboxId, Worker
from fieldcal.state import bookings, links, marks, workers
from fieldcal.state.database import Database
from fieldcal.state.marks import Marked
from fieldcal.state.tables import environments, mailboxes

LONG = 30


def stock(
    tx: Connection,
    rows: Sequence[Booking] = (),
    linked: Sequence[Link] = (),
    people: Sequence[Worker] = (WORKER, COLLEAGUE),
) -> None:
    """The environment, two workers with enabled mailboxes, these bookings and links; no mark."""
    tx.execute(insert(environments).values(id=ENVIRONMENT, created_at=NOW))
    workers.store(tx, ENVIRONMENT, people, [], WINDOW, NOW)
    tx.execute(mailboxes.update().values(enabled=True, approval="approved"))
    bookings.store_rows(tx, ENVIRONMENT, rows, "", stale=False)
    links.store(tx, ENVIRONMENT, linked, NOW)


def mark(tx: Connection, *ids: BookingId, now: datetime = NOW, mailbox: MailboxId = BOX) -> None:
    marks.mark(tx, ENVIRONMENT, [(mailbox, booking) for booking in ids], now, "test")


def due(tx: Connection, now: datetime = NOW, mailbox: MailboxId = BOX) -> list[Marked]:
    return marks.due(tx, ENVIRONMENT, mailbox, now, 1000)


def next_due(tx: Connection, mailbox: MailboxId = BOX) -> datetime | None:
    found: datetime | None = tx.scalar(select(mailboxes.c.next_due).where(mailboxes.c.id == mailbox))
    return found


class Second(threading.Thread):
    """Runs `work` in a writing transaction of its own; `result` holds what it returned."""

    def __init__(self, database: Database, work: Callable[[Connection], Any]) -> None:
        super().__init__(daemon=True)
        self._database, self._work = database, work
        self.result: Any = None
        self.start()

    def run(self) -> None:
        with self._database.write() as tx:
            self.result = self._work(tx)

    def until_it_waits(self) -> None:
        """Return when it waits for a lock (PostgreSQL); on SQLite a writer waits before it does anything."""
        if self._database.is_sqlite:
            return
        waits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while self.is_alive():
            with self._database.read() as tx:
                if tx.execute(waits).scalar():
                    return

    def finished(self) -> Any:
        self.join(LONG)
        assert not self.is_alive(), "it still waits"
        return self.result
